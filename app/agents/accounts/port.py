"""What agents may ask of account data, whatever keeps it (`sql.py` is SQLite or Postgres).

It must never answer a question of somebody who wasn't verified: who asks `verify` first is the agent's business, so
nothing here takes a customer's word for anything.
"""

from datetime import date
from typing import Final, Protocol

from app.agents.accounts.records import Bill, Meter, Payment, Profile
from app.core.errors import BatonError

BILLS: Final = 13
"""A year and the same month of the year before."""
PAYMENTS: Final = 12


class AccountsUnavailableError(BatonError):
    """The database can't answer: it can't be reached, is too slow, refuses, or holds what can't be read.

    The text is always the same; `reason` is the name of the error behind it ("OperationalError"), fit for a log.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__("The account data can't be read right now.")
        self.reason = reason


class Accounts(Protocol):
    """Account data. One instance per replica, used by many turns at once.

    All methods raise AccountsUnavailableError when the database can't answer. An account `number` that is unknown is
    no error: there is nothing of it.
    """

    async def find(self, kind: str, value: str) -> str | None:
        """The number of the one account whose "account", "phone" or "email" (`kind`) is `value`.

        `value` is normalized: "ACC-2024-0042", 10 digits, lower case. None if no account has it, or several have.
        Raises ValueError for another kind.
        """
        ...

    async def verify(self, number: str | None, ssn4: str | None, born: date | None) -> bool:
        """Whether every factor that is given matches the account's; False if none is given.

        `ssn4` is the last four digits of the social security number, `born` the date of birth. Without an account
        (None, or an unknown number) it does the same work and answers False, so that time reveals nothing.
        """
        ...

    async def profile(self, number: str) -> Profile | None:
        """Who the account belongs to, and its balance; None if it is unknown."""
        ...

    async def bills(self, number: str, most: int = BILLS) -> tuple[Bill, ...]:
        """At most `most` bills, the newest first."""
        ...

    async def payments(self, number: str, most: int = PAYMENTS) -> tuple[Payment, ...]:
        """At most `most` payments of any status, the newest first."""
        ...

    async def meters(self, number: str) -> tuple[Meter, ...]:
        """The account's meters, each with its newest reads."""
        ...

    async def close(self) -> None:
        """Let go of the database; every call from now on raises AccountsUnavailableError."""
        ...
