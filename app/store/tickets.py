"""Conversations that wait for a person, over all shards. Must never keep a ticket anywhere but in its conversation."""

import asyncio

from app.core.errors import NewerSchemaError, UnreadableError
from app.core.session import Head
from app.store.keys import tickets_key
from app.store.sessions import RedisSessions


class RedisTickets(RedisSessions):
    """See ``engine/ports.py`` for what each method promises."""

    async def waiting(self) -> int:
        """The indexes of all shards, in one write."""
        calls = [self.node.call(shard, b"ZCARD", tickets_key(shard)) for shard in range(self.settings.shards)]
        return sum(await asyncio.gather(*calls))

    async def tickets(self, cursor: str | None, limit: int) -> tuple[list[tuple[str, Head]], str | None]:
        """The indexes, then the heads of a page. Entries of conversations that are gone are dropped."""
        page, more = await self.indexed(tickets_key, cursor, limit, newest_first=False)
        heads = await asyncio.gather(*map(self._waiting_head, page))
        return [(sid, head) for sid, head in zip(page, heads, strict=True) if head is not None], more

    async def _waiting_head(self, sid: str) -> Head | None:
        """The head of a conversation that waits; None if it is gone, or can't be read by this release."""
        try:
            now = await self.load(sid)
        except (NewerSchemaError, UnreadableError):
            return None
        if now is None:
            keys = self.keys(sid)
            await self.node.call(keys.shard, b"ZREM", tickets_key(keys.shard), keys.sid)
        return None if now is None else now.head
