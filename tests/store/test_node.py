"""A node stays connected by itself, and hands out no connection to a Redis that isn't fit (I1 I9 I11)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core.errors import StoreUnavailableError
from app.engine.calls import Accepted
from app.store.node import Node
from tests.support.poll import until
from tests.support.redis_server import RedisServer, free_port
from tests.support.stores import Chat, new_node, open_store, running, say


@pytest.fixture
async def node(own_redis: RedisServer) -> AsyncIterator[Node]:
    """A connected node of a server that the test may mistreat."""
    made = new_node(own_redis.url)
    async with running(made):
        await until(lambda: made.connected, what="a connection")
        yield made


async def unfit(server: RedisServer, shards: int = 64) -> str:
    """Why a node refuses a server; and that it does."""
    made = new_node(server.url, shards)
    async with running(made):
        reason: str = await until(lambda: made.unfit, what="a refusal")
        with pytest.raises(StoreUnavailableError):
            await made.call(0, b"PING")
        assert not made.connected
    return reason


async def count(node: Node) -> int:
    """How many scripts Redis knows by heart."""
    return sum(await node.call(0, b"SCRIPT", b"EXISTS", *(script.sha for script in node._scripts.all)))


async def test_every_script_is_loaded_at_connect(node: Node) -> None:
    assert await count(node) == len(node._scripts.all) == 12


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru"])
async def test_a_redis_that_evicts_is_unfit(own_redis: RedisServer, policy: str) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory-policy", policy)
    assert policy in await unfit(own_redis)


async def test_another_shard_count_is_unfit_and_stays_recorded(own_redis: RedisServer) -> None:
    own_redis.command("SET", "baton:shards", 32)
    assert "32" in await unfit(own_redis)
    assert own_redis.command("GET", "baton:shards") == b"32"


async def test_the_first_start_records_the_shard_count(node: Node, own_redis: RedisServer) -> None:
    assert own_redis.command("GET", "baton:shards") == b"64"
    assert "64" in await unfit(own_redis, shards=128)


async def test_a_redis_that_becomes_fit_is_taken(own_redis: RedisServer) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    made = new_node(own_redis.url)
    async with running(made):
        await until(lambda: made.unfit, what="a refusal")
        own_redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await until(lambda: made.connected, what="a connection")
        assert made.unfit is None


async def test_a_redis_that_has_forgotten_the_scripts_is_taught_again(own_redis: RedisServer) -> None:
    async with open_store(own_redis.url) as store:
        chat = Chat(store, own_redis)
        lease = await chat.start("m1")
        own_redis.command("SCRIPT", "FLUSH")
        await chat.commit(lease, say("yes"))
        own_redis.command("SCRIPT", "FLUSH")
        results = await asyncio.gather(*(store.accept(chat.message(f"n{number}")) for number in range(20)))
        assert sorted(result.seq for result in results if isinstance(result, Accepted)) == list(range(4, 24))


async def test_after_a_kill_it_reconnects_and_everything_answered_is_there(own_redis: RedisServer) -> None:
    async with open_store(own_redis.url) as store:
        chat = Chat(store, own_redis)
        lease = await chat.start("m1")
        await asyncio.to_thread(own_redis.kill9)
        await until(lambda: not store.node.connected, what="the loss")
        with pytest.raises(StoreUnavailableError):
            await store.accept(chat.message("m2"))
        await asyncio.to_thread(own_redis.start)
        await until(lambda: store.node.connected and store.replay.connected, what="a connection")
        assert (await chat.send("m1")).duplicate
        await chat.commit(lease, say("yes"))
        assert [seq.seq for seq in chat.log()] == [1, 2, 3]


async def test_calls_under_way_fail_when_redis_is_killed(own_redis: RedisServer, node: Node) -> None:
    waiting = asyncio.gather(*(node.call(0, b"BLPOP", b"nothing", 0) for _ in range(3)), return_exceptions=True)
    await until(lambda: own_redis.command("INFO", "clients")["blocked_clients"] == 1, what="the blocked call")
    await asyncio.to_thread(own_redis.kill9)
    assert all(isinstance(result, StoreUnavailableError) for result in await waiting)


async def test_a_cut_connection_is_replaced(own_redis: RedisServer, node: Node) -> None:
    first = node._link
    own_redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await until(lambda: node.connected and node._link is not first, what="another connection")
    assert await node.call(0, b"PING") == b"PONG"


async def test_a_redis_that_became_a_replica_is_left(own_redis: RedisServer) -> None:
    async with open_store(own_redis.url) as store:
        chat = Chat(store, own_redis)
        await chat.send("m1")
        link = store.node._link
        own_redis.command("REPLICAOF", "127.0.0.1", free_port())
        with pytest.raises(StoreUnavailableError):
            await store.accept(chat.message("m2"))
        assert link is not None
        assert link.lost.done()
        own_redis.command("REPLICAOF", "NO", "ONE")
        await until(lambda: store.node.connected and store.node._link is not link, what="a connection")
        assert not (await chat.send("m2")).duplicate


async def test_an_error_reply_is_unavailable_and_keeps_the_connection(node: Node) -> None:
    link = node._link
    for call in (node.call(0, b"NO-SUCH"), node.call(0, b"INCR", b"baton:shards", b"x")):
        with pytest.raises(StoreUnavailableError, match="ERR"):
            await call
    assert node._link is link
    assert node.connected


async def test_a_key_of_another_type_is_unavailable_and_left_as_it_is(own_redis: RedisServer) -> None:
    async with open_store(own_redis.url) as store:
        chat = Chat(store, own_redis)
        own_redis.command("SET", chat.keys.session, "not a hash", "EX", 60)
        with pytest.raises(StoreUnavailableError, match="WRONGTYPE"):
            await store.accept(chat.message("m1"))
        assert own_redis.command("GET", chat.keys.session) == b"not a hash"


async def test_the_silence_is_counted_from_the_loss(own_redis: RedisServer) -> None:
    now = [100.0]
    made = Node(new_node(own_redis.url)._dialer, new_node(own_redis.url)._scripts, 64, "test", lambda: now[0])
    assert made.silent_for == float("inf")
    async with running(made):
        await until(lambda: made.connected, what="a connection")
        now[0] = 200.0
        assert made.silent_for == 0.0
        await asyncio.to_thread(own_redis.kill9)
        await until(lambda: made.silent_for == 0.0 and not made.connected, what="the loss")
        now[0] = 207.5
        assert made.silent_for == 7.5


async def test_a_user_who_may_not_publish_is_unfit(own_redis: RedisServer) -> None:
    """A script that can't publish fails after its writes, and each try would be taken for a crash of the turn."""
    own_redis.command("ACL", "SETUSER", "mute", "on", ">word", "~*", "resetchannels", "+@all")
    node = new_node(own_redis.url.replace("redis://", "redis://mute:word@"))
    async with running(node):
        reason = await until(lambda: node.unfit, what="a reason why it is unfit")
        assert "may not publish (NOPERM)" in reason
        own_redis.command("ACL", "SETUSER", "mute", "allchannels")
        await until(lambda: node.connected, what="a connection")
        assert node.unfit is None
    own_redis.command("ACL", "DELUSER", "mute")
