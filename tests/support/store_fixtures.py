"""Two connected stores, a conversation in one, and somebody who listens: for tests at the store."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, open_store


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    """The store of a replica."""
    async with open_store(redis_url) as opened:
        yield opened


@pytest.fixture
async def other_store(redis_url: str) -> AsyncIterator[RedisStore]:
    """The store of another replica."""
    async with open_store(redis_url, owner="other") as opened:
        yield opened


@pytest.fixture
def chat(store: RedisStore, redis_server: RedisServer) -> Chat:
    """A conversation that has seen no event."""
    return Chat(store, redis_server)


@pytest.fixture
def ear(redis_url: str, redis_server: RedisServer) -> Iterator[Ear]:
    """A subscriber to that conversation."""
    listener = Ear(redis_server)
    yield listener
    listener.close()
