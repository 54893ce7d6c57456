"""accept.lua stores a message once, in one order, and leases its turn to one caller (I1 I2 I3)."""

import asyncio

from msgspec.structs import replace

from app.core.messages import user_body
from app.core.publication import Events
from app.engine.calls import Accepted
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, done, head_with, new_mark, say, timeless, whole


async def test_a_message_is_in_the_log_with_its_seq_mark_turn_and_body(chat: Chat) -> None:
    message = chat.message("m1", "hi")
    accepted = await chat.store.accept(message)
    (event,) = chat.log()
    assert isinstance(accepted, Accepted)
    assert (accepted.seq, accepted.duplicate) == (1, False)
    assert (event.seq, event.mark, event.turn, event.body.encode()) == (1, message.mark, 1, message.body)
    assert (chat.field("seq"), chat.field("mark")) == ("1", message.mark)
    assert abs(event.at_ms - int(chat.field("created_at"))) < 1000


async def test_an_id_is_one_message(chat: Chat, redis_server: RedisServer) -> None:
    first = await chat.send("m1")
    await chat.send("m2")
    before = whole(redis_server)
    again = await chat.send("m1", "another text")
    assert (again.seq, again.duplicate, again.lease) == (first.seq, True, None)
    assert whole(redis_server) == before


async def test_an_id_is_one_message_after_its_turn(chat: Chat, redis_server: RedisServer) -> None:
    await chat.commit(await chat.start("m1"), say("yes"))
    before = whole(redis_server)
    again = await chat.send("m1")
    assert (again.seq, again.duplicate, again.lease) == (1, True, None)
    assert whole(redis_server) == before


async def test_an_id_is_known_after_the_end_of_the_conversation(chat: Chat, redis_server: RedisServer) -> None:
    await chat.send("m1")
    await chat.act(mode="ended", stop=True)
    before = whole(redis_server)
    again = await chat.send("m1")
    assert (again.seq, again.duplicate) == (1, True)
    assert whole(redis_server) == before


async def test_an_id_sent_at_once_through_two_replicas_is_one_message(chat: Chat, other_store: RedisStore) -> None:
    stores = [chat.store, other_store]
    calls = [store.accept(chat.message(f"m{number}")) for number in range(30) for store in stores]
    results = await asyncio.gather(*calls)
    assert sorted(event.document()["id"] for event in chat.log()) == sorted(f"m{number}" for number in range(30))
    pairs = zip(results[::2], results[1::2], strict=True)
    for a, b in pairs:
        assert isinstance(a, Accepted)
        assert isinstance(b, Accepted)
        assert a.seq == b.seq
        assert {a.duplicate, b.duplicate} == {True, False}


async def test_a_retry_answers_the_same_with_the_lease_and_writes_nothing(
    chat: Chat, ear: Ear, redis_server: RedisServer
) -> None:
    await chat.commit(await chat.start("m0"))
    message = chat.message("m1", cached_rev=chat.field("rev"))
    first = await chat.store.accept(message)
    before = whole(redis_server)
    ear.heard()
    again = await chat.store.accept(message)
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert again.lease is not None
    assert timeless(again.lease) == timeless(first.lease)
    assert replace(again, lease=None) == replace(first, lease=None)
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_retry_gets_no_lease_that_was_taken_since(chat: Chat, other_store: RedisStore) -> None:
    message = chat.message("m1")
    await chat.store.accept(message)
    chat.expire_lease()
    assert await other_store.claim(chat.sid, new_mark()) is not None
    again = await chat.store.accept(message)
    assert isinstance(again, Accepted)
    assert (again.seq, again.duplicate, again.lease) == (1, False, None)


async def test_a_retry_gets_no_lease_for_a_turn_that_has_ended(chat: Chat) -> None:
    message = chat.message("m1")
    accepted = await chat.store.accept(message)
    assert isinstance(accepted, Accepted)
    assert accepted.lease is not None
    await chat.send("m2")
    await chat.commit(accepted.lease)
    again = await chat.store.accept(message)
    assert isinstance(again, Accepted)
    assert again.lease is None


async def test_messages_have_one_order_without_gap_or_repeat(chat: Chat, other_store: RedisStore) -> None:
    calls = [(chat.store if number % 2 else other_store).accept(chat.message(f"m{number}")) for number in range(40)]
    results = await asyncio.gather(*calls)
    log = chat.log()
    assert [event.seq for event in log] == list(range(1, 41))
    assert len({event.mark for event in log}) == 40
    seqs = {f"m{number}": result.seq for number, result in enumerate(results) if isinstance(result, Accepted)}
    assert seqs == {event.document()["id"]: event.seq for event in log}
    assert chat.todo() == list(range(1, 41))


async def test_only_the_message_that_finds_nothing_to_do_gets_the_lease(chat: Chat, other_store: RedisStore) -> None:
    first = await chat.send("m1")
    second = await other_store.accept(chat.message("m2"))
    assert first.lease is not None
    assert isinstance(second, Accepted)
    assert second.lease is None
    assert chat.field("owner") == "me"
    assert chat.field("fence") == first.lease.fence


async def test_a_lease_says_what_to_run(chat: Chat) -> None:
    message = chat.message("m1", "hi", sealed=b"sealed")
    accepted = await chat.store.accept(message)
    assert isinstance(accepted, Accepted)
    lease = accepted.lease
    assert lease is not None
    assert (lease.sid, lease.turn, lease.attempt, lease.crashes) == ("s1", 1, 1, 0)
    assert (lease.part, lease.last, lease.text, lease.sealed) == (0, -1, "", b"sealed")
    assert lease.event.document()["text"] == "hi"
    assert lease.fence == f"1-{message.mark}"


async def test_every_lease_has_a_fence_of_its_own(chat: Chat) -> None:
    fences = []
    for number in range(3):
        lease = await chat.start(f"m{number}")
        fences.append(lease.fence)
        await chat.commit(lease)
    assert len(set(fences)) == 3
    assert [int(fence.partition("-")[0]) for fence in fences] == sorted(
        int(fence.partition("-")[0]) for fence in fences
    )


async def test_a_new_conversation_starts_with_the_head_and_epoch_given(chat: Chat) -> None:
    head = head_with(chat.sid, pending_query="why?")
    accepted = await chat.send("m1", fresh=("e1", head))
    loaded = await chat.store.load(chat.sid)
    assert loaded is not None
    assert (loaded.head.fields, loaded.rev) == (head.fields, accepted.rev)
    assert (chat.field("epoch"), chat.field("mode"), chat.field("schema")) == ("e1", "bot", "1")


async def test_the_stored_epoch_and_head_win_over_those_given(chat: Chat) -> None:
    await chat.send("m1", fresh=("e1", head_with(chat.sid, pending_query="why?")))
    accepted = await chat.send("m2", fresh=("e2", head_with(chat.sid)))
    assert accepted.head is not None
    assert accepted.head.fields.pending_query == "why?"
    assert chat.field("epoch") == "e1"


async def test_the_head_comes_only_if_the_cached_revision_is_old(chat: Chat) -> None:
    rev = (await chat.send("m1")).rev
    assert (await chat.send("m2", cached_rev=rev)).head is None
    changed = await chat.act(head=head_with(chat.sid, pending_query="why?"))
    accepted = await chat.send("m3", cached_rev=rev)
    assert accepted.rev == changed.rev
    assert accepted.head is not None
    assert accepted.head.fields.pending_query == "why?"


async def test_a_sealed_answer_is_kept_beside_the_log_under_its_seq(chat: Chat) -> None:
    await chat.send("m1", "[redacted]", sealed=b"\x00sealed\xff")
    assert chat.secrets() == {b"1": b"\x00sealed\xff"}
    assert b"sealed" not in b"".join(event.body.encode() for event in chat.log())


async def test_with_a_person_a_message_starts_no_turn(chat: Chat) -> None:
    await chat.send("m1")
    await chat.act(mode="human", stop=True)
    accepted = await chat.send("m2")
    assert (accepted.lease, chat.todo(), chat.log()[-1].turn) == (None, [], None)


async def test_a_message_is_published_with_the_seq_and_mark_before_it(chat: Chat, ear: Ear) -> None:
    first, second = chat.message("m1", "é\\n"), chat.message("m2")
    await chat.store.accept(first)
    await chat.store.accept(second)
    at = [event.at_ms for event in chat.log()]
    rev = chat.field("rev")
    bodies = [user_body("m1", "é\\n"), user_body("m2", "hello")]
    assert ear.heard() == [
        f"e 0 0 1 {first.mark} {at[0]} {rev} 1.1\n1 ".encode() + bodies[0],
        f"e 1 {first.mark} 2 {second.mark} {at[1]} {rev} 1.1\n2 ".encode() + bodies[1],
    ]


async def test_a_message_that_starts_no_turn_is_published_with_nothing_running(chat: Chat, ear: Ear) -> None:
    await chat.act(fresh="e1", mode="human")
    await chat.send("m1")
    published = ear.parsed()[-1]
    assert isinstance(published, Events)
    assert (published.running, published.events) == (None, chat.log())


async def test_an_expired_turn_is_shown_to_reapers_again_by_the_next_message(
    chat: Chat, redis_server: RedisServer
) -> None:
    await chat.send("m1")
    chat.set_field("lease_until", 1)
    redis_server.command("ZREM", chat.keys.all[7], chat.sid)
    await chat.send("m2")
    assert chat.sid in await chat.store.expired()


async def test_the_end_of_the_conversation_leaves_its_messages(chat: Chat) -> None:
    await chat.send("m1", "hi")
    done(await chat.store.act(chat.change(mode="ended", stop=True)))
    assert chat.said() == [("user", 1, "hi"), ("turn_end", 1, "cancelled")]
