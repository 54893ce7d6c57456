"""Messages and turns in Redis: accept, commit, delta, and the leases (one typed method a script).

Must never decide anything: what holds at one moment is decided in the scripts, what to do about it in the engine.
"""

import asyncio
import time
from typing import Any

from app.core import limits
from app.core.errors import FencedError, SessionGoneError, StaleError
from app.core.messages import Event, turn_end_body
from app.core.session import SCHEMA, encode_head
from app.engine.calls import (
    Accepted,
    AskingChanged,
    Claimed,
    Commit,
    Committed,
    Lease,
    Message,
    Refused,
    TooFast,
    Versioned,
)
from app.store import replies
from app.store.base import RedisBase
from app.store.keys import WAKE_CHANNEL, turns_key

_DROPPED = turn_end_body("cancelled", "handed_over")
_SWEEP = 20  # expired turns read per shard and sweep
_FAR_SWEEP = 500  # now and then: twenty that can't be claimed must not hide all others


class RedisTurns(RedisBase):
    """See ``engine/ports.py`` for what each method promises."""

    async def accept(self, message: Message) -> Accepted | TooFast | AskingChanged | Refused:
        """``accept.lua``."""
        asked_at, ours = time.monotonic(), self.settings
        gap = 1000 / ours.rate if ours.rate > 0 else 0
        epoch, fresh = ("", b"") if message.fresh is None else (message.fresh[0], encode_head(message.fresh[1]))
        reply = await self.run(
            self.scripts.accept, message.sid, message.mark, SCHEMA, message.sid, message.id, message.body,
            ours.owner, ours.lease_ms, ours.ttl_ms, gap, message.cached_rev, int(message.asking), message.sealed,
            epoch, fresh, limits.MAX_EVENTS, max(limits.BURST_SECONDS * 1000, gap),
        )  # fmt: skip
        match replies.status(reply):
            case "ok":
                return _accepted(message, reply, asked_at)
            case "dup":
                return Accepted(int(reply[1]), duplicate=True)
            case "rate":
                return TooFast(int(reply[1]) / 1000)
            case "asking":
                _, asking, rev, head = reply
                return AskingChanged(asking == b"1", Versioned(replies.text(rev), replies.head(head)))
            case word:
                return Refused(word)

    async def commit(self, commit: Commit) -> Committed:
        """``commit.lua``."""
        asked_at, ours, lease = time.monotonic(), self.settings, commit.lease
        head = b"" if commit.head is None else encode_head(commit.head)
        hold = "" if commit.head is None else str(commit.head.hold)
        asking = "" if commit.asking is None else str(int(commit.asking))
        reply = await self.run(
            self.scripts.commit, lease.sid, commit.mark, lease.sid, lease.fence, commit.rev, lease.turn,
            int(commit.final), head, commit.mode, asking, hold, ours.lease_ms, ours.ttl_ms, _DROPPED, *commit.bodies,
        )  # fmt: skip
        _check(replies.status(reply), lease.sid)
        _, seq, rev, _, *following = reply
        follower = replies.lease(lease.sid, lease.fence, following[0], asked_at) if _some(following) else None
        return Committed(int(seq), replies.text(rev), follower)

    async def delta(self, lease: Lease, part: int, first: int, last: int, text: str) -> int | None:
        """``delta.lua``."""
        reply = await self.run(self.scripts.delta, lease.sid, lease.fence, lease.turn, part, first, last, text.encode())
        word = replies.status(reply)
        if word == "hole":
            return int(reply[1])
        _check(word, lease.sid)
        return None

    async def claim(self, sid: str, mark: str) -> Claimed | None:
        """``claim.lua``."""
        asked_at = time.monotonic()
        reply = await self.run(self.scripts.claim, sid, mark, SCHEMA, sid, self.settings.owner, self.settings.lease_ms)
        if replies.status(reply) != "ok":
            return None
        with replies.guard():
            _, fence, rev, head, _, following = reply
            lease = replies.lease(sid, fence, following, asked_at)
            return Claimed(lease, Versioned(replies.text(rev), replies.head(head)))

    async def renew(self, lease: Lease) -> bool:
        """``renew.lua``."""
        return bool(await self.run(self.scripts.renew, lease.sid, lease.sid, lease.fence, self.settings.lease_ms, "0"))

    async def release(self, lease: Lease, mark: str) -> bool:
        """``renew.lua`` with no time left."""
        return bool(await self.run(self.scripts.renew, lease.sid, lease.sid, lease.fence, 0, mark))

    async def wake(self) -> None:
        """A hint to the reapers of all replicas; whoever misses it sweeps a moment later."""
        await self.node.call(0, b"SPUBLISH", WAKE_CHANNEL, b"")

    async def expired(self, far: bool = True) -> list[str]:
        """The indexes of all shards, in one write, by Redis's clock."""
        seconds, micros = await self.node.call(0, b"TIME")
        now = int(seconds) * 1000 + int(micros) // 1000
        most = (b"LIMIT", 0, _FAR_SWEEP if far else _SWEEP)
        found: list[bytes] = []
        calls = []
        for shard in range(self.settings.shards):
            key = turns_key(shard)
            calls.append(self.node.call(shard, b"ZRANGE", key, b"-inf", now, b"BYSCORE", *most))
            if not far:
                continue
            later = now + 2 * self.settings.lease_ms
            calls.append(self.node.call(shard, b"ZRANGE", key, b"(%d" % later, b"+inf", b"BYSCORE", *most))
        for page in await asyncio.gather(*calls):
            found += page
        return [sid.decode("utf-8", "replace") for sid in found]


def _some(rest: list[Any]) -> bool:
    return bool(rest) and bool(rest[0])


def _check(word: str, sid: str) -> None:
    if word == "gone":
        raise SessionGoneError(sid)
    if word == "fenced":
        raise FencedError(sid)
    if word == "stale":
        raise StaleError(sid)


def _accepted(message: Message, reply: list[Any], asked_at: float) -> Accepted:
    _, seq, fence, rev, *head = reply
    lease = None
    if fence:
        # The caller knows what it sent; only the number is news. Its time is Redis's and not needed to answer it.
        event = Event(int(seq), message.mark, 0, int(seq), message.body.decode())
        sealed = message.sealed or None
        lease = Lease(message.sid, replies.text(fence), int(seq), 1, 0, 0, -1, "", event, sealed, asked_at)
    new_head = replies.head(head[0]) if _some(head) else None
    return Accepted(int(seq), False, replies.text(rev), new_head, lease)
