"""claim.lua and renew.lua: who may write a turn, and who takes over (I4 I5 I7 I9)."""

import asyncio

import pytest
from msgspec.structs import replace

from app.core.errors import FencedError, NewerSchemaError, StoreUnavailableError
from app.core.publication import Running
from app.engine.calls import Claimed, Lease
from app.store.keys import SessionKeys
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import LEASE_MS, Chat, Ear, head_with, new_mark, say, timeless, whole


def now_ms(server: RedisServer) -> int:
    """Redis's clock."""
    seconds, micros = server.command("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def taken(chat: Chat, store: RedisStore) -> Claimed:
    """A claim that must succeed."""
    claimed = await store.claim(chat.sid, new_mark())
    assert claimed is not None
    return claimed


async def refuses(chat: Chat, lease: Lease) -> None:
    """Nothing can be written under a lease (I5)."""
    with pytest.raises(FencedError):
        await chat.store.delta(lease, 0, 0, 0, "late")
    with pytest.raises(FencedError):
        await chat.commit(lease, say("late"))
    assert not await chat.store.renew(lease)
    assert not await chat.store.release(lease, new_mark())


async def test_a_held_lease_is_not_claimed(chat: Chat, other_store: RedisStore, redis_server: RedisServer) -> None:
    await chat.start()
    before = whole(redis_server)
    assert await other_store.claim(chat.sid, new_mark()) is None
    assert whole(redis_server) == before


async def test_an_expired_one_is_taken_over_with_what_was_written(chat: Chat, other_store: RedisStore) -> None:
    lease = (await chat.send("m1", sealed=b"sealed", fresh=("e1", head_with(chat.sid, pending_query="why?")))).lease
    assert lease is not None
    await chat.store.delta(lease, 0, 0, 4, "so far")
    chat.expire_lease()
    claimed = await taken(chat, other_store)
    mine = claimed.lease
    assert (mine.turn, mine.attempt, mine.crashes, mine.part, mine.last, mine.text) == (1, 2, 1, 0, 4, "so far")
    assert (mine.event, mine.sealed) == (chat.log()[0], b"sealed")
    assert (claimed.now.rev, claimed.now.head.fields.pending_query) == (chat.field("rev"), "why?")
    assert chat.field("owner") == "other"
    assert now_ms(chat.server) + LEASE_MS - 5000 < int(chat.field("lease_until")) <= now_ms(chat.server) + LEASE_MS
    await other_store.commit(chat.commitment(mine, say("so far so good")))
    assert chat.said()[1:] == [("assistant", 1, "so far so good"), ("turn_end", 1, "completed")]


async def test_the_old_holder_can_write_nothing_more(
    chat: Chat, other_store: RedisStore, redis_server: RedisServer
) -> None:
    lease = await chat.start()
    chat.expire_lease()
    await taken(chat, other_store)
    before = whole(redis_server)
    await refuses(chat, lease)
    assert whole(redis_server) == before


async def test_an_expired_one_is_taken_by_one_replica(chat: Chat, other_store: RedisStore) -> None:
    await chat.start()
    chat.expire_lease()
    claims = [store.claim(chat.sid, new_mark()) for store in (chat.store, other_store) for _ in range(5)]
    assert sum(claimed is not None for claimed in await asyncio.gather(*claims)) == 1
    assert chat.field("attempt") == "2"


async def test_a_deadline_beyond_a_lease_is_a_clock_gone_back(chat: Chat, other_store: RedisStore) -> None:
    await chat.start()
    far = now_ms(chat.server) + 10 * LEASE_MS
    chat.set_field("lease_until", far)
    chat.server.command("ZADD", chat.keys.all[7], far, chat.sid)
    assert await other_store.expired() == [chat.sid]
    assert (await taken(chat, other_store)).lease.attempt == 2


async def test_each_takeover_is_an_attempt_and_a_crash(chat: Chat) -> None:
    await chat.start()
    seen = []
    for _ in range(3):
        chat.expire_lease()
        lease = (await taken(chat, chat.store)).lease
        seen.append((lease.attempt, lease.crashes))
    assert seen == [(2, 1), (3, 2), (4, 3)]


async def test_a_released_turn_is_claimed_at_once_and_is_no_crash(chat: Chat, other_store: RedisStore) -> None:
    lease = await chat.start()
    await chat.store.delta(lease, 0, 0, 0, "so far")
    assert await chat.store.release(lease, new_mark())
    assert await other_store.expired() == [chat.sid]
    mine = (await taken(chat, other_store)).lease
    assert (mine.attempt, mine.crashes, mine.text) == (2, 0, "so far")


async def test_crashes_before_a_release_still_count(chat: Chat, other_store: RedisStore) -> None:
    await chat.start()
    chat.expire_lease()
    await chat.store.release((await taken(chat, chat.store)).lease, new_mark())
    assert (await taken(chat, other_store)).lease.crashes == 1


async def test_who_released_can_write_nothing_more(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    await chat.store.release(lease, new_mark())
    before = whole(redis_server)
    await refuses(chat, lease)
    assert whole(redis_server) == before


async def test_a_release_tried_again_answers_the_same_and_writes_nothing(chat: Chat, redis_server: RedisServer) -> None:
    lease, mark = await chat.start(), new_mark()
    assert await chat.store.release(lease, mark)
    before = whole(redis_server)
    assert await chat.store.release(lease, mark)
    assert whole(redis_server) == before


async def test_a_claim_tried_again_answers_the_same_and_writes_nothing(
    chat: Chat, ear: Ear, redis_server: RedisServer
) -> None:
    await chat.start()
    chat.expire_lease()
    mark = new_mark()
    first = await chat.store.claim(chat.sid, mark)
    before = whole(redis_server)
    ear.heard()
    again = await chat.store.claim(chat.sid, mark)
    assert first is not None
    assert again is not None
    assert replace(first, lease=timeless(first.lease)) == replace(again, lease=timeless(again.lease))
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_takeover_is_published(chat: Chat, ear: Ear) -> None:
    await chat.start()
    chat.expire_lease()
    ear.heard()
    await taken(chat, chat.store)
    assert ear.parsed() == [Running(1, 2)]


async def test_renewing_moves_the_deadline_of_the_lease_and_nothing_else(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    fence = chat.field("fence")
    chat.set_field("lease_until", now_ms(chat.server) + 1000)
    assert await chat.store.renew(lease)
    until = int(chat.field("lease_until"))
    assert now_ms(chat.server) + LEASE_MS - 5000 < until <= now_ms(chat.server) + LEASE_MS
    assert redis_server.command("ZSCORE", chat.keys.all[7], chat.sid) == until
    assert [chat.field(name) for name in ("fence", "attempt", "crashes")] == [fence, "1", "0"]


async def test_a_lease_that_expired_unclaimed_may_be_renewed(chat: Chat, other_store: RedisStore) -> None:
    lease = await chat.start()
    chat.expire_lease()
    assert await chat.store.renew(lease)
    assert await other_store.claim(chat.sid, new_mark()) is None
    assert (await chat.commit(lease, say("yes"))).next is None


async def test_the_lease_of_an_absent_session_is_lost(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    await chat.store.delete(chat.sid)
    before = whole(redis_server)
    assert not await chat.store.renew(lease)
    assert not await chat.store.release(lease, new_mark())
    assert await chat.store.claim(chat.sid, new_mark()) is None
    assert whole(redis_server) == before


async def test_a_conversation_with_nothing_to_do_leaves_the_index(chat: Chat) -> None:
    lease = await chat.start()
    chat.expire_lease()
    assert await chat.store.expired() == [chat.sid]
    await chat.commit(lease, say("yes"))
    chat.server.command("ZADD", chat.keys.all[7], 1, chat.sid)
    chat.server.command("EXPIRE", chat.keys.all[7], 60)
    assert await chat.store.claim(chat.sid, new_mark()) is None
    assert await chat.store.expired() == []


async def test_a_wrong_index_entry_of_a_held_turn_is_put_right(chat: Chat) -> None:
    await chat.start()
    chat.server.command("ZADD", chat.keys.all[7], 1, chat.sid)
    assert await chat.store.claim(chat.sid, new_mark()) is None
    assert await chat.store.expired() == []
    assert chat.indexed()


async def test_a_newer_schema_is_refused_and_left_as_it_is(chat: Chat, redis_server: RedisServer) -> None:
    await chat.start()
    chat.expire_lease()
    chat.set_field("schema", 999)
    before = whole(redis_server)
    with pytest.raises(NewerSchemaError):
        await chat.store.claim(chat.sid, new_mark())
    assert whole(redis_server) == before
    assert chat.sid in await chat.store.expired(), "newer replicas must find it"


async def test_turns_that_nobody_here_can_claim_hide_no_others(store: RedisStore, redis_server: RedisServer) -> None:
    """They stay where they are, for newer replicas or for good, and are read past now and then."""
    first = Chat(store, redis_server, "s")
    same = [sid for number in range(9000) if SessionKeys(sid := f"s{number}").shard == first.keys.shard][:45]
    chats = [Chat(store, redis_server, sid) for sid in same]
    for number, chat in enumerate(chats):
        await chat.start()
        chat.expire_lease()
        redis_server.command("ZADD", chat.keys.all[7], number + 1, chat.sid)
        if number < 40:
            chat.set_field("schema", 999 if number % 2 else "damaged")
    for sid in await store.expired(far=False):
        with pytest.raises((NewerSchemaError, StoreUnavailableError)):
            await store.claim(sid, new_mark())
    assert chats[-1].sid in await store.expired(far=True)


async def test_expired_turns_of_every_shard_are_found_and_held_ones_are_not(
    store: RedisStore, redis_server: RedisServer
) -> None:
    chats = [Chat(store, redis_server, f"s{number}") for number in range(40)]
    for chat in chats:
        await chat.start()
    for chat in chats[::2]:
        chat.expire_lease()
    assert sorted(await store.expired()) == sorted(chat.sid for chat in chats[::2])
