"""The engine on SQLite or Postgres: time limits, transactions, tables, and the samples of an empty database.

It must never put the URL or a value of a customer into an error or a log, and never run on the event loop: it blocks.
"""

import contextlib
import os
import socket
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.agents.accounts.samples import sample_rows
from app.agents.accounts.schema import METADATA

CONNECTIONS: Final = 4
WAIT_SECONDS: Final = 3
"""For a connection, for a lock, and for one statement."""
PREPARE_SECONDS: Final = 6
"""For those who wait while another process writes the samples; that takes a second."""
_LOCK: Final = 0x6261746F6E
"""The advisory lock of whoever makes the tables; any number that nothing else in the database uses."""
_WRITES: Final = "baton_writes"
_POSTGRES: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_POSTGRES_OPTIONS: Final[Mapping[str, Any]] = {
    "connect_timeout": WAIT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": WAIT_SECONDS * 1000,
    "prepare_threshold": None,  # a pooler may give each transaction another session
}
_T = TypeVar("_T")


class Database:
    """A pool of connections to one database. Its methods may be called by several threads at once.

    `read` and `prepare` raise what SQLAlchemy and the system raise.
    """

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises ValueError (without the URL) unless it is SQLite's or Postgres's."""
        parsed = _parsed(url)
        self.kind = "sqlite" if parsed.drivername == "sqlite" else "postgresql"
        self._sockets = _Sockets()
        pool: dict[str, Any] = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": WAIT_SECONDS}
        if self.kind == "sqlite":
            options: Mapping[str, Any] = {"timeout": WAIT_SECONDS}
        else:
            options = _POSTGRES_OPTIONS
        # hide_parameters: neither an error's text nor a log line of the library quotes a customer's value.
        self._engine = create_engine(
            parsed, pool_pre_ping=True, hide_parameters=True, connect_args=dict(options), **pool
        )
        self._reader, self._writer = self._sqlite() if self.kind == "sqlite" else self._postgres()

    def _sqlite(self) -> tuple[Engine, Engine]:
        path = Path(self._engine.url.database or "")
        event.listen(self._engine, "do_connect", lambda *_: _make_private(path))
        event.listen(self._engine, "connect", _open_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        return self._engine, self._engine.execution_options(**{_WRITES: True})

    def _postgres(self) -> tuple[Engine, Engine]:
        event.listen(self._engine, "connect", self._sockets.opened)
        event.listen(self._engine, "close", self._sockets.closed)
        event.listen(self._engine, "begin", _begin_postgres)
        # Who waits for the lock below must see afterwards what its holder has committed: no snapshot from before.
        writer = self._engine.execution_options(isolation_level="READ COMMITTED", **{_WRITES: True})
        # Several queries of one answer see the same state.
        return self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True), writer

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """What `work` answers, in a transaction of its own."""
        with self._reader.connect() as connection, connection.begin():
            return work(connection)

    def prepare(self, samples: bool, today: Callable[[], date]) -> None:
        """Make missing tables; with `samples`, fill them if all are empty. Several processes may do it at once."""
        with self._writer.connect() as connection, connection.begin():
            if self.kind == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            METADATA.create_all(connection)
            if samples and _is_empty(connection):
                for table, rows in sample_rows(today()):
                    connection.execute(insert(table), rows)

    def cut(self) -> None:
        """End what waits for a server that doesn't answer; the connections of this pool are lost. Never blocks."""
        self._sockets.cut()

    def close(self) -> None:
        """Close all connections that no call uses."""
        self._engine.dispose()


class _Sockets:
    """The sockets below a pool's connections, to wake up the threads that wait on them.

    `statement_timeout` is the server's; where it hangs, only the client can end a wait. Descriptors of our own, since
    that of the driver may belong to somebody else by the time it is used.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}

    def opened(self, driver: Any, _: object) -> None:
        own = socket.socket(fileno=os.dup(driver.fileno()))
        with self._lock:
            self._open[id(driver)] = own

    def closed(self, driver: Any, _: object) -> None:
        with self._lock:
            own = self._open.pop(id(driver), None)
        if own is not None:
            own.close()

    def cut(self) -> None:
        with self._lock:
            for own in self._open.values():
                with contextlib.suppress(OSError):  # it is closed by the server already
                    own.shutdown(socket.SHUT_RDWR)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = URL.create("unknown")
    if parsed.drivername in _POSTGRES:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:") and not parsed.query:
        return parsed
    raise ValueError("an account database is sqlite:///path or postgresql://user:password@host/db")


def _make_private(path: Path) -> None:
    """Make the file ours alone before there is anything in it. SQLite gives its other files the same mode.

    An existing one must not be opened here: closing it would drop the locks that this process holds on it.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    found = path.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 and found.st_uid == os.geteuid():
        path.chmod(0o600)


def _open_sqlite(driver: sqlite3.Connection, _: object) -> None:
    driver.isolation_level = None  # sqlite3 would begin by itself, but not before DDL; _begin_sqlite does
    driver.execute("PRAGMA foreign_keys = ON")
    deadline = time.monotonic() + WAIT_SECONDS
    while driver.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # while another process does the same SQLite refuses at once
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_patience(connection)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    # For each transaction, since a pooler refuses it at the connection and would keep it for others in the session.
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_patience(connection)}")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(_WRITES))


def _patience(connection: Connection) -> int:
    """How long a statement may take, in milliseconds."""
    return 1000 * (PREPARE_SECONDS if _writes(connection) else WAIT_SECONDS)


def _is_empty(connection: Connection) -> bool:
    return all(connection.execute(select(table).limit(1)).first() is None for table in METADATA.sorted_tables)
