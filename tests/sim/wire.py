"""The one real server under all simulated replicas: a blocking socket, and scripts whose clock the test moves.

It must never change what a script does but for where its time comes from.
"""

import hashlib
import socket
from collections import deque
from typing import Any, Final

import hiredis

from app.store.keys import SessionKeys, sid_of_channel
from app.store.link import Argument, ReplyError
from app.store.scripts import Script, Scripts

_INCOMPLETE: Final = object()
NOW_KEY: Final = "sim:now"
"""Redis's own time, Unix milliseconds. The only key besides the shard count that has no deadline."""

_CLOCK: Final = """local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end"""
_SIM_CLOCK: Final = f"""local function clock()
  return tonumber(redis.call('GET', '{NOW_KEY}'))
end"""


def simulated(scripts: Scripts) -> Scripts:
    """The scripts with another clock. Raises AssertionError if one of them finds the time in a way not known here."""
    for name, script in vars(scripts).items():
        source = script.source.decode()
        if script.keys == 1:
            continue  # the locks have windows of half an hour, and no conversation depends on them here
        assert source.count(_CLOCK) == 1, f"{script.name}: the clock of _session.lua isn't the one that is replaced"
        source = source.replace(_CLOCK, _SIM_CLOCK)
        assert "'TIME'" not in source, f"{script.name} asks for the time elsewhere, too"
        code = source.encode()
        sha = hashlib.sha1(code, usedforsecurity=False).hexdigest().encode()
        setattr(scripts, name, Script(script.name, code, sha, script.keys))
    return scripts


class Wire:
    """One connection: RESP3, replies as `app/store/link.py` gives them, errors as ``ReplyError``.

    It is subscribed to its conversations' channels itself: what a script published is in ``heard`` once a command after
    it was answered.
    """

    def __init__(self, path: str, scripts: Scripts, sids: tuple[str, ...]) -> None:
        self._reader = hiredis.Reader(replyError=ReplyError, notEnoughData=_INCOMPLETE)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(path)
        self._now = 0
        self.heard: deque[tuple[str, bytes]] = deque()
        self.writes = 0  # scripts run: while it is the same, nothing can have changed
        self.run(b"HELLO", 3)
        for script in scripts.all:
            self.run(b"SCRIPT", b"LOAD", script.source)
        for sid in sids:
            subscribe = hiredis.pack_command((b"SSUBSCRIBE", SessionKeys(sid, 1).channel))  # type: ignore[arg-type]
            self._replies(subscribe + hiredis.pack_command((b"PING",)), 1)

    def run(self, *words: Argument) -> Any:
        """One command. Raises ``ReplyError``."""
        return self._replies(hiredis.pack_command(words), 1)[0]  # type: ignore[arg-type]  # its stub knows one argument

    def at(self, now_ms: int, script: tuple[Argument, ...], around: tuple[tuple[Argument, ...], ...] = ()) -> list[Any]:
        """One command at a moment of Redis's time, and reads before and after it: their replies, in one write.

        Raises ``ReplyError``.
        """
        if script[0] == b"EVALSHA":
            self.writes += 1
        commands = [*around, script, *around]
        if now_ms != self._now:
            self._now = now_ms
            commands.insert(0, (b"SET", NOW_KEY, now_ms))
        packed = [hiredis.pack_command(words) for words in commands]  # type: ignore[arg-type]
        return self._replies(b"".join(packed), len(packed))[-1 - 2 * len(around) :]

    def empty(self) -> None:
        """A server that holds nothing."""
        self.run(b"FLUSHALL")
        self.heard.clear()
        self._now = 0

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _replies(self, packed: bytes, count: int) -> list[Any]:
        self._socket.sendall(packed)
        replies: list[Any] = []
        while len(replies) < count:
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                if not isinstance(reply, hiredis.PushNotification):
                    replies.append(reply)
                elif reply[0] == b"smessage":
                    self.heard.append((sid_of_channel(reply[1]), reply[2]))
            if len(replies) < count:
                self._reader.feed(self._socket.recv(65536))
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise reply
        return replies
