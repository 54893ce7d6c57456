"""A Redis that isn't the master any more: nothing is read from it, nothing is written, and it may come back (I1 I3)."""

import asyncio
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.client import Client, Turned
from tests.support.cluster import judge, replicas, settled, two_tabs, why_unready
from tests.support.poll import until
from tests.support.redis_server import RedisServer, free_port
from tests.support.replica import ReplicaProcess


@pytest.fixture
def second_redis() -> Iterator[RedisServer]:
    """Another server, empty, to take the place of the first one."""
    with RedisServer() as server:
        yield server


def follow(follower: RedisServer, master: RedisServer) -> None:
    follower.command("REPLICAOF", "127.0.0.1", master.port)


def lead(server: RedisServer) -> None:
    server.command("REPLICAOF", "NO", "ONE")


def same(one: RedisServer, two: RedisServer, sid: str) -> bool:
    """Whether both have the same, not empty log of a conversation."""
    (log,) = one.command("KEYS", f"*{sid}:log") or [b""]
    return bool(log) and one.command("XRANGE", log, "-", "+") == two.command("XRANGE", log, "-", "+")


async def turned_away(replica: ReplicaProcess, like: Client) -> bool:
    """Whether somebody who resumes is sent away with 1013 and without a word of the conversation."""
    async with Client(replica.ws_url, token=like.token) as newcomer:
        newcomer.cursor = like.cursor
        try:
            await newcomer.open()
        except (Turned, ConnectionClosed):
            assert await newcomer.wait_closed() == 1013
            assert {frame["type"] for frame in newcomer.frames()} <= {"error"}
            return True
        return False


async def refused(client: Client, text: str) -> str:
    """Send what must be refused as unavailable; its id."""
    key = await client.send(text)
    error = await client.wait_frame("error", where=lambda frame: bool(frame["id"] == key))
    assert error["code"] == "unavailable"
    return key


async def test_a_demoted_redis_is_left_and_taken_again(own_redis: RedisServer, second_redis: RedisServer) -> None:
    """The other one has gone on meanwhile, and this one has it all: even so nobody resumes there until it is master."""
    async with (
        replicas(own_redis.url, own_redis.url, second_redis.url) as (one, two, elsewhere),
        two_tabs(one, two) as (left, right),
        Client(elsewhere.ws_url, name="elsewhere") as other,
    ):
        await left.ask("before")
        await settled(left, right)
        sid = left.frames("welcome")[0]["session"]
        follow(second_redis, own_redis)
        await until(lambda: same(own_redis, second_redis, sid), timeout=20, what="a copy")
        lead(second_redis)
        other.token, other.cursor = left.token, left.cursor
        await until(lambda: opened(other), what="a welcome at the new master")
        await other.ask("elsewhere")
        follow(own_redis, second_redis)
        for replica in (one, two):  # by a look at its role alone: nobody writes
            await until(partial(turned_away, replica, left), timeout=5, what="the door is shut")
        keys = [await refused(left, "while it follows"), await refused(right, "here too")]
        await until(lambda: same(second_redis, own_redis, sid), timeout=20, what="a copy of what was said elsewhere")
        assert await turned_away(one, left)
        assert all(tab.connected for tab in (left, right))
        lead(own_redis)
        await until(lambda: let_in(one, left), what="the door is open")
        for tab, key in zip((left, right), keys, strict=True):
            await until(partial(accepted, tab, key), what="an ack")
        await settled(left, right, seq=12)
        assert left.answers()[:2] == ["before", "elsewhere"]
        assert sorted(left.answers()[2:]) == ["here too", "while it follows"]
        assert (len(left.frames("welcome")), len(right.frames("welcome"))) == (1, 1)
    judge(left, right)


async def opened(client: Client) -> bool:
    """Whether it got a welcome; who has just lost its Redis, or found it, sends it away."""
    try:
        await client.open()
    except (Turned, ConnectionClosed):
        return False
    return True


async def let_in(replica: ReplicaProcess, like: Client) -> bool:
    return not await turned_away(replica, like)


async def accepted(client: Client, key: str) -> bool:
    """Send it again with its id, as a client does after `unavailable`; whether it was taken."""
    since = len(client.log.records)
    await client.send(client.unacked.get(key, ""), key)
    await client.wait(lambda: len(client.log.records) > since + 1)
    return key not in client.unacked


@pytest.mark.timeout(90)
async def test_a_redis_that_follows_an_empty_one_ends_no_conversation(
    own_redis: RedisServer, second_redis: RedisServer
) -> None:
    """By the wrong REPLICAOF it loses everything. Who is connected must not be told so: it isn't the one to say it."""
    async with replicas(own_redis.url) as (one, two), two_tabs(one, two) as (left, right):
        await left.ask("before")
        await settled(left, right)
        copy = await asyncio.to_thread(own_redis.copy_aof)
        records = len(left.log.records)
        follow(own_redis, second_redis)
        await until(lambda: own_redis.command("DBSIZE") == 0, timeout=20, what="the loss of everything")
        for replica in (one, two):  # ten seconds, in which each room was to be checked against the log several times
            await until(partial(silent, replica), timeout=15, what="a replica that says it has no store")
        assert await turned_away(one, left)
        assert (left.connected, right.connected, len(left.log.records)) == (True, True, records)
        await asyncio.to_thread(own_redis.kill9)
        await asyncio.to_thread(own_redis.restore_aof, copy)
        await asyncio.to_thread(own_redis.start)
        await until(lambda: let_in(one, left), what="the door is open")
        await until(lambda: let_in(two, left), what="the other door is open")
        assert await right.ask("after") == "after"
        await settled(left, right, seq=6)
    judge(left, right)


async def silent(replica: ReplicaProcess) -> bool:
    try:
        return await why_unready(replica) == "store_silent"
    except httpx.ConnectError:
        return False  # it doesn't listen yet


async def test_a_replica_on_a_redis_that_follows_another_waits_for_it(own_redis: RedisServer) -> None:
    """A fail-over may not be over yet: it runs, lets nobody in, and serves as soon as it may."""
    own_redis.command("SET", "baton:shards", 64)  # it was the master of others before
    own_redis.command("REPLICAOF", "127.0.0.1", free_port())
    replica = ReplicaProcess(own_redis.url)
    try:
        starting = asyncio.create_task(replica.launch())
        await until(lambda: silent(replica), timeout=15, what="a replica that says why")
        assert await turned_away(replica, Client(replica.ws_url))
        lead(own_redis)
        await starting
        async with Client(replica.ws_url) as client:
            await client.open()
            assert await client.ask("at last") == "at last"
    finally:
        replica.discard()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_replica_does_not_start_on_a_redis_that_evicts(own_redis: RedisServer, policy: str) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory-policy", policy)
    replica = ReplicaProcess(own_redis.url)
    try:
        with pytest.raises(AssertionError, match=f"maxmemory-policy must be noeviction, it is {policy}"):
            await replica.launch()
        assert not replica.alive
        assert "Traceback" not in replica.logs()
    finally:
        replica.discard()
    assert own_redis.command("DBSIZE") == 0
