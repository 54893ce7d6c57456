"""Baton as a process under test: started and waited for, or restarted while others are measured.

Same rule as `procs`: nothing outlives the run.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from bench.procs import LOOK_SECONDS, START_SECONDS, Process, ProcessError, family, free_port, get


class Baton(Process):
    """`serve` with one replica, the echo agent without a delay and no rate limit, on a core.

    `settings` are further variables; with a `port` of its own it starts and is waited for with `ready`, by whoever has
    something else to do meanwhile.
    """

    def __init__(self, command: list[str], core: int, folder: Path, redis_url: str, secret: str,
                 settings: Mapping[str, str] | None = None, port: int | None = None) -> None:  # fmt: skip
        self.port = port or free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        env |= {
            "BATON_SECRET": secret,
            "BATON_AGENT": "echo",
            "BATON_ECHO_DELAY_MS": "0",
            "BATON_RATE_LIMIT": "0",
            "BATON_DATA_DIR": str(folder),
        } | dict(settings or {})
        arguments = ["--port", str(self.port), "--redis", redis_url]
        super().__init__("Baton", [*command, *arguments], core, folder / f"baton-{self.port}.log", env)
        if port is None:
            self.wait_ready(lambda: get(self.port, "/readyz") == 200)

    async def ready(self) -> None:
        """Wait until it lets clients in, without keeping the event loop from its work; raises ProcessError."""
        deadline = time.monotonic() + START_SECONDS
        while not await _is_ready(self.port):
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise ProcessError(f"{self.name} doesn't come back: {self.last_words()}")
            await asyncio.sleep(LOOK_SECONDS)
        self.pids = family(self._popen.pid)


def new_secret() -> str:
    """A signing secret for the replicas of one measurement."""
    return secrets.token_hex(32)


async def _is_ready(port: int) -> bool:
    """Whether `/readyz` says 200."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except OSError:  # a TimeoutError is one
        return False
    return b" 200 " in line
