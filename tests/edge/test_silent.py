"""Who opens a connection and doesn't ask for anything is let go; the door's limits don't count it."""

import asyncio

import pytest

from app.edge.first_words import PATIENCE
from tests.support.replica import ReplicaProcess

BEGINNINGS = {
    "nothing": b"",
    "half a request": b"GET /healthz HTTP/1.1\r\nHost: her",
    "a request and half of another": b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\nGET /",
}


@pytest.mark.parametrize("what", BEGINNINGS)
async def test_who_does_not_ask_is_let_go(replica: ReplicaProcess, what: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    writer.write(BEGINNINGS[what])
    try:
        async with asyncio.timeout(PATIENCE + 5):
            while await reader.read(4096):
                pass
    except ConnectionResetError:
        pass
    finally:
        writer.close()


async def test_who_asks_slowly_is_served(replica: ReplicaProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    for byte in b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
    assert b" 200 " in await reader.readline()
    writer.close()
