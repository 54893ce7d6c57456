"""Customers whose frames go to any replica at any time, and who send again what wasn't acked, in the end.

It must never take an answer for another than it is: what a dead replica owes is unknown.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from app.core.errors import ErrorCode, SessionGoneError, StoreUnavailableError
from tests.sim.feed import EPOCH
from tests.sim.replica import Replica
from tests.sim.world import World


@dataclass(slots=True)
class Owed:
    """A frame that a replica got; ``id`` if it is a message."""

    sid: str
    id: str
    task: asyncio.Task[Any]


class Crowd:
    """The customers of some conversations."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.unanswered: dict[str, str] = {}  # message ids that weren't answered yet, and their conversations
        self._owed: list[Owed] = []

    def send(self, at: Replica, sid: str, id: str, text: str) -> None:
        """A message, or the same once more."""
        self.world.told[sid].sent[id] = text
        self.unanswered.setdefault(id, sid)
        self._ask(at, sid, id, at.conversations.send(sid, id, text, EPOCH))

    def cancel(self, at: Replica, sid: str, turn: int) -> None:
        """Stop an answer."""
        self.world.told[sid].cancelled.add(turn)
        self._ask(at, sid, "", at.conversations.cancel(sid, turn))

    def identify(self, at: Replica, sid: str, account: str) -> None:
        """Sign in."""
        self._ask(at, sid, "", at.conversations.identify(sid, at.who(account), EPOCH))

    def sign_out(self, at: Replica, sid: str) -> None:
        """Forget who I am."""
        self._ask(at, sid, "", at.conversations.sign_out(sid))

    def end(self, at: Replica, sid: str) -> None:
        """No more."""
        self.world.told[sid].ended = True
        self._ask(at, sid, "", at.conversations.end(sid))

    def _ask(self, at: Replica, sid: str, id: str, operation: Coroutine[Any, Any, Any]) -> None:
        self._owed.append(Owed(sid, id, at.run(operation)))

    def hear(self) -> None:
        """Take what was answered meanwhile."""
        done = [owed for owed in self._owed if owed.task.done()]
        self._owed = [owed for owed in self._owed if not owed.task.done()]
        for owed in done:
            error = owed.task.exception()
            if isinstance(error, StoreUnavailableError) or (isinstance(error, SessionGoneError) and not owed.id):
                continue
            if error is not None:
                self.world.wrong(f"I4 {owed.sid} {owed.id}: {error!r}")
            elif owed.id:
                self._acked(owed)

    def _acked(self, owed: Owed) -> None:
        sent = owed.task.result()
        if sent.code is None:
            self.world.told[owed.sid].acks.append((owed.id, sent.seq, sent.duplicate))
        if sent.code in (None, ErrorCode.CONVERSATION_ENDED):
            self.unanswered.pop(owed.id, None)
        if sent.code is ErrorCode.CONVERSATION_ENDED and not self.world.told[owed.sid].ended:
            self.world.wrong(f"I1 {owed.id} was refused in a conversation that nobody ended")

    def send_again(self, at: Replica) -> None:
        """Whatever wasn't answered."""
        for id, sid in list(self.unanswered.items()):
            self.send(at, sid, id, self.world.told[sid].sent[id])
