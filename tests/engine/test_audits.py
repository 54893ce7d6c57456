"""Lines of the audit log are written once, and only for what was stored."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from app.agents.port import Audit, NextMessage, Piece, Turn
from app.core.errors import StoreUnavailableError
from app.engine.calls import Commit, Committed
from app.store.redis_store import RedisStore
from tests.engine.helpers import Scripted, ask, audits, changed, desk_of, ended, logged, say
from tests.support.poll import until
from tests.support.stores import Chat, new_mark


class Shaky:
    """A store whose commits are done, and then answered as if nobody knew, for the first few times."""

    def __init__(self, store: RedisStore, times: int, *, done: bool) -> None:
        self.store, self.times, self.done, self.asked = store, times, done, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def commit(self, commit: Commit) -> Committed:
        """See `app/engine/ports.py`."""
        self.asked += 1
        if self.asked > self.times:
            return await self.store.commit(commit)
        if self.done:
            await self.store.commit(commit)
        raise StoreUnavailableError("the answer was lost")


async def two_lines(turn: Turn) -> AsyncIterator[Piece]:
    """Audits before and after the text."""
    yield Audit("check", "begun", {"attempt": turn.attempt})
    yield f"heard {turn.text}"
    yield Audit("check", "done")


async def test_each_line_is_logged_once_with_its_turn(chat: Chat) -> None:
    desk = desk_of(chat.store, Scripted(two_lines))
    with logged() as lines:
        first, second = await ask(desk, chat, "hello"), await ask(desk, chat, "again")
    assert audits(lines) == [("check", "begun"), ("check", "done")] * 2
    of = [(line["session"], line["turn"]) for line in lines if line["event"] == "audit"]
    assert of == [("s1", first)] * 2 + [("s1", second)] * 2
    assert next(line for line in lines if line.get("result") == "begun")["attempt"] == 1


async def test_none_is_logged_before_its_message_is_stored(chat: Chat) -> None:
    seen: list[int] = []

    def look(_logger: object, _method: str, event: EventDict) -> EventDict:
        if event["event"] == "audit":
            seen.append(len(chat.log()))
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    structlog.configure(processors=[look])
    try:
        await ask(desk_of(chat.store, Scripted(two_lines)), chat, "hello")
    finally:
        structlog.configure(processors=before)
    assert seen == [3, 3]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyError("no")])
async def test_none_of_a_turn_that_failed_is_logged(chat: Chat, error: Exception) -> None:
    async def fails(turn: Turn) -> AsyncIterator[Piece]:
        yield Audit("check", "begun")
        yield changed(turn.head, pending_query="kept")
        yield "Let me see"
        raise error

    with logged() as lines:
        turn = await ask(desk_of(chat.store, Scripted(fails)), chat, "hello")
    assert (ended(chat, turn), audits(lines)) == ("failed", [])
    loaded = await chat.store.load(chat.sid)
    assert loaded is not None
    assert loaded.head.fields.pending_query is None, "what it was about isn't stored either"


async def test_those_of_a_message_before_the_failure_are_logged(chat: Chat) -> None:
    async def fails_later(turn: Turn) -> AsyncIterator[Piece]:
        yield Audit("check", "begun")
        yield "Let me see"
        yield NextMessage()
        yield Audit("check", "done")
        raise RuntimeError

    with logged() as lines:
        turn = await ask(desk_of(chat.store, Scripted(fails_later)), chat, "hello")
    assert (ended(chat, turn), audits(lines)) == ("failed", [("check", "begun")])


async def test_those_of_each_message_are_logged_with_it(chat: Chat) -> None:
    async def in_parts(turn: Turn) -> AsyncIterator[Piece]:
        for number in range(3):
            yield Audit("check", str(number))
            yield "Let me see"
            if number < 2:
                yield NextMessage()

    with logged() as lines:
        await ask(desk_of(chat.store, Scripted(in_parts)), chat, "hello")
    assert audits(lines) == [("check", "0"), ("check", "1"), ("check", "2")]


@pytest.mark.parametrize("done", [False, True])
async def test_a_commit_that_is_tried_again_is_logged_once(chat: Chat, done: bool) -> None:
    shaky = Shaky(chat.store, 2, done=done)
    with logged() as lines:
        await ask(desk_of(shaky, Scripted(two_lines)), chat, "hello")
    assert shaky.asked == 3
    assert audits(lines) == [("check", "begun"), ("check", "done")]
    assert chat.said()[1:] == [("assistant", 1, "heard hello"), ("turn_end", 1, "completed")]


async def test_whoever_lost_the_turn_logs_nothing_and_who_took_it_over_once(
    chat: Chat, other_store: RedisStore
) -> None:
    lost: list[str] = []

    async def loses(turn: Turn) -> AsyncIterator[Piece]:
        async for piece in two_lines(turn):
            yield piece
        chat.expire_lease()
        claimed = await other_store.claim(chat.sid, new_mark())
        assert claimed is not None
        lost.append("lost")
        there.turns.start(claimed.lease, claimed.now)

    here, there = desk_of(chat.store, Scripted(loses)), desk_of(other_store, Scripted(two_lines))
    with logged() as lines:
        turn = await say(here, chat, "hello")
        await until(lambda: ended(chat, turn), what="the end of the turn")
        await here.idle()
        await there.idle()
    assert lost == ["lost"]
    assert [line["attempt"] for line in lines if line.get("result") == "begun"] == [2]
    assert audits(lines) == [("check", "begun"), ("check", "done")]
