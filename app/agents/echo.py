"""The echo agent: answers with the text it got, one word a piece. Deterministic, for tests and benchmarks."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from app.agents.port import Piece, Turn

_WORDS: Final = re.compile(r"\s*\S+(?:\s+$)?")


@dataclass(frozen=True, slots=True)
class EchoAgent:
    """``delay`` seconds between pieces; continues where the shown text ends."""

    delay: float
    name: str | None = None
    continues: bool = True

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """The words of the text that have not been shown yet."""
        shown = len(turn.partial) if turn.text.startswith(turn.partial) else 0
        first = shown == 0
        for word in _WORDS.findall(turn.text[shown:]):
            if self.delay > 0 and not first:
                await asyncio.sleep(self.delay)
            first = False
            yield word
