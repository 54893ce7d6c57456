"""What an agent is: it gets one user message and yields its answer, piece by piece (see ``echo.py`` for the smallest).

An agent must never keep anything between turns but in ``Head.fields.agent_states``: the next turn may run elsewhere.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import msgspec

from app.core.session import Head


class Turn(msgspec.Struct, frozen=True):
    """One turn to answer.

    ``text`` is the user's. ``head`` is read-only: copy it to change it and yield a ``Change``. ``part`` messages of
    this turn are stored already, by an attempt before this one: go on with the next. ``partial`` is what the reader
    has already been shown of that one. ``now_ms`` is Unix milliseconds.
    """

    session_id: str
    seq: int
    attempt: int
    text: str
    head: Head
    part: int
    partial: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """From now on the head is this one; it is stored with the message that is being written."""

    head: Head


@dataclass(frozen=True, slots=True)
class Category:
    """The category of the message that is being written (PROTOCOL: ``category``)."""

    name: str


@dataclass(frozen=True, slots=True)
class NextMessage:
    """Store what was written as a message of its own and go on in the same turn."""


Piece = str | Change | Category | NextMessage


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
