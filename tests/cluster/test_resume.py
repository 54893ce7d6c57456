"""A client resumes on another replica with every event once, in order (I3, I7), whenever its own was killed."""

import pytest

from tests.support.client import Client
from tests.support.cluster import judge, replicas, settled

PONDER = {"BATON_AGENT": "tests.support.agents:make_ponder", "BATON_LEASE_SECONDS": "1"}


async def test_a_killed_replica_costs_nothing(redis_url: str) -> None:
    async with replicas(redis_url) as (one, two), Client([one.ws_url, two.ws_url]) as client:
        await client.stay()
        for number in range(5):
            await client.ask(f"before {number}")
        one.kill9()
        for number in range(5):
            assert await client.ask(f"after {number}", timeout=20) == f"after {number}"
        assert [event["seq"] for event in client.transcript] == list(range(1, 31))
        first, *_, last = client.frames("welcome")
        assert (first["replica"] != last["replica"], first["session"] == last["session"], last["recovered"]) == (
            True,
            True,
            True,
        )
    judge(client)


async def test_a_client_that_has_seen_nothing_yet_resumes(redis_url: str) -> None:
    async with replicas(redis_url) as (one, two), Client(one.ws_url) as client:
        before = await client.open()
        one.kill9()
        await client.wait_closed()
        after = await client.open(two.ws_url)
        assert (after["session"], after["epoch"], after["seq"]) == (before["session"], before["epoch"], 0)
        assert await client.ask("hello") == "hello"
    judge(client)


@pytest.mark.parametrize("wait_for", ["nothing", "ack"])
@pytest.mark.parametrize("transcript", ["kept", "lost"])
async def test_a_client_resumes_before_the_first_token(redis_url: str, wait_for: str, transcript: str) -> None:
    async with replicas(redis_url, env=PONDER) as (one, two), Client(one.ws_url) as client:
        await client.open()
        key = await client.send("hello")
        if wait_for == "ack":
            await client.wait_ack(key)
        one.kill9()
        await client.wait_closed()
        assert client.frames("delta") == []
        await client.open(two.ws_url, **({"after": None} if transcript == "lost" else {}))
        await client.send("hello", key)  # whether it arrived or not: the same message
        ack = await client.wait_frame("ack", where=lambda frame: frame["id"] == key, since=len(client.log.records) - 1)
        assert (ack["seq"], ack["duplicate"] or wait_for == "nothing") == (1, True)
        await client.wait_turn_end(1)
        kinds = [(event["type"], event.get("text")) for event in client.transcript]
        assert kinds == [("message", "hello"), ("message", "hello"), ("turn_end", None)]
    judge(client)


async def test_a_tab_that_was_away_for_seventy_turns_has_all_of_them(redis_url: str) -> None:
    """More than one page of the log: 210 events, each once."""
    async with (
        replicas(redis_url) as (one, two),
        Client(one.ws_url, name="here") as here,
        Client(two.ws_url, name="away") as away,
    ):
        await here.open()
        away.token = here.token
        await here.ask("both are here")
        await away.open()
        await settled(here, away, seq=3)
        await away.drop()
        for number in range(70):
            await here.ask(f"turn {number}")
        welcome = await away.open()
        assert welcome["recovered"] is True
        await settled(here, away, seq=213)
        assert [event["seq"] for event in away.transcript] == list(range(1, 214))
        assert await away.ask("back") == "back"
        await settled(here, away, seq=216)
    judge(here, away)
