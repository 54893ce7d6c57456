"""The command connection: a tick's calls in one write, each reply to its call, and never a late reply to another."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator

import pytest
import uvloop

from app.core.errors import StoreUnavailableError
from app.store import link as link_module
from app.store.link import Dialer, Link, ReplyError
from tests.support.poll import until
from tests.support.redis_server import RedisServer, free_port


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[Link]:
    """A live connection of our own."""
    opened = await Dialer(redis_url, "link").dial()
    yield opened
    opened.close()


def clients(server: RedisServer) -> list[str]:
    """The connections of this test, by their addresses."""
    return [client["addr"] for client in server.command("CLIENT LIST") if client["name"] == "link"]


def reads(server: RedisServer) -> int:
    """How often Redis has read from a socket."""
    return int(server.command("INFO", "stats")["total_reads_processed"])


async def test_redis_py_still_has_the_private_name_that_we_use(redis_url: str) -> None:
    connection = Dialer(redis_url, "link")._pool.make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()
    assert isinstance(connection._writer.transport, asyncio.Transport)
    await connection.disconnect()


async def test_the_calls_of_a_tick_are_one_write(link: Link, redis_server: RedisServer) -> None:
    before = reads(redis_server)
    replies = await asyncio.gather(*(link.call(b"ECHO", number) for number in range(100)))
    assert replies == [b"%d" % number for number in range(100)]
    assert reads(redis_server) - before == 1 + 1  # and the second INFO


async def test_the_calls_of_the_next_tick_are_another(link: Link, redis_server: RedisServer) -> None:
    before = reads(redis_server)
    for _ in range(5):
        await link.call(b"PING")
    assert reads(redis_server) - before == 5 + 1


async def test_every_reply_goes_to_its_call(link: Link) -> None:
    async def caller(number: int) -> None:
        for turn in range(20):
            word = f"{number}:{turn}"
            assert await link.call("ECHO", word) == word.encode()

    await asyncio.gather(*(caller(number) for number in range(50)))


async def test_the_reply_to_a_caller_that_left_goes_to_nobody_else(link: Link) -> None:
    left = link.call(b"ECHO", b"left")
    stayed = link.call(b"ECHO", b"stayed")
    left.cancel()
    assert await stayed == b"stayed"
    assert await link.call(b"ECHO", b"next") == b"next"


async def test_an_error_reply_is_the_error_of_its_call_alone(link: Link) -> None:
    replies = await asyncio.gather(
        link.call(b"ECHO", b"a"), link.call(b"NO-SUCH"), link.call(b"ECHO", b"b"), return_exceptions=True
    )
    assert (replies[0], replies[2]) == (b"a", b"b")
    assert isinstance(replies[1], ReplyError)
    assert replies[1].code == "ERR"
    assert not link.lost.done()


async def test_any_bytes_go_there_and_back(link: Link) -> None:
    for value in (b"", b"\r\n$5\r\n", bytes(range(256)), b"x" * 3_000_000):
        assert await link.call(b"ECHO", value) == value
    assert await link.call(b"ECHO", "é\n") == "é\n".encode()


async def test_a_call_without_a_reply_in_time_closes_the_connection(
    redis_url: str, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "CALL_TIMEOUT", 0.4)
    link = await Dialer(redis_url, "link").dial()
    stuck, behind = link.call(b"BLPOP", b"nothing", 0), link.call(b"ECHO", b"x")
    for call in (stuck, behind):
        with pytest.raises(StoreUnavailableError):
            async with asyncio.timeout(5):
                await call
    assert link.lost.done()
    with pytest.raises(StoreUnavailableError):
        await link.call(b"PING")
    await until(lambda: not clients(redis_server), what="the end of the connection")


async def test_a_call_that_is_answered_is_never_too_late(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "CALL_TIMEOUT", 0.2)
    link = await Dialer(redis_url, "link").dial()
    clock = asyncio.get_running_loop().time
    end = clock() + 0.5
    while clock() < end:
        await link.call(b"PING")
    assert not link.lost.done()
    link.close()


async def test_what_waits_fails_when_the_connection_is_cut(link: Link, redis_server: RedisServer) -> None:
    waiting = [link.call(b"BLPOP", b"nothing", 0), link.call(b"PING")]
    await until(lambda: redis_server.command("INFO", "clients")["blocked_clients"] == 1, what="the blocked call")
    for address in clients(redis_server):
        redis_server.command("CLIENT", "KILL", "ADDR", address)
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, StoreUnavailableError)
    with pytest.raises(StoreUnavailableError):
        await link.call(b"PING")


async def test_closing_twice_is_closing_once(link: Link) -> None:
    waiting = link.call(b"BLPOP", b"nothing", 0)
    link.close(StoreUnavailableError("first"))
    link.close(StoreUnavailableError("second"))
    with pytest.raises(StoreUnavailableError, match="first"):
        await waiting


async def test_too_many_waiting_calls_are_refused_at_once(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_WAITING", 3)
    calls = [link.call(b"ECHO", number) for number in range(4)]
    assert calls[3].done()
    with pytest.raises(StoreUnavailableError):
        await calls[3]
    assert await asyncio.gather(*calls[:3]) == [b"0", b"1", b"2"]
    assert await link.call(b"PING") == b"PONG"


async def test_more_bytes_than_the_socket_takes_close_the_connection(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "MAX_UNSENT", 1_000_000)
    link = await Dialer(own_redis.url, "link").dial()
    stuck = link.call(b"BLPOP", b"nothing", 0)  # Redis reads no further while it blocks
    own_redis.command("PING")
    calls = [stuck]
    while not link.lost.done() and len(calls) < 200:
        calls.append(link.call(b"ECHO", b"x" * 1_000_000))
        await asyncio.sleep(0)
    assert link.lost.done()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, StoreUnavailableError) for result in results)


async def test_pushes_are_no_replies(redis_url: str, redis_server: RedisServer) -> None:
    pushes: list[list[object]] = []
    link = await Dialer(redis_url, "link").dial(pushes.append)
    link.send(b"SSUBSCRIBE", b"{x}channel")
    await until(lambda: len(pushes) == 1, what="the confirmation")
    calls = [link.call(b"ECHO", number) for number in range(3)]
    redis_server.command("SPUBLISH", "{x}channel", "news")
    assert await asyncio.gather(*calls) == [b"0", b"1", b"2"]
    await until(lambda: len(pushes) == 2, what="the message")
    assert [push[0] for push in pushes] == [b"ssubscribe", b"smessage"]
    link.close()


async def test_a_dial_that_is_cancelled_ends_so(redis_url: str, redis_server: RedisServer) -> None:
    dialer, clock = Dialer(redis_url, "link"), asyncio.get_running_loop().time
    began = clock()
    (await dialer.dial()).close()
    usual = clock() - began
    for attempt in range(200):
        task = asyncio.create_task(dialer.dial())
        await asyncio.sleep(usual * attempt / 100)
        if task.cancel():
            await asyncio.wait([task])
            assert task.cancelled(), "the cancellation was swallowed"
        else:
            task.result().close()
    await until(lambda: not clients(redis_server), what="the end of the connections")


async def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailableError):
        await Dialer(f"redis://127.0.0.1:{free_port()}/0", "link").dial()


async def test_a_wrong_password_is_unavailable(own_redis: RedisServer) -> None:
    own_redis.command("ACL", "SETUSER", "someone", "on", ">right", "~*", "+@all")
    with pytest.raises(StoreUnavailableError, match="password"):
        await Dialer(f"redis://someone:wrong@127.0.0.1:{own_redis.port}/0", "link").dial()
    (await Dialer(f"redis://someone:right@127.0.0.1:{own_redis.port}/0", "link").dial()).close()


def test_a_server_that_resets_what_it_has_accepted_is_unavailable_and_no_more() -> None:
    """As a balancer does whose Redis is down. uvloop then has errors of its own, if the loop was busy meanwhile."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

    def slam() -> None:
        while True:
            try:
                end, _ = listener.accept()
            except OSError:  # closed: the test is over
                return
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()

    async def busy() -> None:
        while True:
            time.sleep(0.002)  # noqa: ASYNC251 - it is to keep the loop from looking
            await asyncio.sleep(0)

    async def dial() -> set[str]:
        dialer, task = Dialer(url, "link"), asyncio.create_task(busy())
        answers = [await asyncio.gather(*(dialer.dial() for _ in range(3)), return_exceptions=True) for _ in range(80)]
        task.cancel()
        return {type(answer).__name__ for group in answers for answer in group}

    thread = threading.Thread(target=slam)
    thread.start()
    try:
        assert uvloop.run(dial()) == {"StoreUnavailableError"}
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
