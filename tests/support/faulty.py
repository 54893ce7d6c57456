"""A TCP proxy in front of a Redis with the faults of a network: cut, held, deaf in one way or both, refused.

It must never reorder or change a byte that it passes on. What is held keeps its place and may arrive late, even after
its sender has given up on the connection: that is what a network does, and what fences are for (I5).
"""

import asyncio
import socket
import struct
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Final, Self, cast

from tests.support.redis_server import free_port

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER of no time: a close is a reset
_LISTENS: Final = b"SSUBSCRIBE"


class To(StrEnum):
    """Where bytes are on their way to."""

    REDIS = "redis"
    REPLICA = "replica"


def _reset(transport: asyncio.Transport) -> None:
    end = transport.get_extra_info("socket")
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


class _End(asyncio.Protocol):
    """One side of a pipe; what it reads is on its way `to` the other."""

    def __init__(self, pipe: "Pipe", to: To) -> None:
        self.pipe, self.to = pipe, to

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The replica has connected, or Redis has taken the connection."""
        self.pipe.opened(self.to, cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        """Bytes to pass on."""
        self.pipe.took(self.to, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """This side has ended it."""
        self.pipe.closed(self.to)


class Pipe:
    """One connection through the proxy. `lost`: the ways in which bytes vanish. `listens`: it has subscribed."""

    def __init__(self, proxy: "FaultyProxy") -> None:
        self._proxy = proxy
        self._ends: dict[To, asyncio.Transport] = {}  # by where to
        self._waiting: list[tuple[To, bytes]] = []
        self._closing = False
        self.lost: set[To] = set(proxy.lost)
        self.listens = False

    def opened(self, to: To, transport: asyncio.Transport) -> None:
        """The end that bytes come from on their way `to` is there; what is sent the other way goes into it."""
        other = To.REPLICA if to is To.REDIS else To.REDIS
        self._ends[other] = transport
        self.flush()

    def took(self, to: To, data: bytes) -> None:
        """Pass on, keep or lose what one end said."""
        if to is To.REDIS and _LISTENS in data:
            self.listens = True
        if to in self.lost:
            return
        self._waiting.append((to, data))
        self.flush()

    def flush(self) -> None:
        """Pass on what waits, unless the proxy holds it; then close what the other end has closed."""
        if self._proxy.held or len(self._ends) < 2:
            return
        for to, data in self._waiting:
            if not self._ends[to].is_closing():
                self._ends[to].write(data)
        self._waiting.clear()
        if self._closing:
            for end in self._ends.values():
                end.close()  # after what was written: late, but whole

    def closed(self, to: To) -> None:
        """One end is gone; what it said before that is still on its way."""
        self._closing = True
        if len(self._ends) < 2:
            self.cut()
        self.flush()
        if all(end.is_closing() for end in self._ends.values()):
            self._proxy.pipes.discard(self)

    def cut(self) -> None:
        """Reset both ends; what was on its way is lost."""
        self._closing = True
        self._waiting.clear()
        for end in self._ends.values():
            _reset(end)
        self._proxy.pipes.discard(self)


class FaultyProxy:
    """Forwards connections to `target`, a port of loopback. Use in an `async with`; its own port stays the same.

    What it keeps back isn't bounded: it is for seconds of a test's traffic.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self.pipes: set[Pipe] = set()
        self.held = False
        self.lost: set[To] = set()
        self._server: asyncio.Server | None = None
        self._dials: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_door()
        for dial in list(self._dials):
            dial.cancel()
        await asyncio.gather(*self._dials, return_exceptions=True)
        self.cut()

    @property
    def url(self) -> str:
        """A Redis URL that leads through here."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Reset every connection; new ones may come."""
        for pipe in list(self.pipes):
            pipe.cut()

    def hold(self) -> None:
        """Nothing passes from now on, in either direction; nothing is lost."""
        self.held = True

    def release(self) -> None:
        """Everything that was held arrives now, also from connections that have been given up since."""
        self.held = False
        for pipe in list(self.pipes):
            pipe.flush()

    def lose(self, *ways: To) -> None:
        """From now on bytes on these ways vanish, on the connections there are and on new ones."""
        self.lost |= set(ways)
        for pipe in self.pipes:
            pipe.lost |= set(ways)

    def deafen(self) -> int:
        """The connections that have subscribed hear nothing more, ever; they look alive. How many there are."""
        listening = [pipe for pipe in self.pipes if pipe.listens]
        for pipe in listening:
            pipe.lost.add(To.REPLICA)
        return len(listening)

    def refuse(self) -> None:
        """Nobody gets in any more; who is in stays."""
        self._close_door()

    async def accept(self) -> None:
        """Let connections in, on the same port as before. Raises OSError if somebody else has it by now."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._let_in, "127.0.0.1", self.port, backlog=1024)

    async def heal(self) -> None:
        """End every fault. Connections that have lost bytes are cut: what they carry has no meaning any more."""
        self.lost.clear()
        for pipe in [pipe for pipe in self.pipes if pipe.lost]:
            pipe.cut()
        self.release()
        await self.accept()

    def _close_door(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _let_in(self) -> _End:
        pipe = Pipe(self)
        self.pipes.add(pipe)
        dial = asyncio.get_running_loop().create_task(self._dial(pipe))
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)
        return _End(pipe, To.REDIS)

    async def _dial(self, pipe: Pipe) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _End(pipe, To.REPLICA), "127.0.0.1", self._target)
        except OSError:
            pipe.cut()
            return
        if pipe not in self.pipes:
            pipe.cut()  # the replica has gone meanwhile
