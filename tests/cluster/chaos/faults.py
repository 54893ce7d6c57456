"""A cluster of real processes, each replica behind a proxy of its own to one Valkey, and what can be done to it.

It must never leave a fault behind: `heal` ends all of them, and every process is gone when the `async with` ends.
"""

import asyncio
import os
import re
import shutil
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from types import TracebackType
from typing import Final, Self

from tests.cluster.chaos.metrics import Metrics
from tests.cluster.chaos.options import Options
from tests.cluster.chaos.schedule import OF_PROCESSES, OF_REDIS, Fault, Kind
from tests.edge.helpers import IDENTITY_SECRET
from tests.support.faulty import FaultyProxy, To
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

_BAD: Final = re.compile(r'"level": ?"(error|critical)"|^Traceback|^\w*(Error|Exception):')
AGENT: Final = "tests.cluster.chaos.agent:make"
DRAIN_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault as it happened: monotonic seconds from the strike until it was mended."""

    fault: Fault
    began: float
    ended: float


@dataclass(slots=True)
class Cluster:
    """`timeline` is what happened to it; `notes` what it did that nobody had asked for."""

    options: Options
    redis: RedisServer = field(default_factory=RedisServer)
    proxies: list[FaultyProxy] = field(default_factory=list)
    replicas: list[ReplicaProcess] = field(default_factory=list)
    timeline: list[Struck] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _processes: list[asyncio.Lock] = field(default_factory=list)
    _ways: list[asyncio.Lock] = field(default_factory=list)
    _store: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Self:
        try:
            self._stack.callback(self.redis.close)
            await asyncio.to_thread(self.redis.start)
            for _ in range(self.options.replicas):
                await self._add()
            await asyncio.gather(*(self._launch(number) for number in range(len(self.replicas))))
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _add(self) -> None:
        proxy = await self._stack.enter_async_context(FaultyProxy(self.redis.port))
        env = {
            "BATON_AGENT": AGENT,
            "BATON_ECHO_DELAY_MS": str(self.options.delay),
            "BATON_LEASE_SECONDS": str(self.options.lease),
            "BATON_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "BATON_IDENTITY_SECRET": IDENTITY_SECRET,
        }
        replica = ReplicaProcess(proxy.url, env=env)
        self._stack.callback(replica.discard)
        self.proxies.append(proxy)
        self.replicas.append(replica)
        self._processes.append(asyncio.Lock())
        self._ways.append(asyncio.Lock())

    async def strike(self, fault: Fault) -> None:
        """Do a fault and mend it. One at a time for each process, each proxy and Redis: a second waits for its turn."""
        async with AsyncExitStack() as locks:
            for lock in self._locks(fault):
                await locks.enter_async_context(lock)
            began = time.monotonic()
            await self.metrics.sample(self.replicas)
            await self._do(fault)
            self.timeline.append(Struck(fault, began, time.monotonic()))

    def _locks(self, fault: Fault) -> list[asyncio.Lock]:
        if fault.kind in OF_REDIS:
            return [self._store]
        if fault.kind is Kind.KILL_ALL:
            return self._processes
        if fault.kind is Kind.PUBSUB_DEAF:
            return []
        return [(self._processes if fault.kind in OF_PROCESSES else self._ways)[fault.target]]

    async def _do(self, fault: Fault) -> None:
        if fault.kind in OF_PROCESSES and not self.replicas[fault.target].alive:
            return  # it has ended by itself: `tend` will tell
        match fault.kind:
            case Kind.KILL:
                await self._kill([fault.target], fault.seconds)
            case Kind.KILL_ALL:
                await self._kill(list(range(len(self.replicas))), fault.seconds)
            case Kind.DRAIN:
                await self._drain(fault.target)
                await asyncio.sleep(fault.seconds)
                await self._launch(fault.target)
            case Kind.PAUSE:
                await _frozen(self.replicas[fault.target].pid, fault.seconds)
            case Kind.REDIS_KILL:
                await asyncio.to_thread(self.redis.kill9)
                await asyncio.sleep(fault.seconds)
                await asyncio.to_thread(self.redis.start)
            case Kind.REDIS_RESTART:
                await asyncio.to_thread(self.redis.stop)
                await asyncio.sleep(fault.seconds)
                await asyncio.to_thread(self.redis.start)
            case Kind.REDIS_PAUSE:
                await _frozen(self.redis.pid, fault.seconds)
            case Kind.PUBSUB_KILLED:
                await asyncio.to_thread(self.redis.command, "CLIENT", "KILL", "TYPE", "pubsub")
            case _:
                await self._disturb(self.proxies[fault.target], fault)

    async def _disturb(self, proxy: FaultyProxy, fault: Fault) -> None:
        match fault.kind:
            case Kind.CUT:
                proxy.cut()
            case Kind.HELD:
                proxy.hold()
            case Kind.REPLIES_LOST:
                proxy.lose(To.REPLICA)
            case Kind.REQUESTS_LOST:
                proxy.lose(To.REDIS)
            case Kind.REFUSED:
                proxy.cut()
                proxy.refuse()
            case Kind.PUBSUB_DEAF:
                proxy.deafen()
        await asyncio.sleep(fault.seconds)
        if fault.kind is not Kind.PUBSUB_DEAF:
            await proxy.heal()

    async def _kill(self, numbers: list[int], seconds: float) -> None:
        for number in numbers:
            self.replicas[number].kill9()
        await asyncio.sleep(seconds)
        await asyncio.gather(*(self._launch(number) for number in numbers))

    async def _drain(self, number: int) -> None:
        replica = self.replicas[number]
        try:
            code = await replica.terminate(timeout=20)
        except TimeoutExpired:
            self.notes.append(f"replica {number} didn't leave within 20 s of SIGTERM")
            replica.kill9()
            return
        if code != 0:
            self.notes.append(f"replica {number} left with {code} after SIGTERM")

    async def _launch(self, number: int) -> None:
        """Start a replica and wait until it is ready; again if it isn't in time: its Redis may be away as well."""
        replica = self.replicas[number]
        for _ in range(5):
            try:
                await replica.launch()
            except (AssertionError, TimeoutError) as error:
                replica.kill9()
                what = f"{type(error).__name__}, at {time.monotonic():.1f}"
                self.notes.append(f"replica {number} didn't get ready in time ({what}):\n{replica.logs()[-1500:]}")
                continue
            return
        raise RuntimeError(f"replica {number} doesn't start:\n{replica.logs()[-3000:]}")

    async def tend(self) -> list[str]:
        """Start again what ended by itself, which no fault may make it do; what that was."""
        found = []
        for number, replica in enumerate(self.replicas):
            if replica.alive or self._processes[number].locked():
                continue
            async with self._processes[number]:
                if not replica.alive:
                    last = "\n".join(replica.logs().splitlines()[-40:])
                    how = f"I7 replica {number} ended by itself ({replica.exit_code}); its last words:"
                    found.append(f"{how}\n{last}")
                    await self._launch(number)
        return found

    def errors(self) -> list[str]:
        """The lines of the replicas' logs that are errors: no fault may cause one, each is a defect."""
        lines = [line for replica in self.replicas for line in replica.logs().splitlines()]
        bad = [line for line in lines if _BAD.search(line)]
        return [f"log: {line[:1500]}" for line in bad]

    def keep_logs(self, folder: Path) -> list[Path]:
        """Copies of the replicas' logs, for who wants to know what led to a violation."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = []
        for number, replica in enumerate(self.replicas):
            copy = folder / f"{self.options.seed}-replica-{number}.log"
            kept.append(Path(shutil.copy(replica.log_path, copy)))
        return kept

    async def heal(self) -> None:
        """Wait until every fault is mended, and every replica is ready."""
        for lock in (*self._processes, *self._ways, self._store):
            async with lock:
                pass
        for proxy in self.proxies:
            await proxy.heal()


async def _frozen(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
