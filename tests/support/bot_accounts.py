"""Account data in memory, and the customers that the support bot's tests know; every call is written down in order."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from app.agents.accounts.port import BILLS, PAYMENTS
from app.agents.accounts.records import Bill, Charge, Meter, Payment, Profile, RatePlan, Read

PLAN = RatePlan("R-1", "Residential Standard", "One price for every kWh.")
MARIA, JANE = "ACC-2024-0042", "ACC-2024-0099"

Call = tuple[Any, ...]


@dataclass(frozen=True)
class Known:
    """An account and what proves whose it is."""

    profile: Profile
    ssn4: str
    born: date
    bills: tuple[Bill, ...] = ()
    payments: tuple[Payment, ...] = ()
    meters: tuple[Meter, ...] = ()


def make_profile(number: str = MARIA, name: str = "Maria Garcia", **changed: Any) -> Profile:
    """A profile, with what a test wants otherwise."""
    values: dict[str, Any] = {
        "number": number, "name": name, "address": "118 Maple Street, Springfield, IL 62701", "phone": "5551230042",
        "email": "maria.garcia@example.com", "autopay": False, "autopay_from": None, "paperless": True,
        "budget_billing": False, "plan": PLAN, "balance": Decimal("87.45"),
    }  # fmt: skip
    return Profile(**values | changed)


def make_bill(issued: date, total: str = "87.45", **changed: Any) -> Bill:
    """A bill of a period of thirty days that ended two days before `issued`; due 21 days after it."""
    end = date.fromordinal(issued.toordinal() - 2)
    values: dict[str, Any] = {
        "number": f"B-{issued:%Y%m}", "due": date.fromordinal(issued.toordinal() + 21), "end": end,
        "start": date.fromordinal(end.toordinal() - 29), "usage": Decimal("612.000"), "unit": "kWh",
        "read_type": "actual", "charges": (Charge("Supply", Decimal(total)),),
    }  # fmt: skip
    return Bill(issued=issued, total=Decimal(total), **values | changed)


def make_payment(received: date, amount: str, status: str = "posted") -> Payment:
    """A payment by card."""
    return Payment(received, Decimal(amount), "Online (debit card)", status)


def make_meter(number: str, service: str, unit: str, reads: tuple[Read, ...] = ()) -> Meter:
    """A meter in the basement."""
    return Meter(number, service, unit, "Basement", date(2017, 5, 16), reads)


def customers() -> dict[str, Known]:
    """Maria Garcia and Jane Wilson, as of June 2025."""
    bills = (make_bill(date(2025, 6, 5)), make_bill(date(2025, 5, 6), "80.10"))
    maria = Known(make_profile(), "4821", date(1985, 3, 15), bills, (make_payment(date(2025, 5, 20), "80.10"),))
    other = make_profile(
        JANE, "Jane Wilson", phone="5551230099", email="jane.wilson@example.com", balance=Decimal("310.07"),
        address="2407 Oak Avenue, Springfield, IL 62704",
    )  # fmt: skip
    jane = Known(other, "7305", date(1972, 11, 8), (make_bill(date(2025, 6, 3), "310.07"),))
    return {MARIA: maria, JANE: jane}


@dataclass
class FakeAccounts:
    """The port of account data. `calls` may be shared with other fakes; `raises`: what `profile` raises."""

    known: dict[str, Known] = field(default_factory=customers)
    calls: list[Call] = field(default_factory=list)
    raises: Exception | None = None

    async def find(self, kind: str, value: str) -> str | None:
        """The account with this identifier."""
        self.calls.append(("find", kind, value))
        for number, one in self.known.items():
            if {"account": number, "phone": one.profile.phone, "email": one.profile.email}[kind] == value:
                return number
        return None

    async def verify(self, number: str | None, ssn4: str | None, born: date | None) -> bool:
        """Whether every factor that is given is right. Only the account is written down."""
        self.calls.append(("verify", number))
        one = self.known.get(number or "")
        if one is None or (ssn4 is None and born is None):
            return False
        return ssn4 in {None, one.ssn4} and born in {None, one.born}

    async def profile(self, number: str) -> Profile | None:
        """Who it is."""
        self.calls.append(("profile", number))
        if self.raises is not None:
            raise self.raises
        return self.known[number].profile if number in self.known else None

    async def bills(self, number: str, most: int = BILLS) -> tuple[Bill, ...]:
        """Newest first."""
        self.calls.append(("bills", number))
        return self.known[number].bills[:most]

    async def payments(self, number: str, most: int = PAYMENTS) -> tuple[Payment, ...]:
        """Newest first."""
        self.calls.append(("payments", number))
        return self.known[number].payments[:most]

    async def meters(self, number: str) -> tuple[Meter, ...]:
        """All of them."""
        self.calls.append(("meters", number))
        return self.known[number].meters

    async def close(self) -> None:
        """Nothing to let go of."""
