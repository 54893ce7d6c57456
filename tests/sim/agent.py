"""The bot of the simulation: its answer follows from the message alone, so that a judge knows every word of it.

It must never keep anything between turns.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from app.agents.port import Change, NextMessage, Piece, Turn
from app.core.messages import REDACTED
from app.core.session import Head

_WORDS: Final = re.compile(r"\s*\S+(?:\s+$)?")
THANKS: Final = "thank you"
WELCOME: Final = "welcome back then"
LATER, SECRET, BETWEEN = "later ", "secret ", " / "
"""How a message begins that is to be taken up after a sign-in, or to be answered by a question for a secret; and what
separates the messages of an answer."""
PAUSE: Final = "..."
"""Before this word it thinks for longer than a third of a lease."""


def parts_of(text: str) -> list[str]:
    """The messages that answer this one; a sign-in has no text."""
    if text == REDACTED:
        return [THANKS]
    return text.split(BETWEEN) if text else [WELCOME]


def _changed(head: Head, **fields: Any) -> Change:
    copy = head.copy()
    for name, value in fields.items():
        setattr(copy.fields, name, value)
    return Change(copy)


def _change(turn: Turn) -> Change | None:
    """What the first message of the answer changes in the head."""
    if turn.part > 0:
        return None  # it was stored with that
    if turn.secret is not None:
        return _changed(turn.head, asking=False)
    if not turn.text:
        return _changed(turn.head, pending_query=None)
    if turn.text.startswith(LATER):
        return _changed(turn.head, pending_query=turn.text, action="authentication_required")
    return _changed(turn.head, asking=True) if turn.text.startswith(SECRET) else None


@dataclass(frozen=True, slots=True)
class SimAgent:
    """Says the text again, a word every ``delay`` seconds; goes on where the shown text ends."""

    delay: float
    name: str | None = "Sim"
    continues: bool = True

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """Raises ``ValueError`` if what was shown isn't a beginning of the answer."""
        change, parts = _change(turn), parts_of(turn.text)
        if change is not None:
            yield change
        for number in range(turn.part, len(parts)):
            shown = turn.partial if number == turn.part else ""
            if not parts[number].startswith(shown):
                raise ValueError("what was shown isn't a beginning of the answer")
            for word in _WORDS.findall(parts[number][len(shown) :]):
                await asyncio.sleep(self.delay * (9 if PAUSE in word else 1))
                yield word
            if number + 1 < len(parts):
                yield NextMessage()
