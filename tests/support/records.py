"""What a test client writes down, and the names of what can be wrong with it. It must never judge: `history` does.

A `Log` is everything one client sent and received, in order, over all of its connections. A *segment* is the part of it
between two welcomes with `recovered: false`: within one, the numbering of events never restarts (I3).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Frame = dict[str, Any]
DURABLE = frozenset({"message", "state", "turn_end"})
REDACTED = "[redacted]"


class Way(StrEnum):
    SENT = "sent"
    RECEIVED = "received"
    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Record:
    """`at` is monotonic seconds; `connection` counts a client's connections from 1; a CLOSED frame holds the `code`."""

    at: float
    connection: int
    way: Way
    frame: Frame


@dataclass(slots=True)
class Log:
    """One client's records, oldest first."""

    name: str
    records: list[Record] = field(default_factory=list)


class Kind(StrEnum):
    """What went wrong; the value starts with the invariant's number."""

    ACKED_MISSING = "I1 acked message missing"
    ACK_WRONG_SEQ = "I1 ack names another seq than the message has"
    TEXT_CHANGED = "I1 message text isn't what was sent"
    ID_TWICE = "I2 one id, two messages"
    ACK_DISAGREES = "I2 acks of one id name different seqs"
    ACK_NEW_TWICE = "I2 two acks of one id both claim to be the first"
    GAP = "I3 seq skipped"
    REPEAT = "I3 event received twice"
    SHARED_SEQ = "I3 two events share a seq"
    DISAGREE = "I3 clients saw different events at one seq"
    BEHIND = "I3 transcript ends early"
    UNEXPECTED_RESET = "I3 recovered: false for a cursor that was given"
    EPOCH_CHANGED = "I3 recovered: true under another epoch"
    RECOVERED_NOTHING = "I3 recovered: true without a cursor"
    EVENT_BEFORE_WELCOME = "I3 event before the welcome"
    DELTA_HOLE = "I3 hole in the deltas never repaired"
    DELTA_REPEAT = "I3 delta chunk received twice"
    DELTA_TEXT = "I3 the deltas aren't a beginning of the message"
    TURN_NEVER_ENDS = "I4 turn without turn_end"
    TURN_ENDS_TWICE = "I4 two turn_end for one turn"
    MESSAGE_AFTER_END = "I4 message after its turn's end"
    END_WITHOUT_TURN = "I4 turn_end of a turn that never began"
    DELTA_AFTER_END = "I4 delta after its turn's end"
    STALE_ATTEMPT = "I5 frame of a lower attempt"


@dataclass(frozen=True, slots=True)
class Violation:
    kind: Kind
    client: str
    detail: str

    @property
    def invariant(self) -> int:
        """The number of the invariant that is broken."""
        return int(self.kind.value[1])

    def __str__(self) -> str:
        return f"{self.kind.value} [{self.client}]: {self.detail}"


@dataclass(slots=True)
class Segment:
    """Durable events of one client between two resets, as received."""

    client: str
    epoch: str
    final: bool = False
    events: list[Frame] = field(default_factory=list)


def segments(log: Log) -> list[Segment]:
    """Cut a log at its resets."""
    found: list[Segment] = []
    for record in log.records:
        if record.way is not Way.RECEIVED:
            continue
        kind = record.frame.get("type")
        if kind == "welcome" and (not record.frame["recovered"] or not found):
            found.append(Segment(log.name, record.frame["epoch"]))
        elif kind in DURABLE and found:
            found[-1].events.append(record.frame)
    if found:
        found[-1].final = True
    return found


def is_frame(record: Record, way: Way, kind: str) -> bool:
    """Whether a record is a frame of type `kind` that went `way`."""
    return record.way is way and record.frame.get("type") == kind
