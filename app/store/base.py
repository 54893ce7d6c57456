"""What the two halves of the Redis store share: settings, scripts, the connections. Must never hold a conversation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.store.keys import SessionKeys, session_keys
from app.store.link import Argument
from app.store.node import Node
from app.store.scripts import Script, Scripts


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``owner`` is random per process start; times in milliseconds; ``rate`` in messages per second (0: no limit)."""

    owner: str
    lease_ms: int
    ttl_ms: int
    rate: float
    shards: int


@dataclass(frozen=True, slots=True)
class RedisBase:
    """``node`` carries the commands, ``replay`` the long reads: one must not wait for the other."""

    node: Node
    replay: Node
    scripts: Scripts
    settings: StoreSettings
    new_id: Callable[[], str]
    new_mark: Callable[[], str]

    def keys(self, sid: str) -> SessionKeys:
        """The keys of a session."""
        return session_keys(sid, self.settings.shards)

    async def run(self, script: Script, sid: str, *arguments: Argument) -> Any:
        """Run a script on a session's keys. Raises ``StoreUnavailableError``."""
        keys = self.keys(sid)
        return await self.node.run_script(keys.shard, script, keys.all, *arguments)
