"""`baton serve` as people start it: replicas under a supervisor, on a store of their own.

It must never signal a process it didn't start, but for the replicas whose pids the supervisor printed.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.poll import until

ROOT: Final = Path(__file__).resolve().parents[2]


class Served:
    """One `baton serve --replicas N` on free ports, for the time of an `async with`; what it printed, line by line."""

    def __init__(self, data_dir: Path, *, replicas: int = 2, env: Mapping[str, str] | None = None) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        options = ["--port", "0", "--replicas", str(replicas), "--data-dir", str(data_dir)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", *options],
            cwd=ROOT, env={**inherited, "PYTHONUNBUFFERED": "1", **(env or {})}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._count = replicas
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    async def __aenter__(self) -> Self:
        await until(lambda: len(self.started) == self._count, timeout=20, what="the replicas")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # its replicas and its store are tied to it
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(iter(self._process.stdout.readline, ""))

    @property
    def started(self) -> list[tuple[str, int]]:
        """The `/ws` address and the pid of every replica started so far, oldest first."""
        found = (re.match(r"replica \d+: http(\S+) \(pid (\d+)\)", line) for line in self.lines.copy())
        return [(f"ws{match[1]}/ws", int(match[2])) for match in found if match]

    @property
    def ws_url(self) -> str:
        """The address that all replicas share."""
        return "ws" + self.lines[0].split()[-1].removeprefix("http") + "/ws"

    async def ctrl_c(self) -> int:
        """What a terminal does; the exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return await asyncio.to_thread(self._process.wait, 20)
