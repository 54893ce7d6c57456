"""The embedded store is restarted on request: as after a crash, but without a growing wait."""

import io
import tempfile
from functools import partial
from pathlib import Path

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.store.embedded import EmbeddedServer
from tests.support.poll import until


async def test_a_restart_loses_nothing_and_waits_no_longer_each_time() -> None:
    said = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="bt-") as path:  # short: a socket's path has at most some 100 characters
        server = EmbeddedServer(Path(path) / "data", structlog.wrap_logger(structlog.PrintLogger(said)))
        server.restart()  # there is none yet
        with server as url, redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as store:

            def answers() -> bool:
                try:
                    return bool(store.ping())
                except redis.ConnectionError:
                    return False

            for number in range(3):
                store.set(f"k{number}", number)
                before = server.pid
                server.restart()
                await until(partial(other_than, server, before), what="a new one")
                await until(answers, what="the server is back")
            assert store.dbsize() == 3
        server.restart()
        assert server.pid is None, "after its end it stays away"
    assert said.getvalue().count("restart_in") == said.getvalue().count("restart_in=0.2") == 3


def other_than(server: EmbeddedServer, before: int | None) -> bool:
    return server.pid not in (None, before)
