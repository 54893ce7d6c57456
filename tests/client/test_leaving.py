"""When the client leaves a server, when it comes back, and when it must not."""

from collections.abc import AsyncIterator

import pytest

from app.client import Offline, Online
from tests.support.fake_server import FakeServer
from tests.support.person import talking
from tests.support.poll import until


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer.start() as running:
        yield running


async def test_a_drain_is_followed_at_its_time_and_the_new_replica_named(server: FakeServer) -> None:
    async with talking(server.url) as person:
        server.replica = "r-2"
        server.say(type="drain", reconnect_in=1000)
        await until(lambda: len(person.told(Online)) == 2, what="the new connection")
    assert [(o.code, o.retry_in) for o in person.told(Offline)] == [(1001, 0.0)]
    assert "· Now served by replica r-2." in person.out.getvalue()


async def test_a_drain_waits_for_the_answer_being_written(server: FakeServer) -> None:
    server.gate.clear()
    async with talking(server.url) as person:
        person.client.send("hi")
        await until(lambda: server.running, what="the turn")
        server.say(type="drain", reconnect_in=0)
        server.say(type="pong", t=1)
        server.gate.set()
        await until(lambda: len(person.told(Online)) == 2, what="the new connection")
        assert person.out.getvalue().index("Echo: hi") < person.out.getvalue().index("The replica is going away")
    assert len(server.hellos) == 2
    assert server.hellos[1]["after"]["seq"] == 3


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013, 4408, 4420, 4429])
async def test_it_comes_back_after_a_close_that_allows_it(server: FakeServer, code: int) -> None:
    async with talking(server.url) as person:
        await server.close_all(code)
        await until(lambda: len(person.told(Online)) == 2, what="the new connection")


@pytest.mark.parametrize("code", [1000, 1009, 4400, 4401, 4403, 4404])
async def test_it_stays_away_after_a_close_that_forbids_it(server: FakeServer, code: int) -> None:
    async with talking(server.url) as person:
        await server.close_all(code)
        await until(lambda: person.told(Offline), what="the close")
        assert [(update.code, update.retry_in) for update in person.told(Offline)] == [(code, None)]
        person.client.restart()
        await until(lambda: len(server.hellos) == 2, what="a new conversation")
    assert server.hellos[1]["token"] is None
    assert server.hellos[1]["after"] is None


async def test_a_fork_is_said_and_the_transcript_starts_anew(server: FakeServer) -> None:
    async with talking(server.url) as person:
        person.client.send("kept")
        await person.settled()
        person.client.send("lost")
        await person.settled()
        server.fork(keep=3)
        await server.close_all(1012)
        await until(lambda: len(person.told(Online)) == 2, what="the new connection")
        person.client.send("next")
        output = await person.settled()
    tail = output[output.index("lost a part") :]
    assert ("lost" in tail.split("\n", 1)[1], "You: kept" in tail, "Bot: Echo: next" in tail) == (False, True, True)


async def test_a_quiet_server_that_answers_pings_is_kept(server: FakeServer) -> None:
    server.heartbeat = 0.1
    async with talking(server.url) as person:
        await until(lambda: len(server.got("ping")) == 4, what="pings")
        assert not person.told(Offline)


async def test_a_server_that_answers_no_ping_is_left(server: FakeServer) -> None:
    server.heartbeat, server.pongs = 0.1, False
    async with talking(server.url) as person:
        await until(lambda: len(person.told(Online)) == 2, what="a new connection")
    assert "· The server has gone silent." in person.out.getvalue()


async def test_events_out_of_order_or_unreadable_cost_a_connection_and_no_event(server: FakeServer) -> None:
    async with talking(server.url) as person:
        server.say(type="message", seq=1, mark="e1-m1", id="x", role="user", text=5, at="", turn=1)
        await until(lambda: len(person.told(Online)) == 2, what="a new connection")
        person.client.send("hi")
        await person.settled()
        server.say(type="turn_end", seq=9, mark="m", turn=9, status="completed")
        await until(lambda: len(person.told(Online)) == 3, what="a new connection")
    assert server.hellos[2]["after"]["seq"] == 3
