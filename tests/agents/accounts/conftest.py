"""Accounts on SQLite and on a real Postgres: every test that takes `accounts` or `new_url` runs on both."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from typing import Final

import pytest

from app.agents.accounts.sql import SqlAccounts
from tests.agents.accounts.postgres import PostgresServer, binaries

TODAY: Final = date(2025, 9, 17)


def today() -> date:
    return TODAY


@pytest.fixture(scope="session")
def installed_postgres() -> None:
    """Skips where there is no Postgres; where CI is set that is a failure."""
    try:
        binaries()
    except FileNotFoundError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres(installed_postgres: None) -> Iterator[PostgresServer]:
    """The server that tests share. One that stops it takes `own_postgres`."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_postgres(installed_postgres: None) -> Iterator[PostgresServer]:
    """A server that isn't started yet, for one test."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Makes an empty database at each call; its URL."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path_factory.mktemp('accounts')}/accounts.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda: server.url(server.new_database())


@pytest.fixture(scope="session")
def filled_url(new_url: Callable[[], str]) -> str:
    """A database with the samples, for tests that change nothing in it."""
    url = new_url()

    async def fill() -> None:
        accounts = SqlAccounts(url, True, today)
        await accounts.prepare()
        await accounts.close()

    asyncio.run(fill())
    return url


@pytest.fixture
async def accounts(filled_url: str) -> AsyncIterator[SqlAccounts]:
    """The accounts of a replica on that database."""
    opened = SqlAccounts(filled_url, False, today)
    yield opened
    await opened.close()


@pytest.fixture
async def open_accounts() -> AsyncIterator[Callable[[str, bool], SqlAccounts]]:
    """Opens accounts with or without samples on a URL, and closes them afterwards."""
    opened: list[SqlAccounts] = []

    def open_one(url: str, samples: bool) -> SqlAccounts:
        opened.append(SqlAccounts(url, samples, today))
        return opened[-1]

    yield open_one
    for accounts in opened:
        await accounts.close()
