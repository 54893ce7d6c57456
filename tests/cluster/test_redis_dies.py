"""Redis dies, or comes back with less than it had: what was acked is there (I1), or the client is told so (I3)."""

import asyncio
from functools import partial

from websockets.exceptions import ConnectionClosed

from tests.support.client import Client, Turned
from tests.support.cluster import exported, judge, replicas, settled
from tests.support.poll import until
from tests.support.records import Frame
from tests.support.redis_server import RedisServer


def names(key: str, frame: Frame) -> bool:
    return bool(frame["id"] == key)


def refused(client: Client) -> set[str]:
    return {frame["code"] for frame in client.frames("error")}


async def test_redis_killed_under_load_keeps_every_acked_message(own_redis: RedisServer) -> None:
    async with (
        replicas(own_redis.url) as (one, two),
        Client([one.ws_url, two.ws_url], name="left") as left,
        Client([two.ws_url, one.ws_url], name="right") as right,
        Client(one.ws_url, name="newcomer") as newcomer,
    ):
        await left.stay()
        right.token = left.token
        await right.stay()
        for round_ in range(2):
            keys = [await tab.send(f"{tab.log.name} {round_}.{n}") for n in range(20) for tab in (left, right)]
            await left.wait_ack(keys[0])
            await asyncio.to_thread(own_redis.kill9)
            since = len(left.log.records)
            late = await left.send(f"while it is away {round_}")
            error = await left.wait_frame("error", since=since, where=partial(names, late))
            assert error["code"] == "unavailable"
            if round_ == 0:
                await newcomer.connect()
                assert await newcomer.wait_closed() == 1013
            await asyncio.to_thread(own_redis.start)
            await until(lambda: not left.unacked and not right.unacked, timeout=15, what="an ack for every message")
        await settled(left, right, seq=3 * 82, timeout=20)
        assert await one.ready()
        assert await two.ready()
        assert refused(left) == {"unavailable"}
        assert refused(right) <= {"unavailable"}
        document = await exported(two, left.frames("welcome")[0]["session"])
        texts = [message["text"] for message in document["conversation_history"]]
        assert len(texts) == 164
        assert len(set(texts)) == 82  # each question, and its echo
    judge(left, right)


async def test_redis_killed_in_mid_answer_and_the_answer_goes_on(own_redis: RedisServer) -> None:
    text = " ".join(f"word{number}" for number in range(30))
    env = {"BATON_ECHO_DELAY_MS": "50", "BATON_LEASE_SECONDS": "1"}
    async with replicas(own_redis.url, env=env) as (one, two), Client([one.ws_url, two.ws_url]) as client:
        await client.stay()
        ack = await client.wait_ack(await client.send(text))
        await client.wait_frame("delta")
        await asyncio.to_thread(own_redis.restart, kill=True)
        await client.wait_turn_end(ack["seq"], timeout=15)
        assert client.answers() == [text]
        assert client.transcript[-1]["status"] == "completed"
    judge(client)


async def test_an_older_log_is_a_fork_and_never_a_silent_mix(own_redis: RedisServer) -> None:
    async with (
        replicas(own_redis.url) as (one, two),
        Client(one.ws_url, name="writer") as writer,
        Client(two.ws_url, name="live") as live,
        Client(two.ws_url, name="short branch") as early,
        Client(two.ws_url, name="long branch") as late,
    ):
        await writer.open()
        live.token = early.token = late.token = writer.token
        for tab in (live, early, late):
            await tab.open()
        for number in range(3):
            await writer.ask(f"kept {number}")
        await settled(writer, live, early, late, seq=9)
        copy = await asyncio.to_thread(own_redis.copy_aof)
        for number in range(3):
            await writer.ask(f"lost {number}")
        await settled(writer, live, early, late, seq=18)
        for tab in (writer, early, late):
            await tab.drop()
        await asyncio.to_thread(own_redis.kill9)
        await asyncio.to_thread(own_redis.restore_aof, copy)
        await asyncio.to_thread(own_redis.start)
        assert await live.wait_closed(timeout=10) == 1012
        await back(early)
        assert early.transcript == [] or early.transcript[-1]["seq"] <= 9
        for number in range(6):  # others write on, past what was lost: the numbers are all there again
            assert await early.ask(f"new {number}") == f"new {number}"
        for tab in (live, late, writer):
            await back(tab)
        await settled(live, early, late, writer, seq=27)
        texts = [event["text"] for event in late.transcript if event.get("role") == "user"]
        assert texts == [f"kept {n}" for n in range(3)] + [f"new {n}" for n in range(6)]
    judge(writer, live, early, late, forks=True)


async def test_a_fork_is_seen_by_the_cursor_alone(own_redis: RedisServer) -> None:
    """Nobody was there when the log went back, and it has grown past the cursor since."""
    async with (
        replicas(own_redis.url) as (one, two),
        Client(one.ws_url, name="away") as away,
        Client(two.ws_url, name="other") as other,
    ):
        await away.open()
        other.token = away.token
        await away.ask("kept")
        copy = await asyncio.to_thread(own_redis.copy_aof)
        await away.ask("lost")
        await away.drop()
        await asyncio.to_thread(own_redis.kill9)
        await asyncio.to_thread(own_redis.restore_aof, copy)
        await asyncio.to_thread(own_redis.start)
        await until(lambda: opened(other), what="a conversation at the second replica")
        for number in range(3):
            await other.ask(f"new {number}")
        await back(away)
        assert await other.wait_closed() == 1012  # what one has seen go, others may have seen as well
        await until(lambda: together(away, other), what="both in one epoch")
        await settled(away, other, seq=12)
    judge(away, other, forks=True)


async def back(client: Client) -> None:
    """Return as soon as a replica takes it; what it knew isn't the history any more."""
    await until(lambda: opened(client), what="a welcome")
    assert client.frames("welcome")[-1]["recovered"] is False


async def opened(client: Client) -> bool:
    """Whether it got a welcome; a replica that hasn't found its Redis again sends it away with 1013."""
    try:
        await client.open()
    except (Turned, ConnectionClosed):
        assert client.close_code in (1012, 1013)
        return False
    return True


async def together(*clients: Client) -> bool:
    """Whether all are connected under one epoch; who was sent away comes back."""
    welcomed = [client.connected or await opened(client) for client in clients]
    return all(welcomed) and len({client.frames("welcome")[-1]["epoch"] for client in clients}) == 1
