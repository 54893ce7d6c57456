"""A replica of the tests is a real one: it serves, dies, freezes, wakes and leaves as a process does."""

import pytest

from tests.support.client import Client
from tests.support.history import check
from tests.support.poll import until
from tests.support.replica import ReplicaProcess


async def test_a_conversation_goes_on_at_another_replica(redis_url: str) -> None:
    async with (
        ReplicaProcess.start(redis_url=redis_url) as one,
        ReplicaProcess.start(redis_url=redis_url) as two,
        Client([one.ws_url, two.ws_url]) as client,
    ):
        await client.stay()
        first = await client.ask("before")
        one.kill9()
        assert not one.alive
        assert await client.ask("after", timeout=20) != first
        await one.launch()
        assert await one.ready()
        assert client.frames("welcome")[-1]["recovered"] is True
    assert check([client.log]) == []


async def test_a_frozen_replica_answers_nothing_until_it_is_woken(redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url) as replica:
        replica.stop()
        assert not await replica.ready()
        assert replica.alive
        replica.cont()
        await until(replica.ready, what="a woken replica")
        assert await replica.terminate() == 0


async def test_a_replica_that_cannot_start_shows_what_it_said(redis_url: str) -> None:
    with pytest.raises(AssertionError, match="BATON_AGENT"):
        async with ReplicaProcess.start(redis_url=redis_url, env={"BATON_AGENT": "no such agent"}):
            pass
