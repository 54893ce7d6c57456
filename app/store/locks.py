"""Counts attempts to verify, per account and per client, across conversations and replicas (``lock.lua``).

Must never put an account or an address into Redis: keys hold their keyed hashes (I10).
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.store.keys import lock_key
from app.store.node import Node
from app.store.scripts import Script


@dataclass(frozen=True, slots=True)
class RedisLocks:
    """``fingerprint`` hashes (kind, value); ``most`` attempts are let in within ``window_ms`` milliseconds."""

    node: Node
    script: Script
    fingerprint: Callable[[str, str], str]
    most: int
    window_ms: int

    async def admit(self, kind: str, value: str, member: str) -> tuple[bool, int]:
        """Count ``member`` before it is judged; whether it may be, and how many more are let in after it.

        The same member again is let in again, and counts once. Raises ``StoreUnavailableError``.
        """
        admitted, count = await self._run("admit", kind, value, member)
        return admitted, max(self.most - count, 0)

    async def free(self, kind: str, value: str) -> bool:
        """Whether one more attempt would be let in."""
        return (await self._run("look", kind, value, ""))[0]

    async def forget(self, kind: str, value: str, member: str) -> None:
        """It was right: it doesn't count."""
        await self._run("forget", kind, value, member)

    async def _run(self, what: str, kind: str, value: str, member: str) -> tuple[bool, int]:
        shard, key = lock_key(self.fingerprint(kind, value))
        reply = await self.node.run_script(shard, self.script, (key,), what, member, self.most, self.window_ms)
        return bool(reply[0]), int(reply[1])
