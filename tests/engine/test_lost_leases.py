"""A lease that is ours is run or given back, whatever comes between; one that isn't is let go without a fuss."""

import asyncio
from typing import Any

import pytest

from app.core.errors import StaleError, StoreUnavailableError
from app.engine.calls import Commit, Committed, Lease, Versioned
from app.store.redis_store import RedisStore
from tests.engine.helpers import ask, say
from tests.engine.test_recovery import heir
from tests.support.poll import until
from tests.support.stores import Chat


class Odd:
    """A store with one odd answer."""

    def __init__(self, store: RedisStore) -> None:
        self.store = store
        self.stale = self.lost_load = False
        self.renewed = asyncio.Event()
        self.may_answer = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def commit(self, commit: Commit) -> Committed:
        if self.stale:
            self.stale = False
            raise StaleError("s1")
        return await self.store.commit(commit)

    async def load(self, sid: str) -> Versioned | None:
        if self.lost_load:
            raise StoreUnavailableError("cut off")
        return await self.store.load(sid)

    async def renew(self, lease: Lease) -> bool:
        self.renewed.set()
        await self.may_answer.wait()
        return await self.store.renew(lease)


async def test_a_renewal_that_meets_the_end_of_its_turn_is_no_refused_write(chat: Chat) -> None:
    store = Odd(chat.store)
    desk, mine = heir(store)
    await say(desk, chat, "hello")
    run = desk.turns.running["s1"]
    renewal = asyncio.create_task(mine._renew(run, desk.turns.clock()))
    await store.renewed.wait()
    await desk.idle()
    store.may_answer.set()
    await renewal
    assert b"baton_fenced_total 0.0" in desk.turns.metrics.text()


async def test_a_head_that_was_changed_under_a_good_lease_gives_it_back(chat: Chat) -> None:
    store = Odd(chat.store)
    desk, _ = heir(store)
    store.stale = True
    await say(desk, chat, "hello")
    await desk.idle()
    assert len(desk.turns.owed) == 1
    await desk.turns.owed.give_back()
    assert chat.field("owner") == ""


async def test_a_next_turn_whose_head_cannot_be_read_is_given_back(chat: Chat) -> None:
    store = Odd(chat.store)
    desk, mine = heir(store)
    first = await say(desk, chat, "hang")
    await say(desk, chat, "hello")
    store.lost_load = True
    with pytest.raises(StoreUnavailableError):
        await desk.conversations.cancel(chat.sid, first)
    assert len(desk.turns.owed) == 1
    store.lost_load = False
    await desk.turns.owed.give_back()
    assert chat.field("crashes") == "0"
    await mine.sweep()
    await until(lambda: not chat.todo(), what="the end of the next turn")
    await desk.idle()


async def test_a_conversation_that_begins_anew_has_low_fences_and_they_count(chat: Chat) -> None:
    """It was erased, or Redis has lost it, while a turn ran here."""
    desk, _ = heir(chat.store)
    for _ in range(5):
        await ask(desk, chat, "hello")
    await say(desk, chat, "hang")
    await chat.store.delete(chat.sid)
    turn = await ask(desk, chat, "hello again")
    assert turn == 1
    assert desk.turns.running == {}
