"""The reaper takes over as much as a replica can bear, and as soon as somebody says that there is something to take."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.agents.port import Piece, Turn
from app.engine import recovery
from app.engine.recovery import Recovery
from app.store.redis_store import RedisStore
from tests.engine.helpers import Scripted, desk_of, ended, say
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
        await dead.turns.give_back()
        mine.wake()
        await until(lambda: ended(chat, turn), what="the end of the turn", timeout=5)
        await desk.idle()
    finally:
        task.cancel()
