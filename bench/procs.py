"""The processes under test: starting them on their cores, and what they cost, as the Linux kernel counts it.

CPU is the process CPU clock (`clock_getcpuclockid`: every thread, nanoseconds), memory the resident set. Nothing here
may outlive the run: every process dies with this one (`PR_SET_PDEATHSIG`), or is killed with its children before.
"""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

import redis

from app.store.embedded_binary import find_server
from app.store.embedded_dir import EmbeddedError

ROOT = Path(__file__).resolve().parent.parent
_CPUCLOCK_SCHED = 2  # linux/posix-timers.h: the clock id of a process is ~pid << 3 | this
_PR_SET_PDEATHSIG = 1
START_SECONDS = 30.0
_END_SECONDS = 20.0  # a drain's 10 s and what uvicorn takes after it
LOOK_SECONDS = 0.01


_Number = TypeVar("_Number", int, float)


class ProcessError(Exception):
    """A process didn't start, or died. The text is one plain line and the end of its log."""


class Cores:
    """Which core the server has to itself, and which one everything else runs on."""

    def __init__(self) -> None:
        usable = sorted(os.sched_getaffinity(0))
        self.server = usable[0]
        self.load = usable[1] if len(usable) > 1 else usable[0]
        os.sched_setaffinity(0, {self.load})

    @property
    def separate(self) -> bool:
        return self.server != self.load


def cpu_seconds(pid: int) -> float:
    """CPU time of a whole process so far, in seconds; raises OSError when it is gone."""
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def rss_bytes(pid: int) -> int:
    """Resident set of one process in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise ProcessError(f"process {pid} has no resident set")


def family(pid: int) -> list[int]:
    """`pid` and everything that descends from it, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, ()))
    return found


def free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class Process:
    """A started process with its children. As a context manager it kills all of them on the way out."""

    def __init__(self, name: str, command: list[str], core: int, log: Path, env: dict[str, str] | None = None,
                 fds: tuple[int, ...] = ()) -> None:  # fmt: skip
        self.name = name
        self._log = log
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})  # inherited by the child from its first instruction on
        try:
            with log.open("ab") as output:
                self._popen = subprocess.Popen(
                    command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    pass_fds=fds, preexec_fn=_die_with_parent(),  # noqa: PLW1509 - there are no threads here
                )  # fmt: skip
        finally:
            os.sched_setaffinity(0, mine)
        self.pids = [self._popen.pid]

    def wait_ready(self, ready: Callable[[], bool]) -> None:
        """Ask until `ready()`; raises ProcessError if the process dies or takes more than 30 s."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                state = f"ended with {self._popen.poll()}" if self._popen.poll() is not None else "isn't ready"
                raise ProcessError(f"{self.name} {state}: {self.last_words()}")
            time.sleep(0.02)
        self.pids = family(self._popen.pid)

    def last_words(self) -> str:
        """The end of the log, on one line."""
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-4:])[-600:] or "it logged nothing"

    def cpu(self) -> float:
        """CPU seconds of the process and the children it had when it was ready; ProcessError when one died."""
        return sum(self._of_each(cpu_seconds))

    def rss(self) -> int:
        """Resident bytes of the same processes; ProcessError when one died."""
        return sum(self._of_each(rss_bytes))

    def _of_each(self, figure: Callable[[int], _Number]) -> list[_Number]:
        try:
            return [figure(pid) for pid in self.pids]
        except OSError:
            raise ProcessError(f"{self.name} died: {self.last_words()}") from None

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children, parents first."""
        for pid in self.pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    async def leave(self) -> None:
        """SIGTERM to the process itself, and wait for its end; raises ProcessError when it takes more than 20 s."""
        deadline = time.monotonic() + _END_SECONDS
        os.kill(self._popen.pid, signal.SIGTERM)
        while self._popen.poll() is None:
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} doesn't end on SIGTERM: {self.last_words()}")
            await asyncio.sleep(LOOK_SECONDS)
        self.pids = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._popen.poll() is None:
            self.pids = family(self._popen.pid)
        self.signal(signal.SIGKILL)
        self._popen.wait(10)


def _die_with_parent() -> Callable[[], None]:
    libc = ctypes.CDLL(None)  # loaded before the fork; after it only the call
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def redis_binary() -> str:
    """The server that an embedded store would run; raises ProcessError when there is none."""
    try:
        return str(find_server())
    except EmbeddedError as error:
        raise ProcessError(str(error)) from None


class Redis(Process):
    """A fresh, empty server with an append-only file, next to the load generator; `client` asks it for its figures."""

    def __init__(self, core: int, folder: Path) -> None:
        port = free_port()
        folder.mkdir()
        super().__init__(
            "Redis",
            [redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0",
             "--maxmemory-policy", "noeviction"],
            core,
            folder / "log",
        )  # fmt: skip
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.wait_ready(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class Echo(Process):
    """The bare echo on a core."""

    def __init__(self, core: int, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
            self.port: int = listener.getsockname()[1]
            command = [sys.executable, "-m", "bench.echo", "--fd", str(listener.fileno())]
            super().__init__("the echo", command, core, folder / "echo.log", fds=(listener.fileno(),))
        self.wait_ready(lambda: get(self.port, "/") == 404)


def get(port: int, path: str) -> int | None:
    """The status of an answer on loopback; None if there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return None
