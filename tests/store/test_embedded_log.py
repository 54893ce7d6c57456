"""What the embedded server writes down stays bounded: a start on a long log begins a new one and keeps one old one."""

import io
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from app.store.embedded import MOST_LOG_BYTES, EmbeddedServer
from tests.support.poll import until


@pytest.fixture
def store_dir() -> Iterator[Path]:
    """Where the server writes; short, because its socket is there too."""
    with tempfile.TemporaryDirectory(prefix="bt-") as path:
        made = Path(path) / "data" / "store"
        made.mkdir(parents=True, mode=0o700)
        yield made


def server(store_dir: Path) -> EmbeddedServer:
    return EmbeddedServer(store_dir.parent, structlog.wrap_logger(structlog.PrintLogger(io.StringIO())))


def grow(log: Path, mark: str) -> None:
    """Let a log be just over its bound, with `mark` as its last words."""
    with log.open("a") as file:
        file.truncate(MOST_LOG_BYTES)
        file.write(mark)


def test_a_log_within_its_bound_goes_on(store_dir: Path) -> None:
    log = store_dir / "server.log"
    log.write_text("the first run\n")
    with server(store_dir):
        pass
    assert log.read_text().startswith("the first run\n")
    assert len(log.read_text().splitlines()) > 3
    assert not (store_dir / "server.log.1").exists()


def test_a_long_log_is_put_aside_and_only_one_is_kept(store_dir: Path) -> None:
    log, old = store_dir / "server.log", store_dir / "server.log.1"
    for run in ("first", "second"):
        grow(log, f"the {run} run")
        with server(store_dir):
            pass
        assert old.stat().st_size > MOST_LOG_BYTES
        assert old.read_bytes().endswith(f"the {run} run".encode())
        assert 0 < log.stat().st_size < MOST_LOG_BYTES
        assert b"the " + run.encode() not in log.read_bytes()
    assert sorted(path.name for path in store_dir.glob("server.log*")) == ["server.log", "server.log.1"]


async def test_a_server_that_ends_over_and_over_fills_no_disk(store_dir: Path) -> None:
    """The keeper's restarts are starts, too."""
    log, old = store_dir / "server.log", store_dir / "server.log.1"
    kept = server(store_dir)
    with kept:
        first = kept.pid
        assert first is not None
        grow(log, "the first life")
        os.kill(first, signal.SIGKILL)
        await until(lambda: kept.pid not in (None, first), what="the server is back")
        await until(log.exists, what="its log")
        assert old.read_bytes().endswith(b"the first life")
        assert log.stat().st_size < MOST_LOG_BYTES
