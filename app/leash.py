"""Ties a process to the one that started it: when the parent goes, however it goes, the child gets a signal.

Used by replicas (`die_with_parent`) and, as a program that ties itself and then becomes another one, by servers that
aren't ours to change. It runs by its path in an isolated interpreter, so it must never import anything of this package.
"""

import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def command(program: list[str], signum: signal.Signals) -> list[str]:
    """Return the command that runs `program` tied to the calling process.

    On Linux the tie is to the calling *thread* (prctl(2), PR_SET_PDEATHSIG), which must live as long as the program.
    Elsewhere a foreign program can't be tied, and is started as it is.
    """
    if sys.platform != "linux":
        return program
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(signum)), *program]


def die_with_parent(parent: int, signum: signal.Signals) -> None:
    """Have this process get `signum` when `parent`, the process that started it, ends; exit if it already has."""
    if sys.platform == "linux":
        import ctypes  # only here: a musl or BSD build may lack what it needs

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    else:
        threading.Thread(target=_watch, args=(parent, signum), daemon=True, name="leash").start()
    if os.getppid() != parent:  # it ended before the tie was made
        sys.exit(1)


def _watch(parent: int, signum: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signum)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]), signal.Signals(int(sys.argv[2])))
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606  # our own arguments, no shell
