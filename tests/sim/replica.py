"""One replica of the simulation: the real engine on the real store, as `app/wiring/parts.py` puts them together.

It must never share anything with another replica but the server and the time.
"""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeVar, cast

from app.agents.port import Agent
from app.edge.auth import SecretVault
from app.edge.drain import Drain
from app.edge.websocket import Door
from app.engine.conversations import Conversations, Who
from app.engine.heads import Heads
from app.engine.recovery import Recovery
from app.engine.turns import Turns, TurnSettings
from app.fanout.hub import Hub
from app.observe.metrics import Metrics
from app.store.base import StoreSettings
from app.store.node import Node
from app.store.redis_store import RedisStore
from app.store.scripts import Scripts
from tests.sim.feed import Reader, SimFeed
from tests.sim.loop import Process, VirtualLoop
from tests.sim.node import Network, SimNode

LEASE: Final = 3.0  # seconds
DAY_MS: Final = 86_400_000
NOTICE: Final = 1.0  # seconds
MARKS: Final = 1_000_000
"""Marks per replica: who wrote an event is its mark divided by this."""
SECRETS: Final = ("a secret of the deployment, only for tests",)

T = TypeVar("T")


class Surroundings(Network, Protocol):
    """What replicas share."""

    loop: VirtualLoop
    scripts: Scripts
    metrics: Metrics

    @property
    def agent(self) -> Agent:
        """The bot."""
        ...

    def wall_ms(self) -> int:
        """Unix milliseconds of every replica's machine."""
        ...


def author(mark: str) -> int:
    """The number of the replica whose mark this is."""
    return int(mark) // MARKS


class Replica:
    """``number`` from 1, of this process start; ``gone`` is done when it has died."""

    def __init__(self, world: Surroundings, name: str, number: int) -> None:
        self.name, self.number, self._world = name, number, world
        self.process = Process(name)
        self.node = SimNode(self.process, world)
        self.gone: asyncio.Future[None] = world.loop.create_future()
        self.leaving = False
        self.woken = 0.0
        counter = itertools.count(number * MARKS + 1)
        nonces = itertools.count(number * MARKS)

        def new() -> str:
            return str(next(counter))

        node = cast(Node, self.node)
        settings = StoreSettings(name, round(LEASE * 1000), DAY_MS, 0, 1)
        self.store = RedisStore(node, node, world.scripts, settings, new, new)
        self.heads = Heads()
        vault = SecretVault(SECRETS, lambda count: next(nonces).to_bytes(count, "big"))
        limits = TurnSettings(120.0, LEASE)
        self.turns = Turns(
            self.store, world.agent, self.heads, limits, world.metrics, world.loop.time, world.wall_ms, new, new,
            vault.open,
        )  # fmt: skip
        self.conversations = Conversations(
            self.store, self.heads, self.turns, vault, world.wall_ms, new, lambda text, _head: text
        )
        self.feed = SimFeed(world.loop, self.process)
        self.hub = Hub(self.store, self.feed, self.heads, new)
        self.feed.listen(self.hub)
        recovery = Recovery(self.store, self.turns, LEASE, lambda: self.leaving)
        self.feed.on_wake = recovery.wake
        work = (self.hub.run(), recovery.renew(), recovery.reap(), recovery.give_back())
        self.work = [self.run(one) for one in work]

    def run(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of this replica."""
        return self._world.loop.start(self.process, coroutine)

    def connect(self, reader: Reader) -> None:
        """A reader's next connection is to this replica."""
        _ = self.run(reader.join(self.hub, reader.open(self.process)))

    def drain(self) -> asyncio.Future[None]:
        """It takes nothing over from now on, and gives up what runs here."""
        self.leaving = True
        return self.run(Drain(cast(Door, None), self.turns, 0.0).release())

    def who(self, account: str) -> Who:
        """A customer whose sign-in outlasts the run."""
        return Who(account, f"Customer {account}", self._world.wall_ms() + DAY_MS)

    def idle(self) -> bool:
        """Whether no turn is run here."""
        return not self.turns.running

    def overdue(self) -> list[str]:
        """Turns that run past their deadlines, or of which nobody knows that they run; there must be none.

        One that was stopped, or had to wait for Redis, has some time to notice: what it was granted may be long past.
        """
        since, running = self._world.loop.time() - NOTICE, self.turns.running
        if self.process.stopped or max(self.woken, self.node.waited_until) > since:
            return []
        late = [f"turn {run.lease.turn} runs past its deadline" for run in running.values() if run.deadline < since]
        known = {run.task for run in running.values()}
        unknown = [task for task in self.process.tasks if not task.done() and task not in known]
        return late + ["a turn runs that was stopped" for task in unknown if _named(task) == "Turns._run"]

    def stop(self) -> None:
        """SIGSTOP."""
        self.process.stopped = True

    def wake(self) -> None:
        """SIGCONT."""
        self.woken = self._world.loop.time()
        self.process.wake()


def _named(task: asyncio.Task[Any]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", ""))
