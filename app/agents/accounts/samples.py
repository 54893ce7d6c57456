"""The rows of the sample customers: a year and a month of bills, payments and reads that end before a given day.

It must never use chance or a clock: the same day gives the same rows, so that processes that start together agree.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Table

from app.agents.accounts import schema
from app.agents.accounts.factors import hash_factor
from app.agents.accounts.sample_people import SAMPLE_CUSTOMERS, SampleCustomer
from app.agents.accounts.sample_rates import PLANS
from app.agents.accounts.sample_stories import STORIES, Month, Story

Row = dict[str, Any]
DUE_DAYS: Final = 21


@dataclass(frozen=True, slots=True)
class Period:
    """One billing period, from the day after `before` to `end`."""

    before: date
    end: date
    issued: date
    due: date


def sample_rows(today: date) -> list[tuple[Table, list[Row]]]:
    """All rows by table, in an order that foreign keys allow. Hashing the factors takes about half a second."""
    rows: dict[Table, list[Row]] = {table: [] for table in schema.METADATA.sorted_tables}
    rows[schema.RATE_PLANS] = [{"code": p.code, "name": p.name, "description": p.description} for p in PLANS]
    for customer in SAMPLE_CUSTOMERS:
        rows[schema.ACCOUNTS].append(_account(customer))
        story = STORIES[customer.number]
        calendar = periods(today, story.age, story.bills)
        months = [story.month(customer, period.end, back) for back, period in enumerate(calendar)]
        for period, month in zip(calendar, months, strict=True):
            _add_bill(rows, customer, period, month)
        _add_payments(rows, customer, story, calendar, [sum(a for _, a in month.lines) for month in months], today)
        _add_meters(rows, customer, story, calendar, months)
    return list(rows.items())


def periods(today: date, age: int, count: int) -> list[Period]:
    """`count` monthly periods, the newest first; the first ended `age` or a few days more before `today`."""
    last = today - timedelta(days=age)
    day = min(last.day, 28)
    ends = [_months_before(last, day, back) for back in range(count + 1)]
    issued = [weekday(end + timedelta(days=1)) for end in ends]
    return [
        Period(ends[i + 1], ends[i], issued[i], weekday(issued[i] + timedelta(days=DUE_DAYS))) for i in range(count)
    ]


def weekday(day: date) -> date:
    """`day`, or the Monday after a weekend."""
    return day + timedelta(days=7 - day.weekday()) if day.weekday() >= 5 else day


def _months_before(last: date, day: int, back: int) -> date:
    months = last.year * 12 + last.month - 1 - back
    return date(months // 12, months % 12 + 1, day)


def _salt(customer: SampleCustomer, factor: str) -> bytes:
    return hashlib.sha256(f"{customer.number} {factor}".encode()).digest()[:16]


def _account(customer: SampleCustomer) -> Row:
    return {
        "number": customer.number,
        "name": customer.name,
        "address": customer.address,
        "phone": customer.phone,
        "email": customer.email,
        "ssn4_hash": hash_factor(customer.ssn4, _salt(customer, "ssn4")),
        "born_hash": hash_factor(customer.born.isoformat(), _salt(customer, "born")),
        "autopay": customer.autopay_from is not None,
        "autopay_from": customer.autopay_from,
        "paperless": customer.paperless,
        "budget_billing": customer.budget_billing,
        "plan_code": customer.plan,
    }


def _add_bill(rows: dict[Table, list[Row]], customer: SampleCustomer, period: Period, month: Month) -> None:
    number = f"B{customer.number[4:].replace('-', '')}-{period.end:%Y%m}"
    rows[schema.BILLS].append(
        {
            "number": number,
            "account": customer.number,
            "issued": period.issued,
            "due": period.due,
            "period_start": period.before + timedelta(days=1),
            "period_end": period.end,
            "usage_thousandths": month.used[0],
            "unit": month.unit,
            "read_type": month.read_type,
            "total_cents": sum(amount for _, amount in month.lines),
        }
    )
    rows[schema.CHARGES] += [
        {"bill": number, "position": position, "name": name, "amount_cents": amount}
        for position, (name, amount) in enumerate(month.lines, 1)
    ]


def _add_payments(
    rows: dict[Table, list[Row]],
    customer: SampleCustomer,
    story: Story,
    calendar: list[Period],
    totals: list[int],
    today: date,
) -> None:
    found: list[tuple[date, int, str]] = []
    for back, (period, total) in enumerate(zip(calendar, totals, strict=True)):
        day = period.due if customer.autopay_from else weekday(period.issued + timedelta(days=story.pays_after))
        if back in story.unpaid or day > today:
            continue
        if back == story.returned:
            found += [(day, total, "returned"), (weekday(day + timedelta(days=6)), total, "posted")]
        else:
            found.append((day, total, "posted"))
        if back == story.paid_twice:
            found.append((weekday(day + timedelta(days=1)), total, "posted"))
    if story.pending:
        found.append((today - timedelta(days=1), totals[0], "pending"))
    rows[schema.PAYMENTS] += [
        {"account": customer.number, "received": day, "amount_cents": cents, "method": story.method, "status": status}
        for day, cents, status in sorted(found)
    ]


def _add_meters(
    rows: dict[Table, list[Row]],
    customer: SampleCustomer,
    story: Story,
    calendar: list[Period],
    months: list[Month],
) -> None:
    for index, meter in enumerate(story.meters):
        installed = meter.installed or calendar[-1].before
        rows[schema.METERS].append(
            {
                "number": meter.number,
                "account": customer.number,
                "service": meter.service,
                "unit": meter.unit,
                "location": meter.location,
                "installed": installed,
            }
        )
        shown = meter.first
        reads = [(calendar[-1].before, 0, "actual")]
        for period, month in zip(reversed(calendar), reversed(months), strict=True):
            reads.append((period.end, month.used[index], month.read_type))
        for day, used, kind in reads:
            shown += used
            rows[schema.READS].append({"meter": meter.number, "read_on": day, "value_thousandths": shown, "type": kind})
