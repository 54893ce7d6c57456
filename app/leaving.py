"""The end of a process that agents have run in: a thread of theirs must not keep it.

Must never be asked before everything else is closed: what is left then is left.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Collection


class StoppedEarly(SystemExit):
    """A signal came before anything was served: leave through whatever is open. An agent's ``sys.exit`` isn't one."""


def threads_left(known: Collection[threading.Thread], seconds: float) -> bool:
    """Whether threads that Python would wait for, and that aren't ``known``, still run after so many seconds."""
    deadline = time.monotonic() + seconds
    others = [thread for thread in threading.enumerate() if thread not in known and not thread.daemon]
    for thread in others:
        thread.join(max(0.0, deadline - time.monotonic()))
    return any(thread.is_alive() for thread in others)


def end(code: int, known: Collection[threading.Thread]) -> int:
    """The exit code; or the end, here, if the interpreter would wait for such a thread, for ever."""
    if threads_left(known, 0.0):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # closed by whoever read it
                stream.flush()
        os._exit(code)
    return code
