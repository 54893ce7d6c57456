"""The text of an answer on its way out: pieces gathered into numbered chunks (PROTOCOL: ``delta``).

Pure. Must never renumber or reorder a chunk: a continued answer carries on where the dead replica's stored text ends.
"""

from dataclasses import dataclass, field

import msgspec

from app.core import limits
from app.core.errors import BatonError


class AnswerTooLongError(BatonError):
    """The agent wrote more than ``limits`` allow in one message, or in one turn."""


class Chunks(msgspec.Struct, frozen=True):
    """Pieces ``first``..``last`` of a part, joined."""

    part: int
    first: int
    last: int
    text: str


@dataclass(slots=True)
class Allowance:
    """What an agent may still yield in one attempt of a turn; each message has ``limits.MAX_ANSWER`` besides."""

    pieces: int = limits.MAX_PIECES
    notes: int = limits.MAX_NOTES

    def text(self) -> None:
        """One piece of text. Raises ``AnswerTooLongError``."""
        self.pieces -= 1
        if self.pieces < 0:
            raise AnswerTooLongError("the agent yields without end")

    def note(self) -> None:
        """One of anything else. Raises ``AnswerTooLongError``."""
        self.notes -= 1
        if self.notes < 0:
            raise AnswerTooLongError("the agent yields without end")


@dataclass(slots=True)
class Answer:
    """One part (assistant message) of a turn: what is stored as partial text, and what is still to be written."""

    part: int = 0
    last: int = -1  # number of the last stored chunk
    stored: str = ""
    pending: list[str] = field(default_factory=list)
    length: int = 0

    def push(self, piece: str) -> None:
        """A piece from the agent. Raises ``AnswerTooLongError``, ``UnicodeEncodeError`` for a lone surrogate."""
        if not piece:
            return
        piece.encode()
        self.length += len(piece)
        if self.length + len(self.stored) > limits.MAX_ANSWER:
            raise AnswerTooLongError("the answer is too long")
        self.pending.append(piece)

    def take(self) -> Chunks | None:
        """Everything pending as one delta; None when there is nothing. Counts as stored from here on."""
        if not self.pending:
            return None
        first = self.last + 1
        self.last += len(self.pending)
        text = "".join(self.pending)
        self.pending.clear()
        self.stored += text
        self.length = 0
        return Chunks(self.part, first, self.last, text)

    @property
    def text(self) -> str:
        """The whole text of the part."""
        return self.stored + "".join(self.pending)
