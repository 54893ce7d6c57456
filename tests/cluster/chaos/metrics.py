"""Counters of replicas, summed over all of their lives: a killed one takes its own along, so they are read often.

It must never wait long for a replica: most of the time one of them is frozen, or gone.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from tests.support.replica import ReplicaProcess

COUNTERS: Final = ("baton_fenced_total", "baton_takeovers_total", "baton_store_unavailable_total")


@dataclass(slots=True)
class Metrics:
    """The newest value of each counter, by process."""

    seen: dict[tuple[str, int], float] = field(default_factory=lambda: defaultdict(float))

    def total(self, counter: str) -> int:
        """A counter's sum; a little less than the truth, by what died unread."""
        return int(sum(value for (name, _), value in self.seen.items() if name == counter))

    async def sample(self, replicas: Sequence[ReplicaProcess]) -> None:
        """Read all that answer at once."""
        async with httpx.AsyncClient(trust_env=False, timeout=0.5) as client:
            await asyncio.gather(*(self._read(client, replica) for replica in replicas if replica.alive))

    async def _read(self, client: httpx.AsyncClient, replica: ReplicaProcess) -> None:
        pid = replica.pid
        try:
            text = (await client.get(f"{replica.http_url}/metrics")).text
        except httpx.HTTPError:
            return
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            if name in COUNTERS:
                self.seen[name, pid] = float(value)
