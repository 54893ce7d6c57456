"""The supervisor with real processes: who serves, who is restarted, who is left at the end (nobody)."""

import errno
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog

from app.faults import FaultInjector
from app.listening import listen
from app.supervisor import Supervisor
from tests.support.poll import until

ROOT = Path(__file__).parent.parent


class Supervised:
    """One running supervisor and what it has printed so far."""

    def __init__(self, kind: str, replicas: int, drain_seconds: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.supervised", kind, str(replicas), str(drain_seconds)],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))  # extend takes lines one by one

    @property
    def replicas(self) -> list[tuple[str, int]]:
        """URL and pid of every replica started so far, oldest first."""
        found = (re.match(r"replica \d+: (\S+) \(pid (\d+)\)", line) for line in self.lines.copy())
        return [(match[1], int(match[2])) for match in found if match]

    @property
    def shared(self) -> str:
        return self.lines[0].split()[1]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def run() -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def start(kind: str, replicas: int = 2, drain_seconds: float = 5) -> Supervised:
        started.append(Supervised(kind, replicas, drain_seconds))
        return started[-1]

    yield start
    for supervised in started:
        supervised.close()


def hear(url: str) -> list[str]:
    """What the replica there says, in words; nothing if there is none."""
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
            return connection.makefile().readline().split()
    except OSError:
        return []


def ask(url: str) -> int | None:
    """Return the pid of the replica that answers, or None."""
    answer = hear(url)
    if not answer:
        return None
    assert answer[1] == "hunter2"
    return int(answer[0])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_replicas_share_one_port_and_have_one_each(run: Callable[..., Supervised]) -> None:
    supervised = run("serve")
    await until(lambda: len(supervised.replicas) == 2, what="two replicas")
    for url, pid in supervised.replicas:
        assert ask(url) == pid
    assert ask(supervised.shared) in {pid for _, pid in supervised.replicas}
    for _, pid in supervised.replicas:
        assert b"hunter2" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert os.getsid(pid) == pid


async def test_a_single_replica_has_the_shared_port_to_itself(run: Callable[..., Supervised]) -> None:
    supervised = run("serve", 0)
    await until(lambda: supervised.replicas, what="a replica")
    ((url, pid),) = supervised.replicas
    assert url == supervised.shared
    assert ask(url) == pid


async def test_a_killed_replica_comes_back_on_its_port_and_the_other_serves_meanwhile(
    run: Callable[..., Supervised],
) -> None:
    supervised = run("serve")
    await until(lambda: len(supervised.replicas) == 2, what="two replicas")
    (first_url, first), (_, second) = supervised.replicas
    await until(lambda: ask(first_url) == first, what="the first is up")
    os.kill(first, signal.SIGKILL)
    assert ask(supervised.shared) is not None
    await until(lambda: ask(first_url) not in (None, first), what="a new one on the same port")
    assert len(supervised.replicas) == 3
    assert alive(second)


async def test_a_replica_that_keeps_crashing_is_started_less_and_less_often(run: Callable[..., Supervised]) -> None:
    supervised = run("crash", 1)
    started: list[float] = []

    def four() -> bool:
        started.extend([time.monotonic()] * (len(supervised.replicas) - len(started)))
        return len(started) >= 4

    await until(four, what="four starts")
    assert started[3] - started[0] > 1.2  # 0.2, 0.4 and 0.8 s, besides the time to start and crash; without growth 0.6
    assert supervised.process.poll() is None


def test_a_machine_that_is_short_of_files_does_not_end_the_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    log = structlog.wrap_logger(structlog.PrintLogger(io.StringIO()))
    faults, said = FaultInjector(log, enabled=True), list[str]()
    command = [sys.executable, "-c", ""]
    with listen("127.0.0.1", 0) as shared:
        supervisor = Supervisor(
            shared, [], os.environ, faults, drain_seconds=0, log=log, say=said.append, command=command
        )
        (replica,) = supervisor._replicas

        def none_left(_name: str) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        with monkeypatch.context() as short:
            short.setattr(faults, "open", none_left)
            supervisor._start_due()
        assert (said, replica.process) == ([], None)
        assert replica.due > time.monotonic() - 1
        replica.due = 0
        supervisor._start_due()
        assert len(said) == 1
        assert replica.process is not None
        replica.process.wait()
        faults.end()


async def test_refused_settings_end_the_supervisor_with_the_same_exit_code(run: Callable[..., Supervised]) -> None:
    supervised = run("refuse")
    assert supervised.process.wait(10) == 2
    assert not any(alive(pid) for _, pid in supervised.replicas)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_the_replicas_first(run: Callable[..., Supervised], signum: signal.Signals) -> None:
    supervised = run("serve")
    await until(lambda: len(supervised.replicas) == 2, what="two replicas")
    supervised.process.send_signal(signum)
    assert supervised.process.wait(10) == 0
    assert not any(alive(pid) for _, pid in supervised.replicas)


async def test_a_second_signal_hurries(run: Callable[..., Supervised]) -> None:
    supervised = run("stubborn", 2, 600)
    await until(lambda: len(supervised.replicas) == 2, what="two replicas")
    await until(lambda: all(ask(url) == pid for url, pid in supervised.replicas), what="both are up")
    supervised.process.send_signal(signal.SIGTERM)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.process.wait(10) == 0
    assert not any(alive(pid) for _, pid in supervised.replicas)


async def test_replicas_leave_one_after_the_other(run: Callable[..., Supervised]) -> None:
    supervised = run("busy", 3, 600)
    await until(lambda: len(supervised.replicas) == 3, what="three replicas")
    await until(lambda: all(ask(url) == pid for url, pid in supervised.replicas), what="all are up")
    places = supervised.replicas

    def told() -> list[bool]:
        return [hear(url)[-1:] == ["leaving"] for url, pid in places if alive(pid)]

    supervised.process.send_signal(signal.SIGTERM)
    await until(lambda: told()[0], what="the first is told")
    assert told() == [True, False, False]
    os.kill(places[0][1], signal.SIGKILL)
    await until(lambda: told() == [True, False], what="the second is told when the first has gone")
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.process.wait(10) == 0, "who is told to hurry goes, and is not killed"
    assert not any(alive(pid) for _, pid in places)


async def test_each_replica_has_its_share_of_the_time(run: Callable[..., Supervised]) -> None:
    supervised = run("busy", 2, 2)
    await until(lambda: len(supervised.replicas) == 2, what="two replicas")
    await until(lambda: all(ask(url) == pid for url, pid in supervised.replicas), what="both are up")
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.process.wait(10) == 0
    assert not any(alive(pid) for _, pid in supervised.replicas)


async def test_a_stopped_replica_does_not_outlive_the_supervisor(run: Callable[..., Supervised]) -> None:
    supervised = run("serve", 2, 0)
    await until(lambda: len(supervised.replicas) == 2, what="two replicas")
    (first_url, first), _ = supervised.replicas
    await until(lambda: ask(first_url) == first, what="the first is up")
    os.kill(first, signal.SIGSTOP)
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.process.wait(15) == 0
    assert not alive(first)


async def test_replicas_die_with_a_killed_supervisor(run: Callable[..., Supervised]) -> None:
    supervised = run("stubborn")
    await until(lambda: len(supervised.replicas) == 2, what="two replicas")
    await until(lambda: all(ask(url) == pid for url, pid in supervised.replicas), what="both are up")
    supervised.process.kill()
    await until(lambda: not any(alive(pid) for _, pid in supervised.replicas), what="the replicas are gone")
