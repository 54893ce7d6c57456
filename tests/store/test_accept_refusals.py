"""What accept.lua refuses it leaves as it was: not a byte, not a deadline (I2 I9); and the rate of a conversation."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from app.core import limits
from app.core.errors import NewerSchemaError
from app.engine.calls import Accepted, AskingChanged, Refused, TooFast
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, head_with, open_store, refused, whole


async def test_an_absent_session_is_gone_unless_it_may_be_created(chat: Chat, redis_server: RedisServer) -> None:
    before = whole(redis_server)
    assert refused(await chat.store.accept(chat.message("m1", fresh=None))) is Refused.GONE
    assert whole(redis_server) == before


async def test_an_ended_conversation_takes_no_message(chat: Chat, ear: Ear, redis_server: RedisServer) -> None:
    await chat.send("m1")
    await chat.act(mode="ended", stop=True)
    before = whole(redis_server)
    ear.heard()
    assert refused(await chat.store.accept(chat.message("m2"))) is Refused.ENDED
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_a_full_conversation_takes_no_message(
    chat: Chat, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_EVENTS", 3)
    await chat.commit(await chat.start("m1"))
    await chat.send("m2")
    before = whole(redis_server)
    assert refused(await chat.store.accept(chat.message("m3"))) is Refused.FULL
    assert whole(redis_server) == before


async def test_an_id_of_a_full_conversation_is_still_known(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_EVENTS", 1)
    await chat.send("m1")
    assert (await chat.send("m1")).duplicate


async def test_a_newer_schema_is_refused_and_left_as_it_is(chat: Chat, redis_server: RedisServer) -> None:
    await chat.send("m1")
    chat.set_field("schema", 999)
    before = whole(redis_server)
    for id in ("m1", "m2"):
        with pytest.raises(NewerSchemaError):
            await chat.store.accept(chat.message(id))
    assert whole(redis_server) == before


@pytest.mark.parametrize("asked", [True, False])
async def test_a_message_decided_on_a_stale_idea_of_asking_is_refused_with_the_head(
    chat: Chat, redis_server: RedisServer, asked: bool
) -> None:
    lease = await chat.start("m1")
    await chat.commit(lease, asking=True, head=head_with(chat.sid, pending_query="pin?"))
    if not asked:
        answer = (await chat.send("m2", asking=True, sealed=b"x")).lease
        assert answer is not None
        await chat.commit(answer, asking=False, head=head_with(chat.sid))
    before = whole(redis_server)
    result = await chat.store.accept(chat.message("m3", asking=not asked, sealed=b"" if asked else b"x"))
    assert isinstance(result, AskingChanged)
    assert result.asking is asked
    assert result.now.rev == chat.field("rev")
    assert result.now.head.fields.pending_query == ("pin?" if asked else None)
    assert whole(redis_server) == before


async def test_an_answer_where_nothing_was_asked_yet_creates_nothing(chat: Chat, redis_server: RedisServer) -> None:
    before = whole(redis_server)
    result = await chat.store.accept(chat.message("m1", asking=True, sealed=b"x"))
    assert isinstance(result, AskingChanged)
    assert not result.asking
    assert whole(redis_server) == before


async def burst(chat: Chat, first: int, count: int) -> Counter[Any]:
    """Send new messages all at once; how many were answered how."""
    calls = [chat.store.accept(chat.message(f"m{number}")) for number in range(first, first + count)]
    return Counter(type(result) for result in await asyncio.gather(*calls))


async def test_a_burst_holds_what_the_rate_allows_in_four_seconds(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, rate=3) as store:
        assert await burst(Chat(store, redis_server), 0, 20) == {Accepted: 12, TooFast: 8}


async def test_a_rate_too_slow_for_a_burst_allows_one_message(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, rate=0.1) as store:
        chat = Chat(store, redis_server)
        await chat.send("m1")
        result = await store.accept(chat.message("m2"))
        assert isinstance(result, TooFast)
        assert 8 < result.retry_after <= 10


async def test_the_rate_comes_back_with_time(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, rate=3) as store:
        chat = Chat(store, redis_server)
        await burst(chat, 0, 13)
        chat.set_field("tat", float(chat.field("tat")) - 2000)  # two seconds later
        assert await burst(chat, 100, 20) == {Accepted: 6, TooFast: 14}


async def test_the_wait_is_until_one_more_fits(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, rate=0.25) as store:
        chat = Chat(store, redis_server)
        await chat.send("m1")
        result = await store.accept(chat.message("m2"))
        assert isinstance(result, TooFast)
        assert 3 < result.retry_after <= 4
        chat.set_field("tat", float(chat.field("tat")) - result.retry_after * 1000)
        await chat.send("m2")


async def test_a_clock_gone_back_does_not_hold_messages_up(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, rate=2) as store:
        chat = Chat(store, redis_server)
        await chat.send("m1")
        chat.set_field("tat", float(chat.field("tat")) + 864_000_000)
        result = await store.accept(chat.message("m2"))
        assert isinstance(result, TooFast)
        assert result.retry_after <= 0.5


async def test_a_message_over_the_rate_leaves_nothing(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, rate=0.1) as store:
        chat = Chat(store, redis_server)
        await chat.send("m1")
        before = whole(redis_server)
        assert isinstance(await store.accept(chat.message("m2")), TooFast)
        assert whole(redis_server) == before


async def test_a_duplicate_costs_no_rate(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, rate=0.5) as store:
        chat = Chat(store, redis_server)
        await chat.send("m1")
        for _ in range(10):
            assert (await chat.send("m1")).duplicate
        await chat.send("m2")
        assert isinstance(await store.accept(chat.message("m3")), TooFast)
        assert (await chat.send("m1")).duplicate
