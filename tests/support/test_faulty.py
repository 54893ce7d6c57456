"""The faults of the proxy are those of a network: bytes late, lost or cut off, never changed or in another order."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.faulty import FaultyProxy, To
from tests.support.poll import until
from tests.support.redis_server import free_port

SOON = 5.0  # seconds


class Echo:
    """A server that says back what it hears, and remembers it."""

    def __init__(self) -> None:
        self.heard = b""
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while data := await reader.read(1000):
                self.heard += data
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.transport.abort()


class Caller:
    """A connection to the proxy and everything that came back on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.heard = b""
        self.end: str | None = None
        self._task = asyncio.create_task(self._read(reader))

    @classmethod
    async def call(cls, proxy: FaultyProxy) -> "Caller":
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(1000):
                self.heard += data
            self.end = "closed"
        except ConnectionResetError:
            self.end = "reset"

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    def hang_up(self) -> None:
        self._writer.transport.abort()

    async def hears(self, data: bytes) -> None:
        await until(lambda: self.heard == data, timeout=SOON, what=f"{data!r}")


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, FaultyProxy]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", free_port())
    async with server, FaultyProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield echo, proxy


async def test_without_a_fault_everything_passes(echo: tuple[Echo, FaultyProxy]) -> None:
    server, proxy = echo
    callers = [await Caller.call(proxy) for _ in range(3)]
    for caller in callers:
        caller.say(b"x" * 300_000)
    for caller in callers:
        await caller.hears(b"x" * 300_000)
        caller.hang_up()
    await until(lambda: not proxy.pipes and server.open == 0, what="no connection left")


async def test_a_cut_is_a_reset_and_new_connections_are_let_in(echo: tuple[Echo, FaultyProxy]) -> None:
    server, proxy = echo
    caller = await Caller.call(proxy)
    caller.say(b"a")
    await caller.hears(b"a")
    proxy.cut()
    await until(lambda: caller.end == "reset", timeout=SOON, what="a reset")
    await until(lambda: server.open == 0, timeout=SOON, what="the other end's end")
    other = await Caller.call(proxy)
    other.say(b"b")
    await other.hears(b"b")


async def test_what_is_held_arrives_late_and_in_order(echo: tuple[Echo, FaultyProxy]) -> None:
    server, proxy = echo
    caller, marker = await Caller.call(proxy), await Caller.call(proxy)
    caller.say(b"1")
    await caller.hears(b"1")
    proxy.hold()
    caller.say(b"2")
    marker.say(b"!")
    await until(lambda: sum(len(pipe._waiting) for pipe in proxy.pipes) == 2, what="what is held")
    caller.say(b"3")
    assert server.heard == b"1"
    proxy.release()
    await caller.hears(b"123")
    await marker.hears(b"!")


async def test_what_was_said_arrives_though_its_sender_gave_up(echo: tuple[Echo, FaultyProxy]) -> None:
    server, proxy = echo
    caller = await Caller.call(proxy)
    proxy.hold()
    caller.say(b"late")
    await until(lambda: any(pipe._waiting for pipe in proxy.pipes), what="what is held")
    caller.hang_up()
    await until(lambda: all(pipe._closing for pipe in proxy.pipes), what="the end of the caller")
    assert server.heard == b""
    proxy.release()
    await until(lambda: server.heard == b"late", what="what was said")
    await until(lambda: not proxy.pipes and server.open == 0, what="no connection left")


@pytest.mark.parametrize("way", list(To))
async def test_bytes_lost_on_one_way_only(echo: tuple[Echo, FaultyProxy], way: To) -> None:
    server, proxy = echo
    caller = await Caller.call(proxy)
    caller.say(b"1")
    await caller.hears(b"1")
    proxy.lose(way)
    caller.say(b"2")
    other = await Caller.call(proxy)
    other.say(b"2")
    if way is To.REPLICA:
        await until(lambda: server.heard == b"122", what="both words at the server")
    await proxy.heal()
    for each in (caller, other):
        await until(lambda each=each: each.end == "reset", what="an end of what has lost bytes")  # type: ignore[misc]
    assert (caller.heard, other.heard) == (b"1", b"")
    assert server.heard == (b"1" if way is To.REDIS else b"122")


async def test_only_who_has_subscribed_goes_deaf(echo: tuple[Echo, FaultyProxy]) -> None:
    _, proxy = echo
    subscriber, other = await Caller.call(proxy), await Caller.call(proxy)
    subscriber.say(b"SSUBSCRIBE x")
    await subscriber.hears(b"SSUBSCRIBE x")
    assert proxy.deafen() == 1
    subscriber.say(b"more")
    other.say(b"still there")
    await other.hears(b"still there")
    assert (subscriber.heard, subscriber.end) == (b"SSUBSCRIBE x", None)


async def test_refused_and_let_in_again_on_the_same_port(echo: tuple[Echo, FaultyProxy]) -> None:
    _, proxy = echo
    inside, port = await Caller.call(proxy), proxy.port
    inside.say(b"a")
    await inside.hears(b"a")
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await Caller.call(proxy)
    inside.say(b"b")
    await inside.hears(b"ab")
    await proxy.heal()
    assert proxy.port == port
    outside = await Caller.call(proxy)
    outside.say(b"c")
    await outside.hears(b"c")


async def test_a_server_that_is_away_ends_the_connection() -> None:
    async with FaultyProxy(free_port()) as proxy:
        caller = await Caller.call(proxy)
        await until(lambda: caller.end is not None, what="the end")
        assert not proxy.pipes
