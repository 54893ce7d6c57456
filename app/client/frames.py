"""The frames a client receives, typed and checked.

Pure. It must never reject what it merely doesn't know: unknown types and fields are for newer clients.
"""

from typing import Any, Final

import msgspec
import orjson


class BadFrame(ValueError):
    """A frame from the server that doesn't follow the protocol."""


class View(msgspec.Struct, frozen=True):
    """The `state` object of `welcome` and of `state` events; every field has the value of an untouched conversation."""

    auth: str = "anonymous"
    customer_name: str | None = None
    handoff: str = "none"
    ticket: str | None = None
    position: int | None = None
    pending_query: str | None = None
    action: str = "none"
    ended: bool = False


class Limits(msgspec.Struct, frozen=True):
    """`text` in code points, `frame` in bytes."""

    text: int = 8000
    frame: int = 65536


class Welcome(msgspec.Struct, frozen=True):
    session: str
    token: str
    epoch: str
    seq: int
    recovered: bool
    replica: str
    state: View = View()
    oldest: int | None = None
    heartbeat: float = 25
    limits: Limits = Limits()


class Message(msgspec.Struct, frozen=True):
    seq: int
    mark: str
    id: str
    role: str
    text: str
    at: str
    turn: int | None = None
    name: str | None = None


class StateEvent(msgspec.Struct, frozen=True):
    seq: int
    mark: str
    state: View
    turn: int | None = None


class TurnEnd(msgspec.Struct, frozen=True):
    seq: int
    mark: str
    turn: int
    status: str
    reason: str | None = None


class Ack(msgspec.Struct, frozen=True):
    id: str
    seq: int
    duplicate: bool = False


class TurnStart(msgspec.Struct, frozen=True):
    turn: int
    attempt: int


class Delta(msgspec.Struct, frozen=True):
    turn: int
    attempt: int
    part: int
    first: int
    last: int
    text: str


class HistoryPage(msgspec.Struct, frozen=True):
    events: list[dict[str, Any]]
    more: bool = False


class Refusal(msgspec.Struct, frozen=True):
    """An `error` frame; `message` is fit to show a person."""

    code: str
    message: str
    id: str | None = None
    retry_after: float | None = None


class Drain(msgspec.Struct, frozen=True):
    """`reconnect_in` is in milliseconds."""

    reconnect_in: int


Durable = Message | StateEvent | TurnEnd
Frame = Durable | Welcome | Ack | TurnStart | Delta | HistoryPage | Refusal | Drain
_TYPES: Final[dict[str, type[Frame]]] = {
    "welcome": Welcome,
    "message": Message,
    "state": StateEvent,
    "turn_end": TurnEnd,
    "ack": Ack,
    "turn_start": TurnStart,
    "delta": Delta,
    "history": HistoryPage,
    "error": Refusal,
    "drain": Drain,
}


def convert(body: object) -> Frame | None:
    """A typed frame from decoded JSON; None for a type this client doesn't know. Raises BadFrame."""
    kind = body.get("type") if isinstance(body, dict) else None
    if not isinstance(kind, str):
        raise BadFrame("a frame without a type")
    model = _TYPES.get(kind)
    if model is None:
        return None
    try:
        return msgspec.convert(body, model)
    except msgspec.ValidationError as error:
        raise BadFrame(f"a malformed {kind} frame") from error


def decode(raw: str | bytes) -> Frame | None:
    """Like `convert`, from the text of a WebSocket message."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadFrame("a frame that isn't JSON") from error
    return convert(body)
