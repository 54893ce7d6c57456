"""A real Postgres server for tests, on loopback, that can be stopped, started again and frozen.

It must never touch a server it didn't start, and never leave one behind.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import psycopg

from tests.support.redis_server import free_port

START_SECONDS: Final = 30.0
PASSWORD: Final = "unguessed-5309"


def binaries() -> Path:
    """The folder of the newest server's programs. Raises FileNotFoundError."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise FileNotFoundError("no Postgres: install the package postgresql")
    return found[-1].parent


class PostgresServer:
    """One server with a folder of its own. Everything blocks: with a loop running, call it through a thread."""

    def __init__(self) -> None:
        self._bin = binaries()
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="baton-postgres-"))
        # Postgres refuses to run as root.
        self._user = self._other_user() if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self.folder, self._user, -1)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["-A", "scram-sha-256", "-U", "baton", "-E", "UTF8", "--locale=C", "--no-sync"]
        try:
            self._run("initdb", "-D", str(self.folder / "data"), f"--pwfile={secret}", *options).communicate()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _other_user() -> int:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam("postgres").pw_uid
        return pwd.getpwnam("nobody").pw_uid

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [self._bin / program, *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder, user=self._user,
                extra_groups=None if self._user is None else [],
            )  # fmt: skip

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://baton:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start with the data it has; returns when it answers. Raises RuntimeError with its output."""
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        options = [word for setting in settings for word in ("-c", setting)]
        self._process = self._run("postgres", "-D", str(self.folder / "data"), *options)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Postgres didn't start:\n{(self.folder / 'output.txt').read_text()}")

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except psycopg.OperationalError:
            assert self._process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
            return False
        return True

    def ask(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside of a transaction; its rows, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """Make an empty database; its name."""
        name = f"test_{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    @contextlib.contextmanager
    def frozen(self, database: str) -> Iterator[None]:
        """Meanwhile the server takes connections, but neither it nor what serves `database` answers."""
        rows = self.ask(f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'")
        assert self._process is not None
        pids = [self._process.pid, *(row[0] for row in rows)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it, with its connections; the data stays."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)  # "fast": doesn't wait for its clients
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        """End it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
