"""What a customer's frames do to a conversation: one method a use case, the same on any replica.

Must never know a socket: it gets ids and answers with what happened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog

from app.agents.port import Secret
from app.core.errors import ErrorCode, SessionGoneError, StaleError, StoreUnavailableError
from app.core.messages import REDACTED, Event, encode, rfc3339, state_body, user_body
from app.core.session import Head, new_head
from app.engine.calls import Accepted, Act, Acted, AskingChanged, Lease, Message, Refusal, Refused, TooFast, Versioned
from app.engine.heads import Heads
from app.engine.ports import Store
from app.engine.turns import Turns

MOST_TRIES = 8  # compare-and-set rounds before giving up: each lost one means that somebody else's won


class Vault(Protocol):
    """Seals verification answers until their turn ends (I10)."""

    def seal(self, secret: Secret, sid: str) -> bytes:
        """Encrypt for this session."""
        ...

    def open(self, sealed: bytes, sid: str) -> Secret | None:
        """Decrypt; None if no key fits (any more)."""
        ...


class Sent(msgspec.Struct, frozen=True):
    """The message, or the change, is durable as ``seq``; or it isn't, and ``code`` says why. Seconds to retry after."""

    seq: int = 0
    duplicate: bool = False
    code: ErrorCode | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Who:
    """A verified assertion of the embedding site: the customer's account, name, and until when (Unix ms)."""

    account: str
    name: str | None
    expires_ms: int

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for what can't be stored, or shown."""
        if not 1 <= len(self.account) <= 128 or not self.account.isprintable():
            raise ValueError("an account is 1 to 128 printable characters")
        if self.name is not None and not (len(self.name) <= 200 and self.name.isprintable()):
            raise ValueError("a name is at most 200 printable characters")
        rfc3339(self.expires_ms)  # after the year 9999 there is none


@dataclass(frozen=True, slots=True)
class Conversations:
    """The use cases of one replica. ``epoch`` arguments: of a session that the call may create, else None."""

    store: Store
    heads: Heads
    turns: Turns
    vault: Vault
    wall_ms: Callable[[], int]
    new_mark: Callable[[], str]
    redact: Callable[[str, Head | None], str] | None = None

    async def send(
        self, sid: str, message_id: str, text: str, epoch: str | None, client: str | None = None,
        context: Mapping[str, str] | None = None,
    ) -> Sent:  # fmt: skip
        """Accept a user message, and run its turn if it is ours to run. ``client``: whose attempts at a secret count.

        ``context`` is the site's, not the customer's: it stays as it is where the text is hidden.
        Raises ``StoreUnavailableError``, ``NewerSchemaError``, ``SessionGoneError``.
        """
        cached = await self._known(sid)
        fresh = None if epoch is None else (epoch, new_head(sid))
        mark, asking, secret = self.new_mark(), cached is not None and cached.head.fields.asking, False
        for _ in range(MOST_TRIES):
            shown, sealed = self._shown(text, cached), b""
            if asking or secret:
                # Also if it is no secret any more by now: it was written while it was one.
                secret, shown, sealed = True, REDACTED, self.vault.seal(Secret(text, client), sid)
            rev = cached.rev if cached else ""
            body = user_body(message_id, shown, context)
            message = Message(sid, mark, message_id, body, asking, sealed, rev, fresh)
            result = await self.store.accept(message)
            match result:
                case Accepted():
                    if result.lease is not None:
                        self._run(result, cached, fresh)
                    return Sent(result.seq, result.duplicate)
                case TooFast():
                    return Sent(code=ErrorCode.RATE_LIMITED, retry_after=result.retry_after)
                case AskingChanged():
                    asking, cached = result.asking, result.now
                case Refused.GONE:
                    raise SessionGoneError(sid)
                case Refused.FULL:
                    await self.end(sid)
                    return Sent(code=ErrorCode.CONVERSATION_ENDED)
                case Refused.ENDED:
                    return Sent(code=ErrorCode.CONVERSATION_ENDED)
        return Sent(code=ErrorCode.UNAVAILABLE)

    def _shown(self, text: str, cached: Versioned | None) -> str:
        """A text as it may be stored; all of it is hidden if the agent, which is foreign code, can't say."""
        if self.redact is None:
            return text
        try:
            return self.redact(text, None if cached is None else cached.head)
        except Exception as error:  # noqa: BLE001 - see above; its text may quote the customer (I10)
            structlog.get_logger().error("redact_failed", error=type(error).__name__)
            return REDACTED

    async def _known(self, sid: str) -> Versioned | None:
        """The head as far as it is known here. Where secrets are asked for it is always known.

        The store would refuse a message whose sender is mistaken about ``asking``, but by then it has seen it (I10).
        """
        cached = self.heads.get(sid)
        return cached if cached is not None or self.redact is None else await self.store.load(sid)

    def _run(self, result: Accepted, cached: Versioned | None, fresh: tuple[str, Head] | None) -> None:
        head = result.head or (cached.head if cached and cached.rev == result.rev else None)
        if head is None and fresh is not None:
            head = fresh[1]
        if head is None or result.lease is None:
            raise SessionGoneError("accept leased a turn without its head")
        now = Versioned(result.rev, head)
        self.heads.put(result.lease.sid, now)
        self.turns.start(result.lease, now)

    async def cancel(self, sid: str, turn: int) -> ErrorCode | None:
        """Stop the answer of a turn; of one that has ended: nothing happens."""
        result = await self.store.cancel(sid, self.new_mark(), turn)
        if isinstance(result, Acted):
            await self._carry_on(sid, result.lease, None)
            return None
        if result is Refusal.GONE:
            raise SessionGoneError(sid)
        return None if result is Refusal.NONE else ErrorCode.UNKNOWN_TURN

    async def identify(self, sid: str, who: Who, epoch: str | None) -> Sent:
        """The customer is ``who``; a pending query is taken up, in a turn that the ``state`` event begins."""

        def sign_in(head: Head) -> bool:
            head.sign_in(who.account, who.name, self.wall_ms(), who.expires_ms)
            return True

        return await self._change(sid, sign_in, epoch, resume=True)

    async def sign_out(self, sid: str) -> ErrorCode | None:
        """Forget who the customer is; nothing happens if nobody was known."""
        return (await self._change(sid, Head.sign_out, None)).code

    async def end(self, sid: str) -> ErrorCode | None:
        """The conversation ends, with everything that is being answered. Idempotent."""
        code = (await self._change(sid, lambda _head: True, None, mode="ended")).code
        return None if code is ErrorCode.CONVERSATION_ENDED else code

    async def history(self, sid: str, before: int, limit: int) -> tuple[list[Event], bool]:
        """Older events, oldest first, and whether there are more."""
        events = await self.store.history(sid, before, limit)
        return events, bool(events) and events[0].seq > 1

    async def typing(self, sid: str, origin: str, active: bool) -> None:
        """Tell the others."""
        await self.store.hint_typing(sid, origin, encode(type="typing", role="user", name=None, active=active))

    async def _change(
        self, sid: str, change: Callable[[Head], bool], epoch: str | None, mode: str = "", resume: bool = False
    ) -> Sent:
        """Compare-and-set of the head; ``change`` answers False to leave it as it is."""
        for attempt in range(MOST_TRIES):
            now = (self.heads.get(sid) if attempt == 0 else None) or await self.store.load(sid)
            if now is None and epoch is None:
                raise SessionGoneError(sid)
            now = now or Versioned("", new_head(sid))
            head = now.head.copy()
            if not change(head):
                return Sent()
            state = state_body(head.public_state(ended=mode == "ended", now_ms=self.wall_ms()))
            start, asking = resume and head.fields.pending_query is not None, head.fields.asking
            mark, ended = self.new_mark(), mode == "ended"
            act = Act(sid, mark, now.rev, head, [state], mode, ended, start, asking, epoch)
            try:
                result = await self.store.act(act)
            except StaleError:
                continue
            if isinstance(result, Acted):
                changed = Versioned(result.rev, head)
                self.heads.put(sid, changed)
                await self._carry_on(sid, result.lease, changed)
                return Sent(result.seq)
            if result is Refusal.GONE:
                raise SessionGoneError(sid)
            return Sent(code=ErrorCode.CONVERSATION_ENDED)
        return Sent(code=ErrorCode.UNAVAILABLE)

    async def _carry_on(self, sid: str, lease: Lease | None, now: Versioned | None) -> None:
        """Whoever stopped a turn or changed the head runs what is left to do."""
        running = self.turns.running.get(sid)
        if lease is None:
            return
        if running is not None:
            self.turns.drop(running)
        try:
            now = now or await self.store.load(sid)
        except StoreUnavailableError:
            self.turns.owed.add(lease)  # others carry on, and it is no crash
            raise
        if now is not None:
            self.turns.start(lease, now)
