"""The support agent of a utility: the orchestrator as an agent of the engine. It needs no model and no network.

Must never keep anything between turns; see ``orchestrator.py`` for where a message goes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from app.agents import proofs
from app.agents.orchestrator import Orchestrator
from app.agents.port import Piece, Turn
from app.core.session import Head

_VERIFYING: Final = frozenset({"in_progress", "verifying", "locked_out"})


@dataclass(frozen=True, slots=True)
class SupportAgent:
    """Its answers are ready at once, so nothing of them is ever half shown: a takeover writes them again."""

    orchestrator: Orchestrator
    name: str | None = "Support"
    continues: bool = False

    def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """One message, or two after a sign-in."""
        return self.orchestrator.answer(turn)

    def redact(self, text: str, head: Head | None) -> str:
        """``[redacted]`` for what looks like an answer to a verification question (port: ``Careful``).

        Around a verification it looks harder: people answer early, late, and again.
        """
        around = head is not None and (head.fields.careful or head.user.auth_state in _VERIFYING)
        return proofs.hide(text, strict=around)
