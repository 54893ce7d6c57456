"""Clients that stop reading and vanish while they are being written to: none of them keeps its place."""

import asyncio
import json
import socket
import struct
from contextlib import AsyncExitStack, suppress
from typing import Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.edge.helpers import EMOJI, fill
from tests.support.client import Client
from tests.support.cluster import metric
from tests.support.poll import until
from tests.support.records import Frame
from tests.support.replica import ReplicaProcess

PLACES: Final = 31
ENV = {"BATON_MAX_CONNECTIONS": str(PLACES)}
LONG: Final = EMOJI * 8000  # 32,000 bytes, and as many again for the answer: the kernel's buffers hold megabytes


async def deaf(replica: ReplicaProcess) -> ClientConnection:
    """A connection whose client takes almost nothing, and resets it when it goes."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plug.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", replica.port))
    return await connect(replica.ws_url, sock=plug, proxy=None, max_queue=1, ping_interval=None, close_timeout=1)


async def welcomed(replica: ReplicaProcess, token: str, after: Frame | None) -> ClientConnection:
    """A deaf client that has read its welcome and nothing after it."""
    client = await deaf(replica)
    await client.send(json.dumps({"type": "hello", "token": token, "after": after, "client": "deaf"}))
    assert json.loads(await client.recv())["type"] == "welcome"
    return client


async def vanish(client: ClientConnection) -> None:
    """Reset the TCP connection."""
    client.transport.abort()
    with suppress(ConnectionClosed):
        while True:  # what had come before
            await client.recv()


@pytest.mark.parametrize("busy", ["replay", "live"])
async def test_who_vanishes_while_being_written_to_leaves_no_slot(replica: ReplicaProcess, busy: str) -> None:
    """Twice as many as there are places, in the middle of a replay or of live events."""
    async with Client(replica.ws_url, name="talks") as talks:
        await talks.open()
        await fill(talks, 100, LONG)
        assert talks.token is not None
        after = _cursor(talks, 0) if busy == "replay" else talks.cursor
        for _ in range(2):
            async with AsyncExitStack() as gone:
                for _ in range(PLACES - 1):
                    client = await welcomed(replica, talks.token, after)
                    gone.push_async_callback(vanish, client)
                assert await metric(replica, "baton_connections") == PLACES
                await full(replica)
                if busy == "live":
                    await fill(talks, 20, LONG)
            await until(lambda: connections(replica, 1), what="an end of every connection but one")
        await let_in_again(replica, talks.token)
        assert await talks.ask("still here") == "still here"
    await until(lambda: connections(replica, 0), what="nobody left")


def _cursor(client: Client, index: int) -> Frame:
    event = client.transcript[index]
    return {"epoch": client._epoch, "seq": event["seq"], "mark": event["mark"]}


async def connections(replica: ReplicaProcess, count: int) -> bool:
    return await metric(replica, "baton_connections") == count


async def full(replica: ReplicaProcess) -> None:
    """Nobody else is let in."""
    async with Client(replica.ws_url) as late:
        await late.connect()
        assert await late.wait_closed() == 1013


async def let_in_again(replica: ReplicaProcess, token: str) -> None:
    """As many as there is room for, all at once."""
    tabs = [Client(replica.ws_url, token=token, name=f"tab {number}") for number in range(PLACES - 1)]
    try:
        welcomes = await asyncio.gather(*(tab.open(after=None) for tab in tabs))
        assert len(welcomes) == PLACES - 1
        assert await metric(replica, "baton_connections") == PLACES
    finally:
        await asyncio.gather(*(tab.close() for tab in tabs))
