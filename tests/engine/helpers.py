"""What the tests of the engine share: the turns and use cases of a replica, without sockets, on a store of their own.

It must never write to Redis but through them.
"""

import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from structlog.typing import EventDict

from app.agents.port import Change, Piece, Turn
from app.core.session import Head
from app.edge.auth import SecretVault
from app.engine.conversations import Conversations
from app.engine.heads import Heads
from app.engine.turns import Turns, TurnSettings
from app.observe.metrics import Metrics
from tests.support.poll import until
from tests.support.stores import LEASE_MS, Chat, new_mark

SECRETS: Final = ("a secret of the deployment, only for tests",)


@dataclass(slots=True)
class Scripted:
    """An agent that does what a test says, and remembers what it was given."""

    script: Callable[[Turn], AsyncIterator[Piece]]
    name: str | None = "Bot"
    continues: bool = False
    given: list[Turn] = field(default_factory=list)

    def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """See `app/agents/port.py`."""
        self.given.append(turn)
        return self.script(turn)


@dataclass(frozen=True, slots=True)
class Desk:
    """What one replica does to conversations."""

    turns: Turns
    conversations: Conversations

    async def idle(self) -> None:
        """Wait until no turn runs here."""
        await until(lambda: not self.turns.running, what="the end of every turn")


def as_it_is(text: str, _head: Head | None) -> str:
    """Nothing is hidden."""
    return text


def desk_of(
    store: Any,
    agent: Any,
    secrets: tuple[str, ...] = SECRETS,
    redact: Callable[[str, Head | None], str] | None = as_it_is,
    limit: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
) -> Desk:
    """Such a replica; without `redact` it looks at no head before it stores a message. `limit`: seconds for a turn."""
    heads, vault = Heads(), SecretVault(secrets, lambda count: uuid.uuid4().bytes[:count])
    limits = TurnSettings(limit, LEASE_MS / 1000)

    def wall_ms() -> int:
        return time.time_ns() // 1_000_000

    turns = Turns(
        store, agent, heads, limits, Metrics(), clock, wall_ms, new_mark, lambda: uuid.uuid4().hex, vault.open
    )
    return Desk(turns, Conversations(store, heads, turns, vault, wall_ms, new_mark, redact))


def changed(head: Head, **fields: Any) -> Change:
    """The head with some fields of its own."""
    copy = head.copy()
    for name, value in fields.items():
        setattr(copy.fields, name, value)
    return Change(copy)


async def say(desk: Desk, chat: Chat, text: str, client: str | None = None) -> int:
    """A message is stored; its seq."""
    sent = await desk.conversations.send(chat.sid, uuid.uuid4().hex, text, "epoch", client)
    assert sent.code is None
    return sent.seq


async def ask(desk: Desk, chat: Chat, text: str, client: str | None = None) -> int:
    """A message, and the end of its turn; its seq."""
    seq = await say(desk, chat, text, client)
    await until(lambda: ended(chat, seq), what=f"the end of turn {seq}")
    await desk.idle()
    return seq


def ended(chat: Chat, turn: int) -> str | None:
    """How a turn ended; None if it runs."""
    return next((status for kind, of, status in chat.said() if (kind, of) == ("turn_end", turn)), None)


def audits(lines: list[EventDict]) -> list[tuple[str, str]]:
    """Action and result of the audit lines among what was logged."""
    return [(str(line["action"]), str(line["result"])) for line in lines if line["event"] == "audit"]


logged: Final = structlog.testing.capture_logs
