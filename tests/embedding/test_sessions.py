"""The library's sessions: stored at once, compared when saved (I9 I11)."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest

from app.core.errors import NewerSchemaError, SessionGoneError, StaleError, StoreUnavailableError
from app.engine.embedding import Baton
from app.settings import SettingsError
from app.store.keys import SessionKeys
from tests.embedding.helpers import embedded, in_an_hour
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.stores import whole

Call = Callable[[], Awaitable[object]]


async def test_one_that_is_made_is_stored_before_it_returns(
    baton: Baton, sid: str, redis_server: RedisServer, other: Baton
) -> None:
    made = await baton.get_or_create_session(sid)
    assert redis_server.command("HGET", SessionKeys(sid).session, "schema") == b"1"
    assert (made.session_id, made.conversation_history, made.pending_query, made.agent_states) == (sid, [], None, {})
    assert (made.user_context.session_id, made.user_context.auth_state) == (sid, "anonymous")
    found = await other.get_session(sid)
    assert found is not None
    assert found.rev == made.rev
    assert (await other.process_message(sid, "hello")).message == "hello"


async def test_one_that_is_there_is_not_made_again(baton: Baton, sid: str, redis_server: RedisServer) -> None:
    await baton.process_message(sid, "hello")
    before = whole(redis_server)
    found = await baton.get_or_create_session(sid)
    assert whole(redis_server) == before
    assert [message["text"] for message in found.conversation_history] == ["hello", "hello"]


async def test_ten_who_make_it_at_once_get_the_same(baton: Baton, other: Baton, sid: str) -> None:
    made = await asyncio.gather(*(each.get_or_create_session(sid) for each in (baton, other) * 5))
    assert len({session.rev for session in made}) == 1
    found = await baton.get_session(sid)
    assert found is not None
    assert found.rev == made[0].rev


async def test_one_is_made_while_another_says_something(baton: Baton, other: Baton, sid: str) -> None:
    made, response = await asyncio.gather(baton.get_or_create_session(sid), other.process_message(sid, "hello"))
    assert (made.session_id, response.message) == (sid, "hello")


async def test_what_is_not_there_is_none(baton: Baton, sid: str, redis_server: RedisServer) -> None:
    before = whole(redis_server)
    assert await baton.get_session(sid) is None
    assert not await baton.delete_session(sid)
    assert whole(redis_server) == before


async def test_a_change_is_saved_and_seen_by_all(baton: Baton, other: Baton, sid: str) -> None:
    session = await baton.get_or_create_session(sid)
    session.head.fields.pending_query = "why?"
    session.agent_states["faq"] = {"seen": [1]}
    saved = await baton.save_session(session)
    for each in (baton, other):
        found = await each.get_session(sid)
        assert found is not None
        assert (found.rev, found.pending_query, found.agent_states) == (saved.rev, "why?", {"faq": {"seen": [1]}})
    saved.head.fields.pending_query = None
    assert (await baton.save_session(saved)).rev != saved.rev


async def test_a_session_is_a_copy_until_it_is_saved(baton: Baton, sid: str) -> None:
    session = await baton.get_or_create_session(sid)
    session.head.fields.pending_query = "why?"
    assert (await baton.process_message(sid, "hello")).state["pending_query"] is None


async def test_a_stale_revision_is_refused_and_changes_nothing(
    baton: Baton, other: Baton, sid: str, redis_server: RedisServer
) -> None:
    mine = await baton.get_or_create_session(sid)
    theirs = await other.get_or_create_session(sid)
    theirs.head.fields.pending_query = "theirs"
    await other.save_session(theirs)
    before = whole(redis_server)
    for _ in range(2):
        with pytest.raises(StaleError):
            await baton.save_session(mine)
    with pytest.raises(StaleError):
        await other.save_session(theirs)
    assert whole(redis_server) == before


async def test_a_turn_makes_a_session_stale(baton: Baton, sid: str) -> None:
    session = await baton.get_or_create_session(sid)
    await baton.process_message(sid, "hello")
    with pytest.raises(StaleError):
        await baton.save_session(session)


async def test_one_that_was_erased_cannot_be_saved(baton: Baton, other: Baton, sid: str) -> None:
    session = await baton.get_or_create_session(sid)
    assert await other.delete_session(sid)
    with pytest.raises(SessionGoneError):
        await baton.save_session(session)
    assert await baton.get_session(sid) is None


async def test_erasing_leaves_nothing(baton: Baton, sid: str, redis_server: RedisServer) -> None:
    await baton.process_message(sid, "hello")
    assert await baton.delete_session(sid)
    assert not await baton.delete_session(sid)
    assert [key for key in redis_server.command("KEYS", "*") if sid.encode() in key] == []
    assert await baton.active_session_ids() == ([], None)
    assert (await baton.process_message(sid, "hello")).state["pending_query"] is None


async def test_active_ones_are_listed_newest_first_and_paged(baton: Baton) -> None:
    made: list[str] = []
    for _ in range(7):
        made.insert(0, uuid.uuid4().hex)
        await baton.process_message(made[0], "hello")
    assert await baton.active_session_ids() == (made, None)
    found, cursor = await baton.active_session_ids(limit=3)
    while cursor is not None:
        page, cursor = await baton.active_session_ids(cursor, 3)
        found += page
    assert found == made
    with pytest.raises(ValueError, match="invalid literal"):
        await baton.active_session_ids("x")


async def test_without_a_cache_everything_goes_on(baton: Baton, sid: str, redis_server: RedisServer) -> None:
    await baton.process_message(sid, "hello")
    await baton.get_or_create_session(sid)
    before = whole(redis_server)
    known = await baton.store.load(sid)
    assert known is not None
    baton.heads.listen(sid)
    baton.heads.put(sid, known)
    assert baton.heads.get(sid) is known
    baton.clear_cache()
    assert baton.heads.get(sid) is None
    assert whole(redis_server) == before
    assert (await baton.process_message(sid, "again")).message == "again"


async def test_a_cleared_cache_sees_what_nobody_published(redis_url: str, sid: str, redis_server: RedisServer) -> None:
    async with embedded(redis_url, "tests.support.agents:make_whoami") as baton:
        await baton.process_message(sid, "hello")
        key = SessionKeys(sid).session
        head = redis_server.command("HGET", key, "head").replace(b'"anonymous"', b'"locked_out"')
        redis_server.command("HSET", key, "head", head)
        baton.clear_cache()
        assert (await baton.process_message(sid, "hello")).message == "locked_out None"


async def test_what_a_newer_release_wrote_is_refused_and_left_as_it_is(
    baton: Baton, sid: str, redis_server: RedisServer
) -> None:
    session = await baton.get_or_create_session(sid)
    redis_server.command("HSET", SessionKeys(sid).session, "schema", 999)
    before = whole(redis_server)
    calls: list[Call] = [
        lambda: baton.process_message(sid, "hello"),
        lambda: baton.get_session(sid),
        lambda: baton.get_or_create_session(sid),
        lambda: baton.save_session(session),
        lambda: baton.complete_authentication(sid, "4242", None, in_an_hour()),
        lambda: baton.delete_session(sid),
    ]
    for call in calls:
        with pytest.raises(NewerSchemaError):
            await call()
    assert whole(redis_server) == before


async def test_without_redis_every_call_says_so_and_later_all_is_there(own_redis: RedisServer, sid: str) -> None:
    async with embedded(own_redis.url) as baton:
        await baton.process_message(sid, "hello", "m1")
        session = await baton.get_session(sid)
        assert session is not None
        await asyncio.to_thread(own_redis.stop)
        calls: list[Call] = [
            lambda: baton.process_message(sid, "again"),
            lambda: baton.get_session(sid),
            lambda: baton.get_or_create_session(sid),
            lambda: baton.save_session(session),
            lambda: baton.complete_authentication(sid, "4242", None, in_an_hour()),
            lambda: baton.delete_session(sid),
            baton.active_session_ids,
        ]
        for call in calls:
            with pytest.raises(StoreUnavailableError):
                await call()
        await asyncio.to_thread(own_redis.start)

        async def answered() -> str | None:
            try:
                return (await baton.process_message(sid, "hello", "m1")).message
            except StoreUnavailableError:
                return None

        assert await until(answered, what="Redis again") == "hello"


async def test_an_agent_that_does_not_exist_stops_it_at_the_start(redis_url: str) -> None:
    with pytest.raises(SettingsError, match="BATON_AGENT"):
        async with embedded(redis_url, "no.such:agent"):
            raise AssertionError("it was opened")
