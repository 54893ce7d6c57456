"""What an account holds, as agents see it: plain values without a way back to the database.

Money and quantities must never be floats: money is a `Decimal` of two places, in the utility's currency; usage and
readings are `Decimal`s of up to three places.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of a bill. A negative `amount` is a credit."""

    name: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill. `total` is the sum of `charges`; what was open before is not in it.

    `start` and `end` are the first and last day of the period. `usage` is in `unit` ("kWh", "therms", "CCF"); with
    several services on one bill, that of the first. `read_type`, of the read at the end: "actual" or "estimated".
    """

    number: str
    issued: date
    due: date
    start: date
    end: date
    usage: Decimal
    unit: str
    read_type: str
    charges: tuple[Charge, ...]
    total: Decimal


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment; `status` is "posted", "pending" or "returned". Only a posted one counts."""

    received: date
    amount: Decimal
    method: str
    status: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a meter showed at the end of the day `at`; `type` is "actual" or "estimated"."""

    at: date
    value: Decimal
    type: str


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter; `service` is "electricity", "gas" or "water". `reads` are the newest first."""

    number: str
    service: str
    unit: str
    location: str
    installed: date
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class RatePlan:
    """What a customer pays by, in words."""

    code: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Who an account belongs to, and how it is paid.

    `phone` (10 digits) and `email` are "" where there is none. `autopay_from` is like "bank account ending in 6789".
    `balance` is all bills minus all posted payments: what is owed, negative for a credit.
    """

    number: str
    name: str
    address: str
    phone: str
    email: str
    autopay: bool
    autopay_from: str | None
    paperless: bool
    budget_billing: bool
    plan: RatePlan
    balance: Decimal
