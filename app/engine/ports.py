"""What the engine needs of the outside, as ports: the store, the way back to the sockets. Shapes only, no behaviour.

Every call of the store may raise ``StoreUnavailableError`` (outcome unknown; calling again with the same mark is safe)
and ``NewerSchemaError`` (I9). Marks come from the caller, fresh for each writing call.
"""

from collections.abc import Callable
from typing import Any, Protocol

from app.core.document import Imported
from app.core.errors import CloseCode
from app.core.messages import Cursor, Event
from app.core.session import Head
from app.engine.calls import (
    Accepted,
    Act,
    Acted,
    AskingChanged,
    Claimed,
    Commit,
    Committed,
    Lease,
    Message,
    Refusal,
    Refused,
    Snapshot,
    TooFast,
    Top,
    Versioned,
)


class SessionStore(Protocol):
    """The public store of sessions, for those who embed Baton without sockets."""

    async def load(self, sid: str) -> Versioned | None:
        """The head and its revision; None if there is no such session."""
        ...

    async def save(self, sid: str, expected: Versioned) -> Versioned:
        """Compare-and-set of a head on the revision it was read at.

        Raises ``StaleError``, ``SessionGoneError``, ``DocumentError`` for a head that couldn't be read again."""
        ...

    async def delete(self, sid: str) -> bool:
        """Erase every trace; False if there was none."""
        ...

    async def active_ids(self, cursor: str | None, limit: int) -> tuple[list[str], str | None]:
        """Session ids by last interaction, newest first, and the cursor of the next page."""
        ...


class Store(SessionStore, Protocol):
    """The conversation in Redis: one method a script."""

    async def accept(self, message: Message) -> Accepted | TooFast | AskingChanged | Refused:
        """Store a user message once (I1 I2 I3)."""
        ...

    async def commit(self, commit: Commit) -> Committed:
        """Store what a turn says. Raises ``FencedError``, ``StaleError``, ``SessionGoneError``."""
        ...

    async def delta(self, lease: Lease, part: int, first: int, last: int, text: str) -> int | None:
        """Append to the answer being written; None, or the last stored chunk if these don't follow it.

        Raises ``FencedError``."""
        ...

    async def cancel(self, sid: str, mark: str, turn: int) -> Acted | Refusal:
        """End one turn."""
        ...

    async def act(self, act: Act) -> Acted | Refusal:
        """Change the head. Raises ``StaleError``."""
        ...

    async def claim(self, sid: str, mark: str) -> Claimed | None:
        """Take over an expired turn; None if it is held or done."""
        ...

    async def renew(self, lease: Lease) -> bool:
        """Keep a lease; False if it is lost."""
        ...

    async def release(self, lease: Lease, mark: str) -> bool:
        """Give a lease up, so that another replica carries on at once."""
        ...

    async def wake(self) -> None:
        """Tell the reapers of all replicas that leases were released: a hint (I6)."""
        ...

    async def expired(self, far: bool = True) -> list[str]:
        """Sessions whose lease may have expired: a hint for reapers.

        ``far``: also those whose deadline lies beyond any lease: a clock that went back."""
        ...

    async def join(self, sid: str, after: Cursor | None, limit: int) -> Snapshot | None:
        """Everything a socket needs at one moment; None if the session doesn't exist."""
        ...

    async def top(self, sid: str) -> Top | None:
        """The newest event; None if the session doesn't exist."""
        ...

    async def history(self, sid: str, before: int, limit: int) -> list[Event]:
        """The events before a seq, oldest first, at most ``limit``, the newest of them."""
        ...

    async def fork(self, sid: str, seen: Cursor, new: str) -> str | None:
        """Replace the epoch if it still is the cursor's and the cursor's event isn't in the log.

        The epoch in force; None if the session is gone."""
        ...

    async def export(self, sid: str) -> dict[str, Any] | None:
        """The session document."""
        ...

    async def import_(self, imported: Imported, mark: str, epoch: str) -> None:
        """Create a session from a document. Raises ``SessionExistsError``."""
        ...

    async def waiting(self) -> int:
        """How many conversations wait for a person."""
        ...

    async def tickets(self, cursor: str | None, limit: int) -> tuple[list[tuple[str, Head]], str | None]:
        """Session id and head of who waits for a person, longest first, and the cursor of the next page.

        Raises ``ValueError`` for a cursor that isn't one."""
        ...

    async def hint_typing(self, sid: str, origin: str, frame: str) -> None:
        """Tell the conversation's other sockets; never stored."""
        ...


class Feed(Protocol):
    """Subscriptions to what the store publishes. A hint (I6): nothing may depend on any of it arriving."""

    async def subscribe(self, sid: str) -> None:
        """Done when the subscription is confirmed. Raises ``StoreUnavailableError``."""
        ...

    def unsubscribe(self, sid: str) -> None:
        """Off again."""
        ...


class Sink(Protocol):
    """The sending side of one socket. Must never block: what a slow client can't take is dropped or closes it."""

    id: str

    @property
    def ready(self) -> bool:
        """Whether the client keeps up; a replay waits for ``drained`` while it doesn't."""
        ...

    def durable(self, frame: str) -> None:
        """A frame that must arrive, in order; a client too slow for it is closed with 4420."""
        ...

    def droppable(self, frame: str) -> bool:
        """A frame whose loss loses nothing; False if it was dropped."""
        ...

    async def drained(self) -> None:
        """Wait until the client has taken most of what was sent (for replays)."""
        ...

    def close(self, code: CloseCode, *frames: str) -> None:
        """Send the last frames and close."""
        ...


class HeadWatcher(Protocol):
    """Who caches heads: told what was published about them, and when to distrust all."""

    def listen(self, sid: str) -> None:
        """Changes of this session's head will be told from now on."""
        ...

    def put(self, sid: str, now: Versioned) -> None:
        """What the store answered."""
        ...

    def changed(self, sid: str, rev: str) -> None:
        """The head of a session is now at ``rev``."""
        ...

    def forget(self, sid: str) -> None:
        """Nobody listens to this session here any more."""
        ...

    def forget_all(self) -> None:
        """Changes may have been missed."""
        ...


Welcome = Callable[[Snapshot | None], str]


class Joiner(Protocol):
    """The way back to the sockets: from ``join`` on a sink gets everything of its conversation, in order."""

    async def join(self, sid: str, sink: Sink, after: Cursor | None, epoch: str, welcome: Welcome) -> None:
        """See ``fanout/hub.py``."""
        ...

    def seen(self, sid: str, sink: Sink) -> bool:
        """Whether the sink has been sent an event."""
        ...

    def leave(self, sid: str, sink: Sink) -> None:
        """The socket is gone."""
        ...
