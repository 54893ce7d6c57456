"""What a client makes of frames: the delta rules, the order of events, and frames that it can't trust."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client.frames import BadFrame, Delta, Message, TurnEnd, TurnStart, View, Welcome, convert, decode
from app.client.link import backoff, socket_url
from app.client.transcript import Cursor, Gap, Transcript


def user(seq: int) -> Message:
    return Message(seq=seq, mark=f"m{seq}", id=f"u{seq}", role="user", text="hi", at="", turn=seq)


def end(seq: int, turn: int) -> TurnEnd:
    return TurnEnd(seq=seq, mark=f"m{seq}", turn=turn, status="completed")


def delta(first: int, text: str, *, attempt: int = 1, last: int | None = None, part: int = 0, turn: int = 1) -> Delta:
    return Delta(turn, attempt, part, first, first if last is None else last, text)


def welcome(*, recovered: bool = False, epoch: str = "e") -> Welcome:
    return Welcome("s", "t", epoch, 0, recovered, "r")


def running() -> Transcript:
    transcript = Transcript()
    transcript.welcome(welcome())
    transcript.event(user(1))
    transcript.turn_start(TurnStart(1, 1))
    return transcript


def shown(transcript: Transcript) -> str:
    return transcript.draft.text if transcript.draft else ""


def test_a_delta_appends_when_it_follows_and_replaces_when_it_is_the_first() -> None:
    transcript = running()
    for frame in (delta(0, "a"), delta(1, "b", last=3), delta(4, "c")):
        assert transcript.delta(frame) is not None
    assert shown(transcript) == "abc"
    transcript.delta(delta(0, "xyz", last=9))
    transcript.delta(delta(10, "!"))
    assert shown(transcript) == "xyz!"


@pytest.mark.parametrize("frame", [delta(1, "b"), delta(3, "d"), delta(0, "old", attempt=0), delta(2, "c", attempt=0)])
def test_a_repeated_a_missing_and_a_stale_delta_change_nothing(frame: Delta) -> None:
    transcript = running()
    transcript.delta(delta(0, "ab", last=1))
    assert transcript.delta(frame) is None
    assert shown(transcript) == "ab"


def test_a_takeover_that_continues_carries_on_and_one_that_restarts_replaces() -> None:
    transcript = running()
    transcript.delta(delta(0, "ab", last=1))
    transcript.turn_start(TurnStart(1, 2))
    transcript.delta(delta(2, "c", attempt=2))
    assert shown(transcript) == "abc"
    assert transcript.delta(delta(3, "ghost", attempt=1)) is None
    transcript.delta(delta(0, "x", attempt=3))
    assert shown(transcript) == "x"


def test_nothing_of_an_ended_turn_opens_it_again() -> None:
    transcript = running()
    transcript.event(end(2, 1))
    transcript.turn_start(TurnStart(1, 2))
    assert transcript.delta(delta(0, "late", attempt=2)) is None
    assert not transcript.open_turns


@given(st.lists(st.sampled_from(range(1, 8)), max_size=30))
def test_events_are_applied_once_and_in_order_whatever_arrives(seqs: list[int]) -> None:
    transcript, applied = Transcript(), []
    transcript.welcome(welcome())
    for seq in seqs:
        try:
            if transcript.event(user(seq)):
                applied.append(seq)
        except Gap:
            continue
    assert applied == list(range(applied[0], applied[0] + len(applied))) if applied else not seqs


def test_the_cursor_is_the_last_applied_event_and_goes_with_its_epoch() -> None:
    transcript = running()
    assert transcript.cursor == Cursor("e", 1, "m1")
    assert not transcript.welcome(welcome(recovered=True))
    assert msgspec.to_builtins(transcript.cursor) == {"epoch": "e", "seq": 1, "mark": "m1"}
    assert transcript.welcome(welcome(epoch="f")), "what was shown is void"
    assert (msgspec.to_builtins(transcript.cursor), transcript.open_turns) == (None, {})


def test_a_gap_is_an_error_and_applies_nothing() -> None:
    transcript = running()
    with pytest.raises(Gap):
        transcript.event(user(3))
    assert transcript.cursor == Cursor("e", 1, "m1")


@pytest.mark.parametrize(
    "raw", ["", "[]", "1", "{}", '{"type":1}', '{"type":"ack"}', '{"type":"ack","id":1,"seq":2}', "{", b"\xff"]
)
def test_a_frame_that_breaks_the_protocol_is_refused(raw: str | bytes) -> None:
    with pytest.raises(BadFrame):
        decode(raw)


@pytest.mark.parametrize("body", [{"type": "tomorrow"}, {"type": "pong", "t": 1}])
def test_a_frame_of_a_later_protocol_is_ignored(body: dict[str, Any]) -> None:
    assert convert(body) is None


def test_an_unknown_field_is_ignored_and_a_missing_one_has_the_value_of_an_untouched_conversation() -> None:
    frame = convert({"type": "state", "seq": 1, "mark": "m", "state": {"auth": "verifying", "new": 1}, "new": 2})
    assert getattr(frame, "state", None) == View(auth="verifying")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws"),
        ("https://chat.example/support/", "wss://chat.example/support/ws"),
        ("localhost:9", "ws://localhost:9/ws"),
        ("wss://chat.example/ws", "wss://chat.example/ws"),
        ("http://[::1]:80/?x=1#y", "ws://[::1]:80/ws"),
    ],
)
def test_the_address_of_the_socket(url: str, address: str) -> None:
    assert socket_url(url) == address


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://x:99999", "http://[::1", "file:///etc/passwd"])
def test_what_is_no_address_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a server"):
        socket_url(url)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_is_full_jitter_up_to_twenty_seconds(attempt: int, chance: float) -> None:
    cap = min(20.0, 0.5 * 2.0 ** min(attempt, 50))
    assert backoff(attempt, lambda: chance) == pytest.approx(chance * cap)
