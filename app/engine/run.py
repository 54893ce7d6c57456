"""A turn that this replica is running: its lease, whether it may still write, and how long its agent has been at work.

Pure but for its task. Must never outlive its lease: ``deadline`` is where it stops unless that was renewed.
"""

import asyncio
from dataclasses import dataclass

from app.engine.calls import Lease, Versioned
from app.engine.draft import Draft


@dataclass(eq=False, slots=True)
class Run:
    """Times are monotonic seconds. ``draft`` is what the turn has to say so far; ``lost``: it may write no more."""

    lease: Lease
    now: Versioned
    deadline: float
    draft: Draft | None = None
    task: asyncio.Task[None] | None = None
    lost: bool = False
    overdue_since: float | None = None
    _asked: float | None = None  # since when the agent has been at work; None while it isn't
    _spent: float = 0.0  # what it has had before

    def follow(self, lease: Lease, deadline: float) -> None:
        """Go on with the next turn, under the lease that was handed on."""
        self.lease, self.deadline, self.draft, self.overdue_since = lease, deadline, None, None
        self._asked, self._spent = None, 0.0

    def agent_works(self, now: float) -> None:
        """From now on it is the agent that takes its time."""
        self._asked = now

    def agent_rests(self, now: float) -> None:
        """Until now it was."""
        if self._asked is not None:
            self._spent += now - self._asked
            self._asked = None

    def had(self, now: float) -> float:
        """Seconds that the agent has had in this turn; 0 while it doesn't work."""
        return 0.0 if self._asked is None else self._spent + now - self._asked

    def stop(self) -> None:
        """Write nothing more, and have the agent interrupted."""
        self.lost = True
        if self.task is not None:
            self.task.cancel()
