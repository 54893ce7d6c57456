"""Account data in SQLite or Postgres: the port's questions, asked in worker threads.

It must never block the event loop, never let a call wait without a limit, and never show the URL or a value of a
customer, not in an error either.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.agents.accounts import queries
from app.agents.accounts.database import CONNECTIONS, Database
from app.agents.accounts.port import BILLS, PAYMENTS, AccountsUnavailableError
from app.agents.accounts.records import Bill, Meter, Payment, Profile

QUEUE_SECONDS: Final = 3.0
"""For a call to wait for its turn; more of them than threads are seldom under way."""
RUN_SECONDS: Final = 8.0
"""For a call in its thread: connecting and one slow statement fit in."""
_T = TypeVar("_T")


class SqlAccounts:
    """The `Accounts` of one replica; see `port.py` for the methods.

    `url` is `sqlite:///path` or `postgresql://user:password@host/db`. `samples` fills an empty database with customers
    whose bills end before `today()`. Connects to nothing yet. Raises ValueError (without the URL) for another URL.
    """

    def __init__(self, url: str, samples: bool, today: Callable[[], date]) -> None:
        self._database = Database(url)
        self._samples = samples
        self._today = today
        self._prepared = False
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="accounts")

    def __repr__(self) -> str:
        return f"SqlAccounts({self._database.kind})"

    async def prepare(self) -> None:
        """Make missing tables, and the samples. Raises AccountsUnavailableError; the next call tries again then."""
        await self._call(lambda _: None)

    async def find(self, kind: str, value: str) -> str | None:
        if kind not in queries.KINDS:
            raise ValueError("an account is found by account, phone or email")
        return await self._call(partial(queries.find, kind=kind, value=value)) if queries.is_askable(value) else None

    async def verify(self, number: str | None, ssn4: str | None, born: date | None) -> bool:
        known = number if number is not None and queries.is_askable(number) else None
        return await self._call(partial(queries.verify, number=known, ssn4=ssn4, born=born))

    async def profile(self, number: str) -> Profile | None:
        return await self._call(partial(queries.profile, number=number)) if queries.is_askable(number) else None

    async def bills(self, number: str, most: int = BILLS) -> tuple[Bill, ...]:
        return await self._call(partial(queries.bills, number=number, most=most)) if queries.is_askable(number) else ()

    async def payments(self, number: str, most: int = PAYMENTS) -> tuple[Payment, ...]:
        if not queries.is_askable(number):
            return ()
        return await self._call(partial(queries.payments, number=number, most=most))

    async def meters(self, number: str) -> tuple[Meter, ...]:
        return await self._call(partial(queries.meters, number=number)) if queries.is_askable(number) else ()

    async def close(self) -> None:
        """Wait for the calls under way, at most `RUN_SECONDS`, and close every connection."""
        late = asyncio.get_running_loop().call_later(RUN_SECONDS, self._database.cut)
        try:
            await asyncio.to_thread(self._threads.shutdown)
        finally:
            late.cancel()
            await asyncio.to_thread(self._database.close)

    async def _call(self, ask: Callable[[Connection], _T]) -> _T:
        """What `ask` answers, from a worker thread. Raises AccountsUnavailableError and nothing else."""
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._turns.acquire()
            try:
                return await self._run(ask)
            finally:
                self._turns.release()
        # ValueError: a text in the table that is no date, say. Its message would quote it, as others may.
        except (SQLAlchemyError, OSError, ValueError) as error:
            raise AccountsUnavailableError(_name(error)) from None

    async def _run(self, ask: Callable[[Connection], _T]) -> _T:
        try:
            job = self._threads.submit(self._work, ask)
        except RuntimeError:
            raise AccountsUnavailableError("Closed") from None
        try:
            async with asyncio.timeout(RUN_SECONDS) as limit:
                return await asyncio.wrap_future(job)
        except TimeoutError:
            if limit.expired():
                self._database.cut()  # else its thread would wait as long as the server hangs
            raise

    def _work(self, ask: Callable[[Connection], _T]) -> _T:
        try:
            # Several threads may do it at once, like several processes: the database lets in one after the other.
            if not self._prepared:
                self._database.prepare(self._samples, self._today)
                self._prepared = True
            return self._database.read(ask)
        except SQLAlchemyError:
            self._prepared = False  # it may be another database, or an empty one, when it answers again
            raise


def _name(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return type(cause).__name__
