"""Bytes of a frame to its type: orjson parses, msgspec validates. Must never raise anything but ``BadFrameError``."""

import json
import re
from typing import Any, Final

import msgspec
import orjson

from app.core.errors import BadFrameError
from app.core.messages import ClientFrame, Ping, Send

# orjson refuses lone surrogates; the protocol wants them answered as an invalid text, not as an unreadable frame.
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def decode(raw: str) -> ClientFrame:
    """A text frame as its type.

    Raises:
        BadFrameError: not JSON, not an object with a known ``type``, a field of the wrong type or out of its range,
            a ``ping`` whose ``t`` can't be sent back.
    """
    try:
        frame: ClientFrame = msgspec.convert(_parse(raw), type=ClientFrame)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise BadFrameError("not a frame of baton.v1") from error
    if isinstance(frame, Send) and not _encodable(frame.id):
        raise BadFrameError("an id must be Unicode text")
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
