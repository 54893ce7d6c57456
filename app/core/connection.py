"""One WebSocket connection as a transition table (the shape of h11 and websockets: a pure core, thin shells).

The shell feeds it what arrives and does what it answers. Must never do I/O, and never know what a frame causes.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.core import codec, limits, messages
from app.core.errors import BadFrameError, CloseCode, ErrorCode, TextError
from app.core.messages import (
    Cancel,
    ClientFrame,
    End,
    Hello,
    History,
    Identify,
    Ping,
    Send,
    SignOut,
    Typing,
)


class State(StrEnum):
    """Where a connection stands."""

    NEW = "new"  # accepted, no hello yet
    LIVE = "live"  # hello was answered
    CLOSED = "closed"


# (state, frame) -> next state. What isn't here is a bad frame.
TRANSITIONS: Final[dict[tuple[State, type], State]] = {
    (State.NEW, Hello): State.LIVE,
    **{(State.LIVE, kind): State.LIVE for kind in (Send, Cancel, History, Identify, SignOut, Typing, End, Ping)},
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer ``frame``; then, if ``close`` isn't None, close with that code."""

    frame: str
    close: CloseCode | None = None


@dataclass(slots=True)
class Connection:
    """The judge of one connection's input. ``rate`` is frames per second (0: no limit)."""

    rate: float
    state: State = State.NEW
    bad_frames: int = 0
    bucket: limits.Bucket = field(init=False)
    refusals: limits.Refusals | None = None

    def __post_init__(self) -> None:
        self.bucket = limits.Bucket(self.rate)

    def receive(self, raw: str | None, now: float) -> ClientFrame | Refusal:
        """Judge one WebSocket message: ``raw`` is its text, None for a binary one; ``now`` is monotonic seconds."""
        try:
            if raw is None:
                raise BadFrameError("binary")
            frame = codec.decode(raw)
            after = TRANSITIONS.get((self.state, type(frame)))
            if after is None:
                raise BadFrameError("out of order")
        except BadFrameError:
            return self.bad_frame()
        wait = self.bucket.take(now)
        if wait > 0:
            return self.rate_limited(now, frame.id if isinstance(frame, Send) else None, wait)
        if isinstance(frame, Send):
            try:
                limits.check_text(frame.text, frame.id)
            except TextError as error:
                return Refusal(messages.error(error.code, error.id))
        self.state = after
        return frame

    def bad_frame(self) -> Refusal:
        """Count a bad frame; the tenth closes the connection."""
        self.bad_frames += 1
        close = CloseCode.BAD_FRAMES if self.bad_frames >= limits.MAX_BAD_FRAMES else None
        return Refusal(messages.error(ErrorCode.BAD_FRAME), close)

    def rate_limited(self, now: float, message_id: str | None, wait: float) -> Refusal:
        """Refuse for its rate, here or in the store; who keeps on is closed with 4429."""
        if self.refusals is None:
            self.refusals = limits.Refusals()
        close = CloseCode.RATE_LIMITED if self.refusals.add(now) else None
        return Refusal(messages.error(ErrorCode.RATE_LIMITED, message_id, wait), close)

    def closed(self) -> None:
        """The socket is gone; nothing is accepted any more."""
        self.state = State.CLOSED
