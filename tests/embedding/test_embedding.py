"""The library: say something and get the answer, on what is stored and on nothing else (I1 I2)."""

import asyncio
import json

import pytest

from app.core.errors import ErrorCode, SessionGoneError, TextError
from app.engine.embedding import Baton, RefusedError
from app.store.keys import SessionKeys
from tests.embedding.helpers import embedded
from tests.support.client import Client
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess


async def said(baton: Baton, sid: str) -> list[tuple[str, str]]:
    """Role and text of what is stored."""
    session = await baton.get_session(sid)
    assert session is not None
    return [(message["role"], message["text"]) for message in session.conversation_history]


async def test_a_message_is_answered(baton: Baton, sid: str) -> None:
    response = await baton.process_message(sid, "hello")
    assert (response.session_id, response.message, response.status) == (sid, "hello", "completed")
    assert (response.category, response.action, response.state["auth"]) == (None, "none", "anonymous")
    assert await said(baton, sid) == [("user", "hello"), ("assistant", "hello")]


async def test_when_it_returns_any_other_one_can_go_on(baton: Baton, other: Baton, sid: str) -> None:
    for number in range(4):
        here = (baton, other)[number % 2]
        assert (await here.process_message(sid, f"message {number}")).message == f"message {number}"
    both = [await said(each, sid) for each in (baton, other)]
    assert both[0] == both[1]
    assert len(both[0]) == 8


@pytest.mark.parametrize("later", [False, True])
async def test_the_same_message_twice_is_one_message_with_one_answer(
    baton: Baton, other: Baton, sid: str, later: bool
) -> None:
    first = await baton.process_message(sid, "hello", "m1")
    if later:
        await baton.process_message(sid, "again", "m2")
    again = [await each.process_message(sid, "hello", "m1") for each in (baton, other)]
    assert again == [first, first]
    assert [text for role, text in await said(baton, sid) if role == "user"] == ["hello", "again"][: 1 + later]


async def test_the_same_message_many_times_at_once_is_one(baton: Baton, other: Baton, sid: str) -> None:
    calls = [each.process_message(sid, "hello", "m1") for each in (baton, other) * 5]
    answers = await asyncio.gather(*calls)
    assert {response.message for response in answers} == {"hello"}
    assert await said(baton, sid) == [("user", "hello"), ("assistant", "hello")]


async def test_a_message_older_than_what_is_shown_gets_its_own_answer_again(baton: Baton, sid: str) -> None:
    first = await baton.process_message(sid, "the oldest", "m1")
    for number in range(80):
        await baton.process_message(sid, f"message {number}")
    assert await baton.process_message(sid, "the oldest", "m1") == first
    session = await baton.get_session(sid, events=1000)
    assert session is not None
    assert len(session.conversation_history) == 162


async def test_many_at_once_are_answered_each_with_its_own(baton: Baton, other: Baton, sid: str) -> None:
    texts = [f"message {number}" for number in range(20)]
    calls = [(baton, other)[number % 2].process_message(sid, text) for number, text in enumerate(texts)]
    assert [response.message for response in await asyncio.gather(*calls)] == texts
    assert len(await said(baton, sid)) == 40


async def test_an_answer_in_parts_comes_whole(redis_url: str, sid: str) -> None:
    async with embedded(redis_url, "tests.support.agents:make_parts") as baton:
        assert (await baton.process_message(sid, "two")).message == "one\n\ntwo\n\nthree"


async def test_a_turn_that_fails_says_so(redis_url: str, sid: str) -> None:
    async with embedded(redis_url, "tests.support.agents:make_bad") as baton:
        response = await baton.process_message(sid, "raise please")
        assert (response.status, "sorry" in response.message) == ("failed", True)
        assert "can't answer" not in json.dumps(response.state) + response.message
        assert (await baton.process_message(sid, "ok")).message == "fine: ok"


async def test_a_slow_first_answer_of_a_new_conversation_is_waited_for(redis_url: str, sid: str) -> None:
    async with embedded(redis_url, "tests.support.agents:make_slow") as baton:
        assert (await baton.process_message(sid, "hello")).message == "hello"


async def test_a_turn_that_runs_on_another_replica_is_waited_for(redis_url: str, redis_server: RedisServer) -> None:
    """The message is queued behind the replica's, and answered by it."""
    words = " ".join(f"word{number}" for number in range(20))
    env = {"BATON_ECHO_DELAY_MS": "50"}
    async with (
        ReplicaProcess.start(redis_url=redis_url, env=env) as replica,
        Client(replica.ws_url) as client,
        embedded(redis_url) as baton,
    ):
        sid = (await client.open())["session"]
        first = (await client.wait_ack(await client.send(words, "m1")))["seq"]
        behind = asyncio.create_task(baton.process_message(sid, "behind it"))
        again = await baton.process_message(sid, words, "m1")
        assert (again.message, again.status) == (words, "completed")
        assert (await behind).message == "behind it"
        await client.wait_turn_end(first + 1)
        assert client.answers() == [words, "behind it"]


async def test_a_turn_whose_replica_dies_is_taken_over(redis_url: str, redis_server: RedisServer) -> None:
    env = {"BATON_ECHO_DELAY_MS": "100", "BATON_LEASE_SECONDS": "1"}
    words = " ".join(f"word{number}" for number in range(20))
    async with (
        ReplicaProcess.start(redis_url=redis_url, env=env) as replica,
        Client(replica.ws_url) as client,
        embedded(redis_url) as baton,
    ):
        sid = (await client.open())["session"]
        await client.send(words, "m1")
        await client.wait_frame("delta")
        replica.kill9()
        response = await baton.process_message(sid, words, "m1")
        assert (response.message, response.status) == (words, "completed")


async def test_another_goes_on_with_what_runs_when_it_is_closed(redis_url: str, sid: str) -> None:
    """At once: its lease is given up, nobody waits until it runs out."""
    words = " ".join(f"word{number}" for number in range(20))
    async with embedded(redis_url, BATON_LEASE_SECONDS="60") as stays:
        async with embedded(redis_url, BATON_LEASE_SECONDS="60", BATON_ECHO_DELAY_MS="100") as leaves:
            asked = asyncio.create_task(leaves.process_message(sid, words, "m1"))

            async def begun() -> bool:
                found = await stays.store.join(sid, None, 10)
                return found is not None and found.last > 2

            await until(begun, what="a part of the answer")
        async with asyncio.timeout(20):
            assert (await stays.process_message(sid, words, "m1")).message == words
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)


async def test_an_ended_conversation_refuses_and_still_shows_its_answers(baton: Baton, sid: str) -> None:
    first = await baton.process_message(sid, "hello", "m1")
    assert await baton.conversations.end(sid) is None
    with pytest.raises(RefusedError) as refused:
        await baton.process_message(sid, "anybody there?")
    assert (refused.value.code, refused.value.retry_after) == (ErrorCode.CONVERSATION_ENDED, None)
    again = await baton.process_message(sid, "hello", "m1")
    assert (again.message, again.status, again.state["ended"]) == (first.message, "completed", True)
    assert await said(baton, sid) == [("user", "hello"), ("assistant", "hello")]


async def test_too_many_messages_are_refused_with_a_time(redis_url: str, sid: str) -> None:
    async with embedded(redis_url, BATON_RATE_LIMIT="1") as baton:
        calls = [baton.process_message(sid, "hello") for _ in range(12)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        refused = [result for result in results if isinstance(result, RefusedError)]
        assert 0 < len(refused) < len(results)
        assert {error.code for error in refused} == {ErrorCode.RATE_LIMITED}
        assert all(0 < (error.retry_after or 0) <= 1 for error in refused)
        assert len(await said(baton, sid)) == 2 * (len(results) - len(refused))


@pytest.mark.parametrize("text", ["", " \n", "x" * 8001, "\0", "half a pair: \ud83d"])
async def test_a_text_that_may_not_be_stored_is_refused(
    baton: Baton, sid: str, text: str, redis_server: RedisServer
) -> None:
    with pytest.raises(TextError) as refused:
        await baton.process_message(sid, text, "m1")
    assert refused.value.id == "m1"
    assert redis_server.command("EXISTS", SessionKeys(sid).session) == 0


async def test_a_conversation_that_is_erased_meanwhile_is_gone(redis_url: str, sid: str, other: Baton) -> None:
    async with embedded(redis_url, "tests.support.agents:make_slow") as baton:
        asked = asyncio.create_task(baton.process_message(sid, "hello"))

        async def there() -> bool:
            return await other.get_session(sid) is not None

        await until(there, what="the message")
        assert await other.delete_session(sid)
        with pytest.raises(SessionGoneError):
            await asked
        assert await baton.get_session(sid) is None


async def test_nobody_is_left_in_a_room(baton: Baton, sid: str) -> None:
    await baton.process_message(sid, "hello", "m1")
    await baton.process_message(sid, "hello", "m1")
    await baton.conversations.end(sid)
    with pytest.raises(RefusedError):
        await baton.process_message(sid, "hello")
    assert getattr(baton.hub, "rooms", None) == 0
