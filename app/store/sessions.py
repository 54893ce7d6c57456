"""Sessions in Redis: what is done to them without a lease, and everything that is read.

Must never return a part of a conversation as if it were the whole.
"""

import time
from typing import Any, Final

from app.core import document
from app.core.document import Imported
from app.core.errors import NewerSchemaError, SessionExistsError, SessionGoneError, StaleError
from app.core.messages import Cursor, Event, assistant_body, turn_end_body
from app.core.session import SCHEMA, encode_head, readable
from app.engine.calls import Act, Acted, Refusal, Snapshot, Top, Versioned
from app.store import replies
from app.store.base import RedisBase
from app.store.keys import active_key

_PAGE: Final = 500  # events read at once by an export


class RedisSessions(RedisBase):
    """See ``engine/ports.py`` for what each method promises."""

    def _ending(self, reason: str) -> tuple[bytes, bytes]:
        """Bodies for a turn that is stopped: a message up to where the script writes its text, and the turn_end."""
        message = assistant_body(self.new_id(), "", None, None)
        return message[: -len(b'""}')], turn_end_body("cancelled", reason)

    async def cancel(self, sid: str, mark: str, turn: int) -> Acted | Refusal:
        """``cancel.lua``."""
        asked_at, ours = time.monotonic(), self.settings
        reply = await self.run(
            self.scripts.cancel, sid, mark, SCHEMA, sid, turn, ours.owner, ours.lease_ms, ours.ttl_ms,
            *self._ending("cancelled"),
        )  # fmt: skip
        return _acted(sid, reply, asked_at)

    async def act(self, act: Act) -> Acted | Refusal:
        """``act.lua``."""
        asked_at, ours = time.monotonic(), self.settings
        head = encode_head(act.head)
        epoch, fresh = ("", b"") if act.fresh is None else (act.fresh, head)
        asking = "" if act.asking is None else int(act.asking)
        reply = await self.run(
            self.scripts.act, act.sid, act.mark, SCHEMA, act.sid, int(act.stop), int(act.start), act.rev, head,
            act.mode, act.head.hold, asking, ours.owner, ours.lease_ms, ours.ttl_ms,
            *self._ending("ended"), epoch, fresh, *act.states,
        )  # fmt: skip
        return _acted(act.sid, reply, asked_at)

    async def load(self, sid: str) -> Versioned | None:
        """The head alone."""
        keys = self.keys(sid)
        schema, rev, head = await self.node.call(keys.shard, b"HMGET", keys.session, b"schema", b"rev", b"head")
        if schema is None:
            return None
        _check_schema(schema)
        return Versioned(replies.text(rev), replies.head(head))

    async def save(self, sid: str, expected: Versioned) -> Versioned:
        """An act that changes the head and says nothing. Raises ``DocumentError`` for a head that can't be stored."""
        head = readable(expected.head)
        asking = head.fields.asking
        result = await self.act(Act(sid, self.new_mark(), expected.rev, head, [], asking=asking))
        if not isinstance(result, Acted):
            raise SessionGoneError(sid)
        if result.lease is not None:
            await self.run(self.scripts.renew, sid, sid, result.lease.fence, 0, self.new_mark())
        return Versioned(result.rev, head)

    async def delete(self, sid: str) -> bool:
        """``erase.lua``."""
        return replies.status(await self.run(self.scripts.erase, sid, sid, SCHEMA)) == "1"

    async def active_ids(self, cursor: str | None, limit: int) -> tuple[list[str], str | None]:
        """The ``active`` indexes. Raises ``ValueError`` for a cursor that isn't one."""
        return await self.indexed(active_key, cursor, limit, newest_first=True)

    async def join(self, sid: str, after: Cursor | None, limit: int) -> Snapshot | None:
        """``join.lua``, on the connection for long reads."""
        keys = self.keys(sid)
        epoch, seq, mark = ("", 0, "") if after is None else (after.epoch, after.seq, after.mark or "")
        if seq > 0 and not (mark.isascii() and mark.isdigit() and len(mark) < 20):
            epoch, seq, mark = "", 0, ""  # no event can have that mark
        reply = await self.replay.run_script(keys.shard, self.scripts.join, keys.all, SCHEMA, epoch, seq, mark, limit)
        return None if replies.status(reply) == "gone" else replies.snapshot(reply)

    async def top(self, sid: str) -> Top | None:
        """Three fields of the hash."""
        keys = self.keys(sid)
        names = (b"epoch", b"seq", b"mark", b"turn", b"part", b"wrote", b"last")
        epoch, seq, mark, turn, part, wrote, last = await self.node.call(keys.shard, b"HMGET", keys.session, *names)
        if seq is None:
            return None
        with replies.guard():
            written = int(last or -1)
            # Before the first chunk the field is still the last answer's.
            answer = (int(turn or 0), int(part or 0), int(wrote or 0) if written >= 0 else 0, written)
            return Top(replies.text(epoch), int(seq), replies.text(mark), answer)

    async def history(self, sid: str, before: int, limit: int) -> list[Event]:
        """A page of the log."""
        keys = self.keys(sid)
        if before <= 1:
            return []
        entries = await self.replay.call(keys.shard, b"XREVRANGE", keys.log, before - 1, b"-", b"COUNT", limit)
        return replies.events(entries[::-1])

    async def fork(self, sid: str, seen: Cursor, new: str) -> str | None:
        """``fork.lua``."""
        reply = await self.run(self.scripts.fork, sid, seen.epoch, new, seen.seq, seen.mark or "0")
        return None if reply is None else replies.text(reply)

    async def export(self, sid: str) -> dict[str, Any] | None:
        """Hash, log and ids, up to the seq that the hash named."""
        keys = self.keys(sid)
        names = (b"schema", b"seq", b"head", b"created_at", b"mode")
        schema, top, head, created, mode = await self.replay.call(keys.shard, b"HMGET", keys.session, *names)
        if schema is None:
            return None
        _check_schema(schema)
        events: list[Event] = []
        while len(events) < int(top):
            page = await self.replay.call(
                keys.shard, b"XRANGE", keys.log, len(events) + 1, b"%d" % int(top), b"COUNT", _PAGE
            )
            if not page:
                raise SessionGoneError(sid)  # erased while it was read
            events += replies.events(page)
        ids = await self.replay.call(keys.shard, b"HGETALL", keys.ids)
        known = {name.decode(): int(seq) for name, seq in ids.items() if int(seq) <= int(top)}
        return document.export(sid, int(schema), replies.head(head), events, known, int(created), replies.text(mode))

    async def import_(self, imported: Imported, mark: str, epoch: str) -> None:
        """``import.lua``."""
        arguments: list[bytes | str | int] = []
        for event in imported.events:
            arguments += [event.at_ms, "" if event.turn is None else event.turn, event.body.encode()]
        for name, seq in imported.ids.items():
            arguments += [name, seq]
        created = await self.run(
            self.scripts.import_, imported.session_id, mark, SCHEMA, imported.session_id, epoch,
            encode_head(imported.head), imported.mode, imported.head.hold,
            int(imported.head.fields.asking and imported.mode == "bot"), self.settings.ttl_ms,
            imported.created_ms, imported.active_ms, len(imported.events), *arguments,
        )  # fmt: skip
        if not created:
            raise SessionExistsError(imported.session_id)

    async def hint_typing(self, sid: str, origin: str, frame: str) -> None:
        """One SPUBLISH."""
        keys = self.keys(sid)
        await self.node.call(keys.shard, b"SPUBLISH", keys.channel, f"t {origin}\n{frame}")


def _acted(sid: str, reply: list[Any], asked_at: float) -> Acted | Refusal:
    word = replies.status(reply)
    if word == "stale":
        raise StaleError(sid)
    if word != "ok":
        return Refusal(word)
    _, seq, rev, fence, *rest = reply
    lease = replies.lease(sid, fence, rest[0], asked_at) if fence and rest and rest[0] else None
    return Acted(int(seq), replies.text(rev), lease)


def _check_schema(schema: bytes) -> None:
    if int(schema) > SCHEMA:
        raise NewerSchemaError(f"schema {int(schema)}; this release reads up to {SCHEMA}")
