"""What the tests of the library share. It must never reach around what a program that embeds Baton has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from app.engine.embedding import Baton
from app.settings import Settings
from app.wiring import open_baton
from tests.support.replica import SECRET


@asynccontextmanager
async def embedded(redis_url: str, agent: str = "echo", **more: str) -> AsyncIterator[Baton]:
    """An open one; `more` are `BATON_*` variables."""
    environ = {
        "BATON_REDIS_URL": redis_url, "BATON_SECRET": SECRET, "BATON_AGENT": agent, "BATON_RATE_LIMIT": "0",
        "BATON_LEASE_SECONDS": "1", **more,
    }  # fmt: skip
    async with open_baton(Settings.load(environ, {})) as opened:
        yield opened


def in_an_hour() -> datetime:
    """When a sign-in runs out."""
    return datetime.now(UTC) + timedelta(hours=1)
