"""What `baton chat` writes: the conversation as plain lines, streamed as it is written.

Received text is foreign: control characters, escape sequences and text-direction tricks must never reach the terminal,
and a line break in a message must never look like a new speaker. Nothing may be printed twice because a connection was
lost.
"""

from collections import deque
from typing import Any, Final, TextIO

from app.client.frames import BadFrame, Durable, HistoryPage, Message, Refusal, StateEvent, TurnEnd, View, convert
from app.client.transcript import Draft
from app.client.updates import Offline, Online, Refused, Update

SHOWN_AT_START: Final = 10
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_DIRECTION: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_DROPPED: Final[dict[int, str | None]] = {
    **dict.fromkeys((*_CONTROLS, *_DIRECTION)),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    ord("\t"): " ",
}
_LINE: Final = _DROPPED | {ord("\n"): " "}
_BLOCK: Final = _DROPPED | {ord("\n"): "\n  "}
_AUTH: Final = {
    "in_progress": "Verification: a few questions follow.",
    "verifying": "Verification: checking your answers.",
    "locked_out": "Verification is locked after too many wrong answers.",
    "expired": "Your verification has expired.",
    "anonymous": "You are signed out.",
}


def clean(text: str, table: dict[int, str | None] = _LINE) -> str:
    """`text` without anything a terminal would obey. Character by character, so a prefix stays a prefix."""
    return text.translate(table)


def changes(old: View, new: View) -> list[str]:
    """What became different, one plain sentence each."""
    lines: list[str] = []
    if new.auth == "authenticated" and (old.auth, old.customer_name) != (new.auth, new.customer_name):
        lines.append(f"You are verified{f' as {new.customer_name}' if new.customer_name else ''}.")
    elif new.auth != old.auth and new.auth in _AUTH:
        lines.append(_AUTH[new.auth])
    if new.handoff == "waiting" and (old.handoff, old.ticket, old.position) != ("waiting", new.ticket, new.position):
        ticket = f", ticket {new.ticket}" if new.ticket else ""
        place = f", number {new.position} in the queue" if new.position is not None else ""
        lines.append(f"Waiting for a person{ticket}{place}.")
    elif new.handoff == "active" != old.handoff:
        lines.append("A person has joined the conversation.")
    elif new.handoff == "resolved" != old.handoff:
        lines.append("Your request was closed; the bot answers again.")
    if new.action == "callback_scheduled" != old.action:
        lines.append("A call back is scheduled.")
    if new.ended and not old.ended:
        lines.append("The conversation has ended. /new starts another.")
    return lines


class ChatView:
    """Writes updates to `out`, notices to `err`. `typed`: what a person types is on the screen already (a terminal)."""

    def __init__(self, out: TextIO, err: TextIO, *, typed: bool) -> None:
        self._out, self._err, self._typed = out, err, typed
        self.oldest: int | None = None
        """The oldest event shown: where `/history` goes on from."""
        self.mine: set[str] = set()
        self._live: int | None = None
        self._shown, self._open = "", False
        self._backlog: deque[Message] | None = None
        self._backlog_end = 0
        self._view = View()
        self._replica: str | None = None
        self._down = self._prompted = False
        self._last_notice = ""

    def notice(self, text: str) -> None:
        """One line about the conversation, not of it."""
        self._break()
        self._last_notice = text
        print(f"· {clean(text)}", file=self._err, flush=True)

    def prompt(self) -> None:
        """Invite to type, on a terminal and between answers."""
        if self._typed and self._live is None and not self._prompted:
            self._out.write("> ")
            self._out.flush()
            self._prompted = True

    def entered(self) -> None:
        """A person finished a line: the cursor is at the start of the next one."""
        self._prompted = self._open = False

    def forget(self) -> None:
        """A new conversation begins."""
        self._drop_live()
        self.oldest, self._view, self._backlog, self._last_notice = None, View(), None, ""

    def show(self, update: Update) -> None:
        """Show one update of the client."""
        match update:
            case Message() | StateEvent() | TurnEnd():
                self._durable(update)
            case Draft():
                self._flush_backlog()
                self._draft(update)
            case Online():
                self._online(update)
            case Offline():
                self._offline(update)
            case HistoryPage():
                self._history(update)
            case Refused():
                self.notice(f"Not sent: {update.reason.rstrip('.')}. ({update.text[:40]})")
            case Refusal() if update.message != self._last_notice:
                self.notice(update.message)

    def _online(self, update: Online) -> None:
        welcome = update.welcome
        if update.void:
            self._drop_live()
            self.notice("The server lost a part of this conversation. This is what it has:")
        if not welcome.recovered:
            self.oldest, self._backlog_end = None, welcome.seq
            self._backlog = deque(maxlen=SHOWN_AT_START) if welcome.seq else None
        if welcome.replica != self._replica:
            self.notice(f"{'Connected to' if self._replica is None else 'Now served by'} replica {welcome.replica}.")
        elif self._down:
            self.notice(f"Connected again to replica {welcome.replica}.")
        self._replica, self._down = welcome.replica, False
        if not welcome.recovered:
            self._state(welcome.state)

    def _offline(self, update: Offline) -> None:
        self._down = True
        when = "" if update.retry_in is None else f" Trying again in {update.retry_in:.1f} s."
        self.notice(update.reason + when)

    def _durable(self, event: Durable) -> None:
        if self._backlog is not None:
            if isinstance(event, Message):
                self._backlog.append(event)
            if event.seq >= self._backlog_end:
                self._flush_backlog()
            return
        if isinstance(event, StateEvent):
            self._state(event.state)
        elif isinstance(event, TurnEnd):
            if event.status != "completed":
                what = "The answer was stopped" if event.status == "cancelled" else "The answer failed"
                self.notice(f"{what} ({event.reason})." if event.reason else f"{what}.")
            self._drop_live()
        else:
            self._message(event)

    def _flush_backlog(self) -> None:
        backlog, self._backlog = self._backlog, None
        for message in backlog or ():
            self._print(message)
        if backlog and backlog[0].seq > 1:
            self.notice("/history shows what came before.")

    def _state(self, view: View) -> None:
        for line in changes(self._view, view):
            self.notice(line)
        self._view = view

    def _message(self, message: Message) -> None:
        if self._live is not None and message.role == "assistant" and message.turn == self._live:
            self._stream(clean(message.text, _BLOCK), final=True)
            self._drop_live()
        elif message.role != "user" or not self._typed or message.id not in self.mine:
            self._print(message)
        self.oldest = message.seq if self.oldest is None else self.oldest

    def _print(self, message: Message) -> None:
        self._break()
        print(f"{self._speaker(message)}: {clean(message.text, _BLOCK)}", file=self._out, flush=True)
        self.oldest = message.seq if self.oldest is None else min(self.oldest, message.seq)

    @staticmethod
    def _speaker(message: Message) -> str:
        fallback = {"user": "You", "assistant": "Bot", "agent": "Support", "system": "System"}.get(message.role, "?")
        return clean(message.name or "").strip() or fallback if message.role != "user" else "You"

    def _draft(self, draft: Draft) -> None:
        if self._live != draft.turn:
            self._break()
            self._live, self._open = draft.turn, True
            self._out.write("Bot: ")
        self._stream(clean(draft.text, _BLOCK))

    def _stream(self, text: str, *, final: bool = False) -> None:
        """Bring what is shown of the answer to `text`. A rewrite that may still catch up with what is shown waits."""
        if text.startswith(self._shown):
            rest = text[len(self._shown) :]
            if rest and not self._open:
                self._break()
                self._out.write("  … ")
                self._open = True
            self._out.write(rest)
        elif self._shown.startswith(text) and not final:
            return
        else:
            self.notice("The answer was written anew:")
            self._out.write(f"Bot: {text}")
            self._open = True
        self._shown = text
        self._out.flush()

    def _history(self, page: HistoryPage) -> None:
        events = [frame for frame in map(_event, page.events) if frame is not None]
        messages = [frame for frame in events if isinstance(frame, Message)]
        if not messages:
            self.notice("There is nothing older.")
        else:
            self.notice("Earlier:")
            for message in messages:
                self._print(message)
            self.notice("Older ones: /history" if page.more else "That is the beginning.")
        if events:
            self.oldest = min([event.seq for event in events] + ([] if self.oldest is None else [self.oldest]))

    def _drop_live(self) -> None:
        """The answer being written is complete, or void."""
        self._break()
        self._live, self._shown = None, ""

    def _break(self) -> None:
        """Leave the line being written, or the empty prompt, so that the next line starts at the left."""
        if self._open:
            print(file=self._out, flush=True)
        elif self._prompted:
            self._out.write("\r\x1b[K")
            self._out.flush()
        self._open = self._prompted = False


def _event(body: dict[str, Any]) -> Durable | None:
    try:
        frame = convert(body)
    except BadFrame:
        return None
    return frame if isinstance(frame, Message | StateEvent | TurnEnd) else None
