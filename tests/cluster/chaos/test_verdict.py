"""The verdict finds nothing in a good conversation, and each kind of fault in one that has only that one."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.chaos.claims import Claims
from tests.cluster.chaos.court import Court, Failed, read
from tests.cluster.chaos.faults import Struck
from tests.cluster.chaos.options import Options
from tests.cluster.chaos.report import longest_wait, unexpected
from tests.cluster.chaos.schedule import Fault, Kind
from tests.cluster.chaos.verdict import judged
from tests.support.records import Frame, Log, Record, Way

OPTIONS = Options(seed=1)
QUESTION = "q0 q1 q2 // p0"


def message(seq: int, role: str, text: str, id: str) -> Frame:
    return {"type": "message", "seq": seq, "mark": f"m{seq}", "turn": 1, "id": id, "role": role, "text": text}


def delta(part: int, attempt: int, first: int, text: str) -> Frame:
    last = first + len(text.split()) - 1
    return {"type": "delta", "turn": 1, "attempt": attempt, "part": part, "first": first, "last": last, "text": text}


class Case:
    """One client, one turn of two messages; another attempt went on with the first of them."""

    def __init__(self) -> None:
        self.frames: list[tuple[Way, Frame]] = [
            (Way.OPENED, {"url": "ws"}),
            (Way.SENT, {"type": "hello", "token": None, "after": None}),
            (Way.RECEIVED, {"type": "welcome", "epoch": "e", "seq": 0, "recovered": False}),
            (Way.SENT, {"type": "send", "id": "k", "text": QUESTION}),
            (Way.RECEIVED, message(1, "user", QUESTION, "k")),
            (Way.RECEIVED, {"type": "ack", "id": "k", "seq": 1, "duplicate": False}),
            (Way.RECEIVED, delta(0, 1, 0, "q0·1")),
            (Way.RECEIVED, {"type": "turn_start", "turn": 1, "attempt": 2}),
            (Way.RECEIVED, delta(0, 2, 0, "q0·1")),
            (Way.RECEIVED, delta(0, 2, 1, " q1·2 q2·2")),
            (Way.RECEIVED, message(2, "assistant", "q0·1 q1·2 q2·2", "a")),
            (Way.RECEIVED, message(3, "assistant", "p0·2 end·2", "b")),
            (Way.RECEIVED, {"type": "turn_end", "seq": 4, "mark": "m4", "turn": 1, "status": "completed"}),
        ]
        self.claims: dict[int, int] = {}
        events = [copy.deepcopy(frame) for _, frame in self.frames if "mark" in frame]
        history = [event for event in events if event["type"] == "message"]
        self.document: dict[str, Any] = {
            "session_id": "s", "conversation_history": history, "events": events, "ids": {"k": 1},
            "agent_states": {"chaos": {"turns": 1}},
        }  # fmt: skip

    @property
    def log(self) -> Log:
        return Log("0.0a", [Record(float(n), 1, way, frame) for n, (way, frame) in enumerate(self.frames)])

    def the(self, **fields: Any) -> Frame:
        """The first received frame with these fields."""
        return next(f for way, f in self.frames if way is Way.RECEIVED and fields.items() <= f.items())

    def judged(self) -> list[str]:
        return judged([self.log], self.document, self.claims)

    def both(self, text: str, new: str) -> None:
        """Another text of an answer, in what was seen and in what is stored."""
        for event in (self.the(text=text), *self.document["events"]):
            if event.get("text") == text:
                event["text"] = new


def insert(case: Case, before: Frame, frame: Frame) -> None:
    place = next(n for n, (_, known) in enumerate(case.frames) if known is before)
    case.frames.insert(place, (Way.RECEIVED, frame))


def a_stale_delta(case: Case) -> None:
    insert(case, case.the(id="a"), delta(0, 2, 3, " q3·1"))


def a_text_taken_back(case: Case) -> None:
    insert(case, case.the(id="a"), delta(0, 2, 0, "q0·1"))


def attempts_mixed(case: Case) -> None:
    insert(case, case.the(id="a"), delta(0, 2, 0, "q0·1 q1·2 q2·1"))


def a_stale_commit(case: Case) -> None:
    case.both("q0·1 q1·2 q2·2", "q0·1 q1·2 q2·1")
    del case.frames[6:10]


def a_stale_commit_after_deltas(case: Case) -> None:
    case.both("q0·1 q1·2 q2·2", "q0·1 q1·1 q2·1")


def a_word_twice(case: Case) -> None:
    case.both("q0·1 q1·2 q2·2", "q0·1 q1·2 q1·2 q2·2")


def a_stale_commit_of_a_whole_answer(case: Case) -> None:
    insert(case, case.the(id="b"), {"type": "turn_start", "turn": 1, "attempt": 3})


def a_stale_commit_that_only_a_log_tells_of(case: Case) -> None:
    case.claims[1] = 3


def a_part_missing(case: Case) -> None:
    case.frames = [(way, frame) for way, frame in case.frames if frame.get("id") != "b"]
    case.the(type="turn_end").update(seq=3, mark="m3")
    case.document["events"] = [frame for _, frame in case.frames if "mark" in frame]


def a_head_that_went_back(case: Case) -> None:
    case.document["agent_states"] = {}


def not_stored(case: Case) -> None:
    case.document["ids"] = {}


def stored_otherwise(case: Case) -> None:
    case.document["events"][1]["mark"] = "other"


def taken_away(case: Case) -> None:
    case.frames.append((Way.CLOSED, {"code": 4404}))


def what_the_checker_finds(case: Case) -> None:
    case.frames.append((Way.RECEIVED, case.frames[-1][1]))


def test_a_good_conversation_is_good() -> None:
    assert Case().judged() == []


@pytest.mark.parametrize(
    ("harm", "invariant", "words"),
    [
        (a_stale_delta, "I5", "words of another attempt appended"),
        (a_text_taken_back, "I5", "takes back"),
        (attempts_mixed, "I5", "attempts mixed"),
        (a_stale_commit, "I5", "earlier attempt after a later"),
        (a_stale_commit_after_deltas, "I3", "aren't a beginning"),
        (a_stale_commit_of_a_whole_answer, "I5", "finished after a later one had begun"),
        (a_stale_commit_that_only_a_log_tells_of, "I5", "finished after a later one had begun"),
        (a_word_twice, "I4", "isn't what its agent says"),
        (a_part_missing, "I4", "1 of 2 messages"),
        (a_head_that_went_back, "I5", "head"),
        (not_stored, "I1", "isn't stored"),
        (stored_otherwise, "I3", "shown isn't stored"),
        (taken_away, "I7", "4404"),
        (what_the_checker_finds, "I3", "received twice"),
    ],
)
def test_each_harm_is_found(harm: Callable[[Case], None], invariant: str, words: str) -> None:
    case = Case()
    harm(case)
    found = case.judged()
    assert any(violation.startswith(invariant) and words in violation for violation in found), found


def test_a_bad_conversation_can_be_judged_again(tmp_path: Path) -> None:
    case = Case()
    taken_away(case)
    court = Court(OPTIONS, tmp_path / "new", [Struck(Fault(1.0, Kind.KILL, 0, 1.0), 1.0, 2.0)], started=0.0)
    court.judge("s", [case.log], case.document, [], now=20.0)
    (path,) = court.files
    assert judged(*read(path)) == court.violations == case.judged()
    assert OPTIONS.command.replace('"', '\\"') in path.read_text()
    assert str(Kind.KILL) in path.read_text()
    assert (court.first_found, court.counts["acked"], court.counts["completed"]) == (20.0, 1, 1)
    court.judge("s", [Case().log], Case().document, [], now=30.0)
    assert court.files == [path]


@pytest.mark.parametrize(
    ("waits", "longest"),
    [
        ([(1.0, 3.0)], 2.0),  # before any fault
        ([(5.0, 16.0)], 1.0),  # from the end of what belongs together, not from a part's
        ([(17.0, 17.5)], 0.5),
        ([(5.0, 14.0)], 0.0),  # in the midst of them
    ],
)
def test_waiting_counts_from_the_end_of_the_last_fault(waits: list[tuple[float, float]], longest: float) -> None:
    fault = Fault(0.0, Kind.CUT, 0, 0.0)
    assert longest_wait(waits, [Struck(fault, 10.0, 13.0), Struck(fault, 12.0, 15.0)]) == longest


@pytest.mark.parametrize(
    ("reason", "attempts", "kinds", "expected"),
    [
        ("crashes", 4, [Kind.KILL, Kind.HELD, Kind.PAUSE], True),
        ("crashes", 3, [Kind.KILL, Kind.HELD, Kind.PAUSE, Kind.CUT], True),
        ("crashes", 4, [Kind.KILL, Kind.HELD, Kind.DRAIN], False),  # a drain gives its turns back
        ("crashes", 2, [Kind.KILL, Kind.HELD, Kind.PAUSE], False),
        ("timeout", 4, [Kind.KILL, Kind.HELD, Kind.PAUSE], False),
    ],
)
def test_only_three_crashes_may_fail_a_turn(reason: str, attempts: int, kinds: list[Kind], expected: bool) -> None:
    timeline = [Struck(Fault(0.0, kind, 0, 1.0), 11.0 + n, 12.0 + n) for n, kind in enumerate(kinds)]
    timeline.append(Struck(Fault(0.0, Kind.KILL, 0, 1.0), 1.0, 2.0))
    found = unexpected([Failed("turn 1 of 0.0", reason, attempts, 10.0, 20.0)], timeline)
    assert (found == []) is expected


def test_claims_are_read_line_by_line_as_they_are_written(tmp_path: Path) -> None:
    claims, log = Claims(), tmp_path / "output.txt"
    claims.read([log])
    line = '{"session":"s","turn":3,"attempt":2,"crashes":1,"event":"turn_taken_over"}\n'
    log.write_text("no JSON\n" + line + line.replace(":2", ":3")[:30])
    claims.read([log])
    assert (claims.of("s"), claims.of("other")) == ({3: 2}, {})
    with log.open("a") as more:
        more.write(line.replace(":2", ":3")[30:])
    claims.read([log])
    assert claims.of("s") == {3: 3}
