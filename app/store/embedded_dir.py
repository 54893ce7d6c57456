"""The data folder of the embedded store: who may use it, where its socket is, and the secret kept in it.

Locks are flock(2): the kernel drops them when the last process that holds them is gone, so none is ever stale. This
module must never take over a folder that isn't this user's, and must never log or print the secret (I10).
"""

import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

MAX_SOCKET_BYTES = 100
"""sockaddr_un holds 107 bytes on Linux and 103 on macOS."""
MIN_SECRET_CHARS = 16


class EmbeddedError(RuntimeError):
    """The embedded store can't run. Its `str` is one line for the person who starts Baton."""


def claim(data_dir: Path) -> int:
    """Make `data_dir` if needed and lock it for this process; return the descriptor that holds the lock.

    Raises EmbeddedError if the folder can't be used or another process has it.
    """
    path = data_dir / "baton.lock"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = try_lock(path)
        if lock is None:
            holder = path.read_text(errors="replace").strip()
            who = f"another Baton (process {holder})" if holder.isdigit() else "another Baton"
            raise EmbeddedError(
                f"The data folder {data_dir} is in use by {who}: stop it, or choose another folder with --data-dir"
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except OSError as error:
        raise _unusable(data_dir, error) from None
    return lock


def try_lock(path: Path) -> int | None:
    """Lock the file at `path`, made if needed; return the descriptor that holds it, or None if it is held elsewhere."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def private_folder(path: Path) -> Path:
    """Make sure that `path` is a folder that only this user can enter; return it. Raises EmbeddedError.

    It isn't trusted to be ours because of its name: in a shared /tmp anyone can have made it first.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise EmbeddedError(f"{path} belongs to another user: remove it, or choose another folder with --data-dir")
        if stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise _unusable(path, error) from None
    return path


def socket_path(data_dir: Path, store_dir: Path) -> Path:
    """Return where the server's socket goes: in `store_dir`, or under the temporary folder where that path is too long.

    The same `data_dir` always gives the same path, so that an orphan is found. Raises EmbeddedError.
    """
    path = store_dir / "valkey.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"baton-{os.geteuid()}-{digest}" / "valkey.sock"
    if len(os.fsencode(path)) > MAX_SOCKET_BYTES:
        raise EmbeddedError(
            f"The paths of {data_dir} and of the temporary folder are too long: shorten --data-dir or TMPDIR"
        )
    private_folder(path.parent)
    return path


def load_or_make_secret(data_dir: Path) -> str:
    """Return the secret kept in `data_dir`, made at the first call; the same one for every process, however they race.

    Raises EmbeddedError if it can't be read, kept, or is too short to be the one that was written.
    """
    path = data_dir / "secret"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        guard = os.open(data_dir / "secret.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not path.exists():
                _write_durably(path, secrets.token_urlsafe(32))
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                path.chmod(0o600)
            secret = path.read_text(encoding="ascii", errors="replace").strip()
        finally:
            os.close(guard)
    except OSError as error:
        raise _unusable(data_dir, error) from None
    if len(secret) < MIN_SECRET_CHARS or not secret.isascii():
        raise EmbeddedError(
            f"{path} doesn't hold a usable secret: restore it, or remove it (open conversations end then)"
        )
    return secret


def _write_durably(path: Path, text: str) -> None:
    """Write a new file of mode 0600 that is there whole or not at all, also after a power cut."""
    descriptor, temporary = tempfile.mkstemp(prefix=".secret-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unusable(path: Path, error: OSError) -> EmbeddedError:
    return EmbeddedError(f"The folder {path} can't be used: {(error.strerror or type(error).__name__).lower()}")
