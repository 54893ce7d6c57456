"""The end of the log and the answer being written, in one replica's eyes: deliver, ignore, or read the log."""

import pytest

from app.core.messages import Event
from app.core.publication import Delta, Events, Running
from app.core.tail import Partial, Tail, Verdict, follow


def events(before: tuple[int, str], *marks: str) -> Events:
    """A publication of events after `before`, one a mark."""
    stored = [Event(before[0] + number, mark, 0, None, '"type":"state"}') for number, mark in enumerate(marks, 1)]
    return Events(before, stored, "1-1", None)


@pytest.mark.parametrize(
    ("publication", "verdict"),
    [
        (events((5, "e"), "f"), Verdict.DELIVER),
        (events((5, "e"), "f", "f"), Verdict.DELIVER),
        (events((4, "d"), "e"), Verdict.IGNORE),
        (events((2, "b"), "c"), Verdict.IGNORE),
        (events((6, "f"), "g"), Verdict.READ_LOG),
        (events((5, "other"), "f"), Verdict.READ_LOG),
        (events((4, "d"), "other"), Verdict.READ_LOG),
        (events((3, "c"), "d", "e", "f"), Verdict.READ_LOG),
        (events((0, "0"), "a"), Verdict.IGNORE),
    ],
)
def test_a_publication_is_judged_by_what_comes_before_it(publication: Events, verdict: Verdict) -> None:
    tail = Tail(5, "e")
    assert tail.judge(publication) is verdict
    assert tail.same(5, "e"), "judging changes nothing"


def test_only_the_next_event_advances_the_tail() -> None:
    tail = Tail()
    tail.advance(Event(1, "a", 0, None, ""))
    for seq in (1, 3, 0):
        with pytest.raises(ValueError, match=f"event {seq} after 1"):
            tail.advance(Event(seq, "x", 0, None, ""))
    assert tail.same(1, "a")
    assert not tail.same(1, "b")


def delta(first: int, last: int, *, attempt: int = 1, wrote: int = 1, part: int = 0, turn: int = 1) -> Delta:
    """Chunks whose text names who wrote them."""
    text = "".join(f"{wrote}.{part}.{number} " for number in range(first, last + 1))
    return Delta(turn, attempt, part, wrote, first, last, text)


def test_chunks_that_follow_are_appended_and_no_other() -> None:
    partial = Partial(1, 1)
    assert partial.apply(delta(1, 2)) is Verdict.READ_LOG, "the beginning is missing"
    assert partial.apply(delta(0, 1)) is Verdict.DELIVER
    assert partial.apply(delta(2, 2)) is Verdict.DELIVER
    assert partial.apply(delta(2, 2)) is Verdict.IGNORE
    assert partial.apply(delta(0, 1)) is Verdict.IGNORE, "late"
    assert partial.apply(delta(4, 4)) is Verdict.READ_LOG
    assert partial.apply(delta(2, 3)) is Verdict.READ_LOG, "overlapping: only the log knows"
    assert partial.apply(delta(3, 3, turn=9)) is Verdict.IGNORE
    assert partial.text == "1.0.0 1.0.1 1.0.2 "


def test_an_attempt_that_continues_appends_and_one_that_restarts_replaces() -> None:
    partial = Partial(1, 1)
    partial.apply(delta(0, 5))
    assert partial.apply(delta(6, 6, attempt=2)) is Verdict.DELIVER
    assert partial.apply(delta(7, 7, attempt=1)) is Verdict.IGNORE, "a lower attempt is stale"
    assert partial.apply(delta(7, 7, attempt=3, wrote=3)) is Verdict.READ_LOG, "numbers of a text that was begun anew"
    assert partial.apply(delta(0, 0, attempt=3, wrote=3)) is Verdict.DELIVER
    assert partial.text == "3.0.0 "
    partial.read(3, 0, 1, 5, "what a slow reader of the log brings")
    assert partial.text == "3.0.0 ", "further in chunks, but of an older text"


def test_a_message_stored_begins_the_next_part() -> None:
    partial = Partial(1, 1)
    partial.apply(delta(0, 3))
    partial.next_part()
    assert partial.whole() is None
    assert partial.apply(delta(0, 3)) is Verdict.IGNORE, "of the part that is a message now"
    assert partial.apply(delta(0, 0, part=1)) is Verdict.DELIVER
    whole = partial.whole()
    assert whole is not None
    assert (whole.part, whole.first, whole.last, whole.text) == (1, 0, 0, "1.1.0 ")


def test_what_runs_is_followed_across_takeovers_and_turns() -> None:
    first = follow(None, Running(1, 1))
    assert first is not None
    first.apply(delta(0, 2))
    same = follow(first, Running(1, 2))
    assert same is first
    assert (first.attempt, first.last) == (2, 2)
    assert follow(first, Running(1, 1)) is first
    assert first.attempt == 2, "never back"
    following = follow(first, Running(4, 1))
    assert following is not None
    assert (following.turn, following.last) == (4, -1)
    assert follow(following, None) is None


def test_a_piece_of_the_next_message_waits_for_the_one_before_it() -> None:
    """Its event was missed; it would be counted once more when the log brings it."""
    partial = Partial(1, 1)
    assert partial.apply(delta(0, 0, part=1)) is Verdict.READ_LOG
    partial.next_part()
    assert partial.apply(delta(0, 0, part=1)) is Verdict.DELIVER
