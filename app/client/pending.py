"""What a user asked for and the server hasn't confirmed: unacked messages, and wishes that outlive a connection.

Pure. It must never give a message a second id (I2), never forget one silently, and never let a second message out
before the first is acked: that is what keeps their order when one is refused for a while.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from app.client.frames import Ack, Limits, Refusal, TurnEnd, View
from app.client.updates import Refused

KEPT_CODES = frozenset({"rate_limited", "unavailable"})


class Pending:
    """`outbox` maps the id of every unacked message to its text, oldest first."""

    def __init__(self, outbox: Mapping[str, str] | None = None) -> None:
        self.outbox = dict(outbox or {})
        self.limits = Limits()
        self.refusals = 0
        self._inflight: str | None = None
        self._cancelling: set[int] = set()
        self._ending = self._signing_out = False
        self._requests: list[dict[str, Any]] = []

    @property
    def idle(self) -> bool:
        """Nothing here waits for the server."""
        return not (self.outbox or self._cancelling or self._ending or self._signing_out)

    def add(self, text: str) -> str:
        """Take a message; its new id."""
        key = str(uuid.uuid4())
        self.outbox[key] = text
        return key

    def cancel(self, turn: int) -> None:
        self._cancelling.add(turn)
        self.request({"type": "cancel", "turn": turn})

    def end(self, view: View) -> None:
        self._ending = not view.ended
        self.request({"type": "end"})

    def sign_out(self, view: View) -> None:
        self._signing_out = view.auth != "anonymous"
        self.request({"type": "sign_out"})

    def request(self, frame: dict[str, Any]) -> None:
        """Send a frame once, on this connection only."""
        self._requests.append(frame)

    def again(self, view: View) -> None:
        """Send everything unconfirmed again: on a new connection, or after a refusal that passes."""
        self._inflight = None
        self._requests = [{"type": "cancel", "turn": turn} for turn in sorted(self._cancelling)]
        self.state(view)
        if self._signing_out:
            self._requests.append({"type": "sign_out"})
        if self._ending:
            self._requests.append({"type": "end"})

    def due(self) -> Iterator[dict[str, Any] | Refused]:
        """The frames to write now, and the messages that are over the server's limits and so will never be written."""
        requests, self._requests = self._requests, []
        yield from requests
        while self._inflight is None and self.outbox:
            key, text = next(iter(self.outbox.items()))
            frame = {"type": "send", "id": key, "text": text}
            if len(text) > self.limits.text or len(orjson.dumps(frame)) > self.limits.frame:
                del self.outbox[key]
                yield Refused(text, f"it is longer than {self.limits.text} characters")
                continue
            self._inflight = key
            yield frame

    def ack(self, frame: Ack) -> None:
        self.outbox.pop(frame.id, None)
        self.refusals = 0
        if self._inflight == frame.id:
            self._inflight = None

    def refuse(self, frame: Refusal) -> Refused | None:
        """Take an `error`: a refusal that passes keeps the message, any other one gives it up."""
        if frame.code in KEPT_CODES:
            self.refusals += 1
            return None
        if frame.code == "unknown_turn":
            self._cancelling.clear()
        if frame.code == "conversation_ended":
            self._ending = False
        text = self.outbox.pop(frame.id, None) if frame.id is not None else None
        if self._inflight == frame.id:
            self._inflight = None
        return None if text is None else Refused(text, frame.message)

    def turn_end(self, frame: TurnEnd) -> None:
        self._cancelling.discard(frame.turn)

    def state(self, view: View) -> None:
        """Take the newest state: wishes it fulfils are done."""
        self._ending = self._ending and not view.ended
        self._signing_out = self._signing_out and view.auth != "anonymous"
