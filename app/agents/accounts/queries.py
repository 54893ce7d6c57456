"""The questions of the port as SQL, on one connection; every value travels as a parameter.

It must never build SQL from text, and never say by the time it takes whether an account exists.
"""

from datetime import date
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, func, select

from app.agents.accounts.factors import matches
from app.agents.accounts.records import Bill, Charge, Meter, Payment, Profile, RatePlan, Read
from app.agents.accounts.schema import ACCOUNTS, BILLS, CHARGES, METERS, PAYMENTS, RATE_PLANS, READS

KINDS: Final = {"account": ACCOUNTS.c.number, "phone": ACCOUNTS.c.phone, "email": ACCOUNTS.c.email}
MOST_ROWS: Final = 120
"""Ten years of bills; nobody reads more in a chat."""
MOST_READS: Final = 26
"""The reads of a meter that are shown: two years and the ones they are compared with."""
MOST_METERS: Final = 20
_LONGEST: Final = 320
_NOBODY: Final = ""


def is_askable(text: str) -> bool:
    """Whether a database can be asked for `text`: what it can't even encode, or no column holds, is nowhere in it."""
    if not 0 < len(text) <= _LONGEST or "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def find(connection: Connection, kind: str, value: str) -> str | None:
    """The number of the one account whose `kind` (of KINDS) is `value`."""
    rows = connection.scalars(select(ACCOUNTS.c.number).where(KINDS[kind] == value).limit(2)).all()
    return rows[0] if len(rows) == 1 else None


def verify(connection: Connection, number: str | None, ssn4: str | None, born: date | None) -> bool:
    """Whether all given factors match; the same query and as many hashes whether the account exists or not."""
    query = select(ACCOUNTS.c.ssn4_hash, ACCOUNTS.c.born_hash).where(ACCOUNTS.c.number == (number or _NOBODY))
    row = connection.execute(query).one_or_none()
    ssn4_hash, born_hash = row if row is not None else (None, None)
    given = [(ssn4, ssn4_hash), (None if born is None else born.isoformat(), born_hash)]
    # A list, not a generator: all() would stop at the first mismatch and tell which one it was.
    results = [matches(text, stored or "") for text, stored in given if text is not None]
    return bool(results) and all(results) and row is not None


def profile(connection: Connection, number: str) -> Profile | None:
    """The account with its plan and balance."""
    billed = select(func.coalesce(func.sum(BILLS.c.total_cents), 0)).where(BILLS.c.account == number)
    paid = select(func.coalesce(func.sum(PAYMENTS.c.amount_cents), 0)).where(
        PAYMENTS.c.account == number, PAYMENTS.c.status == "posted"
    )
    query = (
        select(
            ACCOUNTS,
            RATE_PLANS.c.name.label("plan_name"),
            RATE_PLANS.c.description.label("plan_description"),
            (billed.scalar_subquery() - paid.scalar_subquery()).label("balance_cents"),
        )
        .join_from(ACCOUNTS, RATE_PLANS)
        .where(ACCOUNTS.c.number == number)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Profile(
        number=row.number,
        name=row.name,
        address=row.address,
        phone=row.phone,
        email=row.email,
        autopay=row.autopay,
        autopay_from=row.autopay_from,
        paperless=row.paperless,
        budget_billing=row.budget_billing,
        plan=RatePlan(row.plan_code, row.plan_name, row.plan_description),
        balance=_money(row.balance_cents),
    )


def bills(connection: Connection, number: str, most: int) -> tuple[Bill, ...]:
    """The newest `most` bills with their charges."""
    newest = (
        select(BILLS)
        .where(BILLS.c.account == number)
        .order_by(BILLS.c.issued.desc(), BILLS.c.number.desc())
        .limit(_bounded(most))
    )
    rows = connection.execute(newest).all()
    lines: dict[str, list[Charge]] = {row.number: [] for row in rows}
    charges = select(CHARGES).where(CHARGES.c.bill.in_(lines)).order_by(CHARGES.c.bill, CHARGES.c.position)
    for line in connection.execute(charges):
        lines[line.bill].append(Charge(line.name, _money(line.amount_cents)))
    return tuple(
        Bill(
            number=row.number,
            issued=row.issued,
            due=row.due,
            start=row.period_start,
            end=row.period_end,
            usage=_quantity(row.usage_thousandths),
            unit=row.unit,
            read_type=row.read_type,
            charges=tuple(lines[row.number]),
            total=_money(row.total_cents),
        )
        for row in rows
    )


def payments(connection: Connection, number: str, most: int) -> tuple[Payment, ...]:
    """The newest `most` payments."""
    query = (
        select(PAYMENTS)
        .where(PAYMENTS.c.account == number)
        .order_by(PAYMENTS.c.received.desc(), PAYMENTS.c.id.desc())
        .limit(_bounded(most))
    )
    return tuple(
        Payment(row.received, _money(row.amount_cents), row.method, row.status) for row in connection.execute(query)
    )


def meters(connection: Connection, number: str) -> tuple[Meter, ...]:
    """The meters by number, each with its newest reads."""
    mine = select(METERS).where(METERS.c.account == number).order_by(METERS.c.number).limit(MOST_METERS)
    rows = connection.execute(mine).all()
    reads: dict[str, list[Read]] = {row.number: [] for row in rows}
    age = func.row_number().over(partition_by=READS.c.meter, order_by=READS.c.read_on.desc()).label("age")
    aged = select(READS, age).where(READS.c.meter.in_(reads)).subquery()
    for row in connection.execute(select(aged).where(aged.c.age <= MOST_READS).order_by(aged.c.meter, aged.c.age)):
        reads[row.meter].append(Read(row.read_on, _quantity(row.value_thousandths), row.type))
    return tuple(
        Meter(row.number, row.service, row.unit, row.location, row.installed, tuple(reads[row.number])) for row in rows
    )


def _bounded(most: int) -> int:
    # SQLite takes a negative LIMIT for none, Postgres for an error.
    return max(0, min(most, MOST_ROWS))


def _money(cents: int) -> Decimal:
    return Decimal(int(cents)).scaleb(-2)


def _quantity(thousandths: int) -> Decimal:
    whole, rest = divmod(int(thousandths), 1000)
    return Decimal(whole) if rest == 0 else Decimal(int(thousandths)).scaleb(-3).normalize()
