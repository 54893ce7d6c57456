"""The ten sample customers: who they are, and what is special about each. Their bills are made in `samples.py`.

They must never be real: phone numbers begin with 555, addresses are of example.com.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class SampleCustomer:
    """One of them, with the factors in the clear. `plan` is the code of one in `sample_rates.py`."""

    number: str
    name: str
    address: str
    phone: str
    email: str
    ssn4: str
    born: date
    plan: str
    special: str
    autopay_from: str | None = None
    paperless: bool = False
    budget_billing: bool = False


SAMPLE_CUSTOMERS: Final[tuple[SampleCustomer, ...]] = (
    SampleCustomer(
        "ACC-2024-0042", "Maria Garcia", "118 Maple Street, Springfield, IL 62701", "5551230042",
        "maria.garcia@example.com", "4821", date(1985, 3, 15), "R-1",
        "Residential; on AutoPay from a bank account; the newest bill isn't due yet",
        autopay_from="bank account ending in 6789", paperless=True,
    ),
    SampleCustomer(
        "ACC-2024-0099", "Jane Wilson", "2407 Oak Avenue, Springfield, IL 62704", "5551230099",
        "jane.wilson@example.com", "7305", date(1972, 11, 8), "R-1",
        "Residential, no AutoPay; the newest bill is open, far higher than usual, and its read is estimated",
    ),
    SampleCustomer(
        "ACC-2024-0107", "David Chen", "56 Lakeview Terrace, Springfield, IL 62703", "5551230107",
        "david.chen@example.com", "1946", date(1990, 7, 22), "TOU-2",
        "Time-of-use plan with an electric car; a payment for the newest bill is pending", paperless=True,
    ),
    SampleCustomer(
        "ACC-2024-0118", "Patricia Johnson", "901 Birch Lane, Springfield, IL 62702", "5551230118",
        "patricia.johnson@example.com", "3378", date(1951, 1, 30), "R-1",
        "Budget billing: every bill is $145.00; on AutoPay from a checking account",
        autopay_from="checking account ending in 2210", budget_billing=True,
    ),
    SampleCustomer(
        "ACC-2024-0125", "Robert Kowalski", "33 Sunrise Court, Springfield, IL 62711", "5551230125",
        "robert.kowalski@example.com", "9052", date(1967, 9, 4), "NEM-1",
        "Solar panels with export credits; paid one bill twice, so the account has a credit balance", paperless=True,
    ),
    SampleCustomer(
        "ACC-2024-0131", "Samuel Okafor (Harbor Street Bakery)", "7 Harbor Street, Springfield, IL 62701",
        "5551230131", "office@harborbakery.example.com", "6614", date(1979, 5, 12), "GS-2",
        "Small business with a demand charge; on AutoPay from a credit card",
        autopay_from="credit card ending in 4433", paperless=True,
    ),
    SampleCustomer(
        "ACC-2024-0146", "Linda Nguyen", "1520 Cedar Drive, Apt 4B, Springfield, IL 62703", "5551230146",
        "linda.nguyen@example.com", "2087", date(1994, 12, 2), "R-1",
        "Past due: the bill before the newest is unpaid, and the newest has a late fee",
    ),
    SampleCustomer(
        "ACC-2024-0153", "Thomas Becker", "48 Old Mill Road, Springfield, IL 62707", "5551230153",
        "thomas.becker@example.com", "5549", date(1960, 6, 18), "RG-1",
        "Electricity and gas on one bill, two meters; pays each bill by check",
    ),
    SampleCustomer(
        "ACC-2024-0160", "Aisha Rahman", "812 Willow Way, Springfield, IL 62704", "5551230160",
        "aisha.rahman@example.com", "8193", date(1988, 4, 27), "W-1",
        "Water only; a payment was returned by the bank, then paid again with a returned payment fee",
    ),
    SampleCustomer(
        "ACC-2025-0007", "Emily Carter", "265 Elm Street, Apt 12, Springfield, IL 62701", "5551230007",
        "emily.carter@example.com", "0371", date(2001, 10, 9), "R-1",
        "Brand-new: one bill, no payment yet", paperless=True,
    ),
)  # fmt: skip
