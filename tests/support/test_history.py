"""The judge of histories finds each kind of fault in a history that has only that one, and nothing in a good one."""

from typing import Any, Self

import pytest

from tests.support.history import check
from tests.support.records import Frame, Kind, Log, Record, Way


class Story:
    """Writes the log of one client, line by line."""

    def __init__(self, name: str = "a") -> None:
        self.log = Log(name)
        self.connection = 0
        self.now = 0.0

    def at(self, now: float) -> Self:
        self.now = now
        return self

    def add(self, way: Way, **frame: Any) -> Self:
        self.log.records.append(Record(self.now, self.connection, way, frame))
        return self

    def hello(
        self, after: Frame | None = None, *, recovered: bool | None = None, epoch: str = "e", seq: int = 0
    ) -> Self:
        self.connection += 1
        recovered = after is not None if recovered is None else recovered
        self.add(Way.OPENED).add(Way.SENT, type="hello", token=None, after=after)
        return self.add(Way.RECEIVED, type="welcome", epoch=epoch, recovered=recovered, seq=seq)

    def event(self, type: str, seq: int, turn: int | None, **fields: Any) -> Self:
        return self.add(Way.RECEIVED, **({"type": type, "seq": seq, "mark": f"m{seq}", "turn": turn} | fields))

    def user(self, seq: int, id: str = "u1", text: str = "hi", **fields: Any) -> Self:
        return self.event("message", seq, seq, id=id, role="user", text=text, **fields)

    def bot(self, seq: int, turn: int, text: str = "hello") -> Self:
        return self.event("message", seq, turn, id=f"b{seq}", role="assistant", text=text)

    def end(self, seq: int, turn: int) -> Self:
        return self.event("turn_end", seq, turn, status="completed")

    def turn(self, seq: int, id: str = "u1") -> Self:
        return self.user(seq, id).bot(seq + 1, seq).end(seq + 2, seq)

    def sent(self, id: str = "u1", text: str = "hi") -> Self:
        return self.add(Way.SENT, type="send", id=id, text=text)

    def ack(self, seq: int, id: str = "u1", *, duplicate: bool = False) -> Self:
        return self.add(Way.RECEIVED, type="ack", id=id, seq=seq, duplicate=duplicate)

    def start(self, turn: int, attempt: int = 1) -> Self:
        return self.add(Way.RECEIVED, type="turn_start", turn=turn, attempt=attempt)

    def delta(self, first: int, text: str, *, attempt: int = 1, part: int = 0, turn: int = 1, n: int = 1) -> Self:
        last = first + n - 1
        frame = {"turn": turn, "attempt": attempt, "part": part, "first": first, "last": last, "text": text}
        return self.add(Way.RECEIVED, type="delta", **frame)


def cursor(seq: int, epoch: str = "e") -> Frame:
    return {"epoch": epoch, "seq": seq, "mark": f"m{seq}"}


def kinds(*stories: Story, **options: bool) -> set[Kind]:
    return {violation.kind for violation in check([story.log for story in stories], **options)}


def test_a_good_history_has_no_violation() -> None:
    one = Story("a").hello().sent().ack(1).user(1).start(1).delta(0, "he").delta(1, "ll").bot(2, 1).end(3, 1)
    one.hello(cursor(3), seq=6).ack(1, duplicate=True).turn(4, "u2")
    two = Story("b").hello(seq=1).user(1).start(1, 2).delta(0, "hell", n=2, attempt=2).bot(2, 1).end(3, 1).turn(4, "u2")
    assert check([one.log, two.log]) == []


def test_a_transcript_that_begins_late_is_judged_from_there() -> None:
    late = Story("b").hello(seq=6).end(3, 1).turn(4, "u2")
    assert kinds(Story("a").hello().sent().ack(1).turn(1).turn(4, "u2"), late) == set()


def test_a_redacted_message_is_what_was_sent() -> None:
    assert kinds(Story().hello().sent(text="1234").ack(1).user(1, text="[redacted]").end(2, 1)) == set()


def test_a_fork_may_lose_a_tail_when_it_is_expected() -> None:
    old = Story().hello().sent().ack(1).turn(1).sent("u2").ack(4, "u2").turn(4, "u2")
    old.hello(cursor(6), recovered=False, epoch="f", seq=3).turn(1).turn(4, "u3")
    assert kinds(old, forks=True) == set()
    assert kinds(old) == {Kind.UNEXPECTED_RESET}


def test_a_running_conversation_needs_no_end() -> None:
    assert kinds(Story().hello().user(1), settled=False) == set()


BROKEN: list[tuple[Kind, list[Story]]] = [
    (Kind.ACKED_MISSING, [Story().hello().sent("lost").ack(1, "lost").turn(1)]),
    (Kind.ACKED_MISSING, [Story().hello().sent("lost").ack(4, "lost").turn(1)]),
    (Kind.ACKED_MISSING, [Story().hello().sent("lost").ack(1, "lost")]),
    (Kind.ACK_WRONG_SEQ, [Story().hello().sent().ack(2).turn(1)]),
    (Kind.TEXT_CHANGED, [Story().hello().sent(text="yes").ack(1).turn(1)]),
    (Kind.ID_TWICE, [Story().hello().turn(1).turn(4)]),
    (Kind.ACK_DISAGREES, [Story("a").hello().ack(1).turn(1), Story("b").hello().ack(2, duplicate=True).turn(1)]),
    (Kind.ACK_NEW_TWICE, [Story("a").hello().ack(1).turn(1), Story("b").hello().ack(1).turn(1)]),
    (Kind.GAP, [Story().hello().user(1).end(3, 1)]),
    (Kind.GAP, [Story().hello().turn(1).hello(cursor(3), seq=7).turn(5, "u2")]),
    (Kind.REPEAT, [Story().hello().user(1).user(1).end(2, 1)]),
    (Kind.REPEAT, [Story().hello().turn(1).hello(cursor(3), seq=3).end(3, 1)]),
    (Kind.SHARED_SEQ, [Story().hello().user(1).end(2, 1).user(2, "u2")]),
    (Kind.SHARED_SEQ, [Story().hello().turn(1).hello(cursor(3), seq=3).event("turn_end", 3, 1, mark="other")]),
    (Kind.DISAGREE, [Story("a").hello().turn(1), Story("b").hello().user(1).bot(2, 1, "bye").end(3, 1)]),
    (Kind.DISAGREE, [Story("a").hello().turn(1), Story("b").hello().user(1, mark="x").bot(2, 1).end(3, 1)]),
    (Kind.BEHIND, [Story("a").hello().turn(1), Story("b").hello().user(1).bot(2, 1)]),
    (Kind.BEHIND, [Story("a").hello().turn(1), Story("b").hello()]),
    (Kind.UNEXPECTED_RESET, [Story().hello().turn(1).hello(cursor(3), recovered=False, seq=3).turn(1)]),
    (Kind.EPOCH_CHANGED, [Story().hello().turn(1).hello(cursor(3), epoch="f", seq=3)]),
    (Kind.RECOVERED_NOTHING, [Story().hello(recovered=True).turn(1)]),
    (Kind.TURN_NEVER_ENDS, [Story().hello().user(1).bot(2, 1)]),
    (Kind.TURN_NEVER_ENDS, [Story().hello().event("state", 1, 1, state={})]),
    (Kind.TURN_ENDS_TWICE, [Story().hello().turn(1).end(4, 1)]),
    (Kind.MESSAGE_AFTER_END, [Story().hello().turn(1).bot(4, 1)]),
    (Kind.END_WITHOUT_TURN, [Story().hello().turn(1).end(4, 2)]),
    (Kind.DELTA_HOLE, [Story().hello().user(1).delta(0, "h").delta(2, "l").at(9).bot(2, 1).end(3, 1)]),
    (Kind.DELTA_HOLE, [Story().hello().user(1).delta(4, "o").at(9).delta(0, "hello").bot(2, 1).end(3, 1)]),
    (Kind.DELTA_REPEAT, [Story().hello().user(1).delta(0, "h").delta(1, "e").delta(1, "e").bot(2, 1).end(3, 1)]),
    (Kind.DELTA_TEXT, [Story().hello().user(1).delta(0, "h").delta(1, "x").bot(2, 1).end(3, 1)]),
    (Kind.DELTA_AFTER_END, [Story().hello().turn(1).delta(0, "late")]),
    (Kind.STALE_ATTEMPT, [Story().hello().user(1).start(1, 2).delta(0, "h").bot(2, 1).end(3, 1)]),
    (Kind.STALE_ATTEMPT, [Story().hello().user(1).start(1, 2).start(1, 1).bot(2, 1).end(3, 1)]),
]


@pytest.mark.parametrize(("kind", "stories"), BROKEN, ids=lambda value: value.name if isinstance(value, Kind) else "")
def test_each_fault_is_found(kind: Kind, stories: list[Story]) -> None:
    found = check([story.log for story in stories])
    assert kind in {violation.kind for violation in found}, [str(violation) for violation in found]
    assert all(violation.invariant == int(violation.kind.value[1]) for violation in found)


def test_an_event_before_the_welcome_is_found() -> None:
    story = Story().hello().turn(1)
    story.connection += 1
    story.add(Way.OPENED).user(4, "u2").end(5, 4)
    assert kinds(story) == {Kind.EVENT_BEFORE_WELCOME}


def test_every_kind_of_fault_has_a_broken_history() -> None:
    assert {kind for kind, _ in BROKEN} | {Kind.EVENT_BEFORE_WELCOME} == set(Kind)


def test_a_hole_may_be_repaired_in_time_and_ends_with_the_connection() -> None:
    repaired = Story().hello().user(1).delta(0, "h").delta(2, "l").at(1.9).delta(0, "hell", n=4).bot(2, 1).end(3, 1)
    assert kinds(repaired) == set()
    cut = Story().hello().user(1).delta(3, "l").at(9).hello(cursor(1), seq=1).delta(0, "hell", n=4).bot(2, 1).end(3, 1)
    assert kinds(cut) == set()
