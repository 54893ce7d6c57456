"""A customer's client as PROTOCOL wants it: what isn't acked is sent again, with the same id, wherever it can.

It must never look into a replica; what it knows it was told.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.core.errors import ErrorCode, StoreUnavailableError
from tests.sim.feed import EPOCH, Reader
from tests.sim.replica import Replica
from tests.sim.world import World

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds without an answer after which it connects elsewhere."""
CAUGHT_UP = 4.5
"""Seconds after which a replica has noticed what it has missed: its top check looks every 4."""


class Client:
    """One conversation's. Its coroutines run in no replica."""

    def __init__(self, world: World, sid: str) -> None:
        self.world, self.sid, self.told = world, sid, world.told[sid]
        self.reader = Reader(sid, "customer")
        self._avoid: Replica | None = None
        self._joined: Replica | None = None

    @property
    def home(self) -> Replica:
        """The replica it is connected to."""
        there = [replica for replica in self.world.replicas.values() if not replica.leaving]
        return next((replica for replica in there if replica is not self._avoid), there[0])

    def connect(self) -> Replica:
        """Join at home, if that is another one now."""
        home = self.home
        if home is not self._joined or not self.reader.connected:
            home.connect(self.reader)
            self._joined = home
        return home

    async def ask(self, operation: Callable[[Replica], Coroutine[Any, Any, T]]) -> T:
        """Do it, again and again, until it was answered."""
        while True:
            home = self.connect()
            task = home.run(operation(home))
            either: set[asyncio.Future[Any]] = {task, home.gone}
            done, _ = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
            if task in done and not isinstance(task.exception(), StoreUnavailableError):
                return task.result()
            self._avoid = home
            await asyncio.sleep(0.3)

    async def send(self, id: str, text: str) -> int:
        """A message; its seq, or 0 if the conversation has ended."""
        self.told.sent[id] = text
        while True:
            sent = await self.ask(lambda home: home.conversations.send(self.sid, id, text, EPOCH))
            if sent.code is None:
                self.told.acks.append((id, sent.seq, sent.duplicate))
                return sent.seq
            if sent.code is ErrorCode.CONVERSATION_ENDED:
                return 0
            await asyncio.sleep(0.3)

    async def cancel(self, turn: int) -> None:
        """Stop an answer."""
        self.told.cancelled.add(turn)
        await self.ask(lambda home: home.conversations.cancel(self.sid, turn))

    async def identify(self, account: str) -> None:
        """Sign in."""
        await self.ask(lambda home: home.conversations.identify(self.sid, home.who(account), EPOCH))

    async def sign_out(self) -> None:
        """Forget who I am."""
        await self.ask(lambda home: home.conversations.sign_out(self.sid))

    async def end(self) -> None:
        """No more."""
        self.told.ended = True
        await self.ask(lambda home: home.conversations.end(self.sid))

    async def catch_up(self) -> None:
        """Be connected until everything was shown, or for longer than that may take."""
        for _ in range(2):
            self.connect()
            await self.until(lambda: self.reader.seq == len(self.world.log(self.sid)), CAUGHT_UP)

    async def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> bool:
        """Wait for what others do; False if it took too long."""
        deadline = self.world.loop.time() + seconds
        while not condition():
            if self.world.loop.time() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def answered(self, turn: int) -> None:
        """Wait for the end of a turn, which must come in time."""
        if turn and not await self.until(lambda: self.world.ended(self.sid, turn)):
            self.world.wrong(f"I4 turn {turn} isn't answered in time")

    async def begun(self, turn: int) -> bool:
        """Wait for some of an answer."""
        return not turn or await self.until(lambda: self.world.ended(self.sid, turn) or self.writing() == turn)

    def writing(self) -> int:
        """The turn of which some text is stored; 0: none."""
        turn, last = self.world.wire.run(b"HMGET", self.world.key(self.sid), b"turn", b"last")
        return int(turn or 0) if int(last or -1) >= 1 else 0
