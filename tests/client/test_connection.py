"""The client against a server that dies, refuses and loses what it said: nothing lost, nothing twice."""

from collections.abc import AsyncIterator

import pytest

from app.client import Offline, Refused
from app.client.frames import Refusal
from tests.support.fake_server import FakeServer
from tests.support.person import talking
from tests.support.poll import until


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer.start() as running:
        yield running


async def test_an_answer_is_streamed(server: FakeServer) -> None:
    server.pieces = ["one ", "two ", "three"]
    server.hold_at = 2
    server.gate.clear()
    async with talking(server.url) as person:
        person.client.send("hi")
        await until(lambda: person.out.getvalue().endswith("Bot: one two "), what="two pieces and not the third")
        server.gate.set()
        assert (await person.settled()).splitlines()[1:] == ["You: hi", "Bot: one two three"]


async def test_a_lost_connection_in_mid_answer_prints_nothing_twice(server: FakeServer) -> None:
    server.pieces = ["alpha ", "beta ", "gamma"]
    async with talking(server.url) as person:
        server.hold_at = 1
        server.gate.clear()
        person.client.send("hi")
        await until(lambda: "alpha" in person.out.getvalue(), what="the first piece")
        server.cut()
        await until(lambda: len(server.hellos) == 2, what="the new connection")
        server.gate.set()
        output = await person.settled()
    assert [output.count(word) for word in ("alpha", "beta", "gamma", "You: hi")] == [1, 1, 1, 1]
    after = server.hellos[1]["after"]
    assert after["epoch"] == "e1"
    assert after["mark"] == f"e1-m{after['seq']}"
    assert server.hellos[1]["token"] == "token-1"


async def test_a_takeover_that_restarts_is_shown_once_when_it_writes_the_same(server: FakeServer) -> None:
    server.gate.clear()
    async with talking(server.url) as person:
        person.client.send("hi")
        await until(lambda: server.running, what="the turn")
        frame = {"turn": 1, "part": 0, "type": "delta"}
        server.say(**frame, attempt=1, first=0, last=1, text="Once upon")
        server.say(type="turn_start", turn=1, attempt=2)
        server.say(**frame, attempt=2, first=0, last=0, text="Once")
        server.say(**frame, attempt=1, first=2, last=2, text=" ghost")
        server.say(**frame, attempt=2, first=1, last=1, text=" upon a time")
        await until(lambda: "a time" in person.out.getvalue(), what="the answer")
        server.message("assistant", "Once upon a time", 1)
        server.store("turn_end", turn=1, status="completed", reason=None)
        output = await person.settled()
    assert output.splitlines()[-1] == "Bot: Once upon a time"
    assert output.count("Once") == 1


async def test_a_takeover_that_writes_something_else_says_so(server: FakeServer) -> None:
    server.gate.clear()
    async with talking(server.url) as person:
        person.client.send("hi")
        await until(lambda: server.running, what="the turn")
        server.say(type="delta", turn=1, part=0, attempt=1, first=0, last=0, text="Black")
        server.say(type="delta", turn=1, part=0, attempt=2, first=0, last=0, text="White")
        server.message("assistant", "White.", 1)
        server.store("turn_end", turn=1, status="completed", reason=None)
        assert (await person.settled()).splitlines()[-3:] == [
            "Bot: Black",
            "· The answer was written anew:",
            "Bot: White.",
        ]


async def test_a_message_whose_ack_was_lost_is_sent_again_under_the_same_id(server: FakeServer) -> None:
    server.lose_acks = 2
    async with talking(server.url) as person:
        key = person.client.send("once")
        await person.settled()
    assert {frame["id"] for frame in server.got("send")} == {key}
    assert server.texts("user") == ["once"]
    assert server.texts("assistant") == ["Echo: once"]


async def test_what_is_said_while_offline_goes_out_in_order(server: FakeServer) -> None:
    async with talking(server.url) as person:
        server.turn_away = 1013
        server.cut()
        await until(lambda: person.told(Offline), what="the loss")
        for number in range(5):
            person.client.send(str(number))
        server.turn_away = None
        await person.settled()
    assert server.texts("user") == ["0", "1", "2", "3", "4"]


async def test_a_refusal_that_passes_keeps_the_message_and_the_order(server: FakeServer) -> None:
    server.refusals.extend(
        [
            {"code": "rate_limited", "message": "Too fast.", "retry_after": 0.05},
            {"code": "unavailable", "message": "Wait."},
        ]
    )
    async with talking(server.url) as person:
        for number in range(3):
            person.client.send(str(number))
        await person.settled()
    assert server.texts("user") == ["0", "1", "2"]
    assert [update.code for update in person.told(Refusal)] == ["rate_limited", "unavailable"]


async def test_a_final_refusal_gives_the_message_up_and_says_so(server: FakeServer) -> None:
    server.refusals.append({"code": "text_invalid", "message": "That text can't be sent."})
    async with talking(server.url) as person:
        person.client.send("bad")
        person.client.send("good")
        output = await person.settled()
    assert person.told(Refused) == [Refused("bad", "That text can't be sent.")]
    assert "· Not sent: That text can't be sent. (bad)" in output
    assert server.texts("user") == ["good"]


async def test_a_text_over_the_limit_never_leaves(server: FakeServer) -> None:
    async with talking(server.url) as person:
        person.client.send("x" * 8001)
        person.client.send("\U0001f600" * 8000)
        await person.settled()
    assert [len(frame["text"]) for frame in server.got("send")] == [8000]
    assert len(person.told(Refused)) == 1


async def test_wishes_outlive_a_connection(server: FakeServer) -> None:
    server.state["auth"] = "authenticated"
    async with talking(server.url) as person:
        server.turn_away = 1013
        server.cut()
        await until(lambda: person.told(Offline), what="the loss")
        person.client.sign_out()
        person.client.end()
        server.turn_away = None
        await person.settled()
    assert (len(server.got("sign_out")), len(server.got("end"))) == (1, 1)


async def test_cancel_stops_the_answer(server: FakeServer) -> None:
    server.gate.clear()
    async with talking(server.url) as person:
        assert not person.client.cancel()
        person.client.send("hi")
        await until(lambda: server.running and person.client.transcript.open_turns, what="the turn")
        assert person.client.cancel()
        assert "· The answer was stopped." in await person.settled()
