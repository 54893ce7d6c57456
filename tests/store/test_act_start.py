"""An act whose state event begins a turn, as a sign-in does to take up what the customer had asked (I4 I5)."""

from typing import Any, Final

import pytest
from msgspec.structs import replace

from app.core.errors import FencedError
from app.core.messages import state_body
from app.core.publication import Events
from app.engine.calls import AskingChanged, Refusal
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, done, head_with, new_mark, say, timeless, whole

STATE: Final = state_body({"auth": "authenticated"})


def starting(chat: Chat, *states: bytes, **other: Any) -> Any:
    """Such an act, with a pending query."""
    usual: dict[str, Any] = {"start": True, "head": head_with(chat.sid, pending_query="why?")}
    return chat.change(*(states or (STATE,)), **(usual | other))


async def test_the_state_event_is_the_first_of_its_own_turn(chat: Chat) -> None:
    await chat.commit(await chat.start(), say("who are you?"))
    acted = done(await chat.store.act(starting(chat)))
    event = chat.log()[-1]
    assert (acted.seq, event.seq, event.turn, event.body.encode()) == (4, 4, 4, STATE)
    assert chat.todo() == [4]


async def test_on_an_idle_conversation_the_turn_is_the_callers(chat: Chat, other_store: RedisStore) -> None:
    await chat.commit(await chat.start(), say("who are you?"))
    lease = done(await other_store.act(starting(chat))).lease
    assert lease is not None
    assert (lease.turn, lease.attempt, lease.crashes, lease.part, lease.last, lease.text) == (4, 1, 0, 0, -1, "")
    assert (lease.event, lease.event.said()[0], lease.sealed) == (chat.log()[3], "", None)
    assert (chat.field("owner"), chat.field("turn"), chat.indexed()) == ("other", "4", True)
    assert await chat.store.claim(chat.sid, new_mark()) is None, "it is held"
    assert await other_store.delta(lease, 0, 0, 0, "becau") is None
    await other_store.commit(chat.commitment(lease, say("because")))
    assert chat.said()[3:] == [("state", 4, ""), ("assistant", 4, "because"), ("turn_end", 4, "completed")]
    assert (chat.todo(), chat.indexed()) == ([], False)


async def test_its_turn_is_taken_over_like_any_other(chat: Chat, other_store: RedisStore) -> None:
    lease = done(await chat.store.act(starting(chat, fresh="e1"))).lease
    assert lease is not None
    await chat.store.delta(lease, 0, 0, 2, "beca")
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    assert (claimed.lease.turn, claimed.lease.attempt, claimed.lease.text) == (1, 2, "beca")
    assert claimed.now.head.fields.pending_query == "why?"
    with pytest.raises(FencedError):
        await chat.commit(lease, say("because"))
    await other_store.commit(chat.commitment(claimed.lease, say("because")))
    assert chat.said() == [("state", 1, ""), ("assistant", 1, "because"), ("turn_end", 1, "completed")]


async def test_it_waits_behind_a_running_turn_which_the_caller_goes_on_with(
    chat: Chat, other_store: RedisStore, redis_server: RedisServer
) -> None:
    lease = await chat.start("m1")
    await chat.send("m2")
    await chat.store.delta(lease, 0, 0, 1, "some")
    mine = done(await other_store.act(starting(chat))).lease
    assert mine is not None
    assert chat.todo() == [1, 2, 3]
    assert (mine.turn, mine.attempt, mine.text, mine.fence != lease.fence) == (1, 2, "some", True)
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.commit(lease, say("late"))
    assert whole(redis_server) == before
    second = (await other_store.commit(chat.commitment(mine, say("some more")))).next
    assert second is not None
    third = (await other_store.commit(chat.commitment(second, say("two")))).next
    assert third is not None
    assert (third.turn, third.attempt, third.event.said()[0], third.last) == (3, 1, "", -1)
    assert (await other_store.commit(chat.commitment(third, say("because")))).next is None
    ends = [turn for kind, turn, _ in chat.said() if kind == "turn_end"]
    assert (ends, chat.todo()) == ([1, 2, 3], [])


async def test_it_can_be_cancelled_running_and_waiting(chat: Chat) -> None:
    await chat.start("m1")
    waiting = (await chat.act(STATE, start=True)).seq
    assert (await chat.cancel(waiting)).lease is None
    assert chat.todo() == [1]
    await chat.cancel(1)
    running = (await chat.act(STATE, start=True)).seq
    await chat.cancel(running)
    assert (chat.todo(), chat.said()[-1]) == ([], ("turn_end", running, "cancelled"))


@pytest.mark.parametrize("busy", [False, True])
async def test_a_retry_answers_the_same_and_writes_nothing(
    chat: Chat, ear: Ear, redis_server: RedisServer, busy: bool
) -> None:
    lease = await chat.start()
    if not busy:
        await chat.commit(lease)
    act = starting(chat)
    first = done(await chat.store.act(act))
    before = whole(redis_server)
    ear.heard()
    again = done(await chat.store.act(act))
    assert first.lease is not None
    assert replace(again, lease=timeless(again.lease)) == replace(first, lease=timeless(first.lease))
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_retry_of_one_that_created_answers_the_same(chat: Chat, redis_server: RedisServer) -> None:
    act = starting(chat, fresh="e1")
    first = done(await chat.store.act(act))
    before = whole(redis_server)
    again = done(await chat.store.act(act))
    assert (again.seq, again.rev, timeless(again.lease)) == (first.seq, first.rev, timeless(first.lease))
    assert (first.seq, whole(redis_server)) == (1, before)


@pytest.mark.parametrize("busy", [False, True])
async def test_it_is_published_with_what_runs_now(chat: Chat, ear: Ear, busy: bool) -> None:
    lease = await chat.start()
    if not busy:
        await chat.commit(lease)
    ear.heard()
    acted = await chat.act(STATE, start=True)
    (published,) = ear.parsed()
    assert isinstance(published, Events)
    assert (published.events, published.rev) == (chat.log()[-1:], acted.rev)
    assert published.events[0].turn == acted.seq
    assert published.running is not None
    assert (published.running.turn, published.running.attempt) == ((1, 2) if busy else (acted.seq, 1))


async def test_only_the_last_state_event_begins_it(chat: Chat) -> None:
    acted = await chat.act(STATE, STATE, start=True, fresh="e1")
    assert [event.turn for event in chat.log()] == [None, 2]
    assert (acted.seq, chat.todo()) == (2, [2])


@pytest.mark.parametrize("where", ["before", "with it"])
async def test_where_a_person_answers_nothing_begins(chat: Chat, where: str) -> None:
    await chat.send("m1")
    if where == "before":
        await chat.act(mode="human", stop=True)
    acted = await chat.act(STATE, start=True, **({} if where == "before" else {"mode": "human", "stop": True}))
    assert (acted.lease, chat.todo(), chat.log()[-1].turn, chat.indexed()) == (None, [], None, False)


async def test_where_the_bot_comes_back_with_it_it_begins(chat: Chat) -> None:
    await chat.act(mode="human", fresh="e1")
    acted = await chat.act(STATE, start=True, mode="bot")
    assert acted.lease is not None
    assert chat.todo() == [acted.seq]


async def test_after_the_end_nothing_begins(chat: Chat, redis_server: RedisServer) -> None:
    await chat.act(mode="ended", fresh="e1")
    before = whole(redis_server)
    assert await chat.store.act(starting(chat)) is Refusal.NONE
    assert whole(redis_server) == before


async def test_without_start_no_turn_begins(chat: Chat) -> None:
    acted = await chat.act(STATE, fresh="e1", head=head_with(chat.sid, pending_query="why?"))
    assert (acted.lease, chat.todo(), chat.log()[0].turn, chat.indexed()) == (None, [], None, False)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("asking", [None, True, False])
async def test_whether_a_secret_is_asked_for_changes_only_as_it_is_said(
    chat: Chat, before: bool, asking: bool | None
) -> None:
    await chat.commit(await chat.start(), asking=before)
    await chat.act(STATE, asking=asking)
    now = before if asking is None else asking
    assert chat.field("asking") == str(int(now))
    result = await chat.store.accept(chat.message("m2", asking=not now, sealed=b"" if now else b"x"))
    assert isinstance(result, AskingChanged)
    assert (await chat.send("m2", asking=now, sealed=b"x" if now else b"")).lease is not None


@pytest.mark.parametrize("mode", ["human", "ended"])
async def test_where_no_bot_is_left_no_secret_is_asked_for(chat: Chat, mode: str) -> None:
    await chat.commit(await chat.start(), asking=True)
    await chat.act(STATE, asking=True, mode=mode, stop=True)
    assert chat.field("asking") == "0"


async def test_one_that_is_created_can_ask(chat: Chat) -> None:
    await chat.act(STATE, fresh="e1", asking=True)
    assert chat.field("asking") == "1"


@pytest.mark.parametrize("moved", [False, True])
async def test_the_queue_goes_when_the_conversation_goes(chat: Chat, redis_server: RedisServer, moved: bool) -> None:
    """Whether or not its deadline was due to be moved."""
    await chat.commit(await chat.start())
    if moved:
        at = int(chat.field("expires_at")) - 20_000_000
        chat.set_field("expires_at", at)
        for key in chat.keys.all[:6]:
            redis_server.command("PEXPIREAT", key, at)
    await chat.act(STATE, start=True)
    expires = int(chat.field("expires_at"))
    assert {redis_server.command("PEXPIRETIME", key) for key in chat.keys.all[:4]} == {expires}
    assert redis_server.command("PEXPIRETIME", chat.keys.all[7]) >= expires


async def test_the_queue_of_a_created_one_goes_with_it(chat: Chat, redis_server: RedisServer) -> None:
    await chat.act(STATE, start=True, fresh="e1")
    expires = int(chat.field("expires_at"))
    assert {redis_server.command("PEXPIRETIME", chat.keys.all[place]) for place in (0, 1, 3)} == {expires}
