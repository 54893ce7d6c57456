"""Whatever dies in mid-answer, the reader sees one answer go on and end once (I4); a woken writer is refused (I5)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.support.client import Client
from tests.support.cluster import SLOW, WORDS, judge, metric, only_grew, replicas, settled, shown
from tests.support.poll import until
from tests.support.records import Way
from tests.support.redis_server import RedisServer
from tests.support.replica import ADMIN_KEY, ReplicaProcess

LEASE = float(SLOW["BATON_LEASE_SECONDS"])


def one_answer(client: Client, turn: int, text: str) -> None:
    """What was shown only ever grew, and became one message of one turn that ended once."""
    assert only_grew(shown(client, turn))
    assert client.answers(turn) == [text]
    ends = [event for event in client.transcript if event["type"] == "turn_end" and event["turn"] == turn]
    assert [end["status"] for end in ends] == ["completed"]


async def begun(client: Client, chunk: int = 5, attempt: int = 1) -> None:
    await client.wait_frame("delta", where=lambda frame: frame["last"] >= chunk and frame["attempt"] == attempt)


async def test_the_other_replica_carries_on_when_the_writer_is_killed(redis_url: str) -> None:
    async with (
        replicas(redis_url, env=SLOW) as (one, two),
        Client([one.ws_url, two.ws_url], name="asks") as asks,
        Client(two.ws_url, name="watches") as watches,
    ):
        await asks.stay()
        watches.token = asks.token
        await watches.open()
        turn = (await asks.wait_ack(await asks.send(WORDS)))["seq"]
        await begun(watches)
        killed = time.monotonic()
        one.kill9()
        await watches.wait_frame("delta", where=lambda frame: frame["attempt"] == 2)
        (went_on, *_) = [r.at for r in watches.log.records if r.way is Way.RECEIVED and r.frame.get("attempt") == 2]
        assert went_on - killed < LEASE + 1
        await watches.wait_turn_end(turn)
        await settled(asks, watches)
        one_answer(asks, turn, WORDS)
        one_answer(watches, turn, WORDS)
        assert await metric(two, "baton_takeovers_total") == 1
    judge(asks, watches)


async def test_what_waits_behind_the_answer_runs_too(redis_url: str) -> None:
    """Three messages of another conversation's writer are queued when it dies; each gets its turn, in order."""
    async with replicas(redis_url, env=SLOW) as (one, two), Client([one.ws_url, two.ws_url]) as client:
        await client.stay()
        keys = [await client.send(text) for text in (WORDS, "second", "third")]
        for key in keys:
            await client.wait_ack(key)
        await begun(client)
        one.kill9()
        await settled(client, seq=9)
        assert client.answers() == [WORDS, "second", "third"]
    judge(client)


async def test_a_stopped_writer_that_wakes_up_is_refused(redis_url: str, redis_server: RedisServer) -> None:
    async with (
        replicas(redis_url, env=SLOW) as (one, two),
        Client(one.ws_url, name="at the sleeper") as asks,
        Client(two.ws_url, name="watches") as watches,
    ):
        sid = (await asks.open())["session"]
        watches.token = asks.token
        await watches.open()
        turn = (await asks.wait_ack(await asks.send(WORDS)))["seq"]
        await begun(watches)
        one.stop()
        try:
            await watches.wait_frame("delta", where=lambda frame: frame["attempt"] == 2)
        finally:
            one.cont()  # the other is in mid-answer, and this one still has words to say
        await watches.wait_turn_end(turn)
        await settled(asks, watches, seq=3)
        one_answer(watches, turn, WORDS)
        one_answer(asks, turn, WORDS)
        assert (await asks.ask("next"), await watches.ask("last")) == ("next", "last")
        await settled(asks, watches, seq=9)
        (log,) = redis_server.command("KEYS", f"*{sid}:log")
        assert redis_server.command("XLEN", log) == 9
        assert await until(lambda: metric(one, "baton_fenced_total"), what="a refused write") >= 1
        await until(one.ready, what="a sleeper that is ready again")
    judge(asks, watches)


async def leave(replica: ReplicaProcess, clients: list[Client]) -> None:
    """SIGTERM: every client is told to go, then closed with 1012, and the process ends well."""
    assert await replica.terminate() == 0
    for client in clients:
        (drain,) = client.frames("drain")
        assert drain["reconnect_in"] > 0
        closes = [record.frame["code"] for record in client.log.records if record.way is Way.CLOSED]
        assert closes[0] == 1012


@asynccontextmanager
async def slow_upload(replica: ReplicaProcess) -> AsyncIterator[None]:
    """An import whose body never comes: who leaves waits two seconds for it, after the answers were released."""
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    headers = f"Host: baton\r\nAuthorization: Bearer {ADMIN_KEY}\r\nContent-Length: 1000\r\nExpect: 100-continue"
    writer.write(f"PUT /api/sessions/slow HTTP/1.1\r\n{headers}\r\n\r\n".encode())
    try:
        assert b"100" in await reader.readline()
        yield
    finally:
        writer.close()
        await writer.wait_closed()


async def several_ask(clients: list[Client], text: str) -> list[int]:
    """Each begins a conversation and has seen a part of its answer; their turns."""
    for client in clients:
        await client.stay()
    turns = [(await client.wait_ack(await client.send(text)))["seq"] for client in clients]
    await asyncio.gather(*(begun(client) for client in clients))
    return turns


async def test_answers_are_handed_over_when_the_time_to_leave_is_short(redis_url: str) -> None:
    """The lease is long and nobody else is awake meanwhile: what was released must still be free for who comes next."""
    text = f"{WORDS} {WORDS}"
    env = {**SLOW, "BATON_DRAIN_SECONDS": "0.3", "BATON_LEASE_SECONDS": "30"}
    async with replicas(redis_url, env=env) as (one, two), AsyncExitStack() as stack:
        urls = [one.ws_url, two.ws_url]
        clients = [await stack.enter_async_context(Client(urls, name=f"client {n}")) for n in range(3)]
        turns = await several_ask(clients, text)
        two.stop()
        try:
            async with slow_upload(one):
                await leave(one, clients)
        finally:
            two.cont()
        for client, turn in zip(clients, turns, strict=True):
            await client.wait_turn_end(turn, timeout=15)
            one_answer(client, turn, text)
            assert {frame["attempt"] for frame in client.frames("delta")} == {1, 2}
            judge(client)


async def test_a_draining_replica_takes_nobody_in(redis_url: str) -> None:
    env = {**SLOW, "BATON_DRAIN_SECONDS": "8"}
    async with replicas(redis_url, env=env) as (one, two), Client([one.ws_url, two.ws_url]) as client:
        await client.stay()
        turn = (await client.wait_ack(await client.send(WORDS)))["seq"]
        await begun(client)
        one.signal_end()
        assert await client.wait(lambda: client.frames("drain"), what="the word")
        assert not await one.ready()
        async with Client(one.ws_url) as late:
            await late.connect()
            assert await late.wait_closed() == 1012
        await client.wait_turn_end(turn)
        one_answer(client, turn, WORDS)
        assert await one.terminate() == 0
    judge(client)
