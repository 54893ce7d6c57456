"""Conversations without sockets, for a program that embeds Baton: the same store, scripts and turns as over the wire.

What it answers has been stored, and any replica can go on with it. Must never keep a conversation in memory.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from app.core import limits
from app.core.errors import BatonError, CloseCode, ErrorCode, SessionGoneError, StaleError, StoreUnavailableError
from app.core.session import Head, UserContext, new_head
from app.engine.calls import Act, Snapshot, Versioned
from app.engine.conversations import Conversations, Sent, Who
from app.engine.heads import Heads
from app.engine.ports import Joiner, Store
from app.engine.witness import Witness

ANSWER_SECONDS: Final = 180.0  # a turn's own limit, and one takeover


class RefusedError(BatonError):
    """Nothing was stored; ``code`` says why (PROTOCOL: "Error codes"), ``retry_after`` in seconds if it may pass."""

    def __init__(self, code: ErrorCode, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code, self.retry_after = code, retry_after


@dataclass(slots=True)
class Session:
    """A conversation as it was read. Change ``head`` and save it; ``conversation_history`` is oldest first.

    ``rev`` is what ``save_session`` compares: it fails if anybody changed the session since.
    """

    session_id: str
    rev: str
    head: Head
    conversation_history: list[dict[str, Any]]

    @property
    def user_context(self) -> UserContext:
        """Who the customer is."""
        return self.head.user

    @property
    def pending_query(self) -> str | None:
        """What waits for the customer to be known."""
        return self.head.fields.pending_query

    @property
    def agent_states(self) -> dict[str, dict[str, Any]]:
        """Each agent's own state."""
        return self.head.fields.agent_states


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The bot's answer. ``message`` is empty if it had none to give, as in a conversation with a person.

    ``category`` and ``action`` as in PROTOCOL; ``status`` of the turn, None if none was started; ``state`` is the
    public state after it.
    """

    session_id: str
    message: str
    category: str | None
    action: str
    status: str | None
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Baton:
    """The library's API. Every method may raise ``StoreUnavailableError`` and ``NewerSchemaError``."""

    store: Store
    heads: Heads
    conversations: Conversations
    hub: Joiner
    wall_ms: Callable[[], int]
    new_id: Callable[[], str]
    failed: asyncio.Event
    """Set when a part of it has ended by itself: close it and open another."""

    async def process_message(
        self, session_id: str, text: str, message_id: str | None = None, client: str | None = None
    ) -> Response:
        """Say something and wait for the answer. The same ``message_id`` again is the same message (I2).

        ``client`` is whose wrong verification answers are counted together, as an address; None: only the account's
        are. Creates the session if there is none. Raises ``ValueError`` for an id that isn't one, ``TextError``,
        ``RefusedError``, ``SessionGoneError``, ``TimeoutError``.
        """
        name = message_id or self.new_id()
        if len(name) > limits.MAX_ID or not name.isprintable():
            raise ValueError(f"a message id is 1 to {limits.MAX_ID} printable characters")
        limits.check_text(text, name)
        return await self._watched(
            session_id, lambda epoch: self.conversations.send(session_id, name, text, epoch, client), name
        )

    async def complete_authentication(
        self, session_id: str, account_number: str, customer_name: str | None, token_expiry: datetime
    ) -> Response:
        """The customer is known until ``token_expiry`` (with its offset); a pending query is answered.

        Raises ``ValueError`` for a time without offset or in the past, or an account or name that is no text of one
        line; else as ``process_message``.
        """
        if token_expiry.tzinfo is None or token_expiry.timestamp() * 1000 <= self.wall_ms():
            raise ValueError("token_expiry must lie in the future and have an offset")
        who = Who(account_number, customer_name, round(token_expiry.timestamp() * 1000))
        return await self._watched(session_id, lambda epoch: self.conversations.identify(session_id, who, epoch))

    async def get_or_create_session(self, session_id: str) -> Session:
        """The session, stored before this returns."""
        _check(session_id)
        found = await self.get_session(session_id)
        if found is None:
            first = Act(session_id, self.conversations.new_mark(), "", new_head(session_id), [], fresh=self.new_id())
            with contextlib.suppress(StaleError):  # somebody else was quicker: it is theirs
                await self.store.act(first)
            found = await self.get_session(session_id)
        if found is None:
            raise SessionGoneError(session_id)
        return found

    async def get_session(self, session_id: str, events: int = limits.HISTORY_PAGE) -> Session | None:
        """The session with the messages among its newest ``events``; None if there is none."""
        now = await self.store.join(session_id, None, events)
        if now is None:
            return None
        documents = [event.document() for event in now.events]
        history = [document for document in documents if document["type"] == "message"]
        return Session(session_id, now.now.rev, now.now.head.copy(), history)

    async def save_session(self, session: Session) -> Session:
        """Store ``session.head``. Raises ``StaleError`` if it was changed since it was read, ``SessionGoneError``."""
        saved = await self.store.save(session.session_id, Versioned(session.rev, session.head))
        self.heads.put(session.session_id, saved)
        return Session(session.session_id, saved.rev, session.head, session.conversation_history)

    def clear_cache(self) -> None:
        """Forget every head that is held in memory: the next use reads what is stored."""
        self.heads.forget_all()

    async def active_session_ids(self, cursor: str | None = None, limit: int = 100) -> tuple[list[str], str | None]:
        """Ids by last interaction, newest first, and the next page's cursor. Raises ``ValueError`` for a bad one."""
        return await self.store.active_ids(cursor, limit)

    async def delete_session(self, session_id: str) -> bool:
        """Erase every trace; False if there was none."""
        return await self.store.delete(session_id)

    async def _watched(
        self, sid: str, act: Callable[[str], Awaitable[Sent]], message_id: str | None = None
    ) -> Response:
        """Do something and wait for the turn that it starts, as somebody who sees the conversation.

        If the room closes meanwhile (a fork, which may have lost the message) a message is sent again: it has its id.
        """
        _check(sid)
        epoch, sent = self.new_id(), None
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                if self.failed.is_set():
                    raise StoreUnavailableError("a part of this replica has ended")
                witness = await self._join(sid, epoch)
                try:
                    if sent is None or message_id is not None:
                        sent = await act(epoch)
                    if sent.code is not None:
                        raise RefusedError(sent.code, sent.retry_after)
                    if sent.duplicate:
                        await self._look_back(witness, sid, sent.seq)
                    response = await self._outcome(witness, sid, sent.seq, message_id)
                finally:
                    self.hub.leave(sid, witness)
                if response is not None:
                    return response
                if witness.closed is CloseCode.GONE:
                    raise SessionGoneError(sid)

    async def _join(self, sid: str, epoch: str) -> Witness:
        witness = Witness(self.new_id())

        def welcome(now: Snapshot | None) -> str:
            head = new_head(sid) if now is None else now.now.head
            ended = now is not None and now.mode == "ended"
            state, seq = head.public_state(ended, self.wall_ms()), 0 if now is None else now.seq
            return orjson.dumps({"type": "welcome", "state": state, "seq": seq}).decode()

        await self.hub.join(sid, witness, None, epoch, welcome)
        return witness

    async def _look_back(self, witness: Witness, sid: str, seq: int) -> None:
        """A message that was sent before may be older than what a join shows: read on from it to its turn's end."""
        at = seq - 1
        while not witness.has_ended(seq):
            page = await self.store.history(sid, at + limits.HISTORY_PAGE + 1, limits.HISTORY_PAGE)
            for event in page:
                witness.see(event.document())
            if not page or page[-1].seq < at + limits.HISTORY_PAGE:
                break  # the newest: what follows is told
            at = page[-1].seq

    async def _outcome(self, witness: Witness, sid: str, seq: int, message_id: str | None) -> Response | None:
        """What came of the event ``seq``; None if the room closed meanwhile, or if it is somebody else's now."""
        first = await witness.event(seq)
        if first is None or (message_id is not None and first.get("id") != message_id):
            return None
        events = [] if first["turn"] is None else await witness.turn(seq)
        if events is None:
            return None
        said = [event for event in events if event["type"] == "message" and event["role"] == "assistant"]
        categories = [event["category"] for event in said if event["category"] is not None]
        return Response(
            session_id=sid,
            message="\n\n".join(event["text"] for event in said),
            category=categories[-1] if categories else None,
            action=witness.state.get("action", "none"),
            status=events[-1]["status"] if events else None,
            state=witness.state,
        )


def _check(session_id: str) -> None:
    if limits.SESSION_ID.fullmatch(session_id) is None:
        raise ValueError("a session id is 1 to 64 letters, digits, - and _")
