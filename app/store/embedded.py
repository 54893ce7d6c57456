"""The embedded store: one real Valkey server, a child of `baton serve`, with an append-only file in the data folder.

What it has answered survives any crash (I1: `appendfsync always`). It dies with its parent; where it couldn't, the next
start finds and ends it. This module must never let two servers write to one folder: the server itself holds a lock on
it for as long as it lives (it inherits the descriptor), and none is started without that lock.
"""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from structlog.typing import FilteringBoundLogger

from app import leash
from app.store.embedded_binary import find_server
from app.store.embedded_dir import EmbeddedError, claim, load_or_make_secret, private_folder, socket_path, try_lock
from app.store.embedded_orphan import POLL_SECONDS, ask, end_orphan

__all__ = ["EmbeddedError", "EmbeddedServer", "load_or_make_secret"]

STOP_SECONDS = 10.0
"""How long a server may take to shut down before it is killed, which loses nothing that it has answered."""
START_SECONDS = 30.0
"""How long a starting server may be silent; one that says it is loading its file may take as long as it needs."""
BACKOFF_SECONDS = (0.2, 10.0)
STEADY_SECONDS = 30.0
MOST_LOG_BYTES = 4 * 1024 * 1024
"""A server that starts on a longer log begins a new one; the one before it is kept as `server.log.1`."""


class EmbeddedServer:
    """Runs the server from `start` to `stop`, restarting it if it ends unasked. Thread-safe; blocking; used once."""

    def __init__(self, data_dir: Path, log: FilteringBoundLogger) -> None:
        self._data_dir = data_dir.absolute()
        self._log = log.bind(component="embedded")
        self._store_dir = self._data_dir / "store"
        self._claim: int | None = None
        self._socket = Path()
        self._binary = Path()
        self._mutex = threading.Lock()  # guards the five below
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._failed: str | None = None
        self._asked = False  # for a restart: its end is no reason to wait longer
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="embedded-store", daemon=True)

    def start(self) -> str:
        """Start the server and wait until it answers; return its URL for redis-py. Raises EmbeddedError."""
        self._claim = claim(self._data_dir)
        try:
            private_folder(self._store_dir)
            self._socket = socket_path(self._data_dir, self._store_dir)
            self._binary = find_server()
            end_orphan(self._lock_path, self._socket, self._log)
            self._keeper.start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return f"unix://{quote(os.fsencode(self._socket))}?db=0"

    def stop(self) -> None:
        """Shut the server down, by force after STOP_SECONDS, and give the folder up. Harmless when called again."""
        with self._mutex:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.terminate()
        if self._keeper.is_alive():
            self._keeper.join(STOP_SECONDS)
            if self._keeper.is_alive() and process is not None:
                self._log.warning("store_killed", pid=process.pid)
                process.kill()
            self._keeper.join()
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None

    def restart(self) -> None:
        """Kill the server as a crash would; its keeper starts it again. Harmless while there is none."""
        with self._mutex:
            if self._process is not None and self._process.poll() is None:
                self._asked = True
                self._process.kill()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        with self._mutex:
            return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def _lock_path(self) -> Path:
        return self._store_dir / "server.lock"

    @property
    def _log_path(self) -> Path:
        return self._store_dir / "server.log"

    def _keep(self) -> None:
        """Run the server again and again until `stop`. Its thread also is the one that the server is tied to."""
        backoff = BACKOFF_SECONDS[0]
        while True:
            started = time.monotonic()
            process = self._spawn()
            code = process.wait() if process is not None else None
            with self._mutex:
                if not self._ready:
                    self._failed = f"exit code {code}" if process is not None else "it could not be run"
                if self._stopping.is_set() or self._failed:
                    return
                asked, self._asked = self._asked, False
            if asked or time.monotonic() - started > STEADY_SECONDS:
                backoff = BACKOFF_SECONDS[0]
            self._log.error("store_ended", code=code, said=self._last_words(), restart_in=backoff)
            self._stopping.wait(backoff)
            backoff = min(backoff * 2, BACKOFF_SECONDS[1])

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._mutex:
            if self._stopping.is_set():
                return None
            try:
                lock = try_lock(self._lock_path)
                if lock is None:  # after a crash: a child of the server, rewriting the file, still has it
                    return None
                try:
                    self._bound_log()
                    self._process = self._popen(lock)
                finally:
                    os.close(lock)  # from here on only the server and its children hold it
            except OSError as error:
                self._log.error("store_not_started", error=error.strerror)
                return None
            return self._process

    def _bound_log(self) -> None:
        """Before a start, while no server writes to it."""
        if self._log_path.exists() and self._log_path.stat().st_size > MOST_LOG_BYTES:
            self._log_path.replace(self._log_path.with_name("server.log.1"))

    def _popen(self, lock: int) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log_file:
            return subprocess.Popen(
                leash.command([str(self._binary), *self._options()], signal.SIGTERM),
                cwd=self._store_dir,
                env={key: value for key, value in os.environ.items() if not key.startswith("BATON_")},
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                pass_fds=[lock],
                start_new_session=True,  # the terminal's Ctrl-C isn't for the store
                umask=0o077,
            )

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._store_dir),
            "logfile": self._log_path.name,
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [part for key, value in options.items() for part in (f"--{key}", value)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            answer = ask(self._socket, b"PING")
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + START_SECONDS
            with self._mutex:
                if self._failed:
                    raise EmbeddedError(f"The embedded store didn't start ({self._failed}): {self._last_words()}")
                if answer.startswith(b"+PONG"):
                    self._ready = True
                    return
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The embedded store didn't answer for {START_SECONDS:g} seconds; see {self._log_path}"
                )
            time.sleep(POLL_SECONDS)

    def _last_words(self) -> str:
        """Return the last line of the server's log, without its time stamp, and where the log is."""
        try:
            with self._log_path.open("rb") as file:
                file.seek(max(0, self._log_path.stat().st_size - 4096))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            lines = []
        last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        return f"{re.sub(r'^[0-9]+:[A-Z] .*? [*#.-] ', '', last).strip()[:200]} (see {self._log_path})"
