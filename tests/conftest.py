"""Fixtures that every test may use: one Redis for a whole run, empty for each test and judged after it (I11)."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.redis_server import RedisServer

MAY_LIVE_FOREVER = frozenset({"baton:shards"})
"""The record of the shard count; every other key has a deadline (I11)."""


def pytest_configure() -> None:
    """A busy machine is no failure: Hypothesis neither times examples nor how long it takes to make them."""
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
    settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that drive a browser mostly wait, the others mostly compute: spread among them they cost little time."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [path for path in files if any(item.get_closest_marker("browser") for item in files[path])]
    others = [path for path in files if path not in waiting]
    places = {path: (n + 0.5) / len(group) for group in (waiting, others) for n, path in enumerate(group)}
    items[:] = [item for path in sorted(files, key=lambda path: (places[path], str(path))) for item in files[path]]


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> None:
    """Under nohup, or in the background of a shell, signals are ignored, and so they would be by what tests start."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The server that tests share. One that kills or restores its Redis takes `own_redis`."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The address of the shared, empty server; afterwards a key without a TTL fails the test (I11)."""
    if not redis_server.alive:
        redis_server.start()
    redis_server.command("FLUSHALL")
    yield redis_server.url
    judge_ttls(redis_server)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that only this test uses, and may kill, restart and restore; judged like the shared one."""
    with RedisServer() as server:
        yield server
        if server.alive:
            judge_ttls(server)


def judge_ttls(server: RedisServer) -> None:
    """Raise AssertionError naming the keys without a TTL (I11)."""
    forever = [key for key in server.keys_without_ttl() if key not in MAY_LIVE_FOREVER]
    assert not forever, f"keys without a TTL: {', '.join(forever)}"
