"""Limits on what a client may send: sizes, text, rates. Pure: ``now`` is a monotonic time in seconds.

Must never look at what a text means, only at whether it may enter.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from app.core.errors import ErrorCode, TextError

SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_ID: Final = 64  # characters of a client's message id
MAX_TEXT: Final = 8_000  # code points of one user message (PROTOCOL: limits.text)
MAX_FRAME: Final = 65_536  # bytes of one WebSocket message (PROTOCOL: limits.frame)
MAX_ANSWER: Final = 32_000  # code points of one assistant message
MAX_PIECES: Final = 100_000  # pieces of text that an agent may yield in one attempt of a turn
MAX_NOTES: Final = 1_000  # heads, categories, audit lines and messages in one attempt
MAX_PARTS: Final = 50  # assistant messages of one turn
MAX_EVENTS: Final = 50_000  # durable events of one conversation; then it ends
MAX_HEAD: Final = 65_536  # bytes of the head
MAX_BAD_FRAMES: Final = 10
MAX_REFUSALS: Final = 20
REFUSAL_WINDOW: Final = 10.0
HISTORY_PAGE: Final = 200
BURST_SECONDS: Final = 4.0

# Tab, newline and carriage return are text; other C0/C1 controls and lone surrogates are not.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def check_text(text: str, message_id: str) -> None:
    """Raise ``TextError`` unless ``text`` may be stored: not empty or blank, no controls, at most ``MAX_TEXT``."""
    if len(text) > MAX_TEXT:
        raise TextError(ErrorCode.TOO_LARGE, message_id)
    if not text.strip() or _FORBIDDEN.search(text):
        raise TextError(ErrorCode.TEXT_INVALID, message_id)


@dataclass(slots=True)
class Bucket:
    """A token bucket as one number (GCRA, ITU-T I.371): ``rate`` per second, a burst of ``BURST_SECONDS``' worth."""

    rate: float
    due: float = 0.0

    def take(self, now: float) -> float:
        """Seconds to wait before one more is allowed; 0.0 means it was taken. ``rate`` 0 allows everything."""
        if self.rate <= 0:
            return 0.0
        interval = 1.0 / self.rate
        burst = max(BURST_SECONDS, interval)
        due = min(max(self.due, now), now + burst)
        wait = due - now - (burst - interval)
        if wait > 1e-9:
            return wait
        self.due = due + interval
        return 0.0


@dataclass(slots=True)
class Refusals:
    """Counts rate refusals of one connection: ``MAX_REFUSALS`` within ``REFUSAL_WINDOW`` seconds is too many."""

    times: deque[float] = field(default_factory=deque)

    def add(self, now: float) -> bool:
        """Record a refusal; True when the connection must be closed with 4429."""
        self.times.append(now)
        while self.times[0] < now - REFUSAL_WINDOW:
            self.times.popleft()
        return len(self.times) >= MAX_REFUSALS
