"""The hub's store and feed as calls that are held: whoever drives them says when each is read and when it is answered.

Built on the log in memory of `tests/core/histories.py`. Must never answer by itself, and never look into the hub.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.core.errors import StoreUnavailableError
from app.core.messages import Cursor
from app.engine.calls import Snapshot, Top
from tests.core.histories import SID, World


@dataclass(slots=True)
class Erasable(World):
    """A world that can be erased, too, and begin again: under the same epoch or as an import, under a new one."""

    erased: int = 0

    def erase(self, imported: bool) -> None:
        """As erase.lua, if there is something. To a reader the next log is another history."""
        if not self.log:
            return
        self.log.clear()
        self.todo.clear()
        self.wire.clear()
        self.writing, self.erased, self.forks = None, self.erased + 1, self.forks + 1
        if imported:
            self.epoch = f"import {self.erased}"
        self._publish("g")


def at_once(call: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing but its next turn."""
    while True:
        try:
            call.send(None)
        except StopIteration as done:
            return done.value


@dataclass(slots=True, eq=False)
class Call:
    """One call under way: `read` is its moment in the store, the reply may come any time after that."""

    name: str
    effect: Callable[[], Any]
    reply: "asyncio.Future[Any]"
    result: Any = None
    done: bool = False

    def read(self) -> None:
        """It takes effect, once."""
        if not self.done:
            self.result, self.done = self.effect(), True

    def answer(self) -> None:
        """The reply arrives."""
        self.read()
        if not self.reply.done():
            self.reply.set_result(self.result)

    def fail(self) -> None:
        """No reply arrives; whether the call had taken effect is not to be known."""
        if not self.reply.done():
            self.reply.set_exception(StoreUnavailableError(f"{self.name} was told to fail"))


@dataclass(slots=True)
class HeldStore:
    """What the hub asks of its store. `failed`: calls that were told to fail."""

    world: Erasable
    calls: list[Call] = field(default_factory=list)
    failed: int = 0

    def pending(self) -> list[Call]:
        """The calls somebody waits for, oldest first."""
        self.calls = [call for call in self.calls if not call.reply.done()]
        return self.calls

    async def _hold(self, name: str, effect: Callable[[], Any]) -> Any:
        call = Call(name, effect, asyncio.get_running_loop().create_future())
        self.calls.append(call)
        return await call.reply

    async def join(self, sid: str, after: Cursor | None, limit: int) -> Snapshot | None:
        """See `World.join`."""
        found: Snapshot | None = await self._hold("join", lambda: at_once(self.world.join(sid, after, limit)))
        return found

    async def top(self, sid: str) -> Top | None:
        """See `World.top_of`."""
        top: Top | None = await self._hold("top", lambda: at_once(self.world.top_of(sid)))
        return top

    async def fork(self, sid: str, seen: Cursor, new: str) -> str | None:
        """See `World.fork`; of a conversation that is gone there is nothing to replace."""
        world = self.world
        epoch: str | None = await self._hold("fork", lambda: at_once(world.fork(sid, seen, new)) if world.log else None)
        return epoch


class Told(Protocol):
    """Who is told about the subscription: the hub."""

    def interrupted(self) -> None:
        """From now on publications may be missed."""

    def restored(self, sids: list[str]) -> None:
        """Subscribed (again)."""


class HeldFeed:
    """The subscription to one conversation, as `RedisFeed` keeps it: confirmed when told, and not for ever."""

    def __init__(self) -> None:
        self.told: Told | None = None
        self.wanted = False
        self.live = False
        self.broken = 0
        self.waiting: list[asyncio.Future[None]] = []

    def pending(self) -> list[asyncio.Future[None]]:
        """The subscriptions somebody waits for."""
        self.waiting = [waiter for waiter in self.waiting if not waiter.done()]
        return self.waiting

    async def subscribe(self, _sid: str) -> None:
        """Waits for the confirmation, unless there is one."""
        self.wanted = True
        if not self.live:
            self.waiting.append(asyncio.get_running_loop().create_future())
            await self.waiting[-1]

    def unsubscribe(self, _sid: str) -> None:
        """Off: who still waits is told that it won't come."""
        self.wanted = self.live = False
        for waiter in self.pending():
            self.broken += 1
            waiter.set_exception(StoreUnavailableError("unsubscribed"))

    def confirm(self) -> None:
        """Redis confirms: to those who wait, and to the hub."""
        if not self.wanted or self.live or self.told is None:
            return
        self.live = True
        for waiter in self.pending():
            waiter.set_result(None)
        self.told.restored([SID])

    def time_out(self, number: int) -> None:
        """One of those who wait gives up."""
        if waiting := self.pending():
            self.broken += 1
            waiting[number % len(waiting)].set_exception(StoreUnavailableError("not confirmed in time"))

    def interrupt(self) -> None:
        """The connection is lost."""
        if self.told is not None:
            self.live = False
            self.told.interrupted()
