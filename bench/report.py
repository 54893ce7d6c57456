"""The Markdown that a run prints: what machine, what versions, one table.

Formats figures; must never round one towards its aim.
"""

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.procs import ROOT, Cores, redis_binary

HEADINGS = ("figure", "Baton", "bare echo", "compared", "aim", "in use of a core")
_PACKAGES = ("uvicorn", "websockets", "uvloop", "starlette", "redis", "hiredis", "orjson")
_SYNCS = 50


@dataclass(frozen=True)
class Row:
    """One line of the table, in the order of HEADINGS."""

    figure: str
    baton: str = "–"
    echo: str = "–"
    compared: str = "–"
    aim: str = "–"
    busy: str = "–"


def aim(value: float, limit: float, unit: str = "", *, at_least: bool = False) -> str:
    """`≤ limit`, or `≥ limit`, and whether `value`, unrounded, keeps it."""
    kept = value >= limit if at_least else value <= limit
    return f"{'≥' if at_least else '≤'} {limit:g}{unit}: {'met' if kept else '**missed**'}"


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" * len(HEADINGS) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "/") for cell in astuple(row)) + " |" for row in rows]
    return "\n".join(lines)


def machine(cores: Cores, folder: Path, with_redis: bool) -> str:
    """What the figures were measured on, as a Markdown list."""
    place = (
        f"server alone on core {cores.server}; load generator and Redis on core {cores.load}"
        if cores.separate
        else "**one core for everything: no figure here says what a server can do**"
    )
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {_revision()}",
        f"{_cpu_model()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} {platform.release()}, "
        f"load average {os.getloadavg()[0]:.1f} at the start",
        f"{place}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "echo: Starlette on the same uvicorn, websockets-sansio, uvloop, deflate off",
    ]
    if with_redis:
        lines.append(
            f"{_redis_version()}, loopback TCP, `appendfsync always` unless a row says otherwise, no rewrite of the "
            f"file meanwhile; one `fdatasync` on its disk takes {_sync_seconds(folder) * 1e6:,.0f} µs (median)"
        )
    return "\n".join(f"- {line}" for line in lines)


def _revision() -> str:
    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    revision = git("rev-parse", "--short", "HEAD")
    if revision is None:
        return "unknown"
    return revision + (" with local changes" if git("status", "--porcelain") else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _redis_version() -> str:
    said = subprocess.run([redis_binary(), "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    words = said.split()
    return f"{words[0]} {next((word[2:] for word in words if word.startswith('v=')), 'of unknown version')}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _sync_seconds(folder: Path) -> float:
    """Median time of `fdatasync` after a small append, in seconds: the floor under every durable ack."""
    took = []
    with (folder / "sync").open("ab", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 512)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return sorted(took)[_SYNCS // 2]
