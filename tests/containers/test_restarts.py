"""Replicas, Redis, the balancer and all of them at once are killed, stopped and replaced under load (I1–I7, I11)."""

import asyncio
import time

import pytest

from tests.containers.conftest import Report
from tests.support.containers import keys_without_ttl
from tests.support.deployment import Deployment, deployed
from tests.support.engine import Engine
from tests.support.load import Load

pytestmark = [pytest.mark.containers, pytest.mark.timeout(180)]


async def judged(load: Load, deployment: Deployment) -> list[str]:
    """End the load; everything that is wrong with it."""
    await load.finish()
    forever = await asyncio.to_thread(keys_without_ttl, deployment.redis.container)
    return await load.verdict(deployment.replicas[0].http_url) + [f"I11: {key} has no TTL" for key in forever]


async def test_every_replica_killed_and_replaced_in_turn(engine: Engine, image: str, report: Report) -> None:
    async with deployed(engine, image) as deployment, Load(deployment.balancer.ws_url) as load:
        for replica in deployment.replicas:
            await load.fault(replica.kill9(), deployment.replace(replica))
        assert load.takeovers, "no answer was hit by a kill"
        report("nginx: each replica killed -9, replaced", load, await judged(load, deployment))


async def test_a_rolling_restart(engine: Engine, image: str, report: Report) -> None:
    async with deployed(engine, image, balancer="haproxy") as deployment, Load(deployment.balancer.ws_url) as load:
        for replica in deployment.replicas:
            await load.fault(deployment.leave(replica), deployment.replace(replica), orderly=True)
        report("haproxy: rolling restart", load, await judged(load, deployment))


async def test_every_replica_killed_behind_haproxy(engine: Engine, image: str, report: Report) -> None:
    async with deployed(engine, image, balancer="haproxy") as deployment, Load(deployment.balancer.ws_url) as load:
        for replica in deployment.replicas:
            await load.fault(replica.kill9(), deployment.replace(replica))
        assert load.takeovers, "no answer was hit by a kill"
        report("haproxy: each replica killed -9, replaced", load, await judged(load, deployment))


async def redis_again(deployment: Deployment, *, new: bool) -> None:
    """Start Redis again, or a new container with its volume; wait until it answers."""
    await (deployment.redis.create() if new else deployment.redis.start())
    await deployment.answers()


async def test_redis_killed_and_stopped(engine: Engine, image: str, report: Report) -> None:
    async with deployed(engine, image) as deployment, Load(deployment.balancer.ws_url) as load:
        await load.fault(deployment.redis.kill9(), redis_again(deployment, new=False))
        await load.fault(deployment.redis.stop(), redis_again(deployment, new=False))
        await load.fault(deployment.redis.kill9(), redis_again(deployment, new=True))
        report("Redis killed -9, stopped, replaced with its volume", load, await judged(load, deployment))


async def all_again(deployment: Deployment, load: Load) -> None:
    """Start everything again, in no order; the balancer has another port then."""
    boxes = [deployment.redis, *deployment.replicas, deployment.balancer]
    await asyncio.gather(*(box.start() for box in boxes))
    load.moved(deployment.balancer.ws_url)
    await deployment.answers()
    await deployment.balancer.ready()


async def test_everything_restarted_at_once(engine: Engine, image: str, report: Report) -> None:
    async with deployed(engine, image) as deployment, Load(deployment.balancer.ws_url) as load:
        for kill in (True, False):
            boxes = [deployment.balancer, *deployment.replicas, deployment.redis]
            strike = asyncio.gather(*(box.kill9() if kill else box.stop() for box in boxes))
            await load.fault(strike, all_again(deployment, load))
        resumed = [welcome["recovered"] for client in load.clients for welcome in client.frames("welcome")[1:]]
        assert resumed
        assert all(resumed)
        report("everything at once: killed -9, then stopped", load, await judged(load, deployment))


async def test_scale_up_and_down(engine: Engine, image: str, report: Report) -> None:
    async with deployed(engine, image, replicas=1) as deployment, Load(deployment.balancer.ws_url) as load:
        (oldest,) = deployment.replicas
        await deployment.scale(3)
        await load.served(now := time.monotonic(), now)
        for fewer in (2, 1):
            await load.fault(deployment.scale(fewer), orderly=True)
        assert oldest not in deployment.replicas  # so everyone has moved
        report("nginx: scaled 1 → 3 → 1, the oldest stopped", load, await judged(load, deployment))
