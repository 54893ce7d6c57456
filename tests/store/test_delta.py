"""delta.lua appends to the answer being written: in order, once, only for the holder (I3 I5)."""

import pytest
from msgspec.structs import replace

from app.core.errors import FencedError
from app.core.publication import Delta
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, new_mark, say, whole


async def test_chunks_are_appended_in_their_order(chat: Chat) -> None:
    lease = await chat.start()
    assert await chat.store.delta(lease, 0, 0, 1, "Hé") is None
    assert await chat.store.delta(lease, 0, 2, 2, "llo\n") is None
    assert await chat.store.delta(lease, 0, 3, 7, "you") is None
    assert chat.partial() == "Héllo\nyou".encode()
    assert chat.field("last") == "7"


async def test_a_retry_answers_the_same_and_writes_nothing(chat: Chat, ear: Ear, redis_server: RedisServer) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 0, "one ")
    await chat.store.delta(lease, 0, 1, 2, "two")
    before = whole(redis_server)
    ear.heard()
    assert await chat.store.delta(lease, 0, 1, 2, "two") is None
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_retry_of_the_first_leaves_the_text_as_it_was(chat: Chat) -> None:
    lease = await chat.start()
    for _ in range(2):
        assert await chat.store.delta(lease, 0, 0, 1, "one") is None
    assert (chat.partial(), chat.field("last")) == (b"one", "1")


@pytest.mark.parametrize("first", [3, 9])
async def test_chunks_that_do_not_follow_are_refused_with_the_last_stored(
    chat: Chat, ear: Ear, redis_server: RedisServer, first: int
) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 1, "one")
    before = whole(redis_server)
    ear.heard()
    assert await chat.store.delta(lease, 0, first, 12, "lost") == 1
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_nothing_written_yet_is_a_hole_at_minus_one(chat: Chat) -> None:
    assert await chat.store.delta(await chat.start(), 0, 1, 1, "x") == -1
    assert chat.partial() is None


async def test_chunks_below_the_last_stored_are_refused(chat: Chat) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 5, "one")
    assert await chat.store.delta(lease, 0, 2, 3, "x") == 5
    assert chat.partial() == b"one"


async def test_the_first_chunk_of_another_attempt_replaces_what_was_written(
    chat: Chat, other_store: RedisStore
) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 8, "an answer that is restarted")
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    await other_store.delta(claimed.lease, 0, 0, 2, "anew")
    assert (chat.partial(), chat.field("last")) == (b"anew", "2")


async def test_a_whole_text_that_is_further_replaces_what_is_stored(chat: Chat) -> None:
    """What a holder sends when Redis turns out to have lost a part of it."""
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 2, "abc")
    await chat.store.delta(lease, 0, 0, 5, "abcdef")
    assert (chat.partial(), chat.field("last")) == (b"abcdef", "5")


async def test_a_first_chunk_that_comes_late_takes_nothing_back(
    chat: Chat, redis_server: RedisServer, ear: Ear
) -> None:
    """A request can reach Redis after its writer was told that it failed, and has asked again."""
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 1, "ab")
    await chat.store.delta(lease, 0, 2, 2, "c")
    ear.heard()
    before = whole(redis_server)
    assert await chat.store.delta(lease, 0, 0, 1, "ab") is None
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_another_fence_turn_or_part_is_refused(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start("m1")
    await chat.send("m2")
    before = whole(redis_server)
    for wrong, part in ((replace(lease, fence="1-1"), 0), (replace(lease, turn=2), 0), (lease, 1)):
        with pytest.raises(FencedError):
            await chat.store.delta(wrong, part, 0, 0, "x")
    assert whole(redis_server) == before


async def test_a_holder_whose_lease_was_claimed_is_refused(
    chat: Chat, other_store: RedisStore, redis_server: RedisServer
) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 0, "one")
    chat.expire_lease()
    assert await other_store.claim(chat.sid, new_mark()) is not None
    before = whole(redis_server)
    for first in (0, 1):
        with pytest.raises(FencedError):
            await chat.store.delta(lease, 0, first, 1, "two")
    assert whole(redis_server) == before


async def test_after_the_end_of_its_turn_nothing_is_appended(chat: Chat) -> None:
    lease = await chat.start()
    await chat.commit(lease, say("done"))
    with pytest.raises(FencedError):
        await chat.store.delta(lease, 0, 0, 0, "late")
    assert chat.partial() is None


async def test_an_absent_session_gets_no_text(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    await chat.store.delete(chat.sid)
    before = whole(redis_server)
    with pytest.raises(FencedError):
        await chat.store.delta(lease, 0, 0, 0, "late")
    assert whole(redis_server) == before


async def test_a_piece_is_published_with_its_numbers(chat: Chat, ear: Ear) -> None:
    lease = await chat.start()
    ear.heard()
    await chat.store.delta(lease, 0, 0, 1, "a b\nc")
    await chat.store.delta(lease, 0, 2, 2, "é")
    assert ear.heard() == [b"d 1 1 0 1 0 1\na b\nc", "d 1 1 0 1 2 2\né".encode()]


async def test_a_piece_of_a_turn_taken_over_names_the_attempt(chat: Chat, other_store: RedisStore, ear: Ear) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 4, "some")
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    await other_store.delta(claimed.lease, 0, 5, 5, " more")
    assert ear.parsed()[-1] == Delta(1, 2, 0, 1, 5, 5, " more")
    assert chat.partial() == b"some more"


async def test_the_text_goes_with_its_conversation(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 0, "one")
    await chat.store.delta(lease, 0, 1, 1, "two")
    deadlines = {redis_server.command("PEXPIRETIME", key) for key in (chat.keys.session, chat.keys.all[4])}
    assert deadlines == {int(chat.field("expires_at"))}
