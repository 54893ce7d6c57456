"""What the sample customers pay by: rate plans, their lines on a bill, and how usage goes with the seasons.

Amounts must never be rounded twice: each line is rounded to a cent by itself, and a total only adds lines.
"""

import zlib
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

Line = tuple[str, int]
"""The name of a charge and its amount in cents."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A rate plan. `fixed` is in cents a month; `rates` are dollars a unit; `tax` is a percentage of all lines."""

    code: str
    name: str
    description: str
    fixed: int
    rates: tuple[tuple[str, str], ...]
    tax: str


PLANS: Final[tuple[Plan, ...]] = (
    Plan(
        "R-1", "Residential Standard", "One price at all hours: $12.00 a month, 4.82¢ delivery and 9.17¢ supply a kWh.",
        1200, (("Delivery charge", "0.0482"), ("Supply charge", "0.0917")), "6.5",
    ),
    Plan(
        "TOU-2", "Residential Time-of-Use",
        "$13.50 a month and 4.82¢ delivery a kWh; supply costs 18.9¢ on weekdays from 4 to 9 p.m., 6.1¢ otherwise.",
        1350, (("Delivery charge", "0.0482"),), "6.5",
    ),
    Plan(
        "NEM-1", "Residential Net Metering",
        "For solar panels: $14.00 a month, 4.82¢ delivery and 9.17¢ supply a kWh used, 8.4¢ credit a kWh exported.",
        1400, (("Delivery charge", "0.0482"), ("Supply charge", "0.0917")), "6.5",
    ),
    Plan(
        "GS-2", "General Service with Demand",
        "Small business: $38.00 a month, 3.1¢ delivery and 8.65¢ supply a kWh, $9.75 a kW of highest demand.",
        3800, (("Delivery charge", "0.0310"), ("Supply charge", "0.0865")), "8.25",
    ),
    Plan(
        "RG-1", "Residential Electric and Gas",
        "$21.00 a month for both; 4.82¢ delivery and 9.17¢ supply a kWh, 41¢ delivery and 58¢ supply a therm.",
        2100, (("Electric delivery charge", "0.0482"), ("Electric supply charge", "0.0917")), "6.5",
    ),
    Plan(
        "W-1", "Residential Water and Sewer",
        "$16.20 a month; $3.94 water and $5.12 sewer a CCF (100 cubic feet, 748 gallons).",
        1620, (("Water charge", "3.94"), ("Sewer charge", "5.12")), "2",
    ),
)  # fmt: skip

# Percent of an average month, January first.
ELECTRICITY: Final = (104, 98, 86, 76, 82, 112, 142, 138, 108, 78, 80, 96)
GAS: Final = (210, 190, 150, 90, 45, 22, 16, 15, 24, 68, 142, 228)
WATER: Final = (82, 82, 84, 92, 106, 124, 138, 134, 112, 92, 80, 74)
BUSINESS: Final = (96, 95, 97, 95, 98, 108, 118, 116, 103, 95, 93, 86)
SUN: Final = (48, 64, 96, 118, 138, 146, 148, 136, 108, 82, 54, 42)


def seasonal(number: str, end: date, average: int, shape: tuple[int, ...]) -> int:
    """Usage of the period that ends at `end`: `average` times the shape, up to 4 % off, always the same for `number`.

    Whole units of whatever `average` counts.
    """
    middle = end.month - 1 if end.day > 15 else (end.month - 2) % 12
    off = zlib.crc32(f"{number} {end:%Y-%m} {shape}".encode()) % 9 - 4
    return average * shape[middle] * (100 + off) // 10_000


def base_lines(plan: Plan, thousandths: int) -> list[Line]:
    """The monthly charge and what the plan takes for the usage."""
    used = Decimal(thousandths).scaleb(-3)
    return [("Customer charge", plan.fixed), *((name, priced(used, rate)) for name, rate in plan.rates)]


def priced(quantity: Decimal | int, dollars: str) -> int:
    """`quantity` at so many dollars each, in cents, half a cent up."""
    return int((quantity * Decimal(dollars) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def tax_line(plan: Plan, lines: list[Line]) -> Line:
    """The tax on the lines so far."""
    return ("State and local taxes", priced(Decimal(sum(amount for _, amount in lines)).scaleb(-2) / 100, plan.tax))
