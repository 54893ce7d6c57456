"""A connection's transitions: what is let through in which state, and when it is closed."""

import json

import pytest

from app.core.connection import TRANSITIONS, Connection, Refusal, State
from app.core.errors import CloseCode
from app.core.messages import Ping, Send

HELLO = '{"type":"hello","token":null,"after":null}'
PING = '{"type":"ping","t":1}'


def live(rate: float = 0.0) -> Connection:
    """A connection that has said hello."""
    connection = Connection(rate)
    assert not isinstance(connection.receive(HELLO, 0.0), Refusal)
    return connection


def code(step: object) -> str:
    """The error code of a refusal."""
    assert isinstance(step, Refusal)
    return str(json.loads(step.frame)["code"])


def send(text: str) -> str:
    return json.dumps({"type": "send", "id": "m", "text": text})


def test_hello_comes_first_and_once() -> None:
    connection = Connection(0.0)
    assert code(connection.receive(PING, 0.0)) == "bad_frame"
    assert not isinstance(connection.receive(HELLO, 0.0), Refusal)
    assert code(connection.receive(HELLO, 0.0)) == "bad_frame"
    assert connection.receive(PING, 0.0) == Ping(1)


def test_nothing_is_accepted_after_the_close() -> None:
    connection = live()
    connection.closed()
    assert code(connection.receive(PING, 0.0)) == "bad_frame"
    assert all(state is not State.CLOSED for state, _ in TRANSITIONS)


def test_the_tenth_bad_frame_closes_whatever_came_between() -> None:
    connection = live()
    for number in range(1, 11):
        step = connection.receive(None if number % 2 else "nonsense", 0.0)
        assert isinstance(step, Refusal)
        assert step.close == (CloseCode.BAD_FRAMES if number == 10 else None)
        assert not isinstance(connection.receive(PING, 0.0), Refusal)


def test_a_text_that_is_refused_is_no_bad_frame() -> None:
    connection = live()
    for _ in range(30):
        assert code(connection.receive(send(" "), 0.0)) == "text_invalid"
        assert code(connection.receive(send("x" * 8001), 0.0)) == "too_large"
    assert connection.bad_frames == 0
    assert connection.receive(send("x" * 8000), 0.0) == Send("m", "x" * 8000)


@pytest.mark.parametrize(
    ("times", "closes"),
    [([0.0] * 20, True), ([n * 0.5 for n in range(20)], True), ([n * 0.6 for n in range(40)], False)],
)
def test_twenty_refusals_within_ten_seconds_close(times: list[float], closes: bool) -> None:
    connection = live()
    steps = [connection.rate_limited(now, "m", 0.5) for now in times]
    assert [step.close for step in steps[:19]] == [None] * 19
    assert (steps[-1].close is CloseCode.RATE_LIMITED) is closes
    assert json.loads(steps[0].frame) | {"message": ""} == {
        "type": "error", "code": "rate_limited", "message": "", "id": "m", "retry_after": 0.5
    }  # fmt: skip


def test_frames_have_a_rate_and_bad_ones_do_not_use_it_up() -> None:
    connection = live(rate=10.0)
    passed = [not isinstance(connection.receive(PING, 0.0), Refusal) for _ in range(50)]
    assert passed == [True] * 39 + [False] * 11, "a burst of four seconds' worth, hello included"
    assert code(connection.receive("nonsense", 0.0)) == "bad_frame"
    assert connection.receive(PING, 0.11) == Ping(1)
