"""The tables, the same on SQLite and Postgres. Whoever fills them by hand reads docs/accounts.md.

Money must never be a float or a NUMERIC (SQLite would make it a float): it is whole cents, and quantities are whole
thousandths.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

METADATA: Final = MetaData()


def _text(name: str, *more: ForeignKey | CheckConstraint, key: bool = False) -> Column[str]:
    return Column(name, String, *more, primary_key=key, nullable=False)


def _one_of(name: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{name} IN ({', '.join(repr(value) for value in values)})")


RATE_PLANS: Final = Table("baton_rate_plans", METADATA, _text("code", key=True), _text("name"), _text("description"))

ACCOUNTS: Final = Table(
    "baton_accounts",
    METADATA,
    _text("number", key=True),
    _text("name"),
    _text("address"),
    _text("phone", CheckConstraint("length(phone) IN (0, 10)")),
    _text("email", CheckConstraint("email = lower(email)")),
    Column("ssn4_hash", String),
    Column("born_hash", String),
    Column("autopay", Boolean, nullable=False),
    Column("autopay_from", String),
    Column("paperless", Boolean, nullable=False),
    Column("budget_billing", Boolean, nullable=False),
    _text("plan_code", ForeignKey(RATE_PLANS.c.code)),
    Index("baton_accounts_by_phone", "phone"),
    Index("baton_accounts_by_email", "email"),
)

BILLS: Final = Table(
    "baton_bills",
    METADATA,
    _text("number", key=True),
    _text("account", ForeignKey(ACCOUNTS.c.number)),
    Column("issued", Date, nullable=False),
    Column("due", Date, nullable=False),
    Column("period_start", Date, nullable=False),
    Column("period_end", Date, nullable=False),
    Column("usage_thousandths", BigInteger, nullable=False),
    _text("unit"),
    _text("read_type", _one_of("read_type", "actual", "estimated")),
    Column("total_cents", BigInteger, nullable=False),
    Index("baton_bills_by_account", "account", "issued"),
)

CHARGES: Final = Table(
    "baton_charges",
    METADATA,
    _text("bill", ForeignKey(BILLS.c.number), key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _text("name"),
    Column("amount_cents", BigInteger, nullable=False),
)

PAYMENTS: Final = Table(
    "baton_payments",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("account", ForeignKey(ACCOUNTS.c.number)),
    Column("received", Date, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    _text("method"),
    _text("status", _one_of("status", "posted", "pending", "returned")),
    Index("baton_payments_by_account", "account", "received"),
)

METERS: Final = Table(
    "baton_meters",
    METADATA,
    _text("number", key=True),
    _text("account", ForeignKey(ACCOUNTS.c.number)),
    _text("service", _one_of("service", "electricity", "gas", "water")),
    _text("unit"),
    _text("location"),
    Column("installed", Date, nullable=False),
    Index("baton_meters_by_account", "account"),
)

READS: Final = Table(
    "baton_reads",
    METADATA,
    _text("meter", ForeignKey(METERS.c.number), key=True),
    Column("read_on", Date, primary_key=True),
    Column("value_thousandths", BigInteger, nullable=False),
    _text("type", _one_of("type", "actual", "estimated")),
)
