"""Who opens a connection and doesn't ask for anything is let go; the door's limits don't count it."""

import asyncio
import socket

import pytest

from app.edge.first_words import MOST_HEAD, PATIENCE
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


CHUNKED = b"GET /healthz HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "an address": (b"GET /", b"x"),
    "a header": (b"GET /healthz HTTP/1.1\r\nX: ", b"x"),
    "headers": (b"GET /healthz HTTP/1.1\r\n", b"x: y\r\n"),
    "a trailer": (CHUNKED + b"0\r\nX: ", b"x"),
    "trailers": (CHUNKED + b"0\r\n", b"x: y\r\n"),
    "the extension of a chunk": (CHUNKED + b"5;x=", b"x"),
    "empty lines": (b"", b"\r\n"),
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_never_ends_is_not_kept(replica: ReplicaProcess, what: str) -> None:
    beginning, more = ENDLESS[what]
    with socket.create_connection(("127.0.0.1", replica.port)) as sock:
        sock.setblocking(False)
        with pytest.raises(ConnectionError):
            await flood(sock, beginning, more * (32_768 // len(more)))


async def flood(sock: socket.socket, beginning: bytes, more: bytes) -> None:
    """64 MB: more than the kernel keeps for both ends."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE / 2):
        await loop.sock_sendall(sock, beginning)
        for _ in range(2**26 // len(more)):
            await loop.sock_sendall(sock, more)


async def test_a_long_body_is_read(replica: ReplicaProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    writer.write(CHUNKED)
    for _ in range(64):
        writer.write(b"8000\r\n" + b"x" * 32_768 + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\nTrailer: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: here\r\n\r\n")
    await reader.readuntil(b" 200 ")
    await reader.readuntil(b" 404 ")
    writer.close()


async def test_long_headers_are_served_again_and_again(replica: ReplicaProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    for _ in range(4):
        writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
        for _ in range(10):
            writer.write(b"x" * (MOST_HEAD // 16))
            await writer.drain()
        writer.write(b"\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
    writer.close()
