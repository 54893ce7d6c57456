"""Error codes, close codes and the typed errors of the whole server.

Must never carry exception text to a person: what a person reads is ``SENTENCES``, chosen by code.
"""

from enum import IntEnum, StrEnum
from typing import Final


class ErrorCode(StrEnum):
    """``code`` of an ``error`` frame (PROTOCOL: "Error codes")."""

    BAD_FRAME = "bad_frame"
    UNAUTHORIZED = "unauthorized"
    SESSION_GONE = "session_gone"
    CONVERSATION_ENDED = "conversation_ended"
    TEXT_INVALID = "text_invalid"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    UNKNOWN_TURN = "unknown_turn"


class CloseCode(IntEnum):
    """WebSocket close codes (PROTOCOL: "Close codes"; 1xxx are RFC 6455 §7.4.1)."""

    NORMAL = 1000
    RESTART = 1012
    TRY_AGAIN = 1013
    BAD_FRAMES = 4400
    BAD_TOKEN = 4401
    BAD_ORIGIN = 4403
    GONE = 4404
    NO_HELLO = 4408
    TOO_SLOW = 4420
    RATE_LIMITED = 4429


SENTENCES: Final = {
    ErrorCode.BAD_FRAME: "This message could not be understood.",
    ErrorCode.UNAUTHORIZED: "Your sign-in could not be verified.",
    ErrorCode.SESSION_GONE: "This conversation is no longer available. Please start a new one.",
    ErrorCode.CONVERSATION_ENDED: "This conversation has ended. Please start a new one.",
    ErrorCode.TEXT_INVALID: "A message needs some readable text.",
    ErrorCode.TOO_LARGE: "This message is too long.",
    ErrorCode.RATE_LIMITED: "You are sending messages too quickly. Please wait a moment.",
    ErrorCode.UNAVAILABLE: "The service can't take your message right now. It will be sent again shortly.",
    ErrorCode.UNKNOWN_TURN: "There is no such answer in this conversation.",
}


class BatonError(Exception):
    """Root of every error that this project raises on purpose."""


class BadFrameError(BatonError):
    """A frame that the protocol doesn't know: not JSON, unknown type, wrong field types."""


class TextError(BatonError):
    """The text of a ``send`` is refused; ``code`` says why, ``id`` is the client's message id."""

    def __init__(self, code: ErrorCode, id: str) -> None:
        super().__init__(code)
        self.code = code
        self.id = id


class StoreUnavailableError(BatonError):
    """Redis can't be reached, timed out or refused (out of memory, loading, a slot being moved).

    The outcome of the call is unknown; calling again with the same mark is safe.
    """


class StoreRefusedError(StoreUnavailableError):
    """Redis answered the call with an error: the reply isn't lost, and asking again at once is no use."""


class UnreadableError(StoreUnavailableError):
    """One session in Redis can't be read: damaged, or another hand's. It is left as it is; the store itself is well."""


class StoreUnfitError(BatonError):
    """Redis answers, but is not fit to hold conversations: version, eviction policy, shard count."""


class NewerSchemaError(BatonError):
    """The session was written by a newer release; it is left as it is (I9)."""


class SessionGoneError(BatonError):
    """The session doesn't exist and the caller may not create it (expired or erased)."""


class FencedError(BatonError):
    """The lease was lost: nothing was written and nothing may be written (I5)."""


class StaleError(BatonError):
    """A compare-and-set on ``rev`` failed: the head changed since it was read."""


class SessionExistsError(BatonError):
    """An import found the session already there."""


class DocumentError(BatonError):
    """A session document can't be imported; the text is fit for the administrator who sent it."""
