"""What is written down of a run: what those outside know, and what is stored in the end. Must never judge."""

from dataclasses import dataclass, field

from app.core.messages import Event
from app.core.session import Head


@dataclass(slots=True)
class Told:
    """What the customer of one conversation knows: ``sent``, texts by message id; ``acks``: id, seq, duplicate; which
    turns were cancelled; whether the conversation was ended.
    """

    sent: dict[str, str] = field(default_factory=dict)
    acks: list[tuple[str, int, bool]] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)
    ended: bool = False


@dataclass(slots=True)
class Rest:
    """A conversation at rest. ``own`` and ``indexes``: its keys' deadlines, Unix ms; ``plain``: all values."""

    sid: str
    log: list[Event]
    todo: list[int]
    indexed: bool
    partial: bytes | None
    secrets: int
    fields: dict[str, str]
    head: Head | None
    own: dict[str, int]
    indexes: dict[str, int]
    plain: str
