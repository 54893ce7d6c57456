"""A first, small support agent: it answers common questions from a short list and says plainly when it can't.

It must never claim to have done something: it has no access to accounts.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from app.agents.port import Category, Change, Piece, Turn

_ANSWERS: Final = (
    (
        r"\b(pay|payment|autopay|card|check)\b",
        "You can pay online, by phone, by mail or in person. AutoPay draws the amount from your bank account or card "
        "on the due date, and costs nothing.",
    ),
    (
        r"\b(high|expensive|usage|save|saving)\b",
        "A higher bill mostly comes from weather, a longer billing period or a new appliance. Compare the daily usage "
        "on your bill with the same month of last year; heating and cooling make up about half of most bills.",
    ),
    (
        r"\b(assist|assistance|help paying|afford|discount|liheap)\w*\b",
        "There is help: LIHEAP for heating and cooling costs, hardship grants, medical baseline rates and discounts "
        "for seniors and people with disabilities.",
    ),
    (
        r"\b(mov(e|ing)|start service|stop service)\b",
        "Tell us your moving date at least three business days ahead, with the old and the new address.",
    ),
    (
        r"\b(hello|hi|hey|good (morning|afternoon|evening))\b",
        "Hello! I can answer questions about paying your bill, high usage, assistance programs and moving.",
    ),
)
_UNKNOWN: Final = (
    "I don't have an answer to that. I can help with paying your bill, high usage, assistance programs and moving."
)


@dataclass(frozen=True, slots=True)
class SupportAgent:
    """Answers by the first pattern that matches; remembers in its state how many questions it could not answer."""

    name: str | None = "Support"
    continues: bool = True

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """One message; word by word, so that a long one can be stopped."""
        text = next((answer for pattern, answer in _ANSWERS if re.search(pattern, turn.text, re.IGNORECASE)), None)
        if text is None:
            head = turn.head.copy()
            states = head.fields.agent_states
            states["faq"] = {**states.get("faq", {}), "unanswered": states.get("faq", {}).get("unanswered", 0) + 1}
            yield Change(head)
            yield Category("out_of_scope")
        elif not text.startswith("Hello"):
            yield Category("billing_faq")
        answer = _UNKNOWN if text is None else text
        shown = len(turn.partial) if answer.startswith(turn.partial) else 0
        for word in re.findall(r"\s*\S+", answer[shown:]):
            yield word
