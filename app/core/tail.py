"""The end of a log as one replica has seen it: what to hand on, what to ignore, when to read the log again (I3, I6).

Pure. Must never hand an event on unless it is the successor of the one before it, by seq and by mark.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.core.messages import Event
from app.core.publication import Delta, Events, Running


class Verdict(StrEnum):
    """What to do with a publication."""

    DELIVER = "deliver"
    IGNORE = "ignore"  # already seen
    READ_LOG = "read_log"  # a hole, or another history: only the log knows


@dataclass(slots=True)
class Tail:
    """The newest durable event seen: ``seq`` 0 and mark ``"0"`` before the first."""

    seq: int = 0
    mark: str = "0"

    def judge(self, publication: Events) -> Verdict:
        """Compare what was published with what was seen; changes nothing."""
        before_seq, before_mark = publication.before
        newest = publication.events[-1]
        if (before_seq, before_mark) == (self.seq, self.mark):
            return Verdict.DELIVER
        if newest.seq < self.seq or (newest.seq, newest.mark) == (self.seq, self.mark):
            # Late, or seen through the log. A fork that lies below shows at the next event or top check.
            return Verdict.IGNORE
        return Verdict.READ_LOG

    def advance(self, event: Event) -> None:
        """``event`` was handed on. Raises ``ValueError`` if it isn't the next one."""
        if event.seq != self.seq + 1:
            raise ValueError(f"event {event.seq} after {self.seq}")
        self.seq, self.mark = event.seq, event.mark

    def same(self, seq: int, mark: str) -> bool:
        """Whether the log's top is what was seen."""
        return (seq, mark) == (self.seq, self.mark)


@dataclass(slots=True)
class Partial:
    """The answer being written, as far as this replica has seen it. ``last`` -1: nothing yet.

    ``attempt`` is the one that runs, ``wrote`` the one that wrote chunk 0. ``place`` only grows, whatever the order in
    which publications and reads of the store come in: a new part, a text started again, another chunk.
    """

    turn: int
    attempt: int
    part: int = 0
    wrote: int = 0
    last: int = -1
    text: str = ""

    @property
    def place(self) -> tuple[int, int, int]:
        """How far this is: part, wrote, last chunk."""
        return (self.part, self.wrote, self.last)

    def apply(self, delta: Delta) -> Verdict:
        """Take a delta in; READ_LOG for a hole: the whole text has to be read again. What comes late is ignored."""
        late = delta.turn != self.turn or delta.attempt < self.attempt
        if late or (delta.part, delta.wrote, delta.last) <= self.place:
            return Verdict.IGNORE
        if delta.part > self.part:
            return Verdict.READ_LOG  # the message before it was missed
        if delta.first == 0:
            self.read(delta.attempt, delta.part, delta.wrote, delta.last, delta.text)
            return Verdict.DELIVER
        if (delta.part, delta.wrote, delta.first - 1) == self.place:
            self.attempt, self.last, self.text = delta.attempt, delta.last, self.text + delta.text
            return Verdict.DELIVER
        return Verdict.READ_LOG

    def read(self, attempt: int, part: int, wrote: int, last: int, text: str) -> None:
        """Take in a whole text, if it is further."""
        if (part, wrote, last) > self.place:
            self.attempt = max(self.attempt, attempt)
            self.part, self.wrote, self.last, self.text = part, wrote, last, text

    def next_part(self) -> None:
        """The message was stored; the turn goes on with another."""
        self.part, self.wrote, self.last, self.text = self.part + 1, 0, -1, ""

    def whole(self) -> Delta | None:
        """One delta with everything so far; None if nothing was written."""
        if self.last < 0:
            return None
        return Delta(self.turn, self.attempt, self.part, self.wrote, 0, self.last, self.text)


def follow(partial: Partial | None, running: Running | None) -> Partial | None:
    """The partial after learning which turn runs: kept across a takeover of the same turn, new for another."""
    if running is None:
        return None
    if partial is None or partial.turn != running.turn:
        return Partial(running.turn, running.attempt)
    partial.attempt = max(partial.attempt, running.attempt)
    return partial
