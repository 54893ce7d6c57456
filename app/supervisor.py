"""The replicas of one `baton serve`, each a process of its own: starts them, restarts what dies, drains them.

All inherit one listening socket, and each one more of its own. The supervisor touches no conversation: everything a
replica knows is in the store (I7), so a dead one is simply started again. Must never hand a secret over on a command
line (I10), and must never leave a replica behind.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

from structlog.typing import FilteringBoundLogger

from app import leash
from app.listening import url_of

REPLICA_COMMAND = (sys.executable, "-P", "-m", "app", "replica")
"""`-P`: a folder named `app` where the user happens to stand isn't ours."""
FATAL_EXIT = 2
"""A replica's exit code for a setting that no restart will mend."""
BACKOFF_SECONDS = (0.2, 10.0)
STEADY_SECONDS = 30.0
GRACE_SECONDS = 5.0
"""What a replica that was told to hurry gets before it is killed."""
_FDS = "BATON_REPLICA_FDS"
_PARENT = "BATON_REPLICA_PARENT"


def adopt(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """In a replica: take the inherited sockets over and tie this process to its supervisor, which is asked no more.

    Takes the two variables out of `environ`. Raises KeyError or ValueError if the process was started by hand.
    """
    leash.die_with_parent(int(environ.pop(_PARENT)), signal.SIGKILL)
    sockets = [socket.socket(fileno=int(number)) for number in environ.pop(_FDS).split(",")]
    for sock in sockets:
        sock.set_inheritable(False)
    return sockets


@dataclass(slots=True)
class _Replica:
    number: int
    own: socket.socket
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    starts: int = 0
    backoff: float = BACKOFF_SECONDS[0]
    due: float = 0.0


class Supervisor:
    """Runs one replica for each of the `own` sockets until a signal comes. Only in the main thread, and once."""

    def __init__(
        self,
        shared: socket.socket,
        own: Sequence[socket.socket],
        environ: Mapping[str, str],
        *,
        drain_seconds: float,
        log: FilteringBoundLogger,
        say: Callable[[str], None],
        command: Sequence[str] = REPLICA_COMMAND,
    ) -> None:
        self._shared = shared
        self._replicas = [_Replica(number, sock) for number, sock in enumerate(own, 1)]
        self._environ = environ
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
                    signals.wait(self._until_due())
                    fatal = self._reap()
            finally:
                self._drain(signals)
        return FATAL_EXIT if fatal else 0

    def _start_due(self) -> None:
        for replica in self._replicas:
            if replica.process is None and time.monotonic() >= replica.due:
                self._start(replica)

    def _until_due(self) -> float | None:
        waiting = [replica.due for replica in self._replicas if replica.process is None]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _start(self, replica: _Replica) -> None:
        descriptors = [self._shared.fileno(), replica.own.fileno()]
        replica.started = time.monotonic()
        replica.starts += 1
        try:
            replica.process = subprocess.Popen(
                self._command,
                env={**self._environ, _FDS: ",".join(map(str, descriptors)), _PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,  # the terminal's Ctrl-C reaches the supervisor, which drains
            )
        except OSError as error:  # out of memory or processes: that may pass
            self._log.error("replica_not_started", number=replica.number, error=error.strerror)
            self._postpone(replica)
            return
        self._log.info("replica_started", number=replica.number, replica_pid=replica.process.pid)
        self._say(f"replica {replica.number}: {url_of(replica.own)} (pid {replica.process.pid})")

    def _postpone(self, replica: _Replica) -> None:
        now = time.monotonic()
        if now - replica.started > STEADY_SECONDS:
            replica.backoff = BACKOFF_SECONDS[0]
        replica.process = None
        replica.due = now + replica.backoff
        replica.backoff = min(replica.backoff * 2, BACKOFF_SECONDS[1])

    def _reap(self) -> bool:
        """Note which replicas ended, to start them again; return whether one refused its settings at first start."""
        fatal = False
        for replica in self._replicas:
            code = replica.process.poll() if replica.process is not None else None
            if code is not None:
                young = replica.starts == 1 and time.monotonic() - replica.started < STEADY_SECONDS
                fatal = fatal or (code == FATAL_EXIT and young)
                self._log.warning("replica_ended", number=replica.number, code=code, restart_in=replica.backoff)
                self._postpone(replica)
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

    def wait(self, seconds: float | None) -> None:
        """Sleep until a signal comes or `seconds` have passed (None: no limit)."""
        if select.select([self._reader], [], [], seconds)[0]:
            self._reader.recv(4096)

    def _count(self, _signum: int, _frame: FrameType | None) -> None:
        self.stops += 1
