"""Rows that tests write past the port, as an operator would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Table, create_engine, func, insert, select
from sqlalchemy.pool import NullPool

from app.agents.accounts.schema import ACCOUNTS, METADATA, RATE_PLANS

HOSTILE: Final = [
    "' OR '1'='1", "x'; DROP TABLE baton_accounts; --", '" OR ""="', "%", "ACC-2024-0042' --", "ACC-2024-004_", "*", "",
    "ACC-2024-0042\0", "\0", "\ud800", "$1", ":value", "%s", "%(value)s", "{}", "\\", "9" * 10_000, "ACC-2024-0042 ",
]  # fmt: skip


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction of the test's own."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def put(url: str, table: Table, *rows: dict[str, Any]) -> None:
    """Write rows, making the tables if needed."""
    with connected(url) as connection:
        METADATA.create_all(connection)
        connection.execute(insert(table), list(rows))


def count(url: str, table: Table) -> int:
    with connected(url) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def put_account(url: str, number: str, **values: Any) -> None:
    """Write an account, with a plan of its own."""
    put(url, RATE_PLANS, {"code": f"plan of {number}", "name": "A plan", "description": "What it costs"})
    plain = {"name": "Ann", "address": "1 Street", "phone": "", "email": "", "autopay": False, "paperless": False}
    account = {**plain, "number": number, "budget_billing": False, "plan_code": f"plan of {number}", **values}
    put(url, ACCOUNTS, account)
