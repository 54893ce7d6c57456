"""Where a terminal keeps its conversations between runs: one JSON file, a token and unsent messages per server host.

The token is a key to the conversation, so the file is readable by its owner only and a token is never offered to
another host. Ports don't separate (as with cookies): replicas of one server differ in them. It must never hold an
answer to a verification question (I10); the caller leaves those out.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec


class SessionFileError(Exception):
    """The file can't be read or written; the text is one plain line."""


class Saved(msgspec.Struct, frozen=True):
    """`outbox`: id → text of messages that no replica has acked yet, oldest first."""

    token: str | None = None
    outbox: dict[str, str] = {}


class _File(msgspec.Struct):
    version: int = 1
    conversations: dict[str, Saved] = {}


def default_path(environ: Mapping[str, str]) -> Path:
    """`~/.config/baton/chat.json`, or under `XDG_CONFIG_HOME`."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "baton" / "chat.json"


class SessionFile:
    """The part of the file that belongs to one server. Both methods raise SessionFileError."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        host = urlsplit(url).hostname or ""
        self._host = "localhost" if host in ("127.0.0.1", "::1") else host
        self._last = Saved()

    def load(self) -> Saved:
        """What an earlier run saved for this server."""
        self._last = self._read().conversations.get(self._host, Saved())
        return self._last

    def save(self, saved: Saved) -> None:
        """Replace this server's part atomically; nothing is written when nothing changed."""
        if saved == self._last:
            return
        content = self._read()
        content.conversations = content.conversations | {self._host: saved}
        self._write(msgspec.json.encode(content))
        self._last = saved

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return _File()
        except OSError as error:
            raise SessionFileError(f"{self._path} can't be read: {error.strerror}.") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SessionFileError(f"{self._path} isn't a session file; choose another with --session-file.") from error

    def _write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(name, self._path)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            raise SessionFileError(f"{self._path} can't be written: {error.strerror}.") from error
