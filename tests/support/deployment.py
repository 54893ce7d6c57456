"""A deployment in containers: Redis with a volume, replicas, and a balancer in front, in a network of their own.

It must never mount another configuration than `deploy/` holds, nor give a replica more rights than production does.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import docker.errors
from testcontainers.core.exceptions import ContainerStartException
from testcontainers.core.network import Network

from tests.support.containers import PRODUCTION, Box
from tests.support.engine import Engine
from tests.support.replica import DEFAULTS, ROOT

BALANCERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "nginx": ("nginx:1", "nginx.conf", "/etc/nginx/nginx.conf"),
    "haproxy": ("haproxy:3.0", "haproxy.cfg", "/usr/local/etc/haproxy/haproxy.cfg"),
}
REDIS: Final = (
    "redis-server --appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0"
    " --maxmemory-policy noeviction"
)  # fmt: skip
# Slow enough that a kill hits an answer, short enough that a run sees hundreds of them.
ECHO: Final[Mapping[str, str]] = {
    "BATON_ECHO_DELAY_MS": "25",
    "BATON_LEASE_SECONDS": "1",
    "BATON_REDIS_URL": "redis://redis:6379/0",
}


class Deployment:
    """`redis`, `replicas` and `balancer`, each to be killed, stopped and replaced."""

    def __init__(self, engine: Engine, image: str, network: Network, balancer: str, env: Mapping[str, str]) -> None:
        self._engine, self._image, self._network, self._env = engine, image, network, {**DEFAULTS, **ECHO, **env}
        self.volume = engine.new_volume()
        self.redis = Box(
            engine, "redis:8", network=network, alias="redis", command=REDIS.split(),
            volumes=[(self.volume, "/data", "rw")],
        )  # fmt: skip
        kind, source, target = BALANCERS[balancer]
        self.balancer = Box(
            engine, kind, network=network, alias=balancer, inside=8080,
            volumes=[(ROOT / "deploy" / source, target, "ro")],
        )  # fmt: skip
        self.replicas: list[Box] = []

    async def answers(self) -> None:
        """Wait until Redis answers."""
        await self.redis.ready(lambda: self.redis.run("redis-cli", "ping") == (0, "PONG\n"))

    async def start(self, replicas: int) -> None:
        await self.redis.create()
        await self.answers()
        await self.scale(replicas)
        await self.balancer.create()
        await self.balancer.ready()

    async def scale(self, replicas: int) -> None:
        """Start new replicas, or stop the oldest ones in good order, until there are so many."""
        missing = max(0, replicas - len(self.replicas))
        new = [
            Box(
                self._engine, self._image, network=self._network, alias="baton", inside=8080, env=self._env,
                **PRODUCTION,
            )
            for _ in range(missing)
        ]  # fmt: skip
        self.replicas += new
        await asyncio.gather(*(replica.create() for replica in new))
        await asyncio.gather(*(replica.ready() for replica in new))
        while len(self.replicas) > replicas:
            replica = self.replicas.pop(0)
            await self.leave(replica)
            await replica.remove()

    async def leave(self, replica: Box) -> None:
        """Have a replica drain and go. Raises AssertionError if it had to be killed."""
        code = await replica.stop()
        assert code == 0, f"a replica that was asked to go ended with {code}:\n{replica.logs()}"

    async def replace(self, replica: Box) -> None:
        """Put a new, ready container in the place of one that is gone."""
        await replica.create()
        await replica.ready()

    async def remove(self) -> None:
        """Remove everything."""
        await asyncio.gather(*(box.remove() for box in (self.balancer, self.redis, *self.replicas)))
        await asyncio.to_thread(self._engine.client.api.remove_volume, self.volume)

    def logs(self) -> str:
        """The output of every container that there is, for a failed test."""
        parts = []
        for name, box in (("redis", self.redis), *(("replica", r) for r in self.replicas), ("balancer", self.balancer)):
            try:
                parts.append(f"--- {name} ---\n{box.logs()[-4000:]}")
            except (AssertionError, ContainerStartException, docker.errors.APIError) as error:
                parts.append(f"--- {name}: {error} ---")
        return "\n".join(parts)


@asynccontextmanager
async def deployed(
    engine: Engine, image: str, *, replicas: int = 3, balancer: str = "nginx", env: Mapping[str, str] | None = None
) -> AsyncIterator[Deployment]:
    """A ready deployment for the time of an `async with`; its output goes to stdout when the block fails."""
    with engine.network() as network:
        deployment = Deployment(engine, image, network, balancer, env or {})
        try:
            await deployment.start(replicas)
            yield deployment
        except BaseException:
            print(deployment.logs())
            raise
        finally:
            await deployment.remove()
