"""What bills and meters say, in words: compared, listed, explained. Pure, like ``account_words.py``.

Must never make up a reason: what explains a bill is in the data, or isn't said.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from app.agents.account_words import LISTED, Asked, day, money, quantity
from app.agents.accounts.records import Bill, Meter

_CLEARLY: Final = Decimal(5)  # per cent: a smaller change isn't called one


def bills(asked: Asked) -> str:
    """The last bills."""
    if not asked.bills:
        return "There is no bill on your account yet."
    rows = [
        f"- {day(bill.issued)}: **{money(bill.total)}**, {quantity(bill.usage, bill.unit)}, due {day(bill.due)}"
        for bill in asked.bills[:LISTED]
    ]
    return "Your latest bills:\n\n" + "\n".join(rows)


def charges(asked: Asked) -> str:
    """What a bill is made of."""
    bill = asked.bill
    if bill is None:
        return "There is no bill on your account yet."
    rows = [f"- {charge.name}: {money(charge.amount)}" for charge in bill.charges]
    period = f"{day(bill.start)} to {day(bill.end)}, {quantity(bill.usage, bill.unit)}"
    head = f"{asked.aside}Your bill of {day(bill.issued)} ({period}):"
    return f"{head}\n\n" + "\n".join([*rows, f"- **Total: {money(bill.total)}**"])


def high_bill(asked: Asked) -> str:
    """A bill compared with the one before and the same month of the year before."""
    bill = asked.bill
    if bill is None:
        return "There is no bill on your account yet, so there is nothing to compare."
    place = asked.bills.index(bill)
    before = asked.bills[place + 1] if place + 1 < len(asked.bills) else None
    year = _year_before(asked, bill)
    rows = [
        f"- {name}: {money(other.total)} for {_measured(other)} ({_change(bill, other)})"
        for name, other in (("The bill before", before), ("The same month last year", year))
        if other is not None
    ]
    text = f"{asked.aside}Your bill of {day(bill.issued)} is **{money(bill.total)}** for {_measured(bill)}."
    if not rows:
        return f"{text} It is your first one, so there is nothing to compare it with."
    return f"{text}\n\n" + "\n".join(rows) + f"\n\n{_reasons(bill, before, year)}"


def usage(asked: Asked) -> str:
    """How much was used; of a service that is named and isn't the bill's first, by its meter."""
    bill = asked.bill
    if bill is None:
        return "There is no usage on your account yet."
    named = [meter for meter in asked.meters if meter.service[:5] in asked.question.lower() and meter.unit != bill.unit]
    if named and len(named[0].reads) > 1:
        newest, before, *_ = named[0].reads
        return (
            f"From {day(before.at)} to {day(newest.at)} you used "
            f"**{quantity(newest.value - before.value, named[0].unit)}** of {named[0].service}, by your meter "
            f"{named[0].number}."
        )
    text = (
        f"{asked.aside}From {day(bill.start)} to {day(bill.end)} you used **{quantity(bill.usage, bill.unit)}**, "
        f"about {quantity(_per_day(bill), bill.unit)} a day."
    )
    year = _year_before(asked, bill)
    if year is not None:
        text += f" In the same month last year it was {quantity(year.usage, year.unit)}."
    return text


def read_type(
    asked: Asked,
) -> str:
    """Whether the meter was read."""
    bill = asked.bill
    if bill is None:
        return "There is no bill on your account yet."
    text = f"{asked.aside}Your bill of {day(bill.issued)} is based on an **{bill.read_type} read** of {day(bill.end)}."
    if bill.read_type == "estimated":
        text += " The next actual read corrects any difference by itself."
    latest = [f"{meter.service}: {_read(meter)}" for meter in asked.meters if meter.reads]
    return f"{text} Latest read – {'; '.join(latest)}." if latest else text


def meters(asked: Asked) -> str:
    """Which meters there are."""
    if not asked.meters:
        return "I see no meter on your account."
    rows = []
    for meter in asked.meters:
        read = _read(meter)
        last = f"; last read {read}" if read else ""
        where = f"{meter.location}, installed {day(meter.installed)}"
        rows.append(f"- {meter.service.capitalize()} meter **{meter.number}**, {where}{last}")
    return "Your meters:\n\n" + "\n".join(rows)


def _year_before(asked: Asked, bill: Bill) -> Bill | None:
    return next((one for one in asked.bills if _months(one, bill) == 12), None)


def _measured(bill: Bill) -> str:
    return f"{quantity(bill.usage, bill.unit)} in {_days(bill)} days"


def _read(meter: Meter) -> str | None:
    if not meter.reads:
        return None
    latest = meter.reads[0]
    return f"{quantity(latest.value, meter.unit)} on {day(latest.at)} ({latest.type})"


def _days(bill: Bill) -> int:
    return (bill.end - bill.start).days + 1


def _per_day(bill: Bill) -> Decimal:
    return (bill.usage / _days(bill)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _months(one: Bill, other: Bill) -> int:
    return (other.end.year - one.end.year) * 12 + other.end.month - one.end.month


def _percent(now: Decimal, then: Decimal) -> Decimal | None:
    return ((now - then) * 100 / then).quantize(Decimal(1), ROUND_HALF_UP) if then > 0 else None


def _change(bill: Bill, other: Bill) -> str:
    percent = _percent(bill.usage, other.usage)
    if percent is None:
        return "no usage to compare"
    return "the same usage" if percent == 0 else f"{abs(percent)} % {'more' if percent > 0 else 'less'} usage"


def _reasons(bill: Bill, before: Bill | None, year: Bill | None) -> str:
    """What in the data explains it; nothing is made up."""
    found = []
    for other, name in ((before, "the bill before"), (year, "the same month last year")):
        percent = None if other is None else _percent(bill.usage, other.usage)
        if percent is not None and percent >= _CLEARLY:
            found.append(f"you used {percent} % more than for {name}")
    if before is not None and _days(bill) > _days(before):
        longer = _days(bill) - _days(before)
        found.append(f"its period is {longer} {'day' if longer == 1 else 'days'} longer than the one before")
    if bill.read_type == "estimated":
        found.append("it is based on an estimated read, which the next actual read corrects")
    if before is not None:
        extra = {charge.name for charge in bill.charges} - {charge.name for charge in before.charges}
    else:
        extra = set()
    found += [f"it has a line that the bill before didn't have: {name}" for name in sorted(extra)]
    if not found:
        return "I see nothing unusual in it: usage and days are much like before."
    return "What explains it: " + "; ".join(found) + "."
