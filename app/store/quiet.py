"""Says whether a line is worth logging again. Must never hide something new: only the same reason is held back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

EVERY: Final = 10.0  # seconds between lines that say the same


@dataclass(slots=True)
class Quiet:
    """``clock`` in seconds."""

    clock: Callable[[], float]
    _reason: str | None = None
    _at: float = 0.0

    def may(self, reason: str) -> bool:
        """Whether to log: the reason is another one, or it has been quiet for ``EVERY`` seconds."""
        now = self.clock()
        if reason == self._reason and now - self._at < EVERY:
            return False
        self._reason, self._at = reason, now
        return True

    def over(self) -> None:
        """What was the matter is over: the next time is news."""
        self._reason = None
