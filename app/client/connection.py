"""The living part of the client: it connects, resumes from the transcript's cursor and tells a callback what happened.

It must never print, never block, and never apply a frame that its transcript refuses; a connection that it can't trust
is replaced and resumed, so that losing one loses nothing (I3, I7).
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec
from websockets.exceptions import ConnectionClosed

from app.client.frames import (
    Ack,
    BadFrame,
    Delta,
    Drain,
    Durable,
    Frame,
    HistoryPage,
    Message,
    Refusal,
    StateEvent,
    TurnEnd,
    TurnStart,
    Welcome,
    decode,
)
from app.client.link import FINAL_CODES, LINK_ERRORS, Link, backoff, ending, socket_url
from app.client.pending import KEPT_CODES, Pending
from app.client.transcript import Gap, Transcript
from app.client.updates import Offline, Online, Refused, Update

_STABLE_SECONDS: Final = 5.0


class ChatClient:
    """One conversation. `token` and `outbox` (id → text, oldest first) come from an earlier run, if any."""

    def __init__(
        self,
        url: str,
        notify: Callable[[Update], None],
        *,
        token: str | None = None,
        outbox: Mapping[str, str] | None = None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.url = socket_url(url)
        self.token = token
        self.pending = Pending(outbox)
        self.transcript = Transcript()
        self._notify, self._rng = notify, rng
        self._acked_seq = self._failures = 0
        self._restart = asyncio.Event()
        self._leave_at: float | None = None
        self._link: Link | None = None
        self._wake, self._changed, self._applied = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def send(self, text: str) -> str:
        """Queue a message; its id. It is sent, and sent again after a lost connection, until it is acked or refused."""
        key = self.pending.add(text)
        self._wake.set()
        return key

    def cancel(self) -> bool:
        """Stop the answer being written; False when there is none."""
        if not self.transcript.open_turns:
            return False
        self.pending.cancel(min(self.transcript.open_turns))
        self._wake.set()
        return True

    def end(self) -> None:
        """End the conversation, also when that takes several connections."""
        self.pending.end(self.transcript.view)
        self._wake.set()

    def sign_out(self) -> None:
        """Forget the customer's identity, also when that takes several connections."""
        self.pending.sign_out(self.transcript.view)
        self._wake.set()

    def history(self, before: int, limit: int = 50) -> None:
        """Ask for up to `limit` events before event `before`; they arrive as a HistoryPage."""
        self.pending.request({"type": "history", "before": before, "limit": limit})
        self._wake.set()

    def restart(self) -> list[str]:
        """Leave this conversation and open a new one; the texts of messages that were never acked."""
        unsent = list(self.pending.outbox.values())
        self.token, self.transcript, self.pending = None, Transcript(), Pending()
        self._acked_seq = self._failures = 0
        self._restart.set()
        if self._link is not None:
            self._link.abort()
        return unsent

    @property
    def settled(self) -> bool:
        """Nothing is unsent, unanswered or asked for, and every acked message was seen."""
        seen = self.transcript.cursor.seq if self.transcript.cursor else 0
        return self.pending.idle and not self.transcript.open_turns and seen >= self._acked_seq

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds; it is looked at after every update. One waiter at a time."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Stay connected until cancelled; cancelling closes the socket normally."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            self._restart.clear()
            code, reason = await self._connection()
            if self._restart.is_set():
                continue
            if code in FINAL_CODES:
                self._tell(Offline(reason, code, None))
                await self._restart.wait()
                continue
            if loop.time() - began >= _STABLE_SECONDS:
                self._failures = 0
            delay = backoff(self._failures, self._rng)
            if self._leave_at is not None:
                delay = max(0.0, self._leave_at - loop.time())
            self._failures += 1
            self._tell(Offline(reason, code, delay))
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._restart.wait()

    async def _connection(self) -> tuple[int, str]:
        """One connection from opening to end: its close code (1006 for none) and what to tell a person."""
        self._leave_at = None
        try:
            async with Link.open(self.url) as socket:
                self._link = link = Link(socket)
                try:
                    await self._converse(link)
                finally:
                    self._link = None
        except (BadFrame, Gap):
            return 1006, "The server's answer couldn't be read."
        except LINK_ERRORS as error:
            return ending(error)
        return 1006, "The connection was lost."

    async def _converse(self, link: Link) -> None:
        cursor = self.transcript.cursor
        after = msgspec.to_builtins(cursor) if cursor else None
        await link.write({"type": "hello", "token": self.token, "after": after, "client": "baton-chat"})
        tasks: list[asyncio.Task[None]] = []
        try:
            while True:
                frame = decode(await link.read())
                if self._restart.is_set():
                    return
                if isinstance(frame, Welcome):
                    self._welcome(frame)
                    link.heartbeat = max(0.1, frame.heartbeat)
                    tasks.append(asyncio.create_task(self._write_loop(link)))
                elif isinstance(frame, Drain):
                    self._leave_at = asyncio.get_running_loop().time() + self._rng() * frame.reconnect_in / 1000
                    tasks.append(asyncio.create_task(self._leave_when_done(link, self._leave_at)))
                elif frame is not None and tasks:
                    self._handle(frame)
        finally:
            for task in tasks:
                task.cancel()

    async def _write_loop(self, link: Link) -> None:
        with suppress(ConnectionClosed):
            while True:
                self._wake.clear()
                for item in self.pending.due():
                    if isinstance(item, Refused):
                        self._tell(item)
                    else:
                        await link.write(item)
                await self._wake.wait()

    async def _leave_when_done(self, link: Link, at: float) -> None:
        """After a `drain`: finish what is being written, then go before the replica does."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(at - loop.time())
        while not self.settled:
            await self._applied.wait()
            self._applied.clear()
        await link.close()

    def _welcome(self, frame: Welcome) -> None:
        void = self.transcript.welcome(frame)
        self.token, self.pending.limits, self._acked_seq = frame.token, frame.limits, frame.seq
        self.pending.again(frame.state)
        self._tell(Online(frame, void))

    def _handle(self, frame: Frame) -> None:
        if isinstance(frame, Message | StateEvent | TurnEnd):
            if self.transcript.event(frame):
                self._note(frame)
                self._tell(frame)
        elif isinstance(frame, Delta):
            if draft := self.transcript.delta(frame):
                self._tell(draft)
        elif isinstance(frame, TurnStart):
            self.transcript.turn_start(frame)
        elif isinstance(frame, Ack):
            self.pending.ack(frame)
            self._acked_seq = max(self._acked_seq, frame.seq)
            self._tell(frame)
        elif isinstance(frame, Refusal):
            self._refusal(frame)
        elif isinstance(frame, HistoryPage):
            self._tell(frame)
        self._wake.set()

    def _note(self, frame: Durable) -> None:
        """Let an event settle what was asked for. A message that is seen is stored, so it counts as acked (I1)."""
        if isinstance(frame, StateEvent):
            self.pending.state(frame.state)
        elif isinstance(frame, TurnEnd):
            self.pending.turn_end(frame)
        elif frame.role == "user":
            self.pending.ack(Ack(frame.id, frame.seq))

    def _refusal(self, frame: Refusal) -> None:
        gone = self.pending.refuse(frame)
        self._tell(gone or frame)
        if frame.code in KEPT_CODES:
            delay = (frame.retry_after or 0.0) + backoff(self.pending.refusals, self._rng)
            asyncio.get_running_loop().call_later(delay, self._again)

    def _again(self) -> None:
        self.pending.again(self.transcript.view)
        self._wake.set()

    def _tell(self, update: Update) -> None:
        self._notify(update)
        self._changed.set()
        self._applied.set()
