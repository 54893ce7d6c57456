"""The simulated world: one real server, one clock, replicas that live and die, and what a test may do to them.

Deterministic: the same seed and the same steps are the same run. It must never judge; it only writes down.
"""

import contextvars
import random
from collections import defaultdict
from contextlib import ExitStack
from types import SimpleNamespace, TracebackType
from typing import Any, Final, Self
from unittest.mock import patch

import structlog

from app.core.errors import StoreRefusedError
from app.core.messages import Event
from app.observe.metrics import Metrics
from app.store import replies
from app.store.keys import WAKE_CHANNEL, SessionKeys
from app.store.link import ReplyError
from app.store.scripts import Scripts
from tests.sim.agent import SimAgent
from tests.sim.facts import Rest, Told
from tests.sim.leases import judge_write, looks
from tests.sim.loop import Process, VirtualLoop
from tests.sim.node import Call, Fate, SimNode
from tests.sim.replica import LEASE, Replica
from tests.sim.wire import Wire

SIDS: Final = ("s1", "s2")
"""The conversations that may be. All of them are one shard."""
START_MS: Final = 4_102_444_800_000
"""The year 2100: no key expires by the server's own clock while the simulation thinks that it is there."""
RESTART: Final = 1.0  # seconds until the supervisor has a replica up again
STOPPED: Final = 2 * LEASE  # seconds
LATE: Final = 0.7  # seconds until a late request or reply arrives
NO_STEPS: Final = frozenset({"time", "zrange", "spublish"})
"""What a reaper reads twice a second, and what a connection being deaf to changes nothing."""


class World:
    """``plan``: fates of steps by name. ``revive``: a replica that dies is started again."""

    def __init__(self, wire: Wire, scripts: Scripts, plan: dict[str, Fate] | None = None, revive: bool = True) -> None:
        self.wire, self.scripts, self.metrics, self.agent = wire, scripts, Metrics(), SimAgent(0.15)
        self.plan, self.revive = dict(plan or {}), revive
        self.loop, self.told = VirtualLoop(), defaultdict[str, Told](Told)
        self.steps: list[str] = []  # every call, by name
        self.faults: list[str] = []  # what must not be
        self.replicas: dict[str, Replica] = {}  # those that live, by name
        self.everyone: list[Replica] = []
        self.skew_ms = 0  # how far Redis's clock is from the others'
        self._sleepers: list[Replica] = []  # who was stopped by the network's fate
        self._logs: dict[str, tuple[int, list[Event]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        random.seed(1)  # the engine's jitter
        self.wire.empty()
        clock = SimpleNamespace(monotonic=self.loop.time)  # the store's, which isn't passed in
        for module in ("app.store.turns", "app.store.sessions"):
            self._stack.enter_context(patch(f"{module}.time", clock))
        self.lines = self._stack.enter_context(structlog.testing.capture_logs())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for replica in self.everyone:
            replica.node.closed = True
            replica.process.bury()
        self.loop.set_exception_handler(lambda _loop, _context: None)
        self.loop.advance()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        self._stack.close()

    # the clock

    def wall_ms(self) -> int:
        """Unix milliseconds of every replica's machine."""
        return START_MS + round(self.loop.time() * 1000)

    def redis_ms(self) -> int:
        """Unix milliseconds of the server's."""
        return self.wall_ms() + self.skew_ms

    # replicas

    def start(self, name: str) -> Replica:
        """A replica: a new process, which knows nothing of one of that name before it."""
        number = len(self.everyone) + 1
        before = sum(other.name.rstrip("0123456789") == name for other in self.everyone)
        replica = Replica(self, f"{name}{before + 1}" if before else name, number)
        self.everyone.append(replica)
        self.replicas[replica.name] = replica
        return replica

    def kill(self, process: Process) -> None:
        """It is gone from this moment on; what it had under way on the network is dropped with it."""
        replica = self.replicas.pop(process.name)
        process.alive = False
        replica.node.closed = True
        replica.node.waiting.clear()
        self._sleepers = [other for other in self._sleepers if other is not replica]
        replica.gone.set_result(None)
        if self.revive:
            base = process.name.rstrip("0123456789")
            self.loop.call_later(RESTART, self.start, base, context=contextvars.Context())

    def stop(self, process: Process) -> None:
        """It wakes in the moment in which another replica takes a turn over, the worst there is, or some time later."""
        replica = self.replicas[process.name]

        replica.stop()
        self._sleepers.append(replica)
        self.loop.call_later(STOPPED, self._wake, replica, context=contextvars.Context())

    def _wake(self, replica: Replica) -> None:
        if replica in self._sleepers:
            self._sleepers.remove(replica)
            replica.wake()
            replica.node.flow()

    # the network (port: tests/sim/node.py)

    def fate(self, call: Call) -> Fate:
        """As planned; everything else is done at once."""
        if call.name not in NO_STEPS:
            self.steps.append(call.step)
        fate = self.plan.pop(call.step, Fate.DONE)
        if fate is Fate.LATE:
            node = self.replicas[call.process.name].node
            self.loop.call_later(LATE, node.arrive, context=contextvars.Context())
        return fate

    def later(self, node: SimNode) -> None:
        """What is late on its way back arrives."""
        self.loop.call_later(LATE, node.hear, context=contextvars.Context())

    def wrong(self, what: str) -> None:
        """Something happened that must not."""
        self.faults.append(what)

    def execute(self, call: Call) -> Any:
        """On the server, at this moment of its time; what was written without a lease is noticed."""
        now = self.redis_ms()
        if call.name == "time":
            return [b"%d" % (now // 1000), b"%d" % (now % 1000 * 1000)]
        around = looks(call)
        try:
            replied = self.wire.at(now, call.words, around)
        except ReplyError as error:
            self.wrong(f"I4 {call.step}: {error}")
            raise StoreRefusedError(str(error)) from error
        if call.words[:2] == (b"SPUBLISH", WAKE_CHANNEL):
            for replica in self.replicas.values():
                replica.feed.wake()
        while self.wire.heard:
            published = self.wire.heard.popleft()
            for replica in self.replicas.values():
                replica.feed.published(*published)
        if around:
            number = next(replica.number for replica in self.everyone if replica.process is call.process)
            wrong = judge_write(call, replied[: len(around)], replied[len(around) + 1 :], now, number)
            if wrong is not None:
                self.wrong(wrong)
            if call.name == "claim" and replied[: len(around)] != replied[len(around) + 1 :]:
                for replica in self._sleepers:
                    self.loop.call_soon(self._wake, replica, context=contextvars.Context())
        return replied[len(around)]

    # what is stored

    def log(self, sid: str) -> list[Event]:
        """Every durable event. Only what is new is read; `rest` sees whether one of the others has changed."""
        read, log = self._logs.setdefault(sid, (-1, []))
        if read != self.wire.writes:
            log += replies.events(
                self.wire.run(b"XRANGE", self.key(sid, 1), b"(%d-18446744073709551615" % len(log), b"+")
            )
            self._logs[sid] = self.wire.writes, log
        return log

    def key(self, sid: str, which: int = 0) -> bytes:
        """A key of a conversation; 0 is the hash."""
        return SessionKeys(sid, 1).all[which]

    def ended(self, sid: str, turn: int) -> bool:
        """Whether a turn's end is stored."""
        return any(event.turn == turn and event.body.startswith('"type":"turn_end"') for event in self.log(sid))

    def busy(self, sid: str) -> bool:
        """Whether there are turns to run."""
        return bool(self.wire.run(b"EXISTS", self.key(sid, 3)))

    def settle(self, sids: tuple[str, ...], seconds: float = 60.0) -> None:
        """Give what still works that much time to finish."""
        self.loop.advance()  # what has just been started
        until = self.loop.time() + seconds
        while self.loop.time() < until and (any(map(self.busy, sids)) or not self.idle()):
            self.loop.advance(0.25)
        self.loop.advance(1.0)

    def verdict(self) -> list[str]:
        """What was wrong on the way, and behind the scenes."""
        failed = [f"I4 {line}" for line in self.lines if line["event"] in ("agent_failed", "redact_failed")]
        ended = [
            f"I4 {replica.name}: {task!r}" for replica in self.replicas.values() for task in replica.work if task.done()
        ]
        overdue = [f"I5 {replica.name}: {what}" for replica in self.replicas.values() for what in replica.overdue()]
        return self.faults + self.loop.failures + failed + ended + overdue

    def rest(self, sid: str) -> Rest:
        """What is left of a conversation."""
        run, key, seen = self.wire.run, SessionKeys(sid, 1).all, self.log(sid)
        log = replies.events(run(b"XRANGE", key[1], b"-", b"+"))
        if log != seen:
            self.wrong(f"I3 {sid}: the log was {seen}, it is {log}")
        fields = {name.decode(): value.decode() for name, value in run(b"HGETALL", key[0]).items()}
        names = [name for name in key if run(b"EXISTS", name)]
        return Rest(
            sid=sid,
            log=log,
            todo=[int(turn) for turn in run(b"LRANGE", key[3], 0, -1)],
            indexed=run(b"ZSCORE", key[7], sid) is not None,
            partial=run(b"GET", key[4]),
            secrets=run(b"HLEN", key[5]),
            head=replies.head(fields["head"].encode()) if fields else None,
            own={name.decode(): run(b"PEXPIRETIME", name) for name in names if name in key[:6]},
            indexes={name.decode(): run(b"PEXPIRETIME", name) for name in names if name in key[6:]},
            plain=repr([fields, log, run(b"GET", key[4]), run(b"HGETALL", key[2]), run(b"HGETALL", key[5])]),
            fields=fields,
        )

    def idle(self) -> bool:
        """Whether no turn runs anywhere."""
        return all(replica.idle() for replica in self.replicas.values())
