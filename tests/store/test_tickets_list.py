"""The list of who waits for a person: longest first, page by page, without who is gone or can't be read (I9)."""

from collections.abc import Iterable
from typing import Final

import pytest

from app.core.session import Head
from app.store.keys import shard_of, tickets_key
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, head_with, whole

HOUR_MS: Final = 3_600_000


async def waiting(store: RedisStore, server: RedisServer, sids: Iterable[str]) -> list[Chat]:
    """Conversations that wait; the first one the longest, the last three since one moment."""
    chats = [Chat(store, server, sid) for sid in sids]
    for number, chat in enumerate(chats):
        head = head_with(chat.sid, handoff_state="waiting", pending_query=f"of {chat.sid}")
        await chat.act(b'"type":"state","state":{}}', head=head, fresh="epoch")
        index = tickets_key(chat.keys.shard)
        now = int(server.command("ZSCORE", index, chat.sid))
        server.command("ZADD", index, now - HOUR_MS + min(number, len(chats) - 3), chat.sid)
    return chats


async def pages(store: RedisStore, limit: int) -> list[list[tuple[str, Head]]]:
    """Every page of the list."""
    found, cursor = [], None
    while True:
        page, cursor = await store.tickets(cursor, limit)
        found.append(page)
        if cursor is None:
            return found


async def listed(store: RedisStore, limit: int = 500) -> list[str]:
    """All that are listed, in order."""
    return [sid for page in await pages(store, limit) for sid, _ in page]


async def test_who_has_waited_longest_comes_first_over_all_shards(store: RedisStore, redis_server: RedisServer) -> None:
    chats = await waiting(store, redis_server, (f"s{number:03}" for number in range(20, 0, -1)))
    assert len({chat.keys.shard for chat in chats}) > 5
    found = await listed(store)
    assert found[:17] == [f"s{number:03}" for number in range(20, 3, -1)]
    assert sorted(found[17:]) == ["s001", "s002", "s003"]


async def test_each_comes_with_its_own_head(store: RedisStore, redis_server: RedisServer) -> None:
    await waiting(store, redis_server, (f"s{number}" for number in range(12)))
    for page in await pages(store, 5):
        for sid, head in page:
            known = head.fields
            assert (known.pending_query, known.handoff_state, head.user.session_id) == (f"of {sid}", "waiting", sid)


async def test_pages_hold_everyone_once(store: RedisStore, redis_server: RedisServer) -> None:
    await waiting(store, redis_server, (f"s{number:03}" for number in range(23)))
    everyone = await listed(store)
    assert len(everyone) == 23
    for limit in (1, 2, 7, 23):
        found = await pages(store, limit)
        assert [sid for page in found for sid, _ in page] == everyone
        assert all(len(page) == limit for page in found[:-1])


async def test_pages_hold_everyone_once_of_one_shard_and_moment(store: RedisStore, redis_server: RedisServer) -> None:
    sids = [sid for sid in map(str, range(1000)) if shard_of(sid) == 7][:9]
    for chat in await waiting(store, redis_server, sids):
        redis_server.command("ZADD", tickets_key(7), 1_700_000_000_000, chat.sid)
    for limit in (1, 2, 4, 9):
        assert await listed(store, limit) == sorted(sids)


async def test_a_page_may_be_shorter_for_who_is_gone_and_the_next_goes_on(
    store: RedisStore, redis_server: RedisServer
) -> None:
    chats = await waiting(store, redis_server, (f"s{number}" for number in range(9)))
    for chat in chats[:3]:
        redis_server.command("DEL", *chat.keys.all[:6])
    found = await pages(store, 2)
    assert [[sid for sid, _ in page] for page in found][:3] == [[], ["s3"], ["s4", "s5"]]
    assert sorted(sid for page in found for sid, _ in page) == [f"s{number}" for number in range(3, 9)]


async def test_who_is_gone_is_dropped_when_the_list_is_read(store: RedisStore, redis_server: RedisServer) -> None:
    chats = await waiting(store, redis_server, (f"s{number}" for number in range(5)))
    redis_server.command("DEL", *chats[1].keys.all[:6])
    assert await store.waiting() == 5
    assert sorted(await listed(store)) == ["s0", "s2", "s3", "s4"]
    assert await store.waiting() == 4
    assert redis_server.command("ZSCORE", tickets_key(chats[1].keys.shard), "s1") is None


async def test_one_of_a_newer_schema_is_skipped_and_left_as_it_is(store: RedisStore, redis_server: RedisServer) -> None:
    chats = await waiting(store, redis_server, (f"s{number}" for number in range(5)))
    chats[1].set_field("schema", 999)
    before = whole(redis_server)
    assert sorted(await listed(store, 2)) == ["s0", "s2", "s3", "s4"]
    assert whole(redis_server) == before
    assert await store.waiting() == 5


async def test_a_head_that_cant_be_read_hides_no_other(store: RedisStore, redis_server: RedisServer) -> None:
    chats = await waiting(store, redis_server, (f"s{number}" for number in range(4)))
    chats[0].set_field("head", "{")
    before = whole(redis_server)
    assert sorted(await listed(store)) == ["s1", "s2", "s3"]
    assert whole(redis_server) == before


async def test_reading_the_list_writes_nothing(store: RedisStore, redis_server: RedisServer) -> None:
    await waiting(store, redis_server, (f"s{number}" for number in range(7)))
    before = whole(redis_server)
    await listed(store, 3)
    await store.waiting()
    assert whole(redis_server) == before


async def test_everybody_is_counted_over_all_shards(store: RedisStore, redis_server: RedisServer) -> None:
    assert await store.waiting() == 0
    chats = await waiting(store, redis_server, (f"s{number}" for number in range(40)))
    assert len({chat.keys.shard for chat in chats}) > 10
    assert await store.waiting() == 40
    await chats[0].act(b'"type":"state","state":{}}', head=head_with(chats[0].sid, handoff_state="active"))
    await store.delete(chats[1].sid)
    assert await store.waiting() == 38


async def test_nobody_waits_on_an_empty_store(store: RedisStore) -> None:
    assert await store.tickets(None, 9) == ([], None)


async def test_a_cursor_that_is_none_is_a_value_error(store: RedisStore) -> None:
    for cursor in ("x", "", ":", "1.5:s1"):
        with pytest.raises(ValueError, match="invalid literal"):
            await store.tickets(cursor, 9)
