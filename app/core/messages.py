"""The frames of ``baton.v1`` as types: what a client sends, and how the server's frames are built.

Must never hold behaviour: which frame is allowed when is ``connection.py``; what it does is the engine.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
import orjson

from app.core.errors import SENTENCES, ErrorCode
from app.core.limits import MAX_ID

REDACTED: Final = "[redacted]"  # a verification answer, as the history shows it (I10)

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Turn = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
MessageId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
Token = Annotated[str, msgspec.Meta(max_length=4096)]
Short = Annotated[str, msgspec.Meta(max_length=256)]
ContextKey = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.-]{1,40}\Z")]
ContextValue = Annotated[str, msgspec.Meta(max_length=200)]
Context = Annotated[dict[ContextKey, ContextValue], msgspec.Meta(max_length=12)]


class Cursor(msgspec.Struct, frozen=True):
    """The last durable event a transcript has applied: the identity of that event, not only its number."""

    epoch: Short
    seq: Seq
    mark: Short | None = None


class Hello(msgspec.Struct, tag="hello", frozen=True):
    """First frame of a connection: a new conversation, or one to resume after a cursor."""

    token: Token | None = None
    after: Cursor | None = None
    client: Short = ""


class Send(msgspec.Struct, tag="send", frozen=True):
    """A user message; ``id`` makes it idempotent for the conversation's life (I2).

    ``context`` is what the site says of where the customer was when writing it.
    """

    id: MessageId
    text: str
    context: Context = {}


class Cancel(msgspec.Struct, tag="cancel", frozen=True):
    """Stop the answer of a turn."""

    turn: Turn


class History(msgspec.Struct, tag="history", frozen=True):
    """Ask for older events: those before ``before``, at most ``limit``."""

    before: Turn
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 200


class Identify(msgspec.Struct, tag="identify", frozen=True):
    """The embedding site's signed assertion (JWT) of who the customer is."""

    token: Token


class SignOut(msgspec.Struct, tag="sign_out", frozen=True):
    """Forget the customer's identity."""


class Typing(msgspec.Struct, tag="typing", frozen=True):
    """The customer is, or is no longer, typing; never stored."""

    active: bool


class End(msgspec.Struct, tag="end", frozen=True):
    """The customer ends the conversation."""


class Ping(msgspec.Struct, tag="ping", frozen=True):
    """Answered by ``pong`` with the same ``t``."""

    t: Any = None


ClientFrame = Hello | Send | Cancel | History | Identify | SignOut | Typing | End | Ping


class Event(msgspec.Struct, frozen=True):
    """One durable event as the log holds it.

    ``body`` is JSON text without its opening brace, from ``"type":`` on: what is known before Redis gives the event
    its ``seq``. ``turn`` is the ``seq`` of the event that started its turn, or None. ``at_ms`` is Unix milliseconds.
    """

    seq: int
    mark: str
    at_ms: int
    turn: int | None
    body: str

    def frame(self) -> str:
        """The frame on the wire."""
        turn = "null" if self.turn is None else self.turn
        return f'{{"seq":{self.seq},"mark":"{self.mark}","at":"{rfc3339(self.at_ms)}","turn":{turn},{self.body}'

    def said(self) -> tuple[str, dict[str, str]]:
        """The text of a message, and where the customer was when writing it; both empty for any other event."""
        fields = orjson.loads("{" + self.body)
        return str(fields.get("text", "")), fields.get("context", {})

    def document(self) -> dict[str, Any]:
        """The event as a mapping, for export and for reading a text back."""
        document: dict[str, Any] = orjson.loads(self.frame())
        return document


def rfc3339(ms: int) -> str:
    """Unix milliseconds as RFC 3339 UTC with milliseconds."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=256)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:-6]


def from_rfc3339(text: str) -> int:
    """The inverse of ``rfc3339``. Raises ``ValueError`` for anything else, also for what is no year in UTC."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time needs its offset")
    ms = round(at.timestamp() * 1000)
    rfc3339(ms)
    return ms


def body(**fields: Any) -> bytes:
    """An event's body (see ``Event.body``) from its fields, ``type`` first."""
    return orjson.dumps(fields)[1:]


def user_body(message_id: str, text: str, context: Mapping[str, str] | None = None) -> bytes:
    """Body of a user's ``message``; without a ``context`` it has no such field."""
    said = {"context": dict(context)} if context else {}
    return body(type="message", id=message_id, role="user", text=text, name=None, **said)


def assistant_body(message_id: str, text: str, name: str | None, category: str | None) -> bytes:
    """Body of an assistant's ``message``; ``text`` is last, so that a script can append one it reads in Redis."""
    return body(type="message", id=message_id, role="assistant", name=name, category=category, text=text)


def turn_end_body(status: str, reason: str | None) -> bytes:
    """Body of a ``turn_end`` (I4)."""
    return body(type="turn_end", status=status, reason=reason)


def state_body(state: dict[str, Any]) -> bytes:
    """Body of a ``state`` event."""
    return body(type="state", state=state)


def encode(**fields: Any) -> str:
    """Any other frame."""
    return orjson.dumps(fields).decode()


def ack(message_id: str, seq: int, duplicate: bool) -> str:
    """``ack``: sent only after the message is durable (I1)."""
    return encode(type="ack", id=message_id, seq=seq, duplicate=duplicate)


def error(code: ErrorCode, message_id: str | None = None, retry_after: float | None = None) -> str:
    """``error`` with the plain sentence of its code; ``retry_after`` in seconds."""
    wait = None if retry_after is None else round(retry_after, 3)
    return encode(type="error", code=code, message=SENTENCES[code], id=message_id, retry_after=wait)


def turn_start(turn: int, attempt: int) -> str:
    """``turn_start``."""
    return encode(type="turn_start", turn=turn, attempt=attempt)


def history(events: list[Event], more: bool) -> str:
    """``history`` page, oldest first."""
    frames = ",".join(event.frame() for event in events)
    return f'{{"type":"history","events":[{frames}],"more":{"true" if more else "false"}}}'
