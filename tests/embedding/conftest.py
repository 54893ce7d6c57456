"""Baton without sockets on the shared Redis, and a second one beside it as in another program."""

import uuid
from collections.abc import AsyncIterator

import pytest

from app.engine.embedding import Baton
from tests.embedding.helpers import embedded


@pytest.fixture
def sid() -> str:
    """A conversation that doesn't exist."""
    return uuid.uuid4().hex


@pytest.fixture
async def baton(redis_url: str) -> AsyncIterator[Baton]:
    """One that answers with the echo."""
    async with embedded(redis_url) as opened:
        yield opened


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Baton]:
    """Another one on the same Redis."""
    async with embedded(redis_url) as opened:
        yield opened
