"""A deployment with the support bot: replicas that are all killed and replaced between two messages, and a customer.

It must never help the product: what it knows it has from the wire, the admin API or Redis itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import jwt

from tests.support.client import Client
from tests.support.cluster import judge
from tests.support.records import Frame
from tests.support.replica import ReplicaProcess

SITE: Final = "the-secret-of-the-embedding-site-0123456789"
MARIA: Final = ("ACC-2024-0042", "Maria Garcia", "4821", "03/15/1985")
JANE: Final = ("ACC-2024-0099", "Jane Wilson", "7305", "11/08/1972")


class Customer(Client):
    """A client that says something and gets the answer: every assistant message of the turn, joined."""

    async def says(self, text: str, timeout: float = 20.0) -> str:
        """Send a message and wait for its turn's end; the answer."""
        turn = (await self.wait_ack(await self.send(text), timeout=timeout))["seq"]
        end = await self.wait_turn_end(turn, timeout=timeout)
        assert end["status"] == "completed", end
        return "\n".join(self.answers(turn))

    async def identify(self, account: str, name: str, seconds: int = 3600) -> Frame:
        """Sign in by the site's assertion; the state event that says so."""
        claims = {"sub": account, "name": name, "exp": int(time.time()) + seconds}
        seen = len(self.frames("state"))
        await self.send_frame({"type": "identify", "token": jwt.encode(claims, SITE, "HS256")})
        await self.wait(lambda: len(self.frames("state")) > seen, timeout=10, what="a state event")
        return self.frames("state")[seen]

    @property
    def state(self) -> dict[str, Any]:
        """The newest public state."""
        newest: dict[str, Any] = self.frames("welcome")[-1]["state"]
        after = self.frames().index(self.frames("welcome")[-1])
        for frame in self.frames()[after:]:
            if frame["type"] == "state":
                newest = frame["state"]
        return newest


class Deployment:
    """Some replicas with the support bot on one Redis and one database of accounts."""

    def __init__(self, replicas: list[ReplicaProcess]) -> None:
        self.replicas = replicas

    async def replace_all(self) -> None:
        """`kill -9` every replica and start each anew: nothing is left of what any of them had in memory."""
        for replica in self.replicas:
            replica.kill9()
        await asyncio.gather(*(replica.launch() for replica in self.replicas))

    @asynccontextmanager
    async def customer(self, name: str = "customer", at: int = 0) -> AsyncIterator[Customer]:
        """A customer with a new conversation; at the end its history is judged."""
        client = Customer([replica.ws_url for replica in self.replicas], name=name)
        async with client:
            await client.open(self.replicas[at].ws_url)
            yield client
        judge(client)

    async def restart(self, customer: Customer, at: int = 1) -> Frame:
        """Replace every replica; the customer resumes at another one than before. The welcome."""
        await self.replace_all()
        return await customer.open(self.replicas[at % len(self.replicas)].ws_url)


@asynccontextmanager
async def deployment(
    redis_url: str, folder: Path, count: int = 2, env: Mapping[str, str] | None = None
) -> AsyncIterator[Deployment]:
    """Replicas with the support bot and sample accounts in `folder`."""
    settings = {
        "BATON_AGENT": "support",
        "BATON_IDENTITY_SECRET": SITE,
        "BATON_ACCOUNTS_URL": f"sqlite:///{folder / 'accounts.db'}",
        "BATON_ACCOUNTS_SAMPLES": "1",
        "BATON_LEASE_SECONDS": "1",
        **(env or {}),
    }
    replicas = [ReplicaProcess(redis_url, env=settings) for _ in range(count)]
    try:
        await asyncio.gather(*(replica.launch() for replica in replicas))
        yield Deployment(replicas)
    finally:
        for replica in replicas:
            replica.discard()
