"""The library's sign-in: who the customer is, and what waited for that."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pytest

from app.core.errors import ErrorCode
from app.engine.embedding import Baton, RefusedError
from tests.embedding.helpers import embedded, in_an_hour
from tests.support.redis_server import RedisServer
from tests.support.stores import whole

QUERY: Final = "query my balance"


async def test_a_sign_in_makes_the_customer_known(baton: Baton, other: Baton, sid: str) -> None:
    response = await baton.complete_authentication(sid, "4242", "Ada Example", in_an_hour())
    assert (response.message, response.status, response.state["auth"]) == ("", None, "authenticated")
    assert response.state["customer_name"] == "Ada Example"
    session = await other.get_session(sid)
    assert session is not None
    assert (session.user_context.account_number, session.user_context.auth_state) == ("4242", "authenticated")


async def test_a_sign_in_answers_what_was_asked(redis_url: str, sid: str) -> None:
    async with embedded(redis_url, "tests.support.agents:make_query") as baton:
        asked = await baton.process_message(sid, QUERY)
        assert (asked.message, asked.state["pending_query"]) == ("Who are you?", QUERY)
        assert asked.action == "authentication_required"
        response = await baton.complete_authentication(sid, "4242", "Ada Example", in_an_hour())
        assert response.message == f"Ada Example had asked: {QUERY}"
        assert (response.status, response.category, response.action) == ("completed", "account_data", "none")
        assert response.state["pending_query"] is None
        again = await baton.complete_authentication(sid, "4242", "Ada Example", in_an_hour())
        assert (again.message, again.status) == ("", None)


async def test_a_sign_in_behind_a_running_turn_waits_for_its_own(redis_url: str, sid: str) -> None:
    async with embedded(redis_url, "tests.support.agents:make_query") as baton:
        await baton.process_message(sid, QUERY)
        several = [baton.process_message(sid, f"message {number}") for number in range(5)]
        signing_in = baton.complete_authentication(sid, "4242", "Ada Example", in_an_hour())
        *heard, response = await asyncio.gather(*several, signing_in)
        assert [one.message for one in heard] == [f"heard message {number}" for number in range(5)]
        assert response.message == f"Ada Example had asked: {QUERY}"


@pytest.mark.parametrize(
    "expiry",
    [
        datetime.now(UTC) - timedelta(seconds=1),
        datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1),
        datetime.now(timezone(timedelta(hours=14))) - timedelta(hours=1),
    ],
    ids=["past", "without offset", "past elsewhere"],
)
async def test_a_sign_in_needs_a_time_to_come(
    baton: Baton, sid: str, expiry: datetime, redis_server: RedisServer
) -> None:
    before = whole(redis_server)
    with pytest.raises(ValueError, match="token_expiry"):
        await baton.complete_authentication(sid, "4242", None, expiry)
    assert whole(redis_server) == before


async def test_nobody_signs_in_to_what_has_ended(baton: Baton, sid: str) -> None:
    await baton.process_message(sid, "hello")
    await baton.conversations.end(sid)
    with pytest.raises(RefusedError) as refused:
        await baton.complete_authentication(sid, "4242", None, in_an_hour())
    assert refused.value.code is ErrorCode.CONVERSATION_ENDED


async def test_a_message_from_long_before_it_comes_with_the_state_of_now(redis_url: str, sid: str) -> None:
    async with embedded(redis_url, "tests.support.agents:make_query") as baton:
        await baton.process_message(sid, "hello", "m1")
        await baton.process_message(sid, QUERY)
        for number in range(70):
            await baton.process_message(sid, f"message {number}")
        await baton.complete_authentication(sid, "4242", "Ada Example", in_an_hour())
        again = await baton.process_message(sid, "hello", "m1")
        assert (again.message, again.action) == ("heard hello", "none")
        assert (again.state["auth"], again.state["pending_query"]) == ("authenticated", None)
