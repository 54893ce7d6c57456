import asyncio
import logging
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from app.agents.accounts import sql
from app.agents.accounts.database import Database
from app.agents.accounts.port import AccountsUnavailableError
from app.agents.accounts.sql import SqlAccounts
from tests.agents.accounts.postgres import PASSWORD, PostgresServer
from tests.support.poll import until

MARIA = "ACC-2024-0042"
Opener = Callable[[str, bool], SqlAccounts]


@contextmanager
def unavailable(within: float) -> Iterator[pytest.ExceptionInfo[AccountsUnavailableError]]:
    """The call must fail, and in so many seconds; with nothing of the URL."""
    begun = time.monotonic()
    with pytest.raises(AccountsUnavailableError) as caught:
        yield caught
    assert time.monotonic() - begun < within
    assert str(caught.value) == "The account data can't be read right now."
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert caught.value.reason.isalpha()


async def test_a_server_that_comes_later_is_found(own_postgres: PostgresServer, open_accounts: Opener) -> None:
    accounts = open_accounts(own_postgres.url(), True)
    with unavailable(5):
        await accounts.prepare()
    with unavailable(5):
        await accounts.find("account", MARIA)
    await asyncio.to_thread(own_postgres.start)
    assert await accounts.find("account", MARIA) == MARIA
    await asyncio.to_thread(own_postgres.stop)
    with unavailable(5):
        await accounts.verify(MARIA, "4821", None)
    await asyncio.to_thread(own_postgres.start)
    assert await accounts.verify(MARIA, "4821", None)


async def test_a_server_that_says_nothing_is_given_up(open_accounts: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        accounts = open_accounts(f"postgresql://me:secret@127.0.0.1:{deaf.getsockname()[1]}/db", True)
        with unavailable(7):
            await accounts.prepare()


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_server_that_hangs_holds_nobody(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    """Not even at the end of a process, which waits for its threads."""
    monkeypatch.setattr(sql, "RUN_SECONDS", 0.5)
    name = postgres.new_database()
    cuts: list[float] = []
    cut = Database.cut

    def counted(database: Database) -> None:
        cuts.append(time.monotonic())
        cut(database)

    monkeypatch.setattr(Database, "cut", counted)
    accounts = SqlAccounts(postgres.url(name), False, lambda: pytest.fail("no samples"))
    await accounts.prepare()
    with postgres.frozen(name):
        if cancelled:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(accounts.find("account", MARIA), 0.2)
        else:
            with unavailable(3):
                await accounts.find("account", MARIA)
        assert len(cuts) == (0 if cancelled else 1)
        async with asyncio.timeout(6):  # a thread that was let go connects again first, in vain for 3 s
            await accounts.close()


async def test_after_it_hung_it_is_asked_again(
    postgres: PostgresServer, open_accounts: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = postgres.new_database()
    accounts = open_accounts(postgres.url(name), True)
    await accounts.prepare()
    with postgres.frozen(name), monkeypatch.context() as patch:
        patch.setattr(sql, "RUN_SECONDS", 0.5)
        for _ in range(2):
            with unavailable(3):
                await accounts.find("account", MARIA)
    assert await accounts.find("account", MARIA) == MARIA


async def test_a_statement_has_a_limit(postgres: PostgresServer, open_accounts: Opener) -> None:
    name = postgres.new_database()
    accounts = open_accounts(postgres.url(name), True)
    await accounts.prepare()
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute("LOCK TABLE baton_accounts IN ACCESS EXCLUSIVE MODE")
        with unavailable(6) as caught:
            await accounts.find("account", MARIA)
        assert caught.value.reason == "QueryCanceled"
    assert await accounts.find("account", MARIA) == MARIA


async def test_a_connection_that_was_ended_is_replaced_unnoticed(
    postgres: PostgresServer, open_accounts: Opener
) -> None:
    name = postgres.new_database()
    accounts = open_accounts(postgres.url(name), True)
    await accounts.prepare()
    postgres.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    assert await accounts.find("account", MARIA) == MARIA


async def test_a_wrong_password_shows_nothing(
    postgres: PostgresServer, open_accounts: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    accounts = open_accounts(postgres.url(password="secret-8086"), True)
    with unavailable(5) as caught:
        await accounts.verify(MARIA, "4821", None)
    shown = f"{caught.value!r} {caught.value.reason} {accounts!r} {caplog.text}"
    assert not [word for word in ("secret-8086", PASSWORD, "4821", MARIA, "127.0.0.1") if word in shown]


async def test_a_cancelled_call_leaves_its_place(postgres: PostgresServer, open_accounts: Opener) -> None:
    name = postgres.new_database()
    accounts = open_accounts(postgres.url(name), True)
    await accounts.prepare()
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute("LOCK TABLE baton_accounts IN ACCESS EXCLUSIVE MODE")
        calls = [asyncio.create_task(accounts.find("account", MARIA)) for _ in range(8)]
        await until(lambda: postgres.ask(waiting) == [(4,)], what="four queries that wait")
        for call in calls:
            call.cancel()
        assert all(isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*calls, return_exceptions=True))
    assert await accounts.find("account", MARIA) == MARIA


async def test_a_locked_file_is_unavailable_until_it_is_not(tmp_path: Path, open_accounts: Opener) -> None:
    holder = sqlite3.connect(tmp_path / "accounts.db", isolation_level=None)
    holder.execute("PRAGMA journal_mode = WAL")
    holder.execute("BEGIN IMMEDIATE")
    accounts = open_accounts(f"sqlite:///{tmp_path}/accounts.db", True)
    with unavailable(8) as caught:
        await accounts.prepare()
    assert caught.value.reason == "OperationalError"
    holder.execute("COMMIT")
    holder.close()
    assert await accounts.find("account", MARIA) == MARIA


@pytest.mark.parametrize("path", ["missing/accounts.db", "."])
async def test_a_file_that_cannot_be_is_unavailable(tmp_path: Path, open_accounts: Opener, path: str) -> None:
    accounts = open_accounts(f"sqlite:///{tmp_path}/{path}", True)
    with unavailable(5):
        await accounts.prepare()


async def test_the_loop_goes_on_while_a_call_waits(postgres: PostgresServer, open_accounts: Opener) -> None:
    name = postgres.new_database()
    accounts = open_accounts(postgres.url(name), True)
    await accounts.prepare()
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute("LOCK TABLE baton_accounts IN ACCESS EXCLUSIVE MODE")
        call = asyncio.create_task(accounts.find("account", MARIA))
        waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
        await until(lambda: postgres.ask(waiting) == [(1,)], timeout=2, what="the query that waits")
        assert not call.done()
    assert await call == MARIA
