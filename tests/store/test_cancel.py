"""cancel.lua ends one turn from any replica: what was written stays, the holder is out, the rest goes on (I4 I5)."""

import pytest
from msgspec.structs import replace

from app.core.errors import FencedError, NewerSchemaError
from app.core.publication import Events
from app.engine.calls import Acted, Refusal
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, done, new_mark, say, timeless, whole


async def test_the_text_of_a_running_turn_becomes_its_message(chat: Chat, other_store: RedisStore) -> None:
    lease = await chat.start()
    text = 'so "far" \\ / é\n\t\x7f so good'
    await chat.store.delta(lease, 0, 0, 0, text)
    done(await other_store.cancel(chat.sid, new_mark(), 1))
    message, ending = (event.document() for event in chat.log()[1:])
    assert (message["type"], message["role"], message["turn"], message["text"]) == ("message", "assistant", 1, text)
    assert message["id"]
    assert (ending["type"], ending["turn"], ending["status"]) == ("turn_end", 1, "cancelled")
    assert ending["reason"] == "cancelled"
    assert chat.partial() is None


async def test_a_turn_that_wrote_nothing_ends_without_a_message(chat: Chat) -> None:
    await chat.start()
    await chat.cancel(1)
    assert chat.said() == [("user", 1, "hello"), ("turn_end", 1, "cancelled")]


async def test_a_part_already_stored_is_not_stored_again(chat: Chat) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 0, "one")
    await chat.commit(lease, say("one"), final=False)
    await chat.cancel(1)
    assert chat.said()[1:] == [("assistant", 1, "one"), ("turn_end", 1, "cancelled")]


async def test_the_holder_of_a_cancelled_turn_can_write_nothing_more(
    chat: Chat, other_store: RedisStore, redis_server: RedisServer
) -> None:
    lease = await chat.start()
    await chat.send("m2")
    acted = done(await other_store.cancel(chat.sid, new_mark(), 1))
    assert acted.lease is not None
    assert acted.lease.fence != lease.fence
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.store.delta(lease, 0, 0, 0, "late")
    for late in (lease, replace(lease, turn=2)):
        with pytest.raises(FencedError):
            await chat.commit(late, say("late"))
    assert not await chat.store.renew(lease)
    assert whole(redis_server) == before


async def test_what_is_left_is_leased_to_whoever_cancelled(chat: Chat, other_store: RedisStore) -> None:
    lease = await chat.start("m1")
    await chat.store.delta(lease, 0, 0, 2, "text of the first")
    await chat.send("m2", sealed=b"sealed")
    following = done(await other_store.cancel(chat.sid, new_mark(), 1)).lease
    assert following is not None
    assert (following.turn, following.attempt, following.crashes) == (2, 1, 0)
    assert (following.part, following.last, following.text, following.sealed) == (0, -1, "", b"sealed")
    assert following.event == chat.log()[1]
    assert (chat.field("owner"), chat.indexed()) == ("other", True)
    assert await other_store.delta(following, 0, 0, 0, "an answer") is None
    await other_store.commit(chat.commitment(following, say("an answer")))
    assert chat.said()[-1] == ("turn_end", 2, "completed")


async def test_after_the_last_turn_nothing_is_leased(chat: Chat) -> None:
    await chat.start()
    acted = await chat.cancel(1)
    assert (acted.lease, chat.todo(), chat.indexed()) == (None, [], False)
    assert (await chat.send("m2")).lease is not None


async def test_a_waiting_turn_leaves_the_queue_and_the_running_one_goes_on(chat: Chat) -> None:
    lease = await chat.start("m1")
    await chat.send("m2", sealed=b"sealed")
    await chat.send("m3")
    acted = await chat.cancel(2)
    assert acted.lease is None
    assert (chat.todo(), chat.secrets(), chat.field("fence")) == ([1, 3], {}, lease.fence)
    following = (await chat.commit(lease, say("yes"))).next
    assert following is not None
    assert following.turn == 3
    assert [turn for kind, turn, _ in chat.said() if kind == "turn_end"] == [2, 1]


async def test_the_sealed_answer_of_a_cancelled_turn_is_deleted(chat: Chat) -> None:
    await chat.send("m1", sealed=b"sealed")
    await chat.cancel(1)
    assert chat.secrets() == {}


async def test_a_turn_that_has_ended_is_left_alone(chat: Chat, redis_server: RedisServer) -> None:
    await chat.commit(await chat.start("m1"), say("yes"))
    await chat.start("m2")
    before = whole(redis_server)
    assert await chat.store.cancel(chat.sid, new_mark(), 1) is Refusal.NONE
    assert whole(redis_server) == before


async def test_what_is_no_turn_is_unknown(chat: Chat, redis_server: RedisServer) -> None:
    await chat.commit(await chat.start("m1"), say("yes"), mode="human")
    await chat.send("m2")  # with a person: starts no turn
    before = whole(redis_server)
    answer, turn_end, no_turn, beyond = 2, 3, 4, 99
    for turn in (answer, turn_end, no_turn, beyond, 2**53):
        assert await chat.store.cancel(chat.sid, new_mark(), turn) is Refusal.UNKNOWN
    assert whole(redis_server) == before


async def test_an_absent_session_is_gone(chat: Chat) -> None:
    assert await chat.store.cancel(chat.sid, new_mark(), 1) is Refusal.GONE


async def test_a_newer_schema_is_refused_and_left_as_it_is(chat: Chat, redis_server: RedisServer) -> None:
    await chat.start()
    chat.set_field("schema", 999)
    before = whole(redis_server)
    with pytest.raises(NewerSchemaError):
        await chat.store.cancel(chat.sid, new_mark(), 1)
    assert whole(redis_server) == before


@pytest.mark.parametrize("turn", [1, 2])
async def test_a_retry_answers_the_same_and_writes_nothing(
    chat: Chat, ear: Ear, redis_server: RedisServer, turn: int
) -> None:
    lease = await chat.start("m1")
    await chat.store.delta(lease, 0, 0, 0, "one")
    await chat.send("m2")
    await chat.send("m3")
    mark = new_mark()
    first = done(await chat.store.cancel(chat.sid, mark, turn))
    before = whole(redis_server)
    ear.heard()
    again = done(await chat.store.cancel(chat.sid, mark, turn))
    assert timeless(again.lease) == timeless(first.lease)
    assert (again.seq, again.rev) == (first.seq, first.rev)
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_retry_answers_the_same_after_another_message(chat: Chat) -> None:
    await chat.start("m1")
    await chat.send("m2")
    mark = new_mark()
    first = done(await chat.store.cancel(chat.sid, mark, 1))
    await chat.send("m3")
    again = done(await chat.store.cancel(chat.sid, mark, 1))
    assert (again.seq, timeless(again.lease)) == (first.seq, timeless(first.lease))


async def test_a_retry_gets_no_lease_that_was_taken_since(chat: Chat, other_store: RedisStore) -> None:
    await chat.start("m1")
    await chat.send("m2")
    mark = new_mark()
    await chat.store.cancel(chat.sid, mark, 1)
    chat.expire_lease()
    assert await other_store.claim(chat.sid, new_mark()) is not None
    again = await chat.store.cancel(chat.sid, mark, 1)
    assert isinstance(again, Acted)
    assert again.lease is None


async def test_it_is_published_with_what_runs_now(chat: Chat, ear: Ear) -> None:
    await chat.start("m1")
    await chat.send("m2")
    await chat.send("m3")
    before = chat.field("mark")
    ear.heard()
    await chat.cancel(3)
    await chat.cancel(1)
    first, second = ear.parsed()
    assert isinstance(first, Events)
    assert isinstance(second, Events)
    log = chat.log()
    assert (first.before, first.events, first.rev) == ((3, before), log[3:4], chat.field("rev"))
    assert (second.before, second.events) == ((4, log[3].mark), log[4:])
    assert [(now.turn, now.attempt) for now in (first.running, second.running) if now] == [(1, 1), (2, 1)]
