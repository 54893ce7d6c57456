"""Bytes of a frame to its type: orjson parses, msgspec validates. Must never raise anything but ``BadFrameError``."""

import json
import re
from typing import Any, Final

import msgspec
import orjson

from app.core.errors import BadFrameError
from app.core.messages import Cancel, ClientFrame, End, Hello, History, Identify, Ping, Send, SignOut, Typing

_KINDS: Final[dict[str, type[ClientFrame]]] = {
    "hello": Hello,
    "send": Send,
    "cancel": Cancel,
    "history": History,
    "identify": Identify,
    "sign_out": SignOut,
    "typing": Typing,
    "end": End,
    "ping": Ping,
}

# orjson refuses lone surrogates; the protocol wants them answered as an invalid text, not as an unreadable frame.
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def decode(raw: str) -> ClientFrame:
    """A text frame as its type.

    Raises:
        BadFrameError: not JSON, not an object with a known ``type``, a field of the wrong type or out of its range,
            a ``ping`` whose ``t`` can't be sent back.
    """
    try:
        document = _parse(raw)
        # By hand where msgspec's own tagged union would do: that one collects its types anew at each call.
        kind = _KINDS[document["type"]]
        frame: ClientFrame = msgspec.convert(document, type=kind)
    except (msgspec.ValidationError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise BadFrameError("not a frame of baton.v1") from error
    if isinstance(frame, Send) and not all(map(_encodable, (frame.id, *frame.context.values()))):
        raise BadFrameError("an id and a context must be Unicode text")
    if isinstance(frame, Ping):
        pong(frame)
    return frame


def pong(frame: Ping) -> str:
    """The ``pong`` of a ``ping``. Raises ``BadFrameError`` for a ``t`` nested too deep to be written again."""
    try:
        return orjson.dumps({"type": "pong", "t": frame.t}).decode()
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise BadFrameError("t can't be echoed") from error


def _parse(raw: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        if _SURROGATE.search(raw) is None:
            raise
    document = json.loads(raw)
    # Only a send may carry such a text so far as to be answered text_invalid; elsewhere it is a bad frame.
    if not isinstance(document, dict) or document.get("type") != "send":
        raise ValueError("lone surrogate")
    return document


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
