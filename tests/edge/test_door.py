"""Who is let in: origins (RFC 6455 section 10.2), and how many connections a replica takes."""

import pytest
from websockets.exceptions import ConnectionClosed

from tests.edge.helpers import beat
from tests.support.client import Client, Turned
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

ENV = {"BATON_ALLOWED_ORIGINS": "https://shop.example, http://localhost:3000"}


async def verdict(replica: ReplicaProcess, origin: str | None, host: str | None = None) -> int:
    """0 if a connection of this origin is served, else the code it was closed with, after it had been accepted."""
    async with Client(replica.ws_url) as client:
        await client.connect(origin=origin, headers={"Host": host} if host else None)
        try:
            await client.hello()
        except Turned as turned:
            return turned.code
        except ConnectionClosed:
            return await client.wait_closed()
        return 0


def same(replica: ReplicaProcess) -> str:
    return f"http://127.0.0.1:{replica.port}"


@pytest.mark.parametrize("origin", ["https://shop.example", "HTTPS://SHOP.example", "http://localhost:3000", None])
async def test_allowed_origins_and_clients_that_are_no_browsers_are_let_in(
    replica: ReplicaProcess, origin: str | None
) -> None:
    assert await verdict(replica, origin) == 0


async def test_the_same_origin_is_let_in(replica: ReplicaProcess) -> None:
    assert await verdict(replica, same(replica)) == 0


@pytest.mark.parametrize(
    "origin",
    [
        "null", "https://evil.example", "http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example",
        "https://evil.example/https://shop.example", "https://notshop.example", "https://shop.example@evil.example",
        "http://localhost", "http://127.0.0.1", "http://127.0.0.1:1", "file://", "about:blank", "shop.example", "https://[::1",
        "https://shop.example:99999", "*", "https://", "\xff\xfe",
    ],
)  # fmt: skip
async def test_any_other_origin_is_closed_with_4403(replica: ReplicaProcess, origin: str) -> None:
    assert await _refused(replica, origin) == 4403


async def _refused(replica: ReplicaProcess, origin: str) -> int:
    """The close code that a browser of this origin can read: after the upgrade, before a word was said."""
    async with Client(replica.ws_url) as client:
        await client.connect(origin=origin)
        code = await client.wait_closed()
        assert client.frames() == []
        return code


async def test_a_forwarded_host_does_not_make_an_origin_the_same(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.connect(origin="https://evil.example", headers={"X-Forwarded-Host": "evil.example"})
        assert await client.wait_closed() == 4403


async def test_more_connections_than_allowed_are_closed_with_1013(empty_redis: RedisServer) -> None:
    replica = ReplicaProcess(empty_redis.url, env={"BATON_MAX_CONNECTIONS": "2"})
    try:
        await replica.launch()
        async with Client(replica.ws_url) as one, Client(replica.ws_url) as two, Client(replica.ws_url) as third:
            await one.open()
            await two.connect()
            await third.connect()
            assert await third.wait_closed() == 1013
            assert third.frames() == []
            await two.hello()
            await beat(one)
            await two.close()
            await until(lambda: _let_in(third), what="room for another")
            assert await third.ask("in at last") == "in at last"
            assert await replica.ready()
    finally:
        replica.discard()


async def _let_in(client: Client) -> bool:
    try:
        await client.open()
    except (Turned, ConnectionClosed, OSError):
        assert await client.wait_closed() == 1013
        return False
    return True


async def test_every_origin_may_come_where_the_operator_says_so(empty_redis: RedisServer) -> None:
    async with ReplicaProcess.start(redis_url=empty_redis.url, env={"BATON_ALLOWED_ORIGINS": "*"}) as replica:
        assert await verdict(replica, "https://any.example") == 0
        assert await verdict(replica, "null") == 0
