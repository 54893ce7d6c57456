"""The client of the tests writes down what happened, resumes by itself, and its record of a good run is judged good."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.client import Client, Turned
from tests.support.fake_server import FakeServer
from tests.support.history import check
from tests.support.poll import TooLate, until
from tests.support.records import Kind, Way


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer.start() as running:
        yield running


def ws(server: FakeServer) -> str:
    return server.url.replace("http", "ws") + "/ws"


async def test_it_asks_is_dropped_and_resumes_with_its_cursor(server: FakeServer) -> None:
    async with Client(ws(server)) as client:
        welcome = await client.open()
        assert (welcome["recovered"], client.token) == (False, "token-1")
        assert await client.ask("hi") == "Echo: hi"
        await client.drop()
        assert (client.connected, client.close_code) == (False, 1006)
        with pytest.raises(ConnectionClosed):
            await client.send("nobody hears")
        assert (await client.open())["recovered"] is True
        assert await client.ask("again") == "Echo: again"
    assert client.answers() == ["Echo: hi", "Echo: again"]
    assert [event["seq"] for event in client.transcript] == [1, 2, 3, 4, 5, 6]
    assert [record.way for record in client.log.records].count(Way.OPENED) == 2
    assert check([client.log]) == []
    times = [record.at for record in client.log.records]
    assert times == sorted(times)


async def test_it_records_a_repeat_as_it_came(server: FakeServer) -> None:
    async with Client(ws(server)) as client:
        await client.open()
        await client.ask("hi")
        server.say(**server.events[1])
        await client.wait(lambda: len(client.frames("message")) == 3, what="the repeated message")
    assert Kind.REPEAT in {violation.kind for violation in check([client.log])}


async def test_staying_it_survives_lost_acks_refusals_and_cuts(server: FakeServer) -> None:
    server.lose_acks = 2
    server.refusals.append({"code": "rate_limited", "message": "Slow down.", "retry_after": 0.05})
    async with Client([ws(server), ws(server)], name="a") as one, Client(ws(server), name="b") as two:
        await asyncio.gather(one.stay(longest_pause=0.05), two.stay(longest_pause=0.05))
        for number in range(12):
            await one.send(f"message {number}")
            if number % 4 == 0:
                server.cut()
        await one.wait(lambda: not one.unacked, what="all acks")
        for client in (one, two):
            await client.wait(lambda: len(client.answers()) == 12, what="twelve answers")  # noqa: B023
            await client.wait_turn_end()
    assert check([one.log, two.log]) == []
    assert sorted(server.texts("user")) == sorted(f"message {number}" for number in range(12))


async def test_a_connection_that_is_turned_away_is_told_with_its_code(server: FakeServer) -> None:
    server.turn_away = 4404
    async with Client(ws(server), token="token-1") as client:
        await client.connect()
        with pytest.raises(Turned) as turned:
            await client.hello()
        assert (turned.value.code, await client.wait_closed()) == (4404, 4404)


async def test_waiting_in_vain_names_what_was_waited_for(server: FakeServer) -> None:
    async with Client(ws(server), name="patient") as client:
        await client.open()
        with pytest.raises(TooLate, match="patient: a drain frame didn't come"):
            await client.wait_frame("drain", timeout=0.05)
    with pytest.raises(TooLate, match=r"the moon didn't come within 0\.05 s"):
        await until(lambda: False, timeout=0.05, what="the moon")
