"""What a turn is about to store: one message, and what changes with it. Must never write anything itself."""

from dataclasses import dataclass, field

from app.agents.port import Audit
from app.core.messages import assistant_body, state_body, turn_end_body
from app.core.session import Head
from app.engine.writer import AnswerWriter


@dataclass(slots=True)
class Draft:
    """One message of a turn, from its first piece to its commit."""

    writer: AnswerWriter
    head: Head | None = None
    category: str | None = None
    status: str = "completed"
    reason: str | None = None
    bodies: list[bytes] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)

    def fail(self, reason: str) -> None:
        """The turn ends as failed; what was written stays, what was to change doesn't."""
        self.status, self.reason, self.head, self.audits = "failed", reason, None, []

    def close_message(self, message_id: str, name: str | None) -> None:
        """The message is complete. One without text isn't stored, nor a question for a secret whose turn has failed."""
        text = self.writer.answer.text
        if text.strip() and not (self.writer.held and self.status == "failed"):
            self.bodies.append(assistant_body(message_id, text, name, self.category))

    def close(self, before: Head, now_ms: int, *, final: bool) -> None:
        """Add the ``state`` event, if what the customer may see of the head changed, and the ``turn_end``."""
        if self.head is not None:
            state = self.head.public_state(ended=False, now_ms=now_ms)
            if state != before.public_state(ended=False, now_ms=now_ms):
                self.bodies.append(state_body(state))
        if final:
            self.bodies.append(turn_end_body(self.status, self.reason))

    def next_message(self, writer: AnswerWriter) -> None:
        """That one is stored; begin the next."""
        self.writer, self.head, self.category, self.bodies, self.audits = writer, None, None, [], []
