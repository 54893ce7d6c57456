"""Agents are foreign code: whatever one does, the turn ends, nothing of its errors reaches a person or a log (I10)."""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.support.client import Client
from tests.support.cluster import judge, metric
from tests.support.poll import until
from tests.support.replica import ReplicaProcess

MARK: Final = "qz-4711-marzipan"
"""Part of every text that a customer sends here: it must be in no log, and in no frame but the message itself."""
BAD: Final = {"BATON_AGENT": "tests.support.agents:make_bad", "BATON_LEASE_SECONDS": "1", "BATON_LOG_LEVEL": "debug"}


APOLOGY: Final = "I'm sorry, something went wrong with this answer. Please try again, or ask for a person."


async def misbehave(replica: ReplicaProcess, client: Client, what: str) -> list[str]:
    """Have the agent do it, see that the turn failed with an apology and that the next one works; the turn's texts."""
    await client.open()
    text = f"{what} {MARK}"
    turn = (await client.wait_ack(await client.send(text)))["seq"]
    end = await client.wait_turn_end(turn, timeout=30)
    assert end["status"] == "failed"
    answers = client.answers(turn)
    assert "sorry" in answers[-1]
    for frame in client.frames():
        shown = str(frame)
        assert MARK not in shown or (frame["type"], frame.get("role")) == ("message", "user"), shown
        assert not any(word in shown for word in ("Error", "Traceback", "Exception", "can't answer"))
    assert await client.ask("ok") == "fine: ok"
    assert MARK not in replica.logs()
    return answers


@pytest.fixture
async def bad(redis_url: str) -> AsyncIterator[ReplicaProcess]:
    async with ReplicaProcess.start(redis_url=redis_url, env=BAD) as replica:
        yield replica


@pytest.mark.parametrize("what", ["raise", "nonsense", "flood"])
async def test_it_fails_before_a_word_is_shown(bad: ReplicaProcess, what: str) -> None:
    async with Client(bad.ws_url) as client:
        await misbehave(bad, client, what)
        assert {frame["attempt"] for frame in client.frames("turn_start")} <= {1}
    judge(client, exact_deltas=False)


async def test_what_was_shown_stays(bad: ReplicaProcess) -> None:
    async with Client(bad.ws_url) as client:
        assert (await misbehave(bad, client, "late"))[0] == "A beginning"
    judge(client)


async def test_a_flood_in_small_pieces_is_cut_at_the_limit(bad: ReplicaProcess) -> None:
    async with Client(bad.ws_url) as client:
        shown, _ = await misbehave(bad, client, "slow-flood")
        assert 20_000 < len(shown) <= 32_000
        assert set(shown) == {"y"}
        assert client.frames("turn_end")[0]["reason"] == "too_long"
    judge(client)


@pytest.mark.parametrize("what", ["hang", "stubborn", "thread"])
async def test_one_that_hangs_ends_in_time_and_does_not_keep_the_process(redis_url: str, what: str) -> None:
    async with (
        ReplicaProcess.start(redis_url=redis_url, env=BAD | {"BATON_TURN_SECONDS": "1"}) as replica,
        Client(replica.ws_url) as client,
    ):
        assert (await misbehave(replica, client, what))[0] == ("A beginning" if what != "thread" else APOLOGY)
        assert client.frames("turn_end")[0]["reason"] == "timeout"
        assert await metric(replica, "baton_agents_stuck_total") == (what == "stubborn")
        assert await replica.terminate() == 0
    judge(client)


@pytest.mark.parametrize("what", ["surrogate", "big-head", "odd-head", "cancel", "exit"])
async def test_what_cannot_be_stored_ends_the_turn_too(bad: ReplicaProcess, what: str) -> None:
    """At the first attempt: it isn't the replica that failed, so nobody waits for a lease to run out."""
    async with Client(bad.ws_url) as client:
        await misbehave(bad, client, what)
        assert client.frames("turn_end")[0]["reason"] == "error"
    judge(client, exact_deltas=False)


async def test_what_is_no_agent_at_all(redis_url: str) -> None:
    env = {**BAD, "BATON_AGENT": "tests.support.agents:make_mute"}
    async with ReplicaProcess.start(redis_url=redis_url, env=env) as replica, Client(replica.ws_url) as client:
        await client.open()
        for turn in (1, 4):
            await client.send(MARK)
            assert (await client.wait_turn_end(turn))["status"] == "failed"
        assert ["sorry" in answer for answer in client.answers()] == [True, True]
        assert MARK not in replica.logs()
    judge(client)


async def test_an_answer_in_parts(redis_url: str) -> None:
    env = {"BATON_AGENT": "tests.support.agents:make_parts"}
    async with ReplicaProcess.start(redis_url=redis_url, env=env) as replica, Client(replica.ws_url) as client:
        await client.open()
        assert await client.ask("some words in the middle") == "one\nsome words in the middle\nthree"
        assert {frame["part"] for frame in client.frames("delta")} == {1}
    judge(client)


@pytest.mark.parametrize("what", ["task-exit", "task-leave"])
async def test_one_whose_task_exits_is_a_crash_and_no_wrong_setting(redis_url: str, what: str) -> None:
    """asyncio ends its loop for a SystemExit in any task; its code must look like no wrong setting, nor like an end."""
    async with ReplicaProcess.start(redis_url=redis_url, env=BAD) as replica, Client(replica.ws_url) as client:
        await client.open()
        await client.wait_ack(await client.send(f"{what} {MARK}"))
        await until(lambda: not replica.alive, what="the end of the process")
        assert replica.exit_code == 1
        assert MARK not in replica.logs()
