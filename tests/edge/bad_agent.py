"""An agent that fails, and quotes the customer as it does: nobody may see that (I10)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.agents.port import Agent, Piece, Turn


@dataclass(frozen=True, slots=True)
class QuotingAgent:
    """Raises with the customer's words in its mouth."""

    name: str | None = None
    continues: bool = False

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """Never gets anywhere."""
        raise ValueError(f"can't answer {turn.text}")
        yield "nothing"


def make() -> Agent:
    """For `BATON_AGENT`."""
    return QuotingAgent()
