"""What scripts publish, parsed: each form, and that nothing on a channel can raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.publication import Delta, Events, Forked, Gone, Running, TypingHint, parse


def test_events_with_their_numbers_turns_and_what_runs() -> None:
    found = parse('e 4 99 5 77 1000 3-55 5.2\n5 "type":"message"}\n- "type":"state","x":"é"}'.encode())
    assert isinstance(found, Events)
    assert (found.before, found.rev, found.running) == ((4, "99"), "3-55", Running(5, 2))
    assert [(event.seq, event.mark, event.at_ms, event.turn) for event in found.events] == [
        (5, "77", 1000, 5), (6, "77", 1000, None)
    ]  # fmt: skip
    assert found.events[0].document()["at"] == "1970-01-01T00:00:01.000Z"
    nothing_runs = parse(b'e 0 0 1 7 1 1-7 -\n1 "type":"state"}')
    assert isinstance(nothing_runs, Events)
    assert nothing_runs.running is None


def test_a_delta_keeps_its_text_whatever_is_in_it() -> None:
    assert parse("d 7 2 1 2 3 4\na b\nc é\r\n".encode()) == Delta(7, 2, 1, 2, 3, 4, "a b\nc é\r\n")


def test_the_short_ones() -> None:
    assert parse(b"r 7.3") == Running(7, 3)
    assert parse(b't me\n{"type":"typing"}') == TypingHint("me", '{"type":"typing"}')
    assert parse(b"g") == Gone()
    assert isinstance(parse(b"f epoch"), Forked)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"z 1 2",
        b"e",
        b"e 1",
        b"e a b c d e f g\n",
        b"d 1 2",
        b"d a b c d e f\n",
        b"r",
        b"r 1",
        b"r x.y",
        b"t",
        b"\xff",
    ],
)
def test_what_is_not_known_is_none(raw: bytes) -> None:
    assert parse(raw) is None


kinds = st.sampled_from([b"e ", b"d ", b"r ", b"t ", b"g", b"f ", b""])


@given(raw=st.builds(lambda kind, rest: kind + rest, kinds, st.binary(max_size=40)))
def test_nothing_on_a_channel_raises(raw: bytes) -> None:
    parse(raw)
