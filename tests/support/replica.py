"""A real replica: the process that `baton serve` runs, on a port of loopback, to be killed, stopped and woken by tests.

It must never signal a process it didn't start, and never leave one behind.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.support.poll import until
from tests.support.redis_server import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
SECRET: Final = "a-secret-for-tests-only-0123456789"
ADMIN_KEY: Final = "an-admin-key-for-tests-only-0123456789"
DEFAULTS: Final[Mapping[str, str]] = {
    "BATON_SECRET": SECRET,
    "BATON_ADMIN_KEY": ADMIN_KEY,
    "BATON_AGENT": "echo",
    "BATON_RATE_LIMIT": "0",
    "BATON_DRAIN_SECONDS": "2",
}
START_SECONDS: Final = 20.0


class ReplicaProcess:
    """One replica. `env` holds `BATON_*` settings on top of DEFAULTS; none of the machine's own reach it."""

    def __init__(self, redis_url: str, *, env: Mapping[str, str] | None = None, port: int | None = None) -> None:
        self.port = port or free_port()
        self.redis_url = redis_url
        self._folder = tempfile.TemporaryDirectory(prefix="baton-replica-")
        self._output = Path(self._folder.name) / "output.txt"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        data = {"BATON_DATA_DIR": str(Path(self._folder.name) / "data")}
        self._env = inherited | {"PYTHONUNBUFFERED": "1"} | data | dict(DEFAULTS) | dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @asynccontextmanager
    async def start(
        cls, *, redis_url: str, env: Mapping[str, str] | None = None, port: int | None = None
    ) -> AsyncIterator["ReplicaProcess"]:
        """A ready replica for the time of an `async with`; killed at its end, so drain it yourself if that matters."""
        replica = cls(redis_url, env=env, port=port)
        try:
            await replica.launch()
            yield replica
        finally:
            replica.discard()

    async def launch(self) -> None:
        """Start the process (again, on the same port) and wait until it is ready. Raises with its output."""
        assert not self.alive, "it runs already"
        command = [sys.executable, "-m", "app", "serve", "--port", str(self.port), "--redis", self.redis_url]
        self._process = self._spawn(command)
        try:
            await until(self._up, timeout=START_SECONDS, what=f"a ready replica on port {self.port}", every=0.03)
        except AssertionError as error:
            self.kill9()
            raise AssertionError(f"{error}; its output:\n{self.logs()}") from None

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._output.open("ab") as output:
            return subprocess.Popen(
                command, cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    async def _up(self) -> bool:
        assert self.alive, f"the replica ended with {self._process.poll() if self._process else None}"
        return await self.ready()

    async def ready(self) -> bool:
        """Whether `/readyz` says 200 within a second."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
                return (await client.get(f"{self.http_url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, or before."""
        return None if self._process is None else self._process.poll()

    @property
    def log_path(self) -> Path:
        """Where `logs` are."""
        return self._output

    def kill9(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=10)

    def stop(self) -> None:
        """Freeze it: its sockets stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def cont(self) -> None:
        """Wake a frozen one."""
        os.kill(self.pid, signal.SIGCONT)

    def signal_end(self) -> None:
        """Ask it to drain and go; see `terminate` for waiting."""
        os.kill(self.pid, signal.SIGTERM)

    async def terminate(self, timeout: float = 15.0) -> int:
        """Ask it to drain and go, and wait for that; its exit code."""
        assert self._process is not None, "not started"
        self.signal_end()
        return await asyncio.to_thread(self._process.wait, timeout)

    def logs(self) -> str:
        """Everything it wrote to stdout and stderr, over all of its starts."""
        return self._output.read_text(encoding="utf-8", errors="replace") if self._output.exists() else ""

    def discard(self) -> None:
        """Kill it and delete its folder."""
        self.kill9()
        self._folder.cleanup()
