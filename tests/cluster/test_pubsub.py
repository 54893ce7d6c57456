"""Pub/sub is only a hint (I6): without it events come late by a bounded time, and nothing is lost."""

import asyncio
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.cluster import judge, metric, replicas, settled, two_tabs, why_unready
from tests.support.poll import until
from tests.support.proxy import Proxy
from tests.support.records import Way
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

BOUND = 10.0
"""Seconds within which an event arrives whatever happens to pub/sub, and a deaf connection is found."""


def worst_delay(sender: Client, watcher: Client) -> float:
    """The longest time from sending a message to the end of its turn at the watcher, in seconds."""
    sent = {r.frame["id"]: r.at for r in sender.log.records if r.way is Way.SENT and r.frame["type"] == "send"}
    received = [record for record in watcher.log.records if record.way is Way.RECEIVED]
    users = {r.frame["seq"]: r.frame["id"] for r in received if r.frame.get("role") == "user"}
    ended = {users[r.frame["turn"]]: r.at for r in received if r.frame["type"] == "turn_end"}
    assert sent.keys() == ended.keys()
    return max(ended[key] - at for key, at in sent.items())


async def test_every_subscription_killed_over_and_over(
    redis_url: str, redis_server: RedisServer, record_property: Any
) -> None:
    killed = 0
    async with replicas(redis_url) as (one, two), two_tabs(one, two, ("sender", "watcher")) as (sender, watcher):
        for number in range(80):
            killed += redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
            await sender.wait_ack(await sender.send(f"message {number}"))
            if number % 10 == 9:  # now and then everybody must catch up before it goes on
                await settled(sender, watcher, seq=3 * (number + 1), timeout=BOUND)
        worst = max(worst_delay(sender, watcher), worst_delay(sender, sender))
        assert worst < BOUND
        assert killed > 10
        assert (len(sender.frames("welcome")), len(watcher.frames("welcome"))) == (1, 1)
    judge(sender, watcher)
    record_property("worst delay, s", round(worst, 2))
    print(f"{killed} subscriptions killed, worst delay {worst:.2f} s")


@pytest.mark.timeout(90)
async def test_a_deaf_subscription_is_found_and_replaced(
    redis_url: str, redis_server: RedisServer, record_property: Any
) -> None:
    """At one replica it can be replaced at once; at the other not until later, and that one says so."""
    port = redis_server.port
    async with (
        Proxy(port) as mended,
        Proxy(port) as broken,
        replicas(mended.url, broken.url) as (one, two),
        two_tabs(one, two, ("at mended", "at broken")) as (left, right),
    ):
        await left.ask("before")
        for proxy in (mended, broken):
            (ear,) = proxy.ears(redis_server)
            ear.deaf = True
        broken.deafen_new = True
        clock = asyncio.get_running_loop().time
        deaf_since = clock()
        await left.ask("in the dark", timeout=BOUND)
        await settled(left, right, seq=6, timeout=BOUND)
        worst = max(worst_delay(left, left), worst_delay(left, right))
        await until(lambda: mended.ears(redis_server), timeout=BOUND + 2, what="a new subscription")
        replaced = clock() - deaf_since
        await until(lambda: silent(two), timeout=BOUND + 4, what="a replica that says it is deaf")
        assert await why_unready(one) is None
        broken.deafen_new = False
        await until(two.ready, timeout=10, what="the replica is ready again")
        assert await right.ask("after") == "after"
        await settled(left, right, seq=9, timeout=BOUND)
        assert await metric(two, "baton_pubsub_silence_seconds") < BOUND
    judge(left, right)
    assert replaced < BOUND + 1
    record_property("deaf connection replaced after, s", round(replaced, 1))
    print(f"worst delay {worst:.1f} s; deaf connection replaced after {replaced:.1f} s")


async def silent(replica: ReplicaProcess) -> bool:
    return await why_unready(replica) == "pubsub_silent"
