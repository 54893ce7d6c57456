"""One replica's fan-out, driven step by step under any schedule, and judged when everything has come to rest.

The order is the driver's alone: no real time, no random numbers. Looks into the hub only for what must not leak.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, cast

from app.core.errors import CloseCode
from app.engine.heads import Heads
from app.engine.ports import Store
from app.fanout.hub import Hub
from app.fanout.repair import REPAIRS_AT_ONCE
from app.fanout.room import Room
from tests.core.histories import SID
from tests.fanout.schedules import Erasable, HeldFeed, HeldStore
from tests.fanout.tabs import SlowSink, Tab

REST = 8  # turns of the event loop without a call after which nobody is going to make one
MOST = 4000  # turns in which everything must come to rest
ROUNDS = 6  # top checks within which everybody has everything

Step = tuple[str, int, bool, int]


class Stage:
    """A world, a hub, and the tabs that are connected to it."""

    def __init__(self, tabs: int = 3) -> None:
        names, self.world = itertools.count(1), Erasable()
        self.store, self.feed, self.heads = HeldStore(self.world), HeldFeed(), Heads()
        self.hub = Hub(cast(Store, self.store), self.feed, self.heads, lambda: f"epoch {next(names)}")
        self.feed.told = self.hub
        self.repairs = self.hub._repairs
        self.tabs = [Tab(self.world, self.hub, f"reader {number}") for number in range(tabs)]
        self.tasks: list[asyncio.Task[Any]] = []
        self.checks: list[asyncio.Task[None]] = []
        self.rooms: list[Room] = []
        asyncio.get_running_loop().set_task_factory(self._start)
        self.repairs._release_lagging = self._nobody_lags  # type: ignore[method-assign]

    def _start(self, loop: Any, coro: Any, **more: Any) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.Task(coro, loop=loop, **more))
        return self.tasks[-1]

    def _nobody_lags(self, room: Room) -> None:
        lost = [member.seq for member in room.lagging() if cast(SlowSink, member.sink).closed is None]
        assert not lost, f"members at {lost} are behind their room at {room.tail.seq}"

    # What happens

    async def step(self, step: Step) -> None:
        """One thing that happens, and then some turns of the event loop."""
        name, number, flag, turns = step
        tab, world = self.tabs[number % len(self.tabs)], self.world
        steps: dict[str, Callable[[], object]] = world.steps(number, flag, self._publish) | {
            "erase": lambda: world.erase(flag),
            "interrupt": self.feed.interrupt,
            "confirm": self.feed.confirm,
            "time out": lambda: self.feed.time_out(number),
            "read": lambda: self._read(number),
            "answer": lambda: self._answer(number),
            "fail": lambda: self._fail(number, flag),
            "join": tab.connect,
            "leave": lambda: tab.leave(flag),
            "slow": lambda: tab.slow(flag),
            "top check": self._check_top,
        }
        if name == "flow":
            await self.rest(MOST if flag else 1 + number)
        else:
            steps[name]()
        await self._turn(turns)

    def _publish(self, messages: list[bytes]) -> None:
        for message in messages:
            if self.feed.wanted:
                self.hub.published(SID, message)

    def _read(self, number: int) -> None:
        if unread := [call for call in self.store.pending() if not call.done]:
            unread[number % len(unread)].read()

    def _answer(self, number: int) -> None:
        if pending := self.store.pending():
            pending[number % len(pending)].answer()

    def _fail(self, number: int, read: bool) -> None:
        if pending := self.store.pending():
            call = pending[number % len(pending)]
            if read:
                call.read()
            call.fail()
            self.store.failed += 1

    def _check_top(self) -> None:
        """One at a time, as `Repairs.run` does it."""
        room = self.hub._rooms.get(SID)
        if room is not None and all(check.done() for check in self.checks):
            self.checks = [asyncio.get_running_loop().create_task(self.repairs._check_top(room))]

    async def _turn(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        room = self.hub._rooms.get(SID)
        if room is not None and room not in self.rooms[-1:]:
            self.rooms.append(room)
        ended = [task for task in self.tasks if task.done()]
        self.tasks = [task for task in self.tasks if task not in ended]
        for task in ended:
            if not task.cancelled():
                task.result()  # nothing may fail behind the scenes

    # How it ends

    async def rest(self, most: int = MOST) -> None:
        """Every call is answered, oldest first, until there are no more, or for `most` turns."""
        quiet = 0
        for _ in range(most):
            self.feed.confirm()
            pending = self.store.pending()
            quiet = 0 if pending else quiet + 1
            for call in list(pending):
                call.answer()
            await self._turn(1)
            if quiet > REST:
                return
        assert most < MOST, "it never comes to rest"

    async def heal(self) -> None:
        """Stores answer and clients keep up, but what is under way to the replica is lost, and nobody is told."""
        self.world.wire.clear()
        for _ in range(ROUNDS):
            for tab in self.tabs:
                if not tab.connected:
                    tab.connect()
                tab.slow(False)
            await self.rest()
            self._check_top()
            await self.rest()
            self.world.wire.clear()
        self.judge_all()

    async def hear(self) -> None:
        """Nothing was lost, and what is under way arrives: nobody may have to wait for a top check."""
        for tab in self.tabs:
            if not tab.connected:
                tab.connect()
        await self.rest()
        self._publish([self.world.wire.pop(0) for _ in list(self.world.wire)])
        await self.rest()
        self.judge_all()

    async def live(self) -> None:
        """And then everything that is published reaches everybody at once, without a look at the log."""
        world = self.world
        for happens in (
            world.say, lambda: world.write(1), lambda: world.take_over(False), lambda: world.write(2),
            lambda: world.commit(False), lambda: world.write(1), lambda: world.take_over(True), lambda: world.write(1),
            lambda: world.commit(True), world.act, world.say, lambda: world.write(3),
        ):  # fmt: skip
            happens()
            self._publish([world.wire.pop(0) for _ in list(world.wire)])
            self.judge_all()
            await self._turn(1)
            # After a fork an attempt's number may have gone back, and the room asks until the message is stored.
            assert world.forks or not self.store.pending()
        await self.rest()
        self.judge_all()

    async def leave(self) -> None:
        """Everybody goes; nothing may be left."""
        for tab in self.tabs:
            tab.leave(False)
        await self.rest()
        hub = self.hub
        assert not hub._rooms
        assert not self.feed.wanted
        assert not self.heads._known
        assert self.tasks in ([], [asyncio.current_task()]), self.tasks
        assert not self.repairs._tasks
        assert self.repairs._slots._value == REPAIRS_AT_ONCE
        assert not any(room.busy or room.joining for room in self.rooms)

    # What must hold

    def judge_all(self) -> None:
        """Everyone has everything, shows what is being written, and was closed for a reason if at all."""
        world = self.world
        for tab in self.tabs:
            reader = tab.reader
            assert tab.connected, f"{reader.name}: {tab.sinks[-1].closed}"
            assert reader.place == world.top, f"{reader.name} is at {reader.place}, the log at {world.top}"
            # What Redis lost of a text, but not of the log, nothing tells until the message replaces it.
            if world.writing is not None and not world.forks:
                shown = reader.showing(world.writing)
                assert shown == world.writing.text, f"{reader.name} shows {shown!r} of {world.writing}"
            allowed = {CloseCode.RESTART} if world.forks else set()
            allowed |= {CloseCode.GONE} if world.erased else set()
            allowed |= {CloseCode.TRY_AGAIN} if self.store.failed or self.feed.broken else set()
            assert tab.closes <= allowed, f"{reader.name} was closed with {tab.closes}"
