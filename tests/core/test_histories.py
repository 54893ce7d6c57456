"""A property: whatever happens to publications, every reader sees one order without gap or repeat, and no false text.

The real hub, its rooms and its repairs, between a log in memory and fake sockets (I2, I3, I4, I6).
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.heads import Heads
from app.engine.ports import Store
from app.fanout.hub import Hub
from tests.core.histories import SID, World
from tests.core.readers import FakeSink, Reader

SETTLE = 60  # turns of the event loop in which everything that was started must have come to its end


class Port:
    """The world as the hub's store: the top check's method has another name there."""

    def __init__(self, world: World) -> None:
        self.join, self.fork, self.top = world.join, world.fork, world.top_of


class Replica:
    """One hub and the readers that are connected to it, driven step by step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = iter(range(10_000))
        self.hub = Hub(cast(Store, Port(world)), world, Heads(), lambda: f"epoch {next(self.names) + 1}")
        self.readers = [Reader(world, f"reader {number}") for number in range(3)]

    async def step(self, name: str, number: int, flag: bool) -> None:
        """One thing that happens."""
        when = number // 3 if flag else None

        def publish(messages: list[bytes]) -> None:
            for message in messages:
                self.hub.published(SID, message)

        steps: dict[str, Callable[[], object]] = self.world.steps(number, flag, publish) | {
            "interrupt": self.hub.interrupted,
            "restore": lambda: self.hub.restored([SID]),
            "behind": lambda: self._behind(number, flag),
            "leave": lambda: self._leave(self.readers[number % 3]),
        }
        if name == "join":
            await self._join(self.readers[number % 3], when)
        elif name == "top check":
            await self._meanwhile(self._check_top(), when)
        elif name == "pause":
            for _ in range(number % 5):
                await asyncio.sleep(0)
        else:
            steps[name]()

    def _behind(self, number: int, flag: bool) -> None:
        sink = self.readers[number % 3].sink
        if sink is not None:
            sink.behind = flag

    def _leave(self, reader: Reader) -> None:
        if reader.sink is not None:
            self.hub.leave(SID, reader.sink)
            reader.sink = None

    async def _join(self, reader: Reader, when: int | None = None) -> None:
        """A (new) connection."""
        self._leave(reader)
        reader.sink = FakeSink(f"{reader.name} {next(self.names)}", reader)
        join = self.hub.join(SID, reader.sink, reader.cursor, self.world.epoch, reader.welcome)
        await self._meanwhile(join, when)

    async def _check_top(self) -> None:
        room = self.hub._rooms.get(SID)
        if room is not None:
            await self.hub._repairs._check_top(room)

    async def _meanwhile(self, call: Coroutine[Any, Any, None], when: int | None) -> None:
        """What is published while a call waits for the store gets through at random. `when`: tick of a new event."""
        task, wire = asyncio.ensure_future(call), self.world.wire
        for tick in itertools.count():
            if task.done():
                break
            if tick == when:
                self.world.act()
            while wire and (tick == when or next(self.names) % 2):
                self.hub.published(SID, wire.pop(0))
            await asyncio.sleep(0)
        await task

    async def settle(self) -> None:
        """The network heals: every reader is connected, and nothing is under way."""
        for _ in range(3):
            for reader in self.readers:
                if reader.sink is not None:
                    reader.sink.behind = False
                if reader.sink is None or reader.sink.closed is not None:
                    await self._join(reader)
            self.world.wire.clear()
            self.hub.interrupted()
            self.hub.restored([SID])
            for _ in range(SETTLE):
                await asyncio.sleep(0)


def judge(world: World, readers: list[Reader]) -> None:
    """Everyone has everything, and shows what is being written."""
    for reader in readers:
        assert reader.sink is not None
        assert reader.sink.closed is None, reader.name
        assert reader.place == world.top, f"{reader.name} is at {reader.place}, the log at {world.top}"
        # What Redis lost of a text, but not of the log, nothing tells until a new attempt or the message replaces it.
        if world.writing is not None and not world.forks:
            shown = reader.showing(world.writing)
            assert shown == world.writing.text, f"{reader.name} shows {shown!r} of {world.writing}"


async def live(steps: list[tuple[str, int, bool]]) -> None:
    """One history from its beginning to a healed end; no task behind the scenes may have failed on the way."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    world = World()
    replica = Replica(world)
    for step in steps:
        await replica.step(*step)
    await replica.settle()
    judge(world, replica.readers)
    assert not failures


WRITING = ["say", "say", "act", "write", "write", "write", "take over", "commit", "commit", "cancel"]
NETWORK = ["deliver", "deliver", "deliver all", "reorder", "double", "drop", "interrupt", "restore"]
READING = ["join", "join", "top check", "leave", "behind", "pause", "pause"]


def history(*names: str) -> st.SearchStrategy[list[Any]]:
    """Steps of these names."""
    return st.lists(st.tuples(st.sampled_from(names), st.integers(0, 20), st.booleans()), max_size=60)


@settings(max_examples=600, deadline=None)
@given(steps=history(*WRITING, *NETWORK, *READING))
def test_every_reader_sees_one_order_and_no_false_text(steps: list[tuple[str, int, bool]]) -> None:
    asyncio.run(live(steps))


@settings(max_examples=300, deadline=None)
@given(steps=history(*WRITING, *NETWORK, *READING, "lose tail"))
def test_a_lost_tail_is_a_reset_and_never_a_mix(steps: list[tuple[str, int, bool]]) -> None:
    asyncio.run(live(steps))
