"""What goes into the store's calls and comes out of them. Shapes only, no behaviour, no Redis.

``msgspec.Struct`` because a frozen dataclass costs a microsecond to make, and each turn makes a dozen.
Must never be sent anywhere as they are.
"""

from enum import StrEnum

import msgspec

from app.core.messages import Event
from app.core.publication import Running
from app.core.session import Head


class Lease(msgspec.Struct, frozen=True):
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


class Versioned(msgspec.Struct, frozen=True):
    """A head and the revision it was read at."""

    rev: str
    head: Head


class Refused(StrEnum):
    """Why accept stored nothing."""

    GONE = "gone"
    ENDED = "ended"
    FULL = "full"


class Accepted(msgspec.Struct, frozen=True):
    """The message is durable as ``seq``. ``lease`` if its turn is the caller's to run; ``head`` if ``rev`` is news."""

    seq: int
    duplicate: bool
    rev: str = ""
    head: Head | None = None
    lease: Lease | None = None


class TooFast(msgspec.Struct, frozen=True):
    """The conversation's rate is used up; seconds to wait."""

    retry_after: float


class AskingChanged(msgspec.Struct, frozen=True):
    """The caller's idea of whether a secret was asked for is stale: decide again."""

    asking: bool
    now: Versioned


class Message(msgspec.Struct, frozen=True):
    """A user message on its way in. ``fresh``: the (epoch, head) of a session that accept may create, else None."""

    sid: str
    mark: str
    id: str
    body: bytes
    asking: bool
    sealed: bytes
    cached_rev: str
    fresh: tuple[str, Head] | None


class Commit(msgspec.Struct, frozen=True):
    """What a turn says: event bodies, a new head (None: unchanged), what changes with it; ``final`` ends the turn."""

    mark: str
    lease: Lease
    rev: str
    bodies: list[bytes]
    final: bool
    head: Head | None = None
    mode: str = ""
    asking: bool | None = None


class Committed(msgspec.Struct, frozen=True):
    """Stored from ``seq`` on; ``next`` is the next turn, under the same lease."""

    seq: int
    rev: str
    next: Lease | None


class Act(msgspec.Struct, frozen=True):
    """A change of the head from any replica. ``stop`` ends every turn; ``fresh``: epoch of a session it may create.

    With ``start`` the last of ``states`` begins a turn. ``asking`` None: as it was.
    """

    sid: str
    mark: str
    rev: str
    head: Head
    states: list[bytes]
    mode: str = ""
    stop: bool = False
    start: bool = False
    asking: bool | None = None
    fresh: str | None = None


class Refusal(StrEnum):
    """Why an act or a cancel changed nothing."""

    GONE = "gone"
    NONE = "none"  # that turn, or the conversation, has already ended
    UNKNOWN = "unknown"  # no such turn


class Acted(msgspec.Struct, frozen=True):
    """Done; ``lease`` is what was left to do, now the caller's."""

    seq: int
    rev: str
    lease: Lease | None


class Claimed(msgspec.Struct, frozen=True):
    """A turn taken over, with the head to run it on."""

    lease: Lease
    now: Versioned


class Snapshot(msgspec.Struct, frozen=True):
    """A conversation at one moment. ``running`` with ``part``, ``last``, ``text``: the answer being written."""

    epoch: str
    seq: int
    mark: str
    recovered: bool
    now: Versioned
    mode: str
    running: Running | None
    part: int
    wrote: int
    last: int
    text: str
    events: list[Event]


class Top(msgspec.Struct, frozen=True):
    """The newest durable event of a conversation, and where its answer stands: turn (0: none), part, wrote, last."""

    epoch: str
    seq: int
    mark: str
    answer: tuple[int, int, int, int]
