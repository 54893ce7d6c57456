"""What goes into the store's calls and comes out of them. Shapes only, no behaviour, no Redis."""

from dataclasses import dataclass
from enum import StrEnum

from app.core.messages import Event
from app.core.publication import Running
from app.core.session import Head


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one turn (fencing token: Kleppmann, "How to do distributed locking", 2016).

    ``event`` started the turn; ``part``, ``last`` and ``text`` say how much of its answer is stored.
    ``asked_at`` is monotonic seconds from before the request that granted it: its deadline counts from there.
    """

    sid: str
    fence: str
    turn: int
    attempt: int
    crashes: int
    part: int
    last: int
    text: str
    event: Event
    sealed: bytes | None
    asked_at: float


@dataclass(frozen=True, slots=True)
class Versioned:
    """A head and the revision it was read at."""

    rev: str
    head: Head


class Refused(StrEnum):
    """Why accept stored nothing."""

    GONE = "gone"
    ENDED = "ended"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message is durable as ``seq``. ``lease`` if its turn is the caller's to run; ``head`` if ``rev`` is news."""

    seq: int
    duplicate: bool
    rev: str = ""
    head: Head | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class TooFast:
    """The conversation's rate is used up; seconds to wait."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class AskingChanged:
    """The caller's idea of whether a secret was asked for is stale: decide again."""

    asking: bool
    now: Versioned


@dataclass(frozen=True, slots=True)
class Message:
    """A user message on its way in. ``fresh``: the (epoch, head) of a session that accept may create, else None."""

    sid: str
    mark: str
    id: str
    body: bytes
    asking: bool
    sealed: bytes
    cached_rev: str
    fresh: tuple[str, Head] | None


@dataclass(frozen=True, slots=True)
class Commit:
    """What a turn says: event bodies, a new head (None: unchanged), what changes with it; ``final`` ends the turn."""

    mark: str
    lease: Lease
    rev: str
    bodies: list[bytes]
    final: bool
    head: Head | None = None
    mode: str = ""
    asking: bool | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """Stored from ``seq`` on; ``next`` is the next turn, under the same lease."""

    seq: int
    rev: str
    next: Lease | None


@dataclass(frozen=True, slots=True)
class Act:
    """A change of the head from any replica. ``stop`` ends every turn; ``fresh``: epoch of a session it may create."""

    sid: str
    mark: str
    rev: str
    head: Head
    states: list[bytes]
    mode: str = ""
    stop: bool = False
    fresh: str | None = None


class Refusal(StrEnum):
    """Why an act or a cancel changed nothing."""

    GONE = "gone"
    NONE = "none"  # that turn, or the conversation, has already ended
    UNKNOWN = "unknown"  # no such turn


@dataclass(frozen=True, slots=True)
class Acted:
    """Done; ``lease`` is what was left to do, now the caller's."""

    seq: int
    rev: str
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A turn taken over, with the head to run it on."""

    lease: Lease
    now: Versioned


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A conversation at one moment. ``running`` with ``part``, ``last``, ``text``: the answer being written."""

    epoch: str
    seq: int
    mark: str
    recovered: bool
    now: Versioned
    mode: str
    running: Running | None
    part: int
    last: int
    text: str
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Top:
    """The newest durable event of a conversation."""

    epoch: str
    seq: int
    mark: str
