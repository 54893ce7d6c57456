"""Judges one client's deltas: attempts grow (I5), chunks follow or start anew, the text is a beginning of the answer.

It must never apply a delta the way the product's client does by calling it: this is a second reading of the same rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.records import Frame, Kind, Log, Violation, Way

REPAIR_SECONDS = 2.5
"""A hole is followed by a full delta within 2 s (PROTOCOL.md, `delta`), and some time on the way."""


@dataclass(slots=True)
class _Part:
    """A part as one connection knows it. `text` is None from a hole on until a full delta; `hole` is when it came."""

    last: int = -1
    text: str | None = None
    hole: float | None = None


@dataclass(slots=True)
class _Reader:
    client: str
    exact: bool
    parts: dict[tuple[int, int], _Part] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def say(self, kind: Kind, frame: Frame) -> Violation:
        keys = ("turn", "attempt", "part", "first", "last", "seq")
        return Violation(kind, self.client, ", ".join(f"{key} {frame[key]}" for key in keys if key in frame))

    def attempt(self, frame: Frame) -> Iterator[Violation]:
        turn = frame["turn"]
        if turn in self.ended:
            yield self.say(Kind.DELTA_AFTER_END, frame)
        if frame["attempt"] < self.attempts.get(turn, 0):
            yield self.say(Kind.STALE_ATTEMPT, frame)
        self.attempts[turn] = max(frame["attempt"], self.attempts.get(turn, 0))

    def delta(self, frame: Frame, at: float) -> Iterator[Violation]:
        yield from self.attempt(frame)
        part = self.parts.setdefault((frame["turn"], frame["part"]), _Part())
        yield from self.overdue(part, frame, at)
        if frame["first"] == 0:
            part.last, part.text, part.hole = frame["last"], frame["text"], None
        elif frame["first"] == part.last + 1 and part.text is not None:
            part.last, part.text = frame["last"], part.text + frame["text"]
        elif part.text is not None and frame["first"] <= part.last:
            yield self.say(Kind.DELTA_REPEAT, frame)
        else:
            part.text = None
            part.hole = at if part.hole is None else part.hole

    def overdue(self, part: _Part, frame: Frame, at: float) -> Iterator[Violation]:
        if part.hole is not None and at - part.hole > REPAIR_SECONDS:
            yield self.say(Kind.DELTA_HOLE, frame)
            part.hole = None

    def message(self, frame: Frame, at: float) -> Iterator[Violation]:
        turn = frame["turn"]
        number = self.written.get(turn, 0)
        self.written[turn] = number + 1
        part = self.parts.pop((turn, number), _Part())
        yield from self.overdue(part, frame, at)
        if self.exact and part.text is not None and not frame["text"].startswith(part.text):
            yield self.say(Kind.DELTA_TEXT, frame)


def judge(log: Log, exact: bool) -> Iterator[Violation]:
    """Every violation in one client's deltas. `exact`: the agent's deltas are its message's text."""
    reader = _Reader(log.name, exact)
    for record in log.records:
        frame, kind = record.frame, record.frame.get("type")
        if record.way is Way.OPENED:
            reader.parts.clear()  # a new connection is told everything so far, or nothing
        if record.way is not Way.RECEIVED:
            continue
        if kind == "welcome" and not frame["recovered"]:
            reader = _Reader(log.name, exact)
        elif kind == "turn_start":
            yield from reader.attempt(frame)
        elif kind == "delta":
            yield from reader.delta(frame, record.at)
        elif kind == "message" and frame["role"] == "assistant" and frame["turn"] is not None:
            yield from reader.message(frame, record.at)
        elif kind == "turn_end":
            reader.ended.add(frame["turn"])
