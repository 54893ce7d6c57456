import asyncio
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.agents.accounts.port import Accounts, AccountsUnavailableError
from app.agents.accounts.queries import MOST_READS
from app.agents.accounts.records import Charge, Payment, RatePlan, Read
from app.agents.accounts.sample_people import SAMPLE_CUSTOMERS
from app.agents.accounts.schema import ACCOUNTS, BILLS, CHARGES, METERS, PAYMENTS, READS
from app.agents.accounts.sql import SqlAccounts
from tests.agents.accounts.conftest import TODAY
from tests.agents.accounts.rows import HOSTILE, count, put, put_account

MARIA, JANE = "ACC-2024-0042", "ACC-2024-0099"
DAY = date(2025, 5, 5)

Opener = Callable[[str, bool], SqlAccounts]


def bill_row(account: str, number: str, cents: int, issued: date = DAY) -> dict[str, Any]:
    return {
        "number": number, "account": account, "issued": issued, "due": issued, "period_start": issued,
        "period_end": issued, "usage_thousandths": 1, "unit": "kWh", "read_type": "actual", "total_cents": cents,
    }  # fmt: skip


def test_it_is_the_port() -> None:
    accounts: type[Accounts] = SqlAccounts
    assert accounts is SqlAccounts


async def test_a_profile(accounts: SqlAccounts) -> None:
    found = await accounts.profile(MARIA)
    assert found is not None
    assert (found.number, found.name, found.phone) == (MARIA, "Maria Garcia", "5551230042")
    assert (found.email, found.address) == ("maria.garcia@example.com", "118 Maple Street, Springfield, IL 62701")
    assert (found.autopay, found.paperless, found.budget_billing) == (True, True, False)
    assert found.autopay_from == "bank account ending in 6789"
    assert found.plan == RatePlan("R-1", "Residential Standard", found.plan.description)
    assert "12.00" in found.plan.description
    assert await accounts.profile("ACC-2024-9999") is None


@pytest.mark.parametrize("customer", SAMPLE_CUSTOMERS, ids=lambda customer: customer.number)
async def test_every_customer_is_found_and_verified(accounts: SqlAccounts, customer: Any) -> None:
    for kind, value in (("account", customer.number), ("phone", customer.phone), ("email", customer.email)):
        assert await accounts.find(kind, value) == customer.number
    assert await accounts.verify(customer.number, customer.ssn4, customer.born)


@pytest.mark.parametrize("customer", SAMPLE_CUSTOMERS, ids=lambda customer: customer.number)
async def test_sums_are_exact(accounts: SqlAccounts, customer: Any) -> None:
    profile, bills = await accounts.profile(customer.number), await accounts.bills(customer.number, 100)
    paid = [p.amount for p in await accounts.payments(customer.number, 100) if p.status == "posted"]
    assert profile is not None
    assert profile.balance == sum(bill.total for bill in bills) - sum(paid)
    for bill in bills:
        assert bill.total == sum(charge.amount for charge in bill.charges)
        assert all(amount.as_tuple().exponent == -2 for amount in (bill.total, *(c.amount for c in bill.charges)))


@pytest.mark.parametrize(("kind", "value"), [("account", "ACC-2024-9999"), ("phone", "5550000000"), ("email", "a@b.c")])
async def test_nobody_is_found(accounts: SqlAccounts, kind: str, value: str) -> None:
    assert await accounts.find(kind, value) is None


async def test_a_kind_is_not_for_the_database(accounts: SqlAccounts) -> None:
    with pytest.raises(ValueError, match="account, phone or email"):
        await accounts.find("ssn4_hash", "x")


async def test_what_two_accounts_have_finds_neither(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url = new_url()
    put_account(url, "A", phone="5551110000", email="one@example.com")
    put_account(url, "B", phone="5551110000", email="two@example.com")
    accounts = open_accounts(url, False)
    assert await accounts.find("phone", "5551110000") is None
    assert await accounts.find("phone", "") is None
    assert await accounts.find("email", "two@example.com") == "B"
    assert await accounts.find("account", "A") == "A"


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
async def test_hostile_text_finds_nothing_and_harms_nothing(accounts: SqlAccounts, filled_url: str, text: str) -> None:
    for kind in ("account", "phone", "email"):
        assert await accounts.find(kind, text) is None
    assert await accounts.profile(text) is None
    assert (await accounts.bills(text), await accounts.payments(text), await accounts.meters(text)) == ((), (), ())
    assert not await accounts.verify(MARIA, text, None)
    assert count(filled_url, ACCOUNTS) == 10


async def test_bills_are_the_newest_first(accounts: SqlAccounts) -> None:
    bills = await accounts.bills(JANE)
    assert len(bills) == 13
    assert [bill.issued for bill in bills] == sorted((bill.issued for bill in bills), reverse=True)
    newest = bills[0]
    assert newest.charges[0] == Charge("Customer charge", Decimal("12.00"))
    assert newest.charges[-1].name == "State and local taxes"
    assert newest.start < newest.end < newest.issued < newest.due
    assert (newest.unit, newest.read_type, bills[1].read_type) == ("kWh", "estimated", "actual")
    assert await accounts.bills(JANE, 2) == bills[:2]


@pytest.mark.parametrize("most", [0, -1])
async def test_none_is_none(accounts: SqlAccounts, most: int) -> None:
    assert (await accounts.bills(JANE, most), await accounts.payments(JANE, most)) == ((), ())


async def test_a_limit_without_end_is_no_error(accounts: SqlAccounts) -> None:
    assert len(await accounts.bills(JANE, 2**70)) == 13


async def test_payments_are_the_newest_first(accounts: SqlAccounts) -> None:
    payments = await accounts.payments("ACC-2024-0160")
    assert [payment.status for payment in payments[:3]] == ["posted", "returned", "posted"]
    assert [payment.received for payment in payments] == sorted((p.received for p in payments), reverse=True)
    assert payments[0].amount == payments[1].amount == (await accounts.bills("ACC-2024-0160"))[1].total
    assert await accounts.payments("ACC-2024-0160", 1) == payments[:1]
    assert (await accounts.payments("ACC-2024-0107"))[0].status == "pending"


async def test_meters_and_their_reads(accounts: SqlAccounts) -> None:
    power, gas = await accounts.meters("ACC-2024-0153")
    assert (power.service, power.unit, gas.service, gas.unit) == ("electricity", "kWh", "gas", "therms")
    bills = await accounts.bills("ACC-2024-0153")
    for meter in (power, gas):
        assert [read.at for read in meter.reads[:13]] == [bill.end for bill in bills]
        assert meter.installed < meter.reads[-1].at
    assert power.reads[0].value - power.reads[1].value == bills[0].usage
    assert f"({gas.reads[0].value - gas.reads[1].value} therms)" in bills[0].charges[3].name
    (water,) = await accounts.meters("ACC-2024-0160")
    assert water.reads[0].value - water.reads[1].value == (await accounts.bills("ACC-2024-0160"))[0].usage


async def test_a_meter_shows_its_newest_reads_alone(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url = new_url()
    put_account(url, "A")
    plain = {"account": "A", "service": "water", "unit": "CCF", "location": "Yard", "installed": DAY}
    put(url, METERS, {"number": "2", **plain}, {"number": "1", **plain})
    days = [date(2020 + n // 12, n % 12 + 1, 1) for n in range(60)]
    rows = [{"meter": "2", "read_on": d, "value_thousandths": n, "type": "actual"} for n, d in enumerate(days)]
    put(url, READS, *rows)
    one, two = await open_accounts(url, False).meters("A")
    assert (one.number, one.reads, two.number, len(two.reads)) == ("1", (), "2", MOST_READS)
    assert two.reads[0] == Read(days[-1], Decimal("0.059"), "actual")


async def test_money_is_exact(new_url: Callable[[], str], open_accounts: Opener) -> None:
    url = new_url()
    put_account(url, "A")
    large = 2**53 + 1
    put(url, BILLS, bill_row("A", "1", large), bill_row("A", "2", 30), bill_row("A", "3", -5))
    put(url, CHARGES, *({"bill": "2", "position": n, "name": "dime", "amount_cents": 10} for n in (3, 2, 1)))
    paid = {"account": "A", "received": DAY, "method": "Check"}
    put(
        url,
        PAYMENTS,
        {**paid, "amount_cents": 10, "status": "posted"},
        {**paid, "amount_cents": 1, "status": "pending"},
    )
    accounts = open_accounts(url, False)
    profile = await accounts.profile("A")
    assert profile is not None
    assert str(profile.balance) == "90071992547410.08"
    negative, dimes, huge = await accounts.bills("A")
    assert (str(negative.total), str(dimes.total), str(huge.total)) == ("-0.05", "0.30", "90071992547409.93")
    assert sum(charge.amount for charge in dimes.charges) == Decimal("0.30")
    assert (dimes.usage, dimes.charges[0]) == (Decimal("0.001"), Charge("dime", Decimal("0.10")))
    assert (await accounts.payments("A"))[1] == Payment(DAY, Decimal("0.10"), "Check", "posted")


async def test_many_calls_at_once_are_all_answered(accounts: SqlAccounts) -> None:
    found = await asyncio.gather(*(accounts.find("account", c.number) for c in SAMPLE_CUSTOMERS * 10))
    assert found == [customer.number for customer in SAMPLE_CUSTOMERS * 10]


async def test_after_close_nothing_is_available(filled_url: str) -> None:
    accounts = SqlAccounts(filled_url, False, lambda: TODAY)
    assert await accounts.find("account", MARIA) == MARIA
    await accounts.close()
    await accounts.close()
    with pytest.raises(AccountsUnavailableError):
        await accounts.find("account", MARIA)


async def test_its_repr_shows_no_url(accounts: SqlAccounts) -> None:
    assert re.fullmatch(r"SqlAccounts\((sqlite|postgresql)\)", repr(accounts))


@pytest.mark.parametrize(
    "url",
    ["", "secret", "mysql://me:secret@host/db", "sqlite://", "sqlite:///:memory:", "sqlite:///file:secret?uri=true",
     "postgresql://me:secret@host:port/db", "postgresql+asyncpg://me:secret@host/db", "sqlite+pysqlcipher:///secret"],
)  # fmt: skip
def test_another_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="account database") as caught:
        SqlAccounts(url, False, lambda: TODAY)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
