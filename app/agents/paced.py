"""An agent at a pace at which a person reads: what it says comes word by word, and a takeover goes on in the middle.

For the demo: an answer that is complete at once can't be interrupted. Must never show again what was shown, nor hold up
a question for a secret, which nobody sees before it is stored.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from app.agents.port import Agent, Change, NextMessage, Piece, Turn

WORD_SECONDS: Final = 0.075
MOST_PACED: Final = 400
"""Words of an attempt that are paced, half a minute's: the rest comes at once."""
AGAIN: Final = "…\n\nLet me start again: "
"""Before the answer of a second attempt that isn't the one the reader has seen the beginning of."""

_WORDS: Final = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Paced:
    """``agent`` with ``delay`` seconds from word to word; one that takes longer by itself isn't held up.

    One that doesn't continue is asked again after a takeover, and what the reader has seen of its answer is left out.
    """

    agent: Agent
    delay: float
    continues: bool = True

    @property
    def name(self) -> str | None:
        """The agent's."""
        return self.agent.name

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """The agent's pieces in their order, its text in words."""
        shown = _Shown("" if self.agent.continues else turn.partial)
        asked = turn if self.agent.continues else replace(turn, partial="")
        pieces, pace, held = self.agent.answer(asked), _Pace(self.delay), False
        try:
            async for piece in pieces:
                if isinstance(piece, str):
                    for word in _WORDS.findall(shown.new(piece)):
                        if not held:
                            await pace.wait()
                        yield word
                    continue
                if isinstance(piece, NextMessage):
                    if rest := shown.rest():
                        yield rest
                    held = False
                elif isinstance(piece, Change):
                    held = held or piece.head.fields.asking
                yield piece
            if rest := shown.rest():
                yield rest
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()


class _Pace:
    """The time from word to word."""

    def __init__(self, delay: float) -> None:
        self._delay, self._due, self._words = delay, 0.0, 0

    async def wait(self) -> None:
        """Until the next word may be said."""
        clock = asyncio.get_running_loop().time
        if self._words < MOST_PACED and self._due > clock():
            await asyncio.sleep(self._due - clock())
        self._words += 1
        self._due = clock() + self._delay


class _Shown:
    """What the reader has seen of a message whose text comes a second time."""

    def __init__(self, partial: str) -> None:
        self._text = partial.rpartition(AGAIN)[2]
        self._at = 0  # so far the text is the same

    def new(self, piece: str) -> str:
        """What the piece says that hasn't been shown."""
        ahead = self._text[self._at :]
        if piece.startswith(ahead):
            self._at = len(self._text)
            return piece.removeprefix(ahead)
        if ahead.startswith(piece):
            self._at += len(piece)
            return ""
        return self._again() + piece

    def rest(self) -> str:
        """The message is complete: what is to be said if less of it than was shown has come. The next is all new."""
        return self._again() if self._at < len(self._text) else ""

    def _again(self) -> str:
        same = self._text[: self._at]
        self._text, self._at = "", 0
        return AGAIN + same
