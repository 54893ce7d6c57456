"""Leases are kept, given back and taken over: by a replica that is cut off, busy, or never hears the answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.agents.port import Piece, Turn
from app.core.errors import StoreUnavailableError
from app.engine.calls import Claimed, Commit, Committed, Lease
from app.engine.recovery import Recovery
from app.store.redis_store import RedisStore
from tests.engine.helpers import Desk, Scripted, desk_of, ended, say
from tests.support.poll import until
from tests.support.stores import LEASE_MS, Chat

LEASE = LEASE_MS / 1000


class Cut:
    """A store whose calls can be cut off, before or after they are done, by name."""

    def __init__(self, store: RedisStore) -> None:
        self.store = store
        self.before: set[str] = set()
        self.after: set[str] = set()
        self.marks: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def _through(self, name: str, call: Any) -> Any:
        if name in self.before:
            call.close()
            raise StoreUnavailableError("cut off")
        answer = await call
        if name in self.after:
            raise StoreUnavailableError("the reply was lost")
        return answer

    async def renew(self, lease: Lease) -> bool:
        return bool(await self._through("renew", self.store.renew(lease)))

    async def release(self, lease: Lease, mark: str) -> bool:
        return bool(await self._through("release", self.store.release(lease, mark)))

    async def claim(self, sid: str, mark: str) -> Claimed | None:
        self.marks.append(mark)
        claimed: Claimed | None = await self._through("claim", self.store.claim(sid, mark))
        return claimed

    async def commit(self, commit: Commit) -> Committed:
        committed: Committed = await self._through("commit", self.store.commit(commit))
        return committed


async def ponder(turn: Turn) -> AsyncIterator[Piece]:
    """Never ends if it is told to hang, but at a second attempt."""
    yield "begun "
    if turn.text == "hang" and turn.attempt == 1:
        await asyncio.Event().wait()
    yield "done"


def heir(store: Any, clock: Any = time.monotonic) -> tuple[Desk, Recovery]:
    """A replica and its recovery, which does nothing by itself."""
    desk = desk_of(store, Scripted(ponder), clock=clock)
    return desk, Recovery(store, desk.turns, LEASE, lambda: False)


async def test_who_cannot_renew_stops_in_time_and_gives_the_lease_back_when_it_can(
    chat: Chat, other_store: RedisStore
) -> None:
    ahead = [0.0]
    cut = Cut(chat.store)
    desk, mine = heir(cut, lambda: time.monotonic() + ahead[0])
    turn = await say(desk, chat, "hang")
    await until(lambda: chat.partial() == b"begun ", what="the first word")
    (run,) = desk.turns.running.values()
    cut.before = {"renew", "release"}
    ahead[0] = LEASE / 2
    await mine._renew(run, desk.turns.clock())
    assert desk.turns.running, "there is time left"
    ahead[0] = LEASE
    assert desk.turns.clock() < run.deadline + 1
    await mine._renew(run, desk.turns.clock())
    assert not desk.turns.running
    with pytest.raises(StoreUnavailableError):
        await desk.turns.owed.give_back()
    assert chat.field("owner"), "not released yet"
    cut.before.clear()
    await desk.turns.owed.give_back()
    assert (chat.field("owner"), len(desk.turns.owed)) == ("", 0)
    other, theirs = heir(other_store)
    await theirs.sweep()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    await other.idle()
    assert ("assistant", turn, "begun done") in chat.said()
    assert [t.attempt for t in other.turns.agent.given] == [2]  # type: ignore[attr-defined]
    assert b"baton_fenced_total 0.0" in desk.turns.metrics.text()


async def test_a_lease_given_back_is_no_crash_and_one_that_ran_out_is(chat: Chat, other_store: RedisStore) -> None:
    desk, _ = heir(chat.store)
    await say(desk, chat, "hang")
    (run,) = desk.turns.running.values()
    desk.turns.give_up(run)
    await desk.turns.owed.give_back()
    claimed = await other_store.claim(chat.sid, "77")
    assert claimed is not None
    assert (claimed.lease.attempt, claimed.lease.crashes) == (2, 0)
    chat.expire_lease()
    again = await chat.store.claim(chat.sid, "78")
    assert again is not None
    assert (again.lease.attempt, again.lease.crashes) == (3, 1)


async def test_what_is_owed_is_left_to_others_here(chat: Chat) -> None:
    desk, mine = heir(chat.store)
    await say(desk, chat, "hang")
    (run,) = desk.turns.running.values()
    desk.turns.give_up(run)
    chat.expire_lease()
    await mine.sweep()
    assert not desk.turns.running
    await desk.turns.owed.give_back()
    await mine.sweep()
    await until(lambda: ended(chat, 1), what="the end of the turn")
    await desk.idle()


async def test_a_claim_whose_reply_is_lost_is_asked_again_under_its_mark(chat: Chat, other_store: RedisStore) -> None:
    first, _ = heir(other_store)
    turn = await say(first, chat, "hang")
    first.turns.drop(first.turns.running["s1"])
    chat.expire_lease()
    cut = Cut(chat.store)
    cut.after = {"claim"}
    desk, mine = heir(cut)
    sweep = asyncio.create_task(mine.sweep())
    await until(lambda: len(cut.marks) > 1, what="a second try")
    asked = desk.turns.clock()
    cut.after.clear()
    await sweep
    run = desk.turns.running.get("s1")
    assert run is None or run.deadline < asked + LEASE, "the lease counts from the first try"
    await until(lambda: ended(chat, turn), what="the end of the turn")
    await desk.idle()
    assert len(set(cut.marks)) == 1
    (seen,) = desk.turns.agent.given  # type: ignore[attr-defined]
    assert seen.attempt == 2


async def test_a_lease_handed_on_counts_from_the_first_try_of_the_commit(chat: Chat) -> None:
    ahead, cut = [0.0], Cut(chat.store)
    gate = asyncio.Event()

    async def waits(turn: Turn) -> AsyncIterator[Piece]:
        yield f"heard {turn.text}"
        if turn.text == "one":
            await gate.wait()
        else:
            await asyncio.Event().wait()

    desk = desk_of(cut, Scripted(waits), clock=lambda: time.monotonic() + ahead[0])
    first, second = await say(desk, chat, "one"), await say(desk, chat, "two")
    cut.after = {"commit"}
    asked = desk.turns.clock()
    gate.set()
    await until(lambda: ended(chat, first), what="a commit that is done and not known of")
    ahead[0] = LEASE * 0.9
    cut.after.clear()
    await until(lambda: desk.turns.running["s1"].lease.turn == second, what="the next turn")
    assert desk.turns.running["s1"].deadline < asked + LEASE + 1
    desk.turns.drop(desk.turns.running["s1"])


async def test_after_three_crashes_what_was_shown_stays(chat: Chat) -> None:
    desk, mine = heir(chat.store)  # its agent doesn't continue: at another attempt it would begin anew
    turn = await say(desk, chat, "hang")
    await until(lambda: chat.partial() == b"begun ", what="the first word")
    desk.turns.drop(desk.turns.running["s1"])
    chat.set_field("crashes", 2)
    chat.expire_lease()
    await mine.sweep()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    await desk.idle()
    said = [text for kind, of, text in chat.said() if (kind, of) == ("assistant", turn)]
    assert said[0] == "begun "
    assert "sorry" in said[1]
    assert ended(chat, turn) == "failed"


async def test_a_refused_delta_is_counted(chat: Chat, other_store: RedisStore) -> None:
    goes_on = asyncio.Event()

    async def two_words(_turn: Turn) -> AsyncIterator[Piece]:
        yield "begun "
        await goes_on.wait()
        yield "done"
        await asyncio.Event().wait()

    desk = desk_of(chat.store, Scripted(two_words))
    await say(desk, chat, "hello")
    await until(lambda: chat.partial() == b"begun ", what="the first word")
    chat.expire_lease()
    assert await other_store.claim(chat.sid, "77") is not None
    goes_on.set()
    await until(lambda: b"baton_fenced_total 1.0" in desk.turns.metrics.text(), what="a refused write")
    await desk.idle()
    assert chat.partial() == b"begun "
