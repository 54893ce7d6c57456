"""A TCP proxy in front of a Redis, to make one connection deaf: open and writable, and nothing comes back.

It must never close a connection by itself: a deaf one looks alive from both ends.
"""

import asyncio
import re
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from tests.support.poll import first_of
from tests.support.redis_server import RedisServer

_CHUNK: Final = 65536


class Pipe:
    """One connection through the proxy. `port`: its own port on the way to Redis, as `CLIENT LIST` shows it."""

    def __init__(self, port: int, *, deaf: bool) -> None:
        self.port = port
        self.deaf = deaf
        """Whether what Redis says is swallowed."""


class Proxy:
    """Forwards connections to `port` of loopback. While `deafen_new` is set, new ones are deaf from the start."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.deafen_new = False
        self.pipes: list[Pipe] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """A Redis URL that leads through the proxy."""
        assert self._server is not None, "not started"
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    def ears(self, redis: RedisServer) -> list[Pipe]:
        """The connections through here that have subscribed and aren't deaf, by Redis's list of clients."""
        clients = redis.command("CLIENT", "LIST").decode().splitlines()
        found = (re.search(r" addr=\S+:(\d+) .* ssub=[1-9]", client) for client in clients)
        ports = {int(match[1]) for match in found if match}
        return [pipe for pipe in self.pipes if pipe.port in ports and not pipe.deaf]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            with suppress(OSError):  # either end may go at any moment
                from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._target)
                ends.append(to_redis)
                pipe = Pipe(to_redis.get_extra_info("sockname")[1], deaf=self.deafen_new)
                self.pipes.append(pipe)
                await first_of(_forward(reader, to_redis, None), _forward(from_redis, writer, pipe))
        finally:
            for end in ends:
                end.transport.abort()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pipe: Pipe | None) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            if pipe is None or not pipe.deaf:
                writer.write(data)
                await writer.drain()
