"""A subscription that Redis refuses (I6): what was to come is late by a bounded time, and nobody new is let in.

Permissions of a user of Redis are taken away and given back, as by an operator's mistake.
"""

from collections.abc import Iterator
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.client import Client, Turned
from tests.support.cluster import judge, replicas, settled, two_tabs, why_unready
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

BOUND = 10.0
"""Seconds within which an event arrives whatever happens to pub/sub, and a refused subscription is made again."""


@pytest.fixture
def user_url(own_redis: RedisServer) -> Iterator[str]:
    """The address of a server for a user who may do everything, until a test says otherwise."""
    permit(own_redis, "on", ">word", "~*", "&*", "+@all")
    yield own_redis.url.replace("redis://", "redis://replica:word@")
    own_redis.command("ACL", "DELUSER", "replica")


def permit(redis: RedisServer, *rules: str) -> None:
    redis.command("ACL", "SETUSER", "replica", *rules)


def listeners(redis: RedisServer) -> int:
    """How many connections have a subscription."""
    return sum(int(client["ssub"]) > 0 for client in redis.command("CLIENT LIST"))


async def turned_away(replica: ReplicaProcess, token: str | None) -> bool:
    """Whether somebody who comes is sent away with 1013; a connection that hears nothing would be worse than none."""
    async with Client(replica.ws_url, token=token) as newcomer:
        try:
            await newcomer.open()
        except (Turned, ConnectionClosed):
            assert await newcomer.wait_closed() == 1013
            return True
        return False


async def let_in(replica: ReplicaProcess, token: str | None) -> bool:
    return not await turned_away(replica, token)


async def silent(replica: ReplicaProcess) -> bool:
    return await why_unready(replica) == "pubsub_silent"


async def test_a_refused_subscription_is_late_and_never_deaf(own_redis: RedisServer, user_url: str) -> None:
    async with replicas(user_url) as (one, two), two_tabs(one, two) as (left, right):
        await left.ask("before")
        permit(own_redis, "-ssubscribe")
        own_redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        assert await left.ask("in the dark", timeout=BOUND) == "in the dark"
        await settled(left, right, seq=6, timeout=BOUND)
        assert listeners(own_redis) == 0
        for replica in (one, two):
            await until(partial(silent, replica), timeout=BOUND + 3, what="a replica that says it hears nothing")
            assert '"event":"pubsub_refused"' in replica.logs()
        assert await turned_away(one, left.token)
        assert await turned_away(two, None)
        permit(own_redis, "+ssubscribe")
        await until(lambda: listeners(own_redis) == 2, timeout=BOUND, what="the subscriptions")
        for replica in (one, two):
            await until(partial(let_in, replica, left.token), timeout=BOUND, what="the door is open")
            await until(replica.ready, timeout=BOUND, what="the replica is ready again")
        assert await right.ask("after") == "after"
        await settled(left, right, seq=9)
        assert (len(left.frames("welcome")), len(right.frames("welcome"))) == (1, 1)
        assert left.frames("error") + right.frames("error") == []
    judge(left, right)


async def test_channels_taken_away_lose_no_message(own_redis: RedisServer, user_url: str) -> None:
    """Nothing can be published either: sends are refused, and become one message and one turn each once they may."""
    async with (
        replicas(user_url, env={"BATON_LEASE_SECONDS": "1"}) as (one, two),
        two_tabs(one, two) as (left, right),
    ):
        await left.ask("before")
        permit(own_redis, "resetchannels")
        keys = []
        for tab in (left, right):
            keys.append(await tab.send(f"from {tab.log.name}"))
            assert (await tab.wait_frame("error"))["code"] == "unavailable"
        assert await turned_away(one, left.token)
        permit(own_redis, "&*")
        for tab, key in zip((left, right), keys, strict=True):
            await tab.send(tab.unacked[key], key)
            await tab.wait_ack(key)
        for replica in (one, two):
            await until(partial(let_in, replica, left.token), timeout=BOUND, what="the door is open")
        await settled(left, right, seq=9, timeout=20)
        users = [event["text"] for event in left.transcript if event.get("role") == "user"]
        assert users == ["before", "from left", "from right"]
    judge(left, right)
