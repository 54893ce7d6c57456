"""The reaper takes over as much as a replica can bear, and as soon as somebody says that there is something to take."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.agents.port import Piece, Turn
from app.core.errors import StoreRefusedError
from app.engine import recovery
from app.engine.calls import Claimed, Lease
from app.engine.recovery import Recovery
from app.store.redis_store import RedisStore
from tests.engine.helpers import Scripted, desk_of, ended, logged, say
from tests.engine.test_recovery import LEASE, heir, ponder
from tests.support.poll import until
from tests.support.stores import Chat


async def test_a_replica_with_many_turns_of_its_own_still_takes_over(
    chat: Chat, other_store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MOST_CLAIMED", 3)
    dead, _ = heir(other_store)
    lost = [Chat(chat.store, chat.server, f"dead-{number}") for number in range(8)]
    for one in lost:
        await say(dead, one, "hang")
        dead.turns.drop(dead.turns.running[one.sid])
        one.expire_lease()

    async def hang(_turn: Turn) -> AsyncIterator[Piece]:
        yield "x"
        await asyncio.Event().wait()

    desk = desk_of(chat.store, Scripted(hang))
    mine = Recovery(chat.store, desk.turns, LEASE, lambda: False)
    for number in range(5):
        await say(desk, Chat(chat.store, chat.server, f"own-{number}"), "hello")
    await mine.sweep()
    taken = [run for run in desk.turns.running.values() if run.lease.attempt > 1]
    assert (len(desk.turns.running), len(taken)) == (8, 3), "its own turns don't count, and it takes no more than three"
    for run in taken:
        desk.turns.drop(run)
    await mine.sweep()
    assert len([run for run in desk.turns.running.values() if run.lease.attempt > 1]) == 3
    for run in list(desk.turns.running.values()):
        desk.turns.drop(run)


async def test_a_released_lease_wakes_the_reaper(
    chat: Chat, other_store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one would look by itself in an hour."""
    monkeypatch.setattr(recovery, "SWEEP_EVERY", 3600.0)
    dead, _ = heir(other_store)
    turn = await say(dead, chat, "hang")
    desk = desk_of(chat.store, Scripted(ponder))
    mine = Recovery(chat.store, desk.turns, 14400.0, lambda: False)
    task = asyncio.create_task(mine.reap())
    try:
        dead.turns.give_up(dead.turns.running["s1"])
        await dead.turns.owed.give_back()
        mine.wake()
        await until(lambda: ended(chat, turn), what="the end of the turn", timeout=5)
        await desk.idle()
    finally:
        task.cancel()


class Refusing:
    """A store that refuses some calls, and counts the wake-ups."""

    def __init__(self, store: RedisStore) -> None:
        self.store, self.refused, self.wakes, self.claims = store, {"release", "claim"}, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def release(self, lease: Lease, mark: str) -> bool:
        if "release" in self.refused:
            raise StoreRefusedError("OOM")
        return await self.store.release(lease, mark)

    async def claim(self, sid: str, mark: str) -> Claimed | None:
        self.claims += 1
        if "claim" in self.refused:
            raise StoreRefusedError("OOM")
        return await self.store.claim(sid, mark)

    async def wake(self) -> None:
        self.wakes += 1


async def crowd_of_the_dead(chat: Chat, other_store: RedisStore, count: int) -> None:
    """Conversations whose holder is gone."""
    dead, _ = heir(other_store)
    for number in range(count):
        one = Chat(chat.store, chat.server, f"dead-{number}")
        await say(dead, one, "hang")
        dead.turns.drop(dead.turns.running[one.sid])
        one.expire_lease()


async def test_a_store_that_refuses_everything_is_left_alone(chat: Chat, other_store: RedisStore) -> None:
    """Redis out of memory: no wake-up of others for nothing, a handful of claims and one line a sweep."""
    await crowd_of_the_dead(chat, other_store, 40)
    store = Refusing(chat.store)
    desk, mine = heir(store)
    await say(desk, chat, "hang")
    desk.turns.give_up(desk.turns.running["s1"])
    with pytest.raises(StoreRefusedError):
        await desk.turns.owed.give_back()
    with logged() as lines:
        await mine.sweep()
    assert (store.wakes, store.claims) == (0, recovery.CLAIMS_AT_ONCE)
    (line,) = [line for line in lines if line["event"] == "turns_not_claimed"]
    assert line["turns"] == recovery.CLAIMS_AT_ONCE
    store.refused.clear()
    await desk.turns.owed.give_back()
    assert (store.wakes, len(desk.turns.owed)) == (1, 0)


async def test_who_leaves_claims_nothing_more(chat: Chat, other_store: RedisStore) -> None:
    await crowd_of_the_dead(chat, other_store, 40)
    desk = desk_of(chat.store, Scripted(ponder))
    looks = iter([False, False] + [True] * 1000)
    mine = Recovery(chat.store, desk.turns, LEASE, lambda: next(looks))
    await mine.sweep()
    assert not desk.turns.running
    assert len(desk.turns.owed) == recovery.CLAIMS_AT_ONCE, "what was claimed meanwhile is given back"


async def test_a_damaged_fence_ends_no_reaper(chat: Chat) -> None:
    desk, mine = heir(chat.store)
    await say(desk, chat, "hang")
    desk.turns.drop(desk.turns.running["s1"])
    chat.server.command("HSET", chat.keys.session, "rev", b"\xff\xfe")
    chat.expire_lease()
    with logged() as lines:
        await mine.sweep()
    assert [line["event"] for line in lines].count("turns_not_claimed") == 1
