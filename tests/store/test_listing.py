"""The active conversations, newest first, page by page; and imported ones among them, however old (I11)."""

from typing import Any

import pytest

from app.core import document
from app.store.keys import shard_of
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, new_mark

OLD = "2020-02-03T04:05:06.000Z"


def empty(sid: str, **fields: Any) -> dict[str, Any]:
    """A document that has seen no event."""
    user = {"session_id": sid}
    usual = {"schema": 1, "session_id": sid, "created_at": OLD, "last_interaction": OLD, "user_context": user}
    return {**usual, **fields}


async def put(store: RedisStore, sid: str, **fields: Any) -> None:
    """Import such a document."""
    mark = new_mark()
    await store.import_(document.read(empty(sid, **fields), sid, mark), mark, "epoch")


async def pages(store: RedisStore, limit: int) -> list[list[str]]:
    """Every page of the list."""
    found, cursor = [], None
    while True:
        page, cursor = await store.active_ids(cursor, limit)
        found.append(page)
        if cursor is None:
            return found


async def everyone(store: RedisStore, limit: int) -> list[str]:
    """All that are listed, by name."""
    return sorted(sid for page in await pages(store, limit) for sid in page)


async def started(store: RedisStore, server: RedisServer, count: int) -> list[Chat]:
    """Conversations, the first one the longest ago; each a millisecond apart, the last three at one moment."""
    chats = [Chat(store, server, f"s{number:03}") for number in range(count)]
    for number, chat in enumerate(chats):
        await chat.send("m1")
        now = int(server.command("ZSCORE", chat.keys.all[6], chat.sid))
        server.command("ZADD", chat.keys.all[6], now - 10_000 + min(number, count - 3), chat.sid)
    return chats


async def test_the_newest_come_first_over_all_shards(store: RedisStore, redis_server: RedisServer) -> None:
    chats = await started(store, redis_server, 20)
    await chats[0].send("m2")
    (page,) = await pages(store, 100)
    assert page[0] == "s000"
    assert sorted(page[1:4]) == ["s017", "s018", "s019"]
    assert page[4:] == [f"s{number:03}" for number in range(16, 0, -1)]


async def test_pages_hold_everyone_once(store: RedisStore, redis_server: RedisServer) -> None:
    await started(store, redis_server, 23)
    (whole,) = await pages(store, 100)
    for limit in (1, 2, 7, 23):
        found = await pages(store, limit)
        assert [sid for page in found for sid in page] == whole
        assert all(len(page) == limit for page in found[:-1])


async def test_pages_hold_everyone_once_of_one_shard_and_moment(store: RedisStore, redis_server: RedisServer) -> None:
    sids = [sid for sid in map(str, range(1000)) if shard_of(sid) == 7][:9]
    for sid in sids:
        await put(store, sid, last_interaction="2999-01-01T00:00:00Z")
    for limit in (1, 2, 4):
        found = [sid for page in await pages(store, limit) for sid in page]
        assert found == sorted(sids)


async def test_erased_ones_are_not_listed(store: RedisStore, redis_server: RedisServer) -> None:
    chats = await started(store, redis_server, 5)
    await store.delete(chats[2].sid)
    assert await everyone(store, 2) == ["s000", "s001", "s003", "s004"]


async def test_who_has_been_idle_for_a_week_is_dropped_as_others_write(
    store: RedisStore, redis_server: RedisServer
) -> None:
    first, second = Chat(store, redis_server, "a"), Chat(store, redis_server, "k")
    assert first.keys.shard != second.keys.shard
    await first.send("m1")
    redis_server.command("ZADD", first.keys.all[6], 1, "long ago")
    await second.send("m1")
    assert await everyone(store, 9) == ["a", "k", "long ago"]
    first.set_field("expires_at", 1)  # so that it moves its deadline
    await first.send("m2")
    assert await everyone(store, 9) == ["a", "k"]


async def test_an_imported_conversation_is_listed_however_old_it_is(store: RedisStore) -> None:
    await put(store, "s1")
    assert (await store.active_ids(None, 9))[0] == ["s1"]


@pytest.mark.parametrize("handoff", ["none", "waiting"])
async def test_an_imported_one_stays_listed_while_it_lives(
    store: RedisStore, redis_server: RedisServer, handoff: str
) -> None:
    await put(store, "s1", handoff_state=handoff)
    chat = Chat(store, redis_server)
    pruned = int(redis_server.command("ZSCORE", chat.keys.all[6], "s1")) + 7 * 86_400_000
    assert pruned >= int(chat.field("expires_at"))


async def test_the_first_message_of_an_imported_one_makes_keys_that_go_with_it(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await put(store, "s1")
    chat = Chat(store, redis_server)
    await chat.send("m1", fresh=None)
    at = int(chat.field("expires_at"))
    assert {redis_server.command("PEXPIRETIME", key) for key in chat.keys.all[:4]} == {at}
    assert redis_server.command("PEXPIRETIME", chat.keys.all[6]) >= at


async def test_the_first_event_of_an_imported_one_makes_a_log_that_goes_with_it(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await put(store, "s1")
    chat = Chat(store, redis_server)
    await chat.act(b'"type":"state","state":{}}')
    assert {redis_server.command("PEXPIRETIME", key) for key in chat.keys.all[:2]} == {int(chat.field("expires_at"))}


async def test_a_cursor_that_is_none_is_a_value_error(store: RedisStore) -> None:
    for cursor in ("x", "", ":", "1.5:s1"):
        with pytest.raises(ValueError, match="invalid literal"):
            await store.active_ids(cursor, 9)
