"""A client that takes nothing: it costs a bounded amount of memory, is closed (4420 or cut), and resumes by `seq`."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.edge.helpers import EMOJI, answer, beat
from tests.support.client import Client
from tests.support.history import check
from tests.support.poll import until
from tests.support.replica import ReplicaProcess

LONG = EMOJI * 8000  # 32,000 bytes, and as many again for the answer
MOST_MEMORY = 48 * 1024  # KiB above what the replica had before: the kernel's buffers are not its own


@asynccontextmanager
async def deaf(url: str, token: str) -> AsyncIterator[ClientConnection]:
    """A client that says hello and then reads nothing, with a receive buffer so small that it shows soon."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.setblocking(False)
    port = int(url.rpartition(":")[2].partition("/")[0])
    await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", port))
    async with connect(url, sock=plug, proxy=None, max_queue=1, ping_interval=None, close_timeout=1) as client:
        await client.send(json.dumps({"type": "hello", "token": token, "after": None, "client": "deaf"}))
        yield client


def memory(replica: ReplicaProcess) -> int:
    """Resident memory in KiB."""
    status = Path(f"/proc/{replica.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


async def talk(client: Client, turns: int) -> None:
    """Long messages and long answers, one turn after the other."""
    for _ in range(turns):
        ack = await client.wait_ack(await client.send(LONG))
        await client.wait_turn_end(ack["seq"])


async def read_on(slow: ClientConnection) -> list[int]:
    """Read again until the close; the seqs of the durable events."""
    seen: list[int] = []
    async for raw in _until_closed(slow):
        frame = json.loads(raw)
        seen += [frame["seq"]] if frame["type"] in {"message", "turn_end"} else []
    return seen


async def _until_closed(slow: ClientConnection) -> AsyncIterator[str | bytes]:
    while True:
        try:
            yield await slow.recv()
        except ConnectionClosed:
            return


async def open_connections(replica: ReplicaProcess, client: Client) -> bool:
    """Whether the replica has no socket left but this client's."""
    await beat(client)
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return "baton_connections 1.0" in text.splitlines()


async def test_a_slow_reader_is_closed_with_4420_and_resumes(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        token = (await client.open())["token"]
        await talk(client, 1)
        async with deaf(replica.ws_url, token) as slow:
            before = memory(replica)
            await talk(client, 300)
            assert memory(replica) - before < MOST_MEMORY
            seen = await read_on(slow)
            assert slow.close_code == 4420
        assert seen == list(range(1, len(seen) + 1)), "what it got, it got in order"
        async with Client(replica.ws_url, token=token) as again:
            last = next(event for event in client.transcript if event["seq"] == seen[-1])
            again.cursor = {"epoch": client._epoch, "seq": last["seq"], "mark": last["mark"]}
            assert (await again.open())["recovered"] is True
            await again.wait(lambda: again.transcript[-1:] == client.transcript[-1:], timeout=20, what="the rest")
            assert again.transcript == client.transcript[last["seq"] :]


async def test_a_client_that_takes_nothing_any_more_is_cut(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        token = (await client.open())["token"]
        started = time.monotonic()
        async with deaf(replica.ws_url, token):
            await talk(client, 300)
            await until(lambda: open_connections(replica, client), timeout=30, what="the cut", every=0.2)
        assert time.monotonic() - started < 30
        await client.ask("nobody else noticed")
    assert check([client.log]) == []


async def test_the_longest_page_of_history_does_not_make_a_reader_slow(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await talk(client, 80)
        found: list[int] = []
        before, more = 241, True
        while more:
            page = await answer(client, {"type": "history", "before": before, "limit": 200}, "history")
            assert page["events"]
            found = [event["seq"] for event in page["events"]] + found
            before, more = found[0], page["more"]
        assert found == list(range(1, 241))
        await beat(client)
        assert client.close_code is None


async def test_a_long_conversation_is_replayed_to_a_reader_that_keeps_up(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await talk(client, 80)
        async with Client(replica.ws_url, token=client.token) as tab:
            tab.cursor = {"epoch": client._epoch, "seq": 1, "mark": client.transcript[0]["mark"]}
            await tab.open()
            await tab.wait(lambda: len(tab.transcript) == 239, timeout=20, what="239 events")
            assert tab.transcript == client.transcript[1:]
