import asyncio
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from app.agents.accounts import database
from app.agents.accounts.port import AccountsUnavailableError
from app.agents.accounts.samples import sample_rows
from app.agents.accounts.schema import ACCOUNTS, BILLS, METADATA, RATE_PLANS
from app.agents.accounts.sql import SqlAccounts
from tests.agents.accounts.conftest import TODAY
from tests.agents.accounts.postgres import PostgresServer
from tests.agents.accounts.rows import connected, count, put, put_account

Opener = Callable[[str, bool], SqlAccounts]

STARTS = """
import asyncio, datetime, sys
from app.agents.accounts.sql import SqlAccounts

async def start():
    accounts = SqlAccounts(sys.argv[1], True, lambda: datetime.date(2025, 9, 17))
    print("ready", flush=True)
    sys.stdin.readline()
    await accounts.prepare()
    print(await accounts.find("phone", "5551230042"), flush=True)
    await accounts.close()

asyncio.run(start())
"""


def test_processes_that_start_together_write_ten_customers(new_url: Callable[[], str]) -> None:
    url = new_url()
    command = [sys.executable, "-W", "error", "-c", STARTS, url]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [subprocess.Popen(command, text=True, **pipes) for _ in range(4)]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=30) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert said == [("ACC-2024-0042\n", "")] * 4
    assert {table.name: count(url, table) for table in METADATA.sorted_tables} == {
        table.name: len(rows) for table, rows in sample_rows(TODAY)
    }


async def test_a_second_start_changes_nothing(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url = new_url()
    for _ in range(2):
        await open_accounts(url, True).prepare()
    assert count(url, ACCOUNTS) == 10


async def test_without_samples_there_are_tables_alone(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url = new_url()
    await open_accounts(url, False).prepare()
    assert sum(count(url, table) for table in METADATA.sorted_tables) == 0


async def test_samples_never_join_real_customers(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url, other = new_url(), new_url()
    put_account(url, "A")
    put(other, RATE_PLANS, {"code": "R-1", "name": "Ours", "description": "Real"})
    await open_accounts(url, True).prepare()
    await open_accounts(other, True).prepare()
    assert (count(url, ACCOUNTS), count(other, ACCOUNTS), count(other, RATE_PLANS)) == (1, 0, 1)


async def test_a_query_prepares_what_nobody_has(new_url: Callable[[], str], open_accounts: Opener) -> None:
    assert await open_accounts(new_url(), True).find("phone", "5551230099") == "ACC-2024-0099"


async def test_it_is_done_whole_or_not_at_all(
    new_url: Callable[[], str], open_accounts: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_url()
    accounts = open_accounts(url, True)
    with monkeypatch.context() as patch:
        patch.setattr(database, "sample_rows", lambda today: [*sample_rows(today), sample_rows(today)[0]])
        with pytest.raises(AccountsUnavailableError) as caught:
            await accounts.prepare()
    assert caught.value.reason in {"IntegrityError", "UniqueViolation"}
    with connected(url) as connection:
        assert inspect(connection).get_table_names() == []
    await accounts.prepare()
    assert count(url, ACCOUNTS) == 10


async def test_tables_that_went_away_come_back(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url = new_url()
    accounts = open_accounts(url, True)
    await accounts.prepare()
    with connected(url) as connection:
        METADATA.drop_all(connection)
    with pytest.raises(AccountsUnavailableError):
        await accounts.profile("ACC-2024-0042")
    assert await accounts.profile("ACC-2024-0042") is not None


async def test_a_view_may_stand_for_a_table(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url = new_url()
    with connected(url) as connection:
        METADATA.create_all(connection)
        connection.execute(text("ALTER TABLE baton_bills RENAME TO own_bills"))
        connection.execute(text("CREATE VIEW baton_bills AS SELECT * FROM own_bills"))
    accounts = open_accounts(url, False)
    assert await accounts.bills("A") == ()
    with connected(url) as connection:
        assert inspect(connection).get_view_names() == [BILLS.name]


async def test_a_role_that_only_reads_is_enough(postgres: PostgresServer, open_accounts: Opener) -> None:
    name = postgres.new_database()
    await open_accounts(postgres.url(name), True).prepare()
    for line in (
        "CREATE ROLE reader LOGIN PASSWORD 'reading'",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        "ALTER ROLE reader SET default_transaction_read_only = on",
    ):
        postgres.ask(line, name)
    url = re.sub("//.*@", "//reader:reading@", postgres.url(name))
    assert await open_accounts(url, True).find("phone", "5551230042") == "ACC-2024-0042"


async def test_a_wait_for_the_lock_sees_what_its_holder_wrote(postgres: PostgresServer, open_accounts: Opener) -> None:
    """Also where the server's default is a snapshot of the whole transaction."""
    name = postgres.new_database()
    postgres.ask(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    first, second = open_accounts(postgres.url(name), True), open_accounts(postgres.url(name), True)
    await asyncio.gather(first.prepare(), second.prepare())
    assert count(postgres.url(name), ACCOUNTS) == 10


async def test_a_read_can_change_nothing(postgres: PostgresServer) -> None:
    opened = database.Database(postgres.url(postgres.new_database()))
    opened.prepare(False, lambda: TODAY)
    with pytest.raises(SQLAlchemyError, match="read-only"):
        opened.read(lambda connection: connection.execute(text("DELETE FROM baton_reads")))
    opened.close()


@pytest.mark.parametrize("before", [None, 0o666])
async def test_a_file_is_for_its_user_alone(tmp_path: Path, open_accounts: Opener, before: int | None) -> None:
    path = tmp_path / "accounts.db"
    if before is not None:
        path.touch()
        path.chmod(before)
    old = os.umask(0)
    try:
        accounts = open_accounts(f"sqlite:///{path}", True)
        await accounts.prepare()
        modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in tmp_path.iterdir()}
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(["accounts.db", "accounts.db-wal", "accounts.db-shm"], 0o600)


async def test_a_file_has_a_log_and_foreign_keys(tmp_path: Path, open_accounts: Opener) -> None:
    opened = database.Database(f"sqlite:///{tmp_path}/accounts.db")
    opened.prepare(False, lambda: TODAY)
    for name, value in (("journal_mode", "wal"), ("foreign_keys", 1)):
        assert opened.read(lambda c, name=name: c.execute(text(f"PRAGMA {name}")).scalar_one()) == value  # type: ignore[misc]
    opened.close()


async def test_a_log_is_begun_again_when_others_are_in_the_way(
    tmp_path: Path, open_accounts: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "accounts.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE other (id)")
    other.execute("BEGIN IMMEDIATE")
    tried = []

    def instead_of_sleeping(seconds: float) -> None:
        tried.append(seconds)
        other.close()

    monkeypatch.setattr("app.agents.accounts.database.time.sleep", instead_of_sleeping)
    await open_accounts(f"sqlite:///{tmp_path}/accounts.db", False).prepare()
    assert len(tried) == 1


def test_an_error_quotes_no_parameter(new_url: Callable[[], str]) -> None:
    opened = database.Database(new_url())
    with pytest.raises(SQLAlchemyError) as caught:
        opened.read(lambda connection: connection.execute(text("SELECT * FROM missing WHERE x = :x"), {"x": "secret"}))
    assert "secret" not in str(caught.value)
    opened.close()


async def test_what_cannot_be_read_is_not_quoted(tmp_path: Path, open_accounts: Opener) -> None:
    accounts = open_accounts(f"sqlite:///{tmp_path}/accounts.db", True)
    await accounts.prepare()
    driver = sqlite3.connect(tmp_path / "accounts.db")
    driver.execute("UPDATE baton_bills SET issued = 'secret'")
    driver.execute("UPDATE baton_payments SET amount_cents = 'secret'")
    driver.commit()
    driver.close()
    for call in (accounts.bills, accounts.payments):
        with pytest.raises(AccountsUnavailableError) as caught:
            await call("ACC-2024-0042")
        assert str(caught.value) == "The account data can't be read right now."
        assert (caught.value.reason, caught.value.__suppress_context__) == ("ValueError", True)
