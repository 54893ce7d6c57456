"""A replica per test module: what one test does to it, the next one must not notice."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests.conftest import judge_ttls
from tests.edge.helpers import serving
from tests.support.client import Client
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess


@pytest.fixture(scope="module")
def empty_redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """The shared server, emptied; after the module's last test every key must have a deadline (I11)."""
    if not redis_server.alive:
        redis_server.start()
    redis_server.command("FLUSHALL")
    yield redis_server
    judge_ttls(redis_server)


@pytest.fixture(scope="module")
def replica(empty_redis: RedisServer, request: pytest.FixtureRequest) -> Iterator[ReplicaProcess]:
    """The module's replica; its settings are the module's `ENV`, if it has one."""
    with serving(empty_redis, getattr(request.module, "ENV", {})) as started:
        yield started


@pytest.fixture(scope="module")
def other(empty_redis: RedisServer, request: pytest.FixtureRequest) -> Iterator[ReplicaProcess]:
    """A second replica on the same Redis."""
    with serving(empty_redis, getattr(request.module, "ENV", {})) as started:
        yield started


@pytest.fixture
async def client_of() -> AsyncIterator[Callable[..., Client]]:
    """Makes clients, with the arguments of `Client`, that are closed at the end whatever happens."""
    made: list[Client] = []

    def make(*arguments: str, **named: str | None) -> Client:
        made.append(Client(*arguments, **named))  # type: ignore[arg-type]  # as the caller says
        return made[-1]

    yield make
    for client in made:
        await client.close()
