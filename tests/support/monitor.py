"""Everything that a Redis server is told, and everything that it keeps: for tests of what must never reach it (I10).

It must never run against a server that other tests use at the same time.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import hiredis

from tests.support.redis_server import RedisServer
from tests.support.stores import whole

_END: Final = "that's all"
_EVERYTHING: Final = (("slowlog-log-slower-than", 0, 10_000), ("slowlog-max-len", 10_000, 128))


class Monitor:
    """The commands that a server is given, with all their arguments, from the moment this is made."""

    def __init__(self, server: RedisServer) -> None:
        self._server, self._reader = server, hiredis.Reader()
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self._socket.sendall(hiredis.pack_command(("MONITOR",)))
        assert self._next() == b"OK"

    def _next(self) -> bytes:
        while not (reply := self._reader.gets()):
            self._reader.feed(self._socket.recv(65536))
        line: bytes = reply
        return line

    def heard(self) -> list[bytes]:
        """The commands since the last time, and none that comes later."""
        self._server.command("ECHO", _END)
        lines = []
        while _END.encode() not in (line := self._next()):
            lines.append(line)
        return lines

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@contextmanager
def monitoring(server: RedisServer) -> Iterator[Monitor]:
    """Listen, and have every command in the slow log, for the time of a `with`."""
    for name, value, _ in _EVERYTHING:
        server.command("CONFIG", "SET", name, value)
    server.command("SLOWLOG", "RESET")
    monitor = Monitor(server)
    try:
        yield monitor
    finally:
        monitor.close()
        for name, _, usual in _EVERYTHING:
            server.command("CONFIG", "SET", name, usual)
        server.command("SLOWLOG", "RESET")


def kept(server: RedisServer) -> str:
    """Every key of every type with its value, and the slow log, for reading."""
    return repr([whole(server), server.command("SLOWLOG", "GET", -1)])
