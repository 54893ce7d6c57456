"""The agent of the chaos run: an echo that signs each word with the attempt that wrote it, and counts its turns.

With a plain echo, what a replica writes after it lost its lease looks like what its heir writes; signed, it shows (I5).
The last word is the committer's: whoever finishes an answer says so, also if another attempt had said it before; and it
takes its time for that word, so that one in four holders that are frozen wakes up with nothing left to do but commit.
The count is in the head, so that a head that went back shows too. It must never answer anything else than `judged` in
`verdict` can tell from the question alone.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from app.agents.port import Change, NextMessage, Piece, Turn
from app.core.session import Head

NEXT: Final = " // "
"""In a question: between what is to be answered in messages of their own."""
SIGN: Final = "·"
LAST: Final = "end"
THINKS: Final = 12
"""Delays before the last word of what is no short answer."""
SHORT: Final = 4
NAME: Final = "chaos"


@dataclass(frozen=True, slots=True)
class SigningAgent:
    """`delay` seconds between words; continues after the last word that was shown."""

    delay: float
    name: str | None = None
    continues: bool = True

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """Each part of the question, word by word."""
        parts = turn.text.split(NEXT)
        for number in range(turn.part, len(parts)):
            shown = len(turn.partial.split()) if number == turn.part else 0
            for position, word in enumerate(parts[number].split()):
                if position < shown:
                    continue
                await asyncio.sleep(self.delay if position else 0)
                yield f"{' ' if position else ''}{word}{SIGN}{turn.attempt}"
            if number < len(parts) - 1:
                yield NextMessage()
        await asyncio.sleep(self.delay * (THINKS if len(parts[-1].split()) > SHORT else 1))
        yield f" {LAST}{SIGN}{turn.attempt}"
        yield Change(_counted(turn.head))


def _counted(head: Head) -> Head:
    counted = head.copy()
    before = counted.fields.agent_states.get(NAME, {}).get("turns", 0)
    counted.fields.agent_states[NAME] = {"turns": before + 1}
    return counted


def make() -> SigningAgent:
    """For `BATON_AGENT`; as slow as `BATON_ECHO_DELAY_MS` says."""
    return SigningAgent(int(os.environ.get("BATON_ECHO_DELAY_MS", "0")) / 1000)
