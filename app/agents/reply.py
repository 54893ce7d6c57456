"""What one of the bot's agents wants said and done, before it becomes pieces. Shapes only.

Must never hold what may not be stored: everything in it may end up in the conversation.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Final

from app.agents.port import Audit, Turn
from app.core.session import Head

ANYBODY: Final = "Customer care"  # the department of what is for none in particular
LAST_ZONE: Final = timezone(timedelta(hours=-10))  # Hawaii's


def first_name(name: str | None) -> str:
    """How to address a customer; empty if there is no name."""
    return next(iter((name or "").split()), "")


@dataclass(frozen=True, slots=True)
class Handoff:
    """A person is needed: ``reason`` for the summary, who should take it, and what they should do."""

    reason: str
    department: str = ANYBODY
    priority: str = "normal"
    next_steps: tuple[str, ...] = ()


@dataclass(slots=True)
class Reply:
    """One message. ``did`` says in a few words what it was, for a person who takes over.

    ``handoff``: a ticket is made, and what the customer should know of it is added. ``resume``: the pending query is
    answered next, in a message of its own. ``action`` None: as it was. ``aside``: it was about the talk itself
    (who the customer is), and nothing that a person would have to know of.
    """

    text: str
    did: str
    category: str | None = None
    action: str | None = "none"
    audits: list[Audit] = field(default_factory=list)
    handoff: Handoff | None = None
    resume: bool = False
    aside: bool = False


@dataclass(slots=True)
class Task:
    """One turn at work: ``head`` is its own copy, ``text`` what the customer wrote, even if it may not be stored."""

    turn: Turn
    head: Head
    text: str
    hidden: bool = False  # it may not be stored or repeated: it answers a verification question (I10)

    @property
    def today(self) -> date:
        """The day in the last of the time zones: nothing is past due before its day has ended for everybody."""
        return datetime.fromtimestamp(self.turn.now_ms / 1000, LAST_ZONE).date()

    @property
    def signed_in(self) -> bool:
        """Whether the customer is known."""
        return self.head.authenticated(self.turn.now_ms)
