"""A client that has stopped reading can't keep its file: neither by a frame over the limit, nor by leaving politely."""

import asyncio
import json
import os
import socket
import struct

import pytest

from app.edge.wire import LAST_BYTES
from tests.support.poll import until
from tests.support.replica import ReplicaProcess

TEXT, CLOSE = 1, 8
ENDINGS = {"a frame over the limit": (TEXT, b"y" * 66_000), "a close": (CLOSE, struct.pack("!H", 1000))}


def frame(opcode: int, payload: bytes) -> bytes:
    """A masked frame (RFC 6455 §5.2), by a mask of zeros."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = b"\xfe" + struct.pack("!H", size) if size < 65536 else b"\xff" + struct.pack("!Q", size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def deaf(port: int) -> socket.socket:
    """Connected, greeted, and with more on its way than the buffers between take: it reads nothing of it."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.settimeout(10)
    plug.connect(("127.0.0.1", port))
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    plug.sendall(f"GET /ws HTTP/1.1\r\nHost: here\r\n{upgrade}dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    assert b" 101 " in plug.recv(1024)
    plug.sendall(frame(TEXT, json.dumps({"type": "hello", "token": None, "after": None, "client": "deaf"}).encode()))
    for _ in range(130):
        plug.sendall(frame(TEXT, json.dumps({"type": "ping", "t": "z" * 60_000}).encode()))
    return plug


def files(replica: ReplicaProcess) -> int:
    """How many the replica has open."""
    return len(os.listdir(f"/proc/{replica.pid}/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="there is no /proc to count files in")
@pytest.mark.parametrize("ending", ENDINGS)
async def test_who_reads_nothing_is_cut_off(replica: ReplicaProcess, ending: str) -> None:
    before = files(replica)
    plugs = [await asyncio.to_thread(deaf, replica.port) for _ in range(3)]
    try:
        assert files(replica) >= before + 3
        for plug in plugs:
            plug.sendall(frame(*ENDINGS[ending]))
        await until(lambda: files(replica) <= before, timeout=LAST_BYTES + 10, what="its files back")
    finally:
        for plug in plugs:
            plug.close()
