"""act.lua changes the head from any replica without a lease, and ends the conversation (I4 I5 I9)."""

import pytest
from msgspec.structs import replace

from app.core.errors import FencedError, NewerSchemaError, SessionGoneError, StaleError
from app.core.messages import state_body
from app.core.publication import Events
from app.engine.calls import Acted, AskingChanged, Refusal, Versioned
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, done, head_with, new_mark, say, timeless, whole

STATE = state_body({"auth": "authenticated"})


async def test_a_new_head_and_its_state_event_are_stored_under_a_new_revision(chat: Chat) -> None:
    await chat.commit(await chat.start())
    old = chat.field("rev")
    act = chat.change(STATE, head=head_with(chat.sid, pending_query="why?"))
    acted = done(await chat.store.act(act))
    loaded = await chat.store.load(chat.sid)
    assert loaded is not None
    assert (loaded.rev, loaded.head.fields.pending_query) == (acted.rev, "why?")
    assert int(acted.rev.partition("-")[0]) == int(old.partition("-")[0]) + 1
    event = chat.log()[-1]
    assert (event.seq, event.mark, event.turn, event.body.encode()) == (acted.seq, act.mark, None, STATE)
    assert (chat.field("mark"), acted.lease) == (act.mark, None)


async def test_a_stale_revision_changes_nothing(chat: Chat, redis_server: RedisServer) -> None:
    await chat.start()
    before = whole(redis_server)
    for rev in ("", "0-0", chat.field("rev").partition("-")[0] + "-" + new_mark()):
        with pytest.raises(StaleError):
            await chat.store.act(chat.change(STATE, rev=rev))
    assert whole(redis_server) == before


async def test_of_two_changes_on_one_revision_one_wins(chat: Chat, other_store: RedisStore) -> None:
    await chat.send("m1")
    mine, theirs = (chat.change(head=head_with(chat.sid, pending_query=name)) for name in ("mine", "theirs"))
    await chat.store.act(mine)
    with pytest.raises(StaleError):
        await other_store.act(theirs)
    loaded = await other_store.load(chat.sid)
    assert loaded is not None
    assert loaded.head.fields.pending_query == "mine"


async def test_a_running_turn_goes_on_with_whoever_acted(chat: Chat, other_store: RedisStore) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 4, "some")
    mine = done(await other_store.act(chat.change(STATE))).lease
    assert mine is not None
    assert mine.fence != lease.fence
    assert (mine.turn, mine.attempt, mine.crashes, mine.part, mine.last, mine.text) == (1, 2, 0, 0, 4, "some")
    assert (chat.field("owner"), chat.todo(), chat.indexed()) == ("other", [1], True)
    assert await other_store.delta(mine, 0, 5, 5, " more") is None
    await other_store.commit(chat.commitment(mine, say("some more")))
    assert chat.said()[-2:] == [("assistant", 1, "some more"), ("turn_end", 1, "completed")]


async def test_the_old_holder_can_write_nothing_more(
    chat: Chat, other_store: RedisStore, redis_server: RedisServer
) -> None:
    lease = await chat.start()
    await other_store.act(chat.change(STATE))
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.store.delta(lease, 0, 0, 0, "late")
    with pytest.raises(FencedError):
        await chat.commit(lease, say("late"))
    assert not await chat.store.renew(lease)
    assert whole(redis_server) == before


async def test_stop_ends_every_turn_once_and_keeps_what_was_written(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start("m1")
    await chat.store.delta(lease, 0, 0, 0, "so far")
    await chat.send("m2", sealed=b"a")
    await chat.send("m3", sealed=b"b")
    acted = await chat.act(STATE, mode="ended", stop=True)
    assert acted.lease is None
    assert chat.said()[3:] == [
        ("assistant", 1, "so far"), *(("turn_end", turn, "cancelled") for turn in (1, 2, 3)), ("state", None, ""),
    ]  # fmt: skip
    assert (chat.todo(), chat.secrets(), chat.partial(), chat.indexed()) == ([], {}, None, False)
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.commit(lease, say("late"))
    assert whole(redis_server) == before


async def test_the_end_is_idempotent(chat: Chat, ear: Ear, redis_server: RedisServer) -> None:
    await chat.send("m1")
    await chat.act(STATE, mode="ended", stop=True)
    before = whole(redis_server)
    ear.heard()
    assert await chat.store.act(chat.change(STATE, mode="ended", stop=True)) is Refusal.NONE
    assert await chat.store.act(chat.change(STATE)) is Refusal.NONE
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_person_takes_over_with_nothing_left_to_do(chat: Chat) -> None:
    await chat.start()
    await chat.act(STATE, mode="human", stop=True)
    assert (chat.todo(), chat.field("mode")) == ([], "human")
    assert (await chat.send("m2")).lease is None
    await chat.act(mode="bot")
    assert (await chat.send("m3")).lease is not None


async def test_a_person_who_takes_over_reads_what_was_to_be_a_secret(chat: Chat) -> None:
    """No turn would ever open a sealed answer: `asking` goes with the bot, and with it alone."""
    await chat.commit(await chat.start(), asking=True)
    await chat.act(STATE)
    assert chat.field("asking") == "1"
    await chat.act(STATE, mode="human", stop=True)
    assert chat.field("asking") == "0"
    result = await chat.store.accept(chat.message("m2", asking=True, sealed=b"x"))
    assert isinstance(result, AskingChanged)
    assert not result.asking
    await chat.send("m2", "1234")
    assert (chat.said()[-1], chat.secrets()) == (("user", None, "1234"), {})
    await chat.act(mode="bot")
    assert chat.field("asking") == "0"


async def test_an_absent_session_is_gone(chat: Chat, redis_server: RedisServer) -> None:
    before = whole(redis_server)
    assert await chat.store.act(chat.change(STATE)) is Refusal.GONE
    assert whole(redis_server) == before


async def test_one_that_may_be_created_is(chat: Chat) -> None:
    act = chat.change(STATE, fresh="e1", head=head_with(chat.sid, pending_query="why?"))
    acted = done(await chat.store.act(act))
    assert (acted.seq, acted.lease) == (1, None)
    assert [chat.field(name) for name in ("schema", "epoch", "mode", "asking")] == ["1", "e1", "bot", "0"]
    accepted = await chat.send("m1")
    assert accepted.lease is not None
    assert accepted.head is not None
    assert accepted.head.fields.pending_query == "why?"
    assert accepted.rev == acted.rev
    assert (await chat.commit(accepted.lease, say("yes"))).next is None


async def test_one_that_exists_is_not_created_again(chat: Chat) -> None:
    await chat.send("m1")
    with pytest.raises(StaleError):
        await chat.store.act(chat.change(STATE, fresh="e2", rev=""))
    assert chat.field("epoch") == "epoch"


async def test_a_newer_schema_is_refused_and_left_as_it_is(chat: Chat, redis_server: RedisServer) -> None:
    await chat.start()
    chat.set_field("schema", 999)
    before = whole(redis_server)
    for act in (chat.change(STATE), chat.change(STATE, mode="ended", stop=True)):
        with pytest.raises(NewerSchemaError):
            await chat.store.act(act)
    assert whole(redis_server) == before


@pytest.mark.parametrize("stop", [False, True])
async def test_a_retry_answers_the_same_and_writes_nothing(
    chat: Chat, ear: Ear, redis_server: RedisServer, stop: bool
) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 0, "one")
    act = chat.change(STATE, stop=stop, mode="ended" if stop else "")
    first = done(await chat.store.act(act))
    before = whole(redis_server)
    ear.heard()
    again = done(await chat.store.act(act))
    assert replace(again, lease=timeless(again.lease)) == replace(first, lease=timeless(first.lease))
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_retry_answers_the_same_after_another_message(chat: Chat) -> None:
    await chat.start("m1")
    act = chat.change(STATE)
    first = done(await chat.store.act(act))
    await chat.send("m2")
    again = done(await chat.store.act(act))
    assert (again.seq, again.rev, timeless(again.lease)) == (first.seq, first.rev, timeless(first.lease))


async def test_a_retry_gets_no_lease_that_was_taken_since(chat: Chat, other_store: RedisStore) -> None:
    await chat.start()
    act = chat.change(STATE)
    await chat.store.act(act)
    chat.expire_lease()
    assert await other_store.claim(chat.sid, new_mark()) is not None
    again = await chat.store.act(act)
    assert isinstance(again, Acted)
    assert again.lease is None


async def test_it_is_published_with_the_new_revision(chat: Chat, ear: Ear) -> None:
    await chat.start()
    before = chat.field("mark")
    ear.heard()
    acted = await chat.act(STATE)
    (published,) = ear.parsed()
    assert isinstance(published, Events)
    assert (published.before, published.events, published.rev) == ((1, before), chat.log()[1:], acted.rev)
    assert published.running is not None
    assert (published.running.turn, published.running.attempt) == (1, 2)


async def test_saving_a_head_lets_whoever_is_free_go_on_with_the_turn(chat: Chat, other_store: RedisStore) -> None:
    lease = await chat.start()
    loaded = await other_store.load(chat.sid)
    assert loaded is not None
    saved = await other_store.save(chat.sid, Versioned(loaded.rev, head_with(chat.sid, pending_query="why?")))
    assert saved.rev == chat.field("rev")
    assert not await chat.store.renew(lease)
    claimed = await chat.store.claim(chat.sid, new_mark())
    assert claimed is not None
    assert (claimed.lease.crashes, claimed.now.head.fields.pending_query) == (0, "why?")


async def test_saving_needs_the_revision_and_the_session(chat: Chat, redis_server: RedisServer) -> None:
    head = head_with(chat.sid)
    with pytest.raises(SessionGoneError):
        await chat.store.save(chat.sid, Versioned("", head))
    await chat.send("m1")
    before = whole(redis_server)
    with pytest.raises(StaleError):
        await chat.store.save(chat.sid, Versioned("0-0", head))
    assert whole(redis_server) == before
