"""The session document: the interchange form of a whole conversation (PROTOCOL: "The session document").

Pure. Must never import what it can't read (I9), and never leave a turn open (I4).
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

from app.core.errors import DocumentError, NewerSchemaError
from app.core.limits import MAX_EVENTS
from app.core.messages import Context, Event, from_rfc3339, rfc3339, turn_end_body
from app.core.session import SCHEMA, Head, head_document, head_from_document

# Fields of the document that aren't the head's.
_ENVELOPE: Final = (
    "schema", "session_id", "conversation_history", "events", "ids", "created_at", "last_interaction", "mode"
)  # fmt: skip
_ROLES: Final = ("user", "assistant", "agent", "system")


class _Message(msgspec.Struct, kw_only=True):
    id: str
    role: str
    text: str
    at: str
    seq: int = 0
    turn: int | None = None
    context: Context = {}


class _Envelope(msgspec.Struct, kw_only=True):
    schema: int
    session_id: str
    created_at: str
    last_interaction: str
    conversation_history: list[dict[str, Any]] = []
    events: list[dict[str, Any]] | None = None
    ids: dict[str, int] | None = None
    mode: str = "bot"


@dataclass(frozen=True, slots=True)
class Imported:
    """A document ready to be stored: ``events`` numbered from 1, ``ids`` client message id to seq."""

    session_id: str
    head: Head
    events: list[Event]
    ids: dict[str, int]
    created_ms: int
    active_ms: int
    mode: str


def export(
    session_id: str, schema: int, head: Head, events: list[Event], ids: dict[str, int], created_ms: int, mode: str
) -> dict[str, Any]:
    """The document of a session."""
    documents = [event.document() for event in events]
    head_fields = head_document(head)
    last = rfc3339(events[-1].at_ms if events else created_ms)
    head_fields["user_context"]["last_interaction"] = last
    keep = ("id", "seq", "role", "text", "at", "turn", "name", "category", "context")
    return {
        "schema": schema,
        "session_id": session_id,
        **head_fields,
        "conversation_history": [
            {key: event[key] for key in keep if key in event} for event in documents if event["type"] == "message"
        ],
        "created_at": rfc3339(created_ms),
        "last_interaction": last,
        "mode": mode,
        "events": documents,
        "ids": ids,
    }


def read(document: Any, session_id: str, mark: str) -> Imported:
    """Check a document and number its events.

    Raises:
        DocumentError: a field is missing or of the wrong type; the text names it.
        NewerSchemaError: the document's schema is newer than this release's.
    """
    try:
        envelope = msgspec.convert(document, type=_Envelope)
        created, active = from_rfc3339(envelope.created_at), from_rfc3339(envelope.last_interaction)
    except (msgspec.ValidationError, ValueError) as error:
        raise DocumentError(f"not a session document: {error}") from error
    if envelope.schema > SCHEMA:
        raise NewerSchemaError(f"schema {envelope.schema}; this release reads up to {SCHEMA}")
    if envelope.session_id != session_id:
        raise DocumentError("session_id differs from the one in the address")
    if envelope.mode not in {"bot", "human", "ended"}:
        raise DocumentError("mode must be bot, human or ended")
    head = head_from_document({key: value for key, value in document.items() if key not in _ENVELOPE})
    if head.user.session_id != session_id:
        raise DocumentError("user_context.session_id differs from the one in the address")
    try:
        if envelope.events is None:
            events = _from_history(envelope.conversation_history, mark)
        else:
            events = [_event(raw, number, mark) for number, raw in enumerate(envelope.events, 1)]
    except (msgspec.ValidationError, ValueError, KeyError, TypeError) as error:
        raise DocumentError(f"not a session document: events: {error}") from error
    if len(events) > MAX_EVENTS:
        raise DocumentError(f"a conversation holds at most {MAX_EVENTS} events")
    ids = _ids(None if envelope.events is None else envelope.ids, events)  # renumbered: those given mean nothing
    status = "completed" if envelope.events is None else "failed"
    return Imported(session_id, head, _close_turns(events, mark, status), ids, created, active, envelope.mode)


def _from_history(history: list[dict[str, Any]], mark: str) -> list[Event]:
    """Renumber a history without events: each user message that starts a turn is followed by the turn's messages."""
    numbers: dict[int, int] = {}
    events = []
    for number, raw in enumerate(history, 1):
        message = msgspec.convert(raw, type=_Message)
        numbers[message.seq or number] = number
        turn = None if message.turn is None else numbers.get(message.turn)  # a sign-in's turn has no message to name it
        events.append(_event({**raw, "type": "message", "seq": number, "turn": turn}, number, mark))
    return events


def _event(raw: dict[str, Any], number: int, mark: str) -> Event:
    kind = raw["type"]
    if kind not in {"message", "state", "turn_end"} or raw["seq"] != number:
        raise ValueError(f"event {number} is of an unknown type or not in order")
    if kind == "message" and msgspec.convert(raw, type=_Message).role not in _ROLES:
        raise ValueError(f"event {number} has an unknown role")
    turn = msgspec.convert(raw.get("turn"), type=int | None)
    if turn is not None and not 1 <= turn <= number:
        raise ValueError(f"event {number} belongs to no turn")
    at = from_rfc3339(raw["at"])
    fields = {key: value for key, value in raw.items() if key not in {"seq", "mark", "at", "turn", "type"}}
    return Event(number, mark, at, turn, orjson.dumps({"type": kind, **fields})[1:].decode())


def _ids(given: dict[str, int] | None, events: list[Event]) -> dict[str, int]:
    if given is None:
        users = (event.document() for event in events if '"role":"user"' in event.body)
        return {user["id"]: user["seq"] for user in users if user.get("role") == "user"}
    if any(not 1 <= seq <= len(events) or not 1 <= len(name) <= 64 for name, seq in given.items()):
        raise DocumentError("not a session document: ids name an event that isn't there")
    return given


def _close_turns(events: list[Event], mark: str, status: str) -> list[Event]:
    """End the turns that have no end: nobody will go on with what was being answered (I4)."""
    started = {event.turn: event for event in events if event.turn == event.seq}
    ended = {event.turn for event in events if event.body.startswith('"type":"turn_end"')}
    body = turn_end_body(status, "imported").decode()
    closed = list(events)
    for turn in started:
        if turn not in ended:
            closed.append(Event(len(closed) + 1, mark, events[-1].at_ms, turn, body))
    return closed
