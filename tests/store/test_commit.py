"""commit.lua stores what a turn says, once and only for its holder (I4 I5)."""

import pytest
from msgspec.structs import replace

from app.core.errors import FencedError, SessionGoneError, StaleError
from app.core.messages import state_body
from app.core.publication import Events
from app.engine.calls import Committed
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import END, Chat, Ear, head_with, new_mark, say, timeless, whole


def same(one: Committed, other: Committed) -> bool:
    """Whether two answers say the same, but for when they were asked for."""
    return replace(one, next=timeless(one.next)) == replace(other, next=timeless(other.next))


async def test_the_events_of_a_turn_are_stored_in_order_under_one_mark(chat: Chat) -> None:
    lease = await chat.start()
    commit = chat.commitment(lease, say("one"), state_body({"auth": "x"}))
    committed = await chat.store.commit(commit)
    log = chat.log()[1:]
    assert [(event.seq, event.mark, event.turn) for event in log] == [(n, commit.mark, 1) for n in (2, 3, 4)]
    assert [event.body.encode() for event in log] == commit.bodies
    assert committed.seq == 2
    assert (chat.field("seq"), chat.field("mark")) == ("4", commit.mark)


async def test_the_last_turn_releases_the_lease(chat: Chat) -> None:
    lease = await chat.start()
    committed = await chat.commit(lease)
    assert committed.next is None
    assert (chat.todo(), chat.field("turn"), chat.indexed()) == ([], "", False)
    assert not await chat.store.renew(lease)
    chat.expire_lease()
    assert await chat.store.claim(chat.sid, new_mark()) is None


async def test_a_part_that_is_not_the_last_keeps_the_turn(chat: Chat) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 1, "one")
    committed = await chat.commit(lease, say("one"), final=False)
    assert committed.next is None
    assert (chat.todo(), chat.field("fence"), chat.partial()) == ([1], lease.fence, None)
    assert (chat.field("part"), chat.field("last")) == ("1", "-1")
    assert await chat.store.delta(lease, 1, 0, 0, "two") is None
    await chat.commit(lease, say("two"))
    assert chat.said()[1:] == [("assistant", 1, "one"), ("assistant", 1, "two"), ("turn_end", 1, "completed")]


async def test_the_next_turn_is_handed_on_under_the_same_lease(chat: Chat) -> None:
    lease = await chat.start("m1")
    await chat.send("m2", "again", sealed=b"sealed")
    until = int(chat.field("lease_until"))
    chat.set_field("lease_until", until - 5000)
    following = (await chat.commit(lease)).next
    assert following is not None
    assert (following.turn, following.fence, following.attempt, following.crashes) == (2, lease.fence, 1, 0)
    assert (following.part, following.last, following.text, following.sealed) == (0, -1, "", b"sealed")
    assert following.event == chat.log()[1]
    assert int(chat.field("lease_until")) >= until
    assert chat.indexed()
    assert (await chat.commit(following)).next is None


async def test_a_turn_handed_on_starts_with_no_crash_and_no_text(chat: Chat, other_store: RedisStore) -> None:
    await chat.start("m1")
    await chat.send("m2")
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    await other_store.delta(claimed.lease, 0, 0, 3, "some")
    following = (await chat.commit(claimed.lease)).next
    assert following is not None
    assert (following.attempt, following.crashes, following.last, following.text) == (1, 0, -1, "")
    assert [chat.field(name) for name in ("attempt", "crashes", "last", "owner")] == ["1", "0", "-1", "other"]


async def test_another_fence_is_refused(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    number, _, _ = lease.fence.partition("-")
    before = whole(redis_server)
    for fence in (f"{number}-{new_mark()}", "0-0", ""):
        with pytest.raises(FencedError):
            await chat.commit(replace(lease, fence=fence), say("no"))
    assert whole(redis_server) == before


async def test_a_holder_whose_lease_was_claimed_is_refused(
    chat: Chat, other_store: RedisStore, redis_server: RedisServer
) -> None:
    lease = await chat.start()
    chat.expire_lease()
    assert await other_store.claim(chat.sid, new_mark()) is not None
    before = whole(redis_server)
    for final in (True, False):
        with pytest.raises(FencedError):
            await chat.commit(lease, say("no"), final=final)
    assert whole(redis_server) == before


async def test_another_turn_is_refused(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start("m1")
    await chat.send("m2")
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.commit(replace(lease, turn=2), say("no"))
    assert whole(redis_server) == before


async def test_a_turn_ends_once(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start("m1")
    await chat.send("m2")
    await chat.commit(lease, say("yes"))
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.commit(lease, say("no"))
    assert whole(redis_server) == before


async def test_a_turn_that_is_not_the_first_to_do_is_refused(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    redis_server.command("DEL", chat.keys.all[3])
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.commit(lease, say("no"))
    assert whole(redis_server) == before


async def test_an_absent_session_is_gone(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    await chat.store.delete(chat.sid)
    with pytest.raises(SessionGoneError):
        await chat.commit(lease, say("no"))
    assert chat.keys.session not in whole(redis_server)


async def test_another_revision_is_stale(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    number, _, _ = chat.field("rev").partition("-")
    before = whole(redis_server)
    with pytest.raises(StaleError):
        await chat.commit(lease, say("no"), rev=f"{number}-{new_mark()}")
    assert whole(redis_server) == before


async def test_every_commit_makes_a_new_revision(chat: Chat) -> None:
    lease = await chat.start()
    revs = [chat.field("rev")]
    for final in (False, False, True):
        revs.append((await chat.commit(lease, say("x"), final=final)).rev)
        assert chat.field("rev") == revs[-1]
    assert [int(rev.partition("-")[0]) for rev in revs] == [1, 2, 3, 4]


async def test_a_head_is_replaced_only_if_one_is_given(chat: Chat) -> None:
    lease = await chat.start()
    await chat.commit(lease, final=False, head=head_with(chat.sid, pending_query="why?"))
    await chat.commit(lease, say("x"))
    loaded = await chat.store.load(chat.sid)
    assert loaded is not None
    assert loaded.head.fields.pending_query == "why?"


@pytest.mark.parametrize("final", [True, False])
async def test_a_retry_answers_the_same_and_writes_nothing(
    chat: Chat, ear: Ear, redis_server: RedisServer, final: bool
) -> None:
    lease = await chat.start("m1")
    await chat.send("m2", sealed=b"sealed")
    commit = chat.commitment(lease, say("yes"), final=final)
    first = await chat.store.commit(commit)
    assert (first.next is not None) is final
    before = whole(redis_server)
    ear.heard()
    assert same(await chat.store.commit(commit), first)
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_retry_answers_the_same_after_another_message(chat: Chat) -> None:
    commit = chat.commitment(await chat.start("m1"), say("yes"))
    first = await chat.store.commit(commit)
    await chat.send("m2")
    assert same(await chat.store.commit(commit), first)


async def test_the_text_being_written_is_deleted(chat: Chat) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 0, "yes")
    await chat.commit(lease, say("yes"))
    assert chat.partial() is None


async def test_the_sealed_answer_of_the_turn_is_deleted_with_its_end(chat: Chat) -> None:
    lease = await chat.start("m1")
    await chat.commit(lease, asking=True)
    asked = (await chat.send("m2", asking=True, sealed=b"one")).lease
    await chat.send("m3", asking=True, sealed=b"two")
    assert asked is not None
    await chat.commit(asked, say("wait"), final=False)
    assert chat.secrets() == {b"3": b"one", b"4": b"two"}
    await chat.commit(asked)
    assert chat.secrets() == {b"4": b"two"}


async def test_asking_changes_only_if_the_commit_says_so(chat: Chat) -> None:
    lease = await chat.start()
    seen = []
    for asking in (True, None, False):
        await chat.commit(lease, final=False, asking=asking)
        seen.append(chat.field("asking"))
    assert seen == ["1", "1", "0"]


async def test_what_is_published_is_what_was_stored_after_what(chat: Chat, ear: Ear) -> None:
    lease = await chat.start("m1")
    await chat.send("m2")
    before = chat.field("mark")
    ear.heard()
    commit = chat.commitment(lease, say("yes\n“é”"))
    committed = await chat.store.commit(commit)
    at = chat.log()[2].at_ms
    assert ear.heard() == [
        f"e 2 {before} 3 {commit.mark} {at} {committed.rev} 2.1\n".encode()
        + b"\n".join(b"1 " + body for body in (say("yes\n“é”"), END))
    ]


async def test_what_is_published_says_what_runs_now(chat: Chat, ear: Ear) -> None:
    lease = await chat.start()
    await chat.commit(lease, say("one"), final=False)
    await chat.commit(lease, say("two"))
    said = [item.running for item in ear.parsed() if isinstance(item, Events)]
    assert [(now.turn, now.attempt) if now else None for now in said] == [(1, 1), (1, 1), None]
