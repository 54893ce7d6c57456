"""What happened to each sample customer: meters, usage and lines of each month, and which bills were paid how.

A story must never change with anything but the day its newest bill ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.agents.accounts.sample_people import SampleCustomer
from app.agents.accounts.sample_rates import (
    BUSINESS,
    ELECTRICITY,
    GAS,
    PLANS,
    SUN,
    WATER,
    Line,
    Plan,
    base_lines,
    priced,
    seasonal,
    tax_line,
)

BUDGET_CENTS: Final = 14_500
RETURNED_FEE_CENTS: Final = 1_500
LATE_FEE_PERMILLE: Final = 15


@dataclass(frozen=True, slots=True)
class Month:
    """What a bill says: `used` is in thousandths of the unit of each meter, `lines` add up to the total."""

    used: tuple[int, ...]
    unit: str
    read_type: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class SampleMeter:
    """A meter; `first` is what it showed before the first bill, in thousandths; installed then if the day is None."""

    number: str
    service: str
    unit: str
    location: str
    installed: date | None
    first: int


@dataclass(frozen=True, slots=True)
class Story:
    """A customer's last year. Bills are counted back from the newest, which is 0; it ended `age` days before today.

    Without AutoPay a bill is paid `pays_after` days after its issue.
    """

    month: Callable[[SampleCustomer, date, int], Month]
    meters: tuple[SampleMeter, ...]
    age: int
    method: str
    bills: int = 13
    pays_after: int = 14
    unpaid: frozenset[int] = frozenset()
    returned: int | None = None
    paid_twice: int | None = None
    pending: bool = False


def _plan(customer: SampleCustomer) -> Plan:
    return next(plan for plan in PLANS if plan.code == customer.plan)


def _taxed(customer: SampleCustomer, lines: list[Line]) -> list[Line]:
    return [*lines, tax_line(_plan(customer), lines)]


def _electric(customer: SampleCustomer, kwh: int, *more: Line) -> list[Line]:
    """The taxed lines of the plan for so many kWh, with `more` before the tax."""
    return _taxed(customer, [*base_lines(_plan(customer), kwh * 1000), *more])


def _residential(average: int) -> Callable[[SampleCustomer, date, int], Month]:
    def month(customer: SampleCustomer, end: date, back: int) -> Month:
        kwh = seasonal(customer.number, end, average, ELECTRICITY)
        return Month((kwh * 1000,), "kWh", "actual", tuple(_electric(customer, kwh)))

    return month


def _jane(customer: SampleCustomer, end: date, back: int) -> Month:
    kwh = seasonal(customer.number, end, 720, ELECTRICITY)
    if back == 0:
        # Clearly above every month of the year, whatever the season.
        kwh = 720 * max(ELECTRICITY) * 135 // 10_000
    return Month((kwh * 1000,), "kWh", "actual" if back else "estimated", tuple(_electric(customer, kwh)))


def _time_of_use(customer: SampleCustomer, end: date, back: int) -> Month:
    kwh = seasonal(customer.number, end, 940, ELECTRICITY)
    peak = kwh * 22 // 100
    supply = [
        (f"On-peak supply ({peak} kWh)", priced(peak, "0.189")),
        (f"Off-peak supply ({kwh - peak} kWh)", priced(kwh - peak, "0.061")),
    ]
    return Month((kwh * 1000,), "kWh", "actual", tuple(_electric(customer, kwh, *supply)))


def _budget(customer: SampleCustomer, end: date, back: int) -> Month:
    kwh = seasonal(customer.number, end, 830, ELECTRICITY)
    lines = _electric(customer, kwh)
    lines.append(("Budget billing adjustment", BUDGET_CENTS - sum(amount for _, amount in lines)))
    return Month((kwh * 1000,), "kWh", "actual", tuple(lines))


def _solar(customer: SampleCustomer, end: date, back: int) -> Month:
    kwh = seasonal(customer.number, end, 610, ELECTRICITY)
    exported = seasonal(customer.number, end, 280, SUN)
    credit = (f"Solar export credit ({exported} kWh)", -priced(exported, "0.084"))
    return Month((kwh * 1000,), "kWh", "actual", tuple(_electric(customer, kwh, credit)))


def _business(customer: SampleCustomer, end: date, back: int) -> Month:
    kwh = seasonal(customer.number, end, 3_900, BUSINESS)
    tenths = seasonal(customer.number, end, 164, BUSINESS)
    demand = (f"Demand charge ({tenths // 10}.{tenths % 10} kW)", priced(tenths, "0.975"))
    return Month((kwh * 1000,), "kWh", "actual", tuple(_electric(customer, kwh, demand)))


def _past_due(customer: SampleCustomer, end: date, back: int) -> Month:
    kwh = seasonal(customer.number, end, 690, ELECTRICITY)
    lines = _electric(customer, kwh)
    if back == 0:
        before = _past_due(customer, end.replace(year=end.year - (end.month == 1), month=(end.month - 2) % 12 + 1), 1)
        lines.append(("Late payment fee", sum(amount for _, amount in before.lines) * LATE_FEE_PERMILLE // 1000))
    return Month((kwh * 1000,), "kWh", "actual", tuple(lines))


def _two_services(customer: SampleCustomer, end: date, back: int) -> Month:
    kwh = seasonal(customer.number, end, 640, ELECTRICITY)
    therms = seasonal(customer.number, end, 52, GAS)
    gas = [
        (f"Gas delivery charge ({therms} therms)", priced(therms, "0.41")),
        (f"Gas supply charge ({therms} therms)", priced(therms, "0.58")),
    ]
    return Month((kwh * 1000, therms * 1000), "kWh", "actual", tuple(_electric(customer, kwh, *gas)))


def _water(customer: SampleCustomer, end: date, back: int) -> Month:
    thousandths = seasonal(customer.number, end, 7_400, WATER)
    lines = _taxed(customer, base_lines(_plan(customer), thousandths))
    if back == 0:
        lines.append(("Returned payment fee", RETURNED_FEE_CENTS))
    return Month((thousandths,), "CCF", "actual", tuple(lines))


def _power(number: str, location: str, installed: date | None, first: int) -> tuple[SampleMeter, ...]:
    return (SampleMeter(number, "electricity", "kWh", location, installed, first * 1000),)


STORIES: Final[Mapping[str, Story]] = {
    "ACC-2024-0042": Story(
        _residential(650), _power("E-301842", "Outside, west wall", date(2017, 5, 16), 48_211), 9,
        "AutoPay (bank account)",
    ),
    "ACC-2024-0099": Story(
        _jane, _power("E-299067", "Basement", date(2012, 9, 4), 91_530), 7, "Online (bank account)",
        unpaid=frozenset({0}),
    ),
    "ACC-2024-0107": Story(
        _time_of_use, _power("E-377120", "Garage", date(2021, 3, 11), 22_904), 14, "Online (debit card)",
        unpaid=frozenset({0}), pending=True,
    ),
    "ACC-2024-0118": Story(
        _budget, _power("E-188455", "Outside, back door", date(2009, 8, 25), 17_348), 27, "AutoPay (checking account)"
    ),
    "ACC-2024-0125": Story(
        _solar, _power("E-402233", "Outside, south wall", date(2022, 6, 7), 14_075), 21, "Online (bank account)",
        pays_after=10, paid_twice=1,
    ),
    "ACC-2024-0131": Story(
        _business, _power("E-510087", "Utility room", date(2019, 1, 22), 60_412), 12, "AutoPay (credit card)"
    ),
    "ACC-2024-0146": Story(
        _past_due, _power("E-266390", "Hallway, cabinet 4B", date(2015, 10, 13), 35_866), 10, "Phone (debit card)",
        pays_after=19, unpaid=frozenset({0, 1}),
    ),
    "ACC-2024-0153": Story(
        _two_services,
        (
            *_power("E-233518", "Outside, north wall", date(2014, 4, 9), 72_659),
            SampleMeter("G-118204", "gas", "therms", "Basement", date(2014, 4, 9), 6_318_000),
        ),
        24, "Check", pays_after=16,
    ),
    "ACC-2024-0160": Story(
        _water, (SampleMeter("W-045517", "water", "CCF", "Front yard, pit", date(2018, 7, 19), 612_340),), 16,
        "Online (bank account)", unpaid=frozenset({0}), returned=1,
    ),
    "ACC-2025-0007": Story(
        _residential(410), _power("E-618842", "Hallway, cabinet 12", None, 0), 5, "", bills=1, unpaid=frozenset({0})
    ),
}  # fmt: skip
