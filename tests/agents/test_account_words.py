"""What an account says is exactly what its data says: to the cent, to the day, and no more."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.agents import account_words as words
from app.agents.account_words import Asked, money, quantity
from app.agents.accounts.records import Bill, Profile
from tests.support.bot_accounts import MARIA, Known, make_bill, make_payment, make_profile
from tests.support.bot_chat import World, signed_in

TODAY = date(2025, 6, 15)
JUNE, MAY, APRIL = (
    make_bill(date(2025, 6, 5)),
    make_bill(date(2025, 5, 6), "80.10"),
    make_bill(date(2025, 4, 6), "70.00"),
)


def asked(
    balance: str = "87.45", bills: tuple[Bill, ...] = (JUNE, MAY, APRIL), question: str = "", **more: Any
) -> Asked:
    """A question to an account."""
    rest: dict[str, Any] = {"payments": (), "meters": (), "today": TODAY}
    profile = {name: value for name, value in more.items() if name not in rest}
    rest |= {name: value for name, value in more.items() if name in rest}
    return Asked(make_profile(balance=Decimal(balance), **profile), bills, question=question, **rest)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "$0.00"), ("87.45", "$87.45"), ("-3.10", "-$3.10"), ("1234567.80", "$1,234,567.80"), ("0.01", "$0.01"),
     ("999999999999.99", "$999,999,999,999.99"), ("-0.01", "-$0.01")],
)  # fmt: skip
def test_money_is_said_to_the_cent(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("612.000", "612 kWh"), ("0", "0 kWh"), ("7.400", "7.4 kWh"), ("1000", "1,000 kWh"), ("10.125", "10.125 kWh")],
)
def test_a_quantity_has_no_zeros_that_say_nothing(amount: str, text: str) -> None:
    assert quantity(Decimal(amount), "kWh") == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (asked(), "Your current balance is **$87.45**. It is due on **June 26, 2025**."),
        (asked("167.55"), "Your current balance is **$167.55**. **$80.10** of it is past due since May 27, 2025. "
         "The rest is due on **June 26, 2025**."),
        (asked("200.00"), "Your current balance is **$200.00**. **$112.55** of it is past due since April 27, 2025. "
         "The rest is due on **June 26, 2025**."),
        (asked("10.00"), "Your current balance is **$10.00**. It is due on **June 26, 2025**."),
        (asked(today=date(2025, 6, 26)), "Your current balance is **$87.45**. It is due on **June 26, 2025**."),
        (asked(today=date(2025, 6, 27)), "Your current balance is **$87.45**. **$87.45** of it is past due since "
         "June 26, 2025."),
        (asked("0.00"), "Your balance is **$0.00**. Everything is paid, nothing is due."),
        (asked("0.00", ()), "Your balance is **$0.00**. Everything is paid, nothing is due."),
        (asked("-12.30"),
        "Your account has a **credit of $12.30**. Nothing is due; it is set off against your next bill."),
        (asked(autopay=True, autopay_from="bank account ending in 6789"),
        "Your current balance is **$87.45**. It is due "
         "on **June 26, 2025**. You're on AutoPay, so it is drawn from your bank account ending in 6789 that day."),
        (asked(autopay=True, today=date(2025, 7, 1)),
        "Your current balance is **$87.45**. **$87.45** of it is past due "
         "since June 26, 2025."),
    ],
)  # fmt: skip
def test_a_balance_says_what_is_owed_by_when(question: Asked, text: str) -> None:
    assert words.balance(question) == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (asked(), "Your bill of $87.45 from June 5, 2025 is due on **June 26, 2025**."),
        (asked("167.55"),
        "Your bill of $87.45 from June 5, 2025 is due on **June 26, 2025**. $80.10 from earlier bills is "
         "past due."),
        (asked(today=date(2025, 7, 1)), "Your last bill was due on **June 26, 2025**; $87.45 is still open."),
        (asked("0.00"), "Nothing is due at the moment. Your last bill was due on June 26, 2025 and is settled."),
        (asked("-5.00"), "Nothing is due at the moment. Your last bill was due on June 26, 2025 and is settled."),
        (asked("0.00", ()), "Nothing is due at the moment."),
    ],
)  # fmt: skip
def test_a_due_date_is_that_of_the_open_bill(question: Asked, text: str) -> None:
    assert words.due(question) == text


def test_payments_settle_the_oldest_bill_first() -> None:
    assert asked("167.55").open_bills() == [(JUNE, Decimal("87.45")), (MAY, Decimal("80.10"))]
    assert asked("100.00").open_bills() == [(JUNE, Decimal("87.45")), (MAY, Decimal("12.55"))]
    assert asked("0").open_bills() == asked("-1").open_bills() == []
    parts = [part for _, part in asked("237.55").open_bills()]
    assert sum(parts) == Decimal("237.55")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("posted", "Yes, your payment arrived: **$80.10** from **May 20, 2025** (Online (debit card)) is posted."),
        ("pending", "is **pending**"), ("returned", "was **returned** by your bank, so it doesn't count."),
        ("held", "is held."),
    ],
)  # fmt: skip
def test_a_payment_is_said_with_its_status(status: str, text: str) -> None:
    question = asked(payments=(make_payment(date(2025, 5, 20), "80.10", status),))
    assert text in words.last_payment(question)
    assert words.last_payment(question).endswith("Your balance is now $87.45.")
    assert words.payments(question) == f"Your latest payments:\n\n- May 20, 2025: $80.10, Online (debit card), {status}"


def test_an_account_without_payments_says_so() -> None:
    assert words.last_payment(asked()) == "I see no payment on your account yet. Your balance is $87.45."
    assert words.payments(asked()) == "I see no payment on your account yet."


def test_only_so_many_payments_are_listed() -> None:
    many = tuple(make_payment(date(2025, 5, day), "1.00") for day in range(28, 0, -1))
    lines = words.payments(asked(payments=many)).splitlines()[2:]
    assert len(lines) == words.LISTED
    assert lines[0].startswith("- May 28, 2025")


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ({"autopay": True, "autopay_from": "bank account ending in 6789"}, "Yes, you're enrolled in **AutoPay**: bills "
         "are paid from your bank account ending in 6789 on their due date. Your bills come by e-mail (paperless), and "
         "budget billing is off."),
        ({"autopay": True}, "Yes, you're enrolled in **AutoPay**: bills are paid on their due date."),
        ({"paperless": False, "budget_billing": True},
        "No, you're **not enrolled in AutoPay**; bills are yours to pay. "
         "Your bills come on paper, and budget billing is on."),
    ],
)  # fmt: skip
def test_how_it_is_paid_is_what_is_on_file(profile: dict[str, Any], text: str) -> None:
    assert words.autopay(asked(**profile)).startswith(text)


def test_a_profile_shows_what_there_is() -> None:
    text = words.profile(asked())
    for part in (
        MARIA,
        "Maria Garcia",
        "118 Maple Street",
        "5551230042",
        "maria.garcia@example.com",
        "Residential Standard",
    ):
        assert part in text
    bare = words.profile(asked(phone="", email=""))
    assert "Phone" not in bare
    assert "E-mail" not in bare
    assert words.plan(asked()) == "You're on **Residential Standard** (R-1). One price for every kWh."


@pytest.mark.parametrize(
    ("question", "bill"),
    [
        ("why is my bill so high", JUNE), ("what was the bill of May", MAY), ("my bill for may", MAY),
        ("and in April?", APRIL),
        ("the apr bill", APRIL), ("APRIL", APRIL), ("june please", JUNE), ("may I see my bill", JUNE),
        ("the bill before", MAY),
        ("my previous bill", MAY), ("maybe you can decode my charges", JUNE), ("", JUNE),
    ],
)  # fmt: skip
def test_the_bill_that_is_meant(question: str, bill: Bill) -> None:
    assert asked(question=question).bill == bill


def test_the_newest_of_two_bills_of_a_month_is_meant() -> None:
    earlier = make_bill(date(2024, 6, 5), "60.00")
    assert asked(bills=(JUNE, MAY, earlier), question="my june bill").bill == JUNE
    assert asked(bills=(), question="my june bill").bill is None
    assert asked(bills=(JUNE,), question="the bill before").bill == JUNE


async def test_an_account_without_bills_answers_every_question() -> None:
    world = World()
    profile: Profile = make_profile(balance=Decimal("0.00"))
    world.accounts.known[MARIA] = Known(profile, "4821", date(1985, 3, 15))
    chat = await signed_in(world)
    for text in ("what is my balance", "when is my bill due", "why is my bill so high", "show me my bills",
        "what are my charges",
                 "how much did I use", "was my meter read or estimated", "did you get my payment", "my payment history",
                 "which meter do I have", "what rate plan am I on", "what address is on my account",
                 "am I on autopay"):  # fmt: skip
        said = await chat.say(text)
        assert said.messages[0][1] == "account_data", text
        assert "went wrong" not in said.text, text
    assert chat.head.fields.handoff_state == "none"
