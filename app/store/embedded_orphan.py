"""Finds and ends a store server that outlived the Baton that started it, and asks a server simple questions.

Must never signal a process because of a stored number, which may by now be another program's, and never remove the
socket of a server that lives.
"""

import os
import re
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from app.store.embedded_dir import EmbeddedError, try_lock

END_SECONDS = 10.0
POLL_SECONDS = 0.02


def end_orphan(lock_path: Path, path: Path, log: FilteringBoundLogger) -> None:
    """End a server that outlived its supervisor, if there is one, and remove its socket. Raises EmbeddedError.

    It lives exactly while its lock is held; who it is, is asked of the socket and not of a stored number, which may by
    now be another program's.
    """
    if not _unlocked_within(lock_path, 0):
        log.warning("store_orphan_found", pid=_listener(path))
        ask(path, b"SHUTDOWN NOSAVE NOW FORCE")
        if not _unlocked_within(lock_path, END_SECONDS):
            pid = _listener(path)
            if pid:
                log.warning("store_orphan_killed", pid=pid)
                os.kill(pid, signal.SIGKILL)
            if not _unlocked_within(lock_path, END_SECONDS):
                raise EmbeddedError(
                    f"The store in {lock_path.parent} is held by a server of an earlier Baton that doesn't end:"
                    f" end {f'process {pid}' if pid else 'it'}, then start again"
                )
    path.unlink(missing_ok=True)


def _unlocked_within(path: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (lock := try_lock(path)) is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    os.close(lock)
    return True


def ask(path: Path, inline_command: bytes) -> bytes:
    """Send a command; return the first bytes of the answer, empty if there is none within 2 seconds."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            connection.sendall(inline_command + b"\r\n")
            return connection.recv(4096)
        except OSError:
            return b""


def _listener(path: Path) -> int | None:
    """Return the id of the process that listens on the socket, even if it hangs; None where that can't be told."""
    if sys.platform != "linux":
        match = re.search(rb"process_id:([0-9]+)", ask(path, b"INFO server"))
        return int(match[1]) if match else None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid or None
