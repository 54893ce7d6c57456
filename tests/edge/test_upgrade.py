"""Upgrades that can't be read: each is answered and let go, and none is in the way when the replica leaves."""

import asyncio

import pytest

from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
UNREADABLE = {
    "a body": (b"Content-Length: 3\r\n\r\nabc", b"400"),
    "a long line": (b"Cookie: " + b"c" * 9000 + b"\r\n\r\n", b"431"),
    "many lines": (b"".join(b"X-%d: x\r\n" % number for number in range(140)) + b"\r\n", b"431"),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_an_upgrade_that_cannot_be_read_is_answered(replica: ReplicaProcess, what: str) -> None:
    rest, status = UNREADABLE[what]
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    writer.write(UPGRADE + rest)
    async with asyncio.timeout(5):
        answer = await reader.read()  # to the end: it doesn't keep the connection
    writer.close()
    assert answer.split(b" ", 2)[1] == status


async def test_none_is_in_the_way_of_a_replica_that_leaves(empty_redis: RedisServer) -> None:
    replica, writers = ReplicaProcess(empty_redis.url), []
    try:
        await replica.launch()
        for rest, _ in UNREADABLE.values():
            _, writer = await asyncio.open_connection("127.0.0.1", replica.port)
            writer.write(UPGRADE + rest)
            writers.append(writer)
            await writer.drain()
        assert await replica.ready()
        assert await replica.terminate() == 0
        assert "Traceback" not in replica.logs()
    finally:
        replica.discard()
        for writer in writers:
            writer.close()
