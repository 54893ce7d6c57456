"""Versions of the browser's files, kept for the replicas of other releases.

Must never judge what it reads: ``edge/bundles.py`` does.
"""

from dataclasses import dataclass
from typing import Final

from app.store.keys import release_key
from app.store.node import Node

LIFE_SECONDS: Final = 30 * 86_400
"""I11. Each replica in service prolongs it every hour."""
_SHARD: Final = 0  # of no conversation


@dataclass(frozen=True, slots=True)
class RedisReleases:
    """``node`` should be the one for long reads: a bundle is larger than what conversations send."""

    node: Node

    async def read(self, version: str, most: int) -> bytes | None:
        """GETRANGE rather than GET: whatever lies there, no more than ``most`` bytes come. An empty value is none."""
        found: bytes = await self.node.call(_SHARD, b"GETRANGE", release_key(version), 0, most - 1)
        return found or None

    async def write(self, version: str, value: bytes) -> None:
        """SET with the deadline."""
        await self.node.call(_SHARD, b"SET", release_key(version), value, b"EX", LIFE_SECONDS)
