"""An event loop whose time a test moves, shared by processes that can be stopped, woken and killed at any moment.

No real I/O goes through it, and it never waits: it must never read the machine's clock.
"""

import asyncio
import contextvars
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, TypeVarTuple

MOST_SPINS: Final = 20_000  # rounds of the loop at one moment of its time: more is a livelock
CLOSE: Final = 1e-9  # seconds: timers nearer than that are due

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class LivelockError(AssertionError):
    """Something is always ready to run, so time never passes."""


@dataclass(eq=False, slots=True)
class Process:
    """One process, as the loop sees it: everything that was started in its context, and whether that may run.

    A stopped one keeps what comes due meanwhile (SIGSTOP), in order; of a dead one nothing runs again, no cleanup
    either (SIGKILL), until the world is over and Python wants its tasks ended.
    """

    name: str
    alive: bool = True
    stopped: bool = False
    kept: deque["_Turn"] = field(default_factory=deque)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def bury(self) -> None:
        """After the end of the world: end every task."""
        self.alive = True
        self.wake()
        for task in self.tasks:
            task.cancel()

    def wake(self) -> None:
        """Go on (SIGCONT): what came due meanwhile runs now."""
        self.stopped = False
        kept, self.kept = self.kept, deque()
        for turn in kept:
            turn.again()


PROCESS: Final[contextvars.ContextVar[Process | None]] = contextvars.ContextVar("process", default=None)


@dataclass(slots=True)
class _Turn:
    """One callback of a process."""

    loop: "VirtualLoop"
    process: Process
    callback: Callable[..., object]
    args: tuple[Any, ...]
    context: contextvars.Context
    handle: asyncio.Handle | None = None

    def run(self) -> None:
        """If the process runs."""
        if self.process.stopped or not self.process.alive:
            self.process.kept.append(self)
        else:
            self.callback(*self.args)

    def again(self) -> None:
        """After it was kept, unless it was cancelled meanwhile."""
        if self.handle is not None and not self.handle.cancelled():
            self.loop.plain_call_soon(self.run, self.context)


class _NeverWaits(selectors.SelectSelector):
    """Tells the loop how long it would have waited instead of waiting."""

    def __init__(self, idle: Callable[[float | None], None]) -> None:
        super().__init__()
        self._idle = idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing ever happens on a socket."""
        self._idle(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time`` starts at 0 and moves in `advance` alone. ``failures``: what no task of anybody took note of."""

    def __init__(self) -> None:
        self._now = self._until = 0.0
        self._spins = 0
        super().__init__(_NeverWaits(self._idle))
        self.failures: list[str] = []
        self.set_exception_handler(self._failed)
        self.set_task_factory(self._task)

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def advance(self, seconds: float = 0.0) -> None:
        """Run what is ready, and every timer of the next ``seconds``, in order. 0: settle."""
        self._until = self._now + seconds
        self.run_forever()

    def start(self, process: Process | None, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of a process."""
        context = contextvars.copy_context()
        context.run(PROCESS.set, process)
        return context.run(self.create_task, coroutine)

    def _idle(self, wait: float | None) -> None:
        if wait is not None and wait <= 0:
            self._spins += 1
            if self._spins > MOST_SPINS:
                raise LivelockError(f"{MOST_SPINS} rounds at {self._now}")
            return
        self._spins = 0
        if wait is None or self._now + wait > self._until + CLOSE:
            self._now = max(self._now, self._until)
            self.stop()
        else:
            self._now += wait

    def _task(self, _loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=self, **more)
        process = PROCESS.get()
        if process is not None:
            process.tasks = [known for known in process.tasks if not known.done()]
            process.tasks.append(task)
        return task

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    def plain_call_soon(self, callback: Callable[[], object], context: contextvars.Context) -> asyncio.Handle:
        """Without asking whose it is."""
        return super().call_soon(callback, context=context)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's, for the process of the context."""
        context = contextvars.copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        turn = _Turn(self, process, callback, args, context)
        turn.handle = super().call_soon(turn.run, context=context)
        return turn.handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, for the process of the context."""
        context = contextvars.copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        turn = _Turn(self, process, callback, args, context)
        handle = super().call_at(when, turn.run, context=context)
        turn.handle = handle
        return handle
