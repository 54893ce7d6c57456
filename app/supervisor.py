"""The replicas of one `baton serve`, each a process of its own: starts them, restarts what dies, drains them.

All inherit one listening socket, and each one more of its own, unless it is the only one. The supervisor touches no
conversation: everything a replica knows is in the store (I7), so a dead one is simply started again. Must never hand a
secret over on a command line (I10), and must never leave a replica behind.
"""

import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

from structlog.typing import FilteringBoundLogger

from app.faults import FaultInjector
from app.inherited import Inherited, replica_name
from app.listening import url_of

REPLICA_COMMAND = (sys.executable, "-P", "-m", "app", "replica")
"""`-P`: a folder named `app` where the user happens to stand isn't ours."""
FATAL_EXIT = 2
"""A replica's exit code for a setting that no restart will mend."""
BACKOFF_SECONDS = (0.2, 10.0)
STEADY_SECONDS = 30.0
GRACE_SECONDS = 5.0
"""What a replica that was told to hurry gets before it is killed."""


@dataclass(slots=True)
class _Replica:
    number: int
    sockets: list[socket.socket]
    name: str = ""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    starts: int = 0
    backoff: float = BACKOFF_SECONDS[0]
    due: float = 0.0


class Supervisor:
    """Runs one replica for each of the `own` sockets, one on `shared` alone if there are none, until a signal comes.

    Only in the main thread, and once.
    """

    def __init__(
        self,
        shared: socket.socket,
        own: Sequence[socket.socket],
        environ: Mapping[str, str],
        faults: FaultInjector,
        *,
        drain_seconds: float,
        log: FilteringBoundLogger,
        say: Callable[[str], None],
        command: Sequence[str] = REPLICA_COMMAND,
    ) -> None:
        sockets = [[shared, sock] for sock in own] or [[shared]]
        self._replicas = [_Replica(number, inherited) for number, inherited in enumerate(sockets, 1)]
        self._environ = environ
        self._faults = faults
        self._drain_seconds = drain_seconds
        self._log = log.bind(component="supervisor")
        self._say = say
        self._command = command

    def run(self) -> int:
        """Block until SIGTERM, SIGINT or SIGHUP, then drain; a second signal hurries, a third kills.

        The process's exit code is 0, or FATAL_EXIT if a replica refused its settings the first time it was started.
        """
        with _Signals() as signals:
            fatal = False
            try:
                while not signals.stops and not fatal:
                    self._start_due()
                    self._faults.read(signals.wait(self._until_due(), self._faults.lines))
                    self._faults.act()
                    fatal = self._reap()
            finally:
                self._faults.end()
                self._drain(signals)
        return FATAL_EXIT if fatal else 0

    def _start_due(self) -> None:
        for replica in self._replicas:
            if replica.process is None and time.monotonic() >= replica.due:
                self._start(replica)

    def _until_due(self) -> float | None:
        waiting = [max(0.0, one.due - time.monotonic()) for one in self._replicas if one.process is None]
        fault = self._faults.until_due()
        return min(waiting if fault is None else [*waiting, fault], default=None)

    def _start(self, replica: _Replica) -> None:
        replica.name, replica.started = replica_name(), time.monotonic()
        replica.starts += 1
        control = None
        try:
            control = self._faults.open(replica.name)
            replica.process = self._spawn(Inherited(replica.name, replica.sockets, control, self._faults.faults))
        except OSError as error:  # out of memory, processes or files: that may pass
            self._log.error("replica_not_started", number=replica.number, error=error.strerror)
            self._postpone(replica)
            return
        finally:
            if control is not None:
                control.close()
        self._faults.started(replica.name, replica.process)
        self._log.info("replica_started", number=replica.number, replica_pid=replica.process.pid)
        self._say(f"replica {replica.number}: {url_of(replica.sockets[-1])} (pid {replica.process.pid})")

    def _spawn(self, inherited: Inherited) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            env={**self._environ, **inherited.to_environ()},
            stdin=subprocess.DEVNULL,
            pass_fds=inherited.descriptors,
            start_new_session=True,  # the terminal's Ctrl-C reaches the supervisor, which drains
        )

    def _postpone(self, replica: _Replica) -> float:
        """Start it again after a while; how long."""
        now = time.monotonic()
        asked = self._faults.forget(replica.name)
        if asked or now - replica.started > STEADY_SECONDS:
            replica.backoff = BACKOFF_SECONDS[0]
        replica.process = None
        pause = replica.backoff
        replica.due = now + pause
        replica.backoff = min(pause * 2, BACKOFF_SECONDS[1])
        return pause

    def _reap(self) -> bool:
        """Note which replicas ended, to start them again; return whether one refused its settings at first start."""
        fatal = False
        for replica in self._replicas:
            code = replica.process.poll() if replica.process is not None else None
            if code is not None:
                young = replica.starts == 1 and time.monotonic() - replica.started < STEADY_SECONDS
                fatal = fatal or (code == FATAL_EXIT and young)
                pause = self._postpone(replica)
                self._log.warning("replica_ended", number=replica.number, code=code, restart_in=pause)
        return fatal

    def _drain(self, signals: "_Signals") -> None:
        """One replica after the other, so that the others serve and take over; all within one drain window.

        Each has its share of the window before the next one is told, too. What isn't gone at its end is told to hurry:
        it hands its answers over.
        """
        alive = [replica.process for replica in self._replicas if replica.process is not None]
        began = time.monotonic()
        for number, process in enumerate(alive, 1):
            process.terminate()
            share = began + self._drain_seconds * number / len(alive)
            _await_ends(alive if process is alive[-1] else [process], share, signals, enough=2)
        for process in alive:
            if process.poll() is None:
                process.terminate()
                process.send_signal(signal.SIGINT)  # a second SIGTERM could be taken for the first
        _await_ends(alive, time.monotonic() + GRACE_SECONDS, signals, enough=3)
        for process in alive:
            if process.poll() is None:
                self._log.warning("replica_killed", replica_pid=process.pid)
                process.kill()
            process.wait()


def _await_ends(
    processes: Sequence[subprocess.Popen[bytes]], deadline: float, signals: "_Signals", *, enough: int
) -> None:
    """Until all of them have ended, `deadline` (monotonic) has come, or so many signals have."""
    while signals.stops < enough and any(process.poll() is None for process in processes):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        signals.wait(left)


class _Signals:
    """Counts signals that ask for an end, and sleeps until one comes or a child ends: no polling, no lost wake-up."""

    _STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self.stops = 0

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        ignored = [signum for signum in self._STOP if signal.getsignal(signum) is signal.SIG_IGN]  # nohup
        self._former = {signum: signal.signal(signum, self._count) for signum in self._STOP if signum not in ignored}
        self._former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for signum, handler in self._former.items():
            signal.signal(signum, handler)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float | None, others: Sequence[socket.socket] = ()) -> list[socket.socket]:
        """Sleep until a signal comes, one of `others` can be read or `seconds` have passed (None: no limit).

        Those of `others` that can be read.
        """
        ready = select.select([self._reader, *others], [], [], seconds)[0]
        if self._reader in ready:
            self._reader.recv(4096)
        return [sock for sock in ready if sock is not self._reader]

    def _count(self, _signum: int, _frame: FrameType | None) -> None:
        self.stops += 1
