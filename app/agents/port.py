"""What an agent is: it gets one user message and yields its answer, piece by piece (see ``echo.py`` for the smallest).

An agent must never keep anything between turns but in ``Head.fields.agent_states``: the next turn may run elsewhere.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from app.core.session import Head


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """What a user wrote while ``asking`` was set, opened for one turn; ``client``: whose it is, if that is known.

    It may never be stored, logged or repeated (I10); its ``repr`` shows nothing.
    """

    text: str
    client: str | None = None


class Turn(msgspec.Struct, frozen=True):
    """One turn to answer.

    ``text`` is the user's as it is stored; empty if a sign-in started the turn, to take up the pending query.
    ``secret`` is there if the message was accepted as an answer to a verification question, and only then. ``head`` is
    read-only: copy it to change it and yield a ``Change``. ``part`` messages of this turn are stored already, by an
    attempt before this one: go on with the next. ``partial`` is what the reader has already been shown of that one.
    ``now_ms`` is Unix milliseconds. ``mark`` with ``seq`` names the event that started the turn: every attempt has the
    same, and no other event has it, also if a conversation begins anew under this id. ``context`` is what the site
    says of where the customer was when writing (PROTOCOL: ``context``); nobody has verified it.
    """

    session_id: str
    seq: int
    attempt: int
    text: str
    head: Head
    part: int
    partial: str
    now_ms: int
    secret: Secret | None = None
    mark: str = ""
    context: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """From now on the head is this one; it is stored with the message that is being written.

    If it has ``asking`` set, yield it before the text: a question for a secret is stored before anybody sees it.
    """

    head: Head


@dataclass(frozen=True, slots=True)
class Category:
    """The category of the message that is being written (PROTOCOL: ``category``)."""

    name: str


@dataclass(frozen=True, slots=True)
class NextMessage:
    """Store what was written as a message of its own and go on in the same turn."""


_OF_THE_LOG: Final = frozenset(
    {"action", "event", "level", "replica", "result", "session", "timestamp", "turn", "exc_info", "stack_info"}
)


@dataclass(frozen=True, slots=True)
class Audit:
    """A line for the audit log, written once the message is stored. Must never hold a secret (I10).

    Raises ``ValueError`` if a detail has a name that the log needs for itself.
    """

    action: str
    result: str
    details: dict[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.details:
            if not name.isidentifier() or name in _OF_THE_LOG:
                raise ValueError(f"an audit line can't have a detail {name!r}")


Piece = str | Change | Category | NextMessage | Audit


class Agent(Protocol):
    """A bot. One instance per replica, used by many turns at once."""

    @property
    def name(self) -> str | None:
        """The name its messages carry."""
        ...

    @property
    def continues(self) -> bool:
        """Whether ``answer`` can go on from ``Turn.partial``; else a taken-over answer starts again."""
        ...

    def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """The answer, as it comes. May raise anything: the turn then ends as failed, with an apology."""
        ...


class Careful(Protocol):
    """An agent that asks for secrets: what users type is looked at before it is stored."""

    def redact(self, text: str, head: Head | None) -> str:
        """``text``, or ``[redacted]`` if it looks like an answer that nobody has asked for (yet). ``head`` as it is."""
        ...
