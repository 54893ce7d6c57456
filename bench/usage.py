"""What a stretch of time cost: CPU of the server, of Redis and of the load generator, and what limited a figure.

Reads the kernel's counters and Redis's own; it must not disturb what it measures: two readings a
stretch and nothing between.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.procs import Process, Redis

_SCRIPT_COMMANDS = ("evalsha", "eval", "evalsha_ro", "eval_ro", "fcall", "fcall_ro")
_FULL = 0.9  # of a core: what is busier than that has nothing left to give
_MUCH_OTHERS = 0.25  # of one core: enough to push aside what is measured
_NOTICE_OTHERS = 0.1  # of one core: less than that is the kernel and our own rounding


@dataclass(frozen=True)
class Cost:
    """Seconds that passed, and CPU seconds that each took meanwhile; `others` is everyone else on this machine."""

    seconds: float
    server: float
    redis: float
    load: float
    others: float

    def limit(self) -> str:
        """`busy`, and what kept the figure from being higher."""
        if self.server > _FULL * self.seconds:
            what = "the server's core"
        elif self.redis + self.load > _FULL * self.seconds:
            what = "the core of Redis and the load"
        elif self.others > _MUCH_OTHERS * self.seconds:
            what = "other programs on this machine"
        else:
            what = "waiting (disk, round trips)"
        return f"{self.busy()}; limit: {what}"

    def busy(self) -> str:
        """Use of a core by each, so that a reader sees what a figure depends on."""
        shares = [("server", self.server), ("Redis", self.redis), ("load", self.load)]
        if self.others > _NOTICE_OTHERS * self.seconds:
            shares.append(("others", self.others))
        return ", ".join(f"{name} {100 * cpu / self.seconds:.0f} %" for name, cpu in shares if cpu)


class Watch:
    """Counts from its making to `stop`."""

    def __init__(self, server: Process, redis: Redis | None) -> None:
        self._server = server
        self._redis = redis
        self._start = self._read()

    def stop(self) -> Cost:
        """The cost since the start; may be asked more than once."""
        passed, server, redis, load, machine = (now - then for now, then in zip(self._read(), self._start, strict=True))
        return Cost(passed, server, redis, load, max(0.0, machine - server - redis - load))

    def _read(self) -> tuple[float, float, float, float, float]:
        return (
            time.perf_counter(),
            self._server.cpu(),
            self._redis.cpu() if self._redis is not None else 0.0,
            time.process_time(),
            _machine_cpu(),
        )


class CoreWatch:
    """Like Watch, where servers come and go: of their core it counts everything that runs there."""

    def __init__(self, core: int, redis: Redis) -> None:
        self._core = core
        self._redis = redis
        self._start = self._read()

    def busy(self) -> str:
        """Use of a core by each since the start."""
        passed, *spent = (now - then for now, then in zip(self._read(), self._start, strict=True))
        names = ("the servers' core", "Redis", "load")
        return ", ".join(f"{name} {100 * cpu / passed:.0f} %" for name, cpu in zip(names, spent, strict=True))

    def _read(self) -> tuple[float, float, float, float]:
        return time.perf_counter(), _machine_cpu(f"cpu{self._core}"), self._redis.cpu(), time.process_time()


def _machine_cpu(name: str = "cpu") -> float:
    """CPU seconds that all cores, or one, have spent on anything but idling and waiting for the disk."""
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    user, nice, system, _idle, _iowait, irq, softirq = next(map(int, line[1:8]) for line in lines if line[0] == name)
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Traffic:
    """What Redis itself counted: bytes received and sent, script calls."""

    bytes_in: float = 0
    bytes_out: float = 0
    scripts: float = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.bytes_in + other.bytes_in, self.bytes_out + other.bytes_out, self.scripts + other.scripts)

    def __sub__(self, other: "Traffic") -> "Traffic":
        return self + Traffic(-other.bytes_in, -other.bytes_out, -other.scripts)


def traffic(redis: Redis) -> Traffic:
    """The counters of `INFO stats` and `INFO commandstats` so far. Asking adds a few kB: see `cost_of_asking`."""
    stats: dict[str, Any] = redis.client.info("stats")
    commands: dict[str, Any] = redis.client.info("commandstats")
    scripts = sum(commands.get(f"cmdstat_{name}", {}).get("calls", 0) for name in _SCRIPT_COMMANDS)
    return Traffic(stats["total_net_input_bytes"], stats["total_net_output_bytes"], scripts)


def cost_of_asking(redis: Redis) -> Traffic:
    """What two readings of `traffic` add to each other's difference."""
    first = traffic(redis)
    return traffic(redis) - first
