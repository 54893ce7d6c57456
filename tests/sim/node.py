"""One replica's connection to Redis, as far as the test lets anything through (stands in for `app/store/node.Node`).

A call happens when and as its fate says. It must never answer what the server didn't.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from app.core.errors import StoreUnavailableError
from app.store.link import Argument
from app.store.scripts import Script
from tests.sim.loop import Process


class Fate(StrEnum):
    """What becomes of a call."""

    DONE = "done"
    REQUEST_LOST = "request lost"
    REPLY_LOST = "reply lost"
    REPLY_LATE = "reply late"
    LATE = "request late"  # its caller was told that it failed, and then it arrives
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    STOPS_BEFORE = "stops before"  # for longer than a lease, then it leaves
    STOPS_AFTER = "stops after"


@dataclass(eq=False, slots=True)
class Call:
    """One request. ``words`` as Redis gets them; ``ordinal`` counts the calls of that name, from 1."""

    process: Process
    name: str
    ordinal: int
    words: tuple[Argument, ...]
    reply: asyncio.Future[Any]
    fence: str = ""  # of a commit or a delta: the lease that it is made under

    @property
    def step(self) -> str:
        """Its name in a run."""
        return f"{self.process.name} {self.name}#{self.ordinal}"


class Network(Protocol):
    """What is between a replica and the server."""

    def fate(self, call: Call) -> Fate:
        """What becomes of this call; asked when it would leave."""
        ...

    def execute(self, call: Call) -> Any:
        """Let the server do it. Raises ``StoreUnavailableError`` if the server refuses."""
        ...

    def kill(self, process: Process) -> None:
        """The process is no more."""
        ...

    def later(self, node: "SimNode") -> None:
        """In a moment: ``node.hear``."""
        ...

    def stop(self, process: Process) -> None:
        """The process stops for longer than a lease; what waits in its node leaves when it wakes."""
        ...

    def wrong(self, what: str) -> None:
        """Something happened that must not."""
        ...


class SimNode:
    """Commands in order. ``held``: nothing leaves before `deliver`. ``mute``: no reply is heard before `hear`.

    ``cut``: every call fails at once.
    """

    connected = True

    def __init__(self, process: Process, network: Network) -> None:
        self._process, self._network = process, network
        self._made: Counter[str] = Counter()
        self._refused: dict[str, float] = {}  # fences that this replica was told are lost, and when
        self.waiting: deque[Call] = deque()
        self.late: deque[Call] = deque()
        self.held = self.mute = self.cut = self.closed = False
        self.waited_until = 0.0  # when a reply came last that didn't come at once
        self._unheard: deque[tuple[Call, Any]] = deque()

    async def call(self, shard: int, *arguments: Argument) -> Any:
        """One command. Raises ``StoreUnavailableError``."""
        name = arguments[0].decode().lower() if isinstance(arguments[0], bytes) else str(arguments[0])
        return await self._ask(name, arguments, "")

    async def run_script(self, shard: int, script: Script, keys: tuple[bytes, ...], *arguments: Argument) -> Any:
        """One script. Raises ``StoreUnavailableError``."""
        fence = {"commit": 2, "delta": 0, "renew": 1}.get(script.name)
        words = (b"EVALSHA", script.sha, script.keys, *keys[: script.keys], *arguments)
        return await self._ask(script.name, words, "" if fence is None else str(arguments[fence]))

    async def _ask(self, name: str, words: tuple[Argument, ...], fence: str) -> Any:
        if self.closed or self.cut:
            raise StoreUnavailableError("no connection to Redis")
        loop = asyncio.get_running_loop()
        self._made[name] += 1
        call = Call(self._process, name, self._made[name], words, loop.create_future(), fence)
        if name in ("commit", "delta") and self._refused.get(fence, loop.time()) < loop.time():
            self._network.wrong(f"I5 {call.step} goes on under {fence}, a lease that it was told is lost")
        if self.held or self.waiting:
            self.waiting.append(call)
        else:
            self.settle(call, self._network.fate(call))
        made = loop.time()
        reply = await call.reply
        if loop.time() > made:
            self.waited_until = loop.time()
        lost = reply == 0 if name == "renew" else name in ("commit", "delta") and reply[0] in (b"fenced", b"stale")
        if lost:
            self._refused[fence] = loop.time()
        return reply

    def deliver(self, fate: Fate | None = None) -> None:
        """The oldest call that waits leaves now; ``fate`` instead of the network's."""
        if self.waiting:
            call = self.waiting.popleft()
            self.settle(call, self._network.fate(call) if fate is None else fate)

    def arrive(self) -> None:
        """The oldest of the late requests reaches the server; nobody hears the reply."""
        if self.late:
            self._execute(self.late.popleft())

    def hear(self) -> None:
        """The replies that are on their way arrive, in order."""
        self.mute = False
        while self._unheard:
            _answer(*self._unheard.popleft())

    def _reply(self, call: Call, reply: Any) -> None:
        if self.mute:
            self._unheard.append((call, reply))
        else:
            _answer(call, reply)

    def flow(self) -> None:
        """Everything that waits leaves, and nothing waits from now on."""
        self.held = self.cut = False
        self.hear()
        while self.waiting and self._process.alive:
            self.deliver()

    def settle(self, call: Call, fate: Fate) -> None:
        """A call's fate is fulfilled."""
        lost = StoreUnavailableError(f"{fate} by the simulation")
        match fate:
            case Fate.DONE:
                self._reply(call, self._execute(call))
            case Fate.REPLY_LATE:
                self.mute = True
                self._reply(call, self._execute(call))
                self._network.later(self)
            case Fate.REQUEST_LOST:
                self._reply(call, lost)
            case Fate.REPLY_LOST:
                self._execute(call)
                self._reply(call, lost)
            case Fate.LATE:
                self.late.append(call)
                self._reply(call, lost)
            case Fate.DIES_BEFORE:
                self._network.kill(self._process)
            case Fate.DIES_AFTER:
                self._execute(call)
                self._network.kill(self._process)
            case Fate.STOPS_BEFORE:
                self.held = True
                self.waiting.appendleft(call)
                self._network.stop(self._process)
            case Fate.STOPS_AFTER:
                self._reply(call, self._execute(call))
                self._network.stop(self._process)

    def _execute(self, call: Call) -> Any:
        try:
            return self._network.execute(call)
        except StoreUnavailableError as error:
            return error


def _answer(call: Call, reply: Any) -> None:
    if call.reply.done():
        return  # its caller was cancelled
    if isinstance(reply, StoreUnavailableError):
        call.reply.set_exception(reply)
        call.reply.exception()  # a caller that is cancelled before it can look leaves nobody to read it
    else:
        call.reply.set_result(reply)
