"""What a client tells its user interface: received frames as they are applied, and its own news.

Plain values. An update must never carry what wasn't applied to the transcript.
"""

from dataclasses import dataclass

from app.client.frames import Ack, HistoryPage, Message, Refusal, StateEvent, TurnEnd, Welcome
from app.client.transcript import Draft


@dataclass(frozen=True, slots=True)
class Online:
    """A `welcome`; `void` says that everything shown before it is no longer this conversation."""

    welcome: Welcome
    void: bool


@dataclass(frozen=True, slots=True)
class Offline:
    """The connection is down. `retry_in` in seconds; None: there is no reaching this conversation again."""

    reason: str
    code: int
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that will never be sent, with a plain sentence why."""

    text: str
    reason: str


Update = Message | StateEvent | TurnEnd | Draft | HistoryPage | Refusal | Online | Offline | Refused | Ack
