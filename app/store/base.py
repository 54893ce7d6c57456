"""What the two halves of the Redis store share: settings, scripts, the connections. Must never hold a conversation."""

import asyncio
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

    async def indexed(
        self, key: Callable[[int], bytes], cursor: str | None, limit: int, *, newest_first: bool
    ) -> tuple[list[str], str | None]:
        """A page of an index that every shard has a part of, by score; and the cursor of the next page.

        The cursor is the last score and id, so that a page can't repeat one. Raises ``ValueError`` for one that isn't.
        """
        sign = -1 if newest_first else 1
        score, _, after = (cursor if cursor is not None else "0").partition(":")
        first = (b"%d" % int(score)) if cursor is not None else b"+inf" if newest_first else b"-inf"
        bounds = (first, b"-inf", b"BYSCORE", b"REV") if newest_first else (first, b"+inf", b"BYSCORE")
        most = (b"LIMIT", 0, limit + 100, b"WITHSCORES")
        calls = [
            self.replay.call(shard, b"ZRANGE", key(shard), *bounds, *most) for shard in range(self.settings.shards)
        ]
        pages = await asyncio.gather(*calls)
        rows = sorted((sign * int(score), sid.decode("utf-8", "replace")) for page in pages for sid, score in page)
        if cursor is not None:
            rows = [row for row in rows if row > (sign * int(score), after)]
        page = rows[:limit]
        more = f"{sign * page[-1][0]}:{page[-1][1]}" if len(rows) > limit else None
        return [sid for _, sid in page], more
