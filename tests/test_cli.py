"""The `baton` command: one plain line and the right exit code for whatever is in the way of a start."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app import __version__
from app.listening import ListenError, listen, url_of
from tests.support.redis_server import free_port

ROOT = Path(__file__).parent.parent


@pytest.fixture
def data_dir() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bt-") as path:
        yield path


def baton(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("BATON_")}
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def running(command: list[str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, cwd=cwd, text=True, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()  # its replicas and its store are tied to it


def test_version() -> None:
    done = baton("--version")
    assert (done.returncode, done.stdout) == (0, f"baton {__version__}\n")


def test_a_wrong_setting() -> None:
    done = baton("serve", "--port", "http")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'baton: --port must be a port number between 0 and 65535, not "http"\n'


def test_redis_without_a_secret() -> None:
    done = baton("serve", "--redis", "redis://:hunter2@127.0.0.1:1", "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("baton: BATON_SECRET must be set with --redis")
    assert done.stderr.count("\n") == 1


def test_a_demo_that_others_could_reach(data_dir: str) -> None:
    done = baton("serve", "--demo", "--host", "0.0.0.0", "--port", "0", "--data-dir", data_dir)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("baton: --demo must be left out")
    assert done.stderr.count("\n") == 1
    assert not os.listdir(data_dir)


def test_a_taken_port(data_dir: str) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = baton("serve", "--port", str(port), "--data-dir", data_dir, BATON_LEASE="hunter2")
        below = baton(
            "serve", "--port", str(port - 1), "--replicas", "1", "--host", "256.1.1.1", "--data-dir", data_dir
        )
    assert (done.returncode, done.stdout) == (1, "")
    warning, error = done.stderr.splitlines()
    assert warning == "baton: warning: BATON_LEASE is not a setting and was ignored"
    assert error == (
        f"baton: Port {port} on 127.0.0.1 is in use: stop the program that has it, or choose another with --port"
    )
    assert (below.returncode, below.stderr.count("\n")) == (1, 1)
    assert below.stderr.startswith("baton: 256.1.1.1 is not an address of this machine")
    assert not os.listdir(data_dir)


def test_a_taken_port_of_a_replica(data_dir: str) -> None:
    with listen("127.0.0.1", free_port()) as taken:
        port = taken.getsockname()[1]
        done = baton("serve", "--port", str(port - 2), "--replicas", "2", "--data-dir", data_dir)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"baton: Port ({port - 1}|{port}) on 127\.0\.0\.1 is in use: .*\n", done.stderr)


def test_a_folder_that_cannot_be_used(data_dir: str) -> None:
    Path(data_dir, "file").touch()
    done = baton("serve", "--port", "0", "--data-dir", f"{data_dir}/file")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"baton: The folder {data_dir}/file can't be used: file exists\n"


def test_a_replica_is_not_started_by_hand() -> None:
    done = baton("replica")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "baton: a replica is started by: baton serve --replicas N\n"


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")])
def test_the_url_that_is_printed_can_be_opened(host: str, shown: str) -> None:
    try:
        sock = listen(host, 0)
    except ListenError:
        pytest.skip(f"{host} isn't available here")
    with sock:
        assert url_of(sock) == f"http://{shown}:{sock.getsockname()[1]}"
        address = "127.0.0.1" if host == "0.0.0.0" else host
        socket.create_connection((address, sock.getsockname()[1]), timeout=5).close()


@pytest.mark.parametrize("replicas", [1, 2])
def test_serve_listens_answers_and_stops_with_ctrl_c(data_dir: str, replicas: int) -> None:
    start = (
        f"import sys; sys.path[0] = {str(ROOT)!r}; from app.cli import main; sys.exit(main())"  # an installed `baton`
    )
    options = ["--port", "0", "--replicas", str(replicas), "--data-dir", data_dir]
    decoy = Path(data_dir, "project", "app")  # where people stand may be a folder of that name
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text("raise SystemExit('not this one')")
    for _ in range(2):  # the second start finds the folder of the first
        command = [sys.executable, "-c", start, "serve", *options]
        with running(command, decoy.parent) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Baton is listening on http://127.0.0.1:")
            assert httpx.get(f"{line.split()[-1]}/healthz", timeout=20).status_code == 200
            process.stdout.readline()
            for number in range(1, replicas + 1 if replicas > 1 else 1):
                shown = re.match(rf"replica {number}: (\S+) \(pid \d+\)", process.stdout.readline())
                assert shown is not None
                assert httpx.get(f"{shown[1]}/healthz", timeout=20).status_code == 200
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            assert process.wait(20) == 0
    assert not Path(data_dir, "store", "valkey.sock").exists()
