"""What bills and meters say: comparisons that can be checked by hand, and reasons only where the data has them."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.agents import bill_words
from app.agents.account_words import Asked
from app.agents.accounts.records import Bill, Charge, Read
from tests.support.bot_accounts import MARIA, Known, customers, make_bill, make_meter, make_profile
from tests.support.bot_chat import World, signed_in

SUPPLY = Charge("Supply", Decimal("60.00"))
LATE = Charge("Late payment fee", Decimal("1.20"))


def june(**changed: Any) -> Bill:
    """The newest bill."""
    return make_bill(date(2025, 6, 5), changed.pop("total", "87.45"), **changed)


def may(**changed: Any) -> Bill:
    """The one before."""
    return make_bill(date(2025, 5, 6), changed.pop("total", "80.10"), **changed)


def asked(*bills: Bill, question: str = "", **more: Any) -> Asked:
    """A question to an account with these bills."""
    return Asked(make_profile(), bills, (), more.get("meters", ()), question, date(2025, 6, 15))


def test_a_high_bill_is_compared_with_the_one_before_and_the_year_before() -> None:
    last_year = make_bill(date(2024, 6, 5), "61.00", usage=Decimal(408))
    text = bill_words.high_bill(asked(june(usage=Decimal(612)), may(usage=Decimal(510)), last_year))
    assert text == (
        "Your bill of June 5, 2025 is **$87.45** for 612 kWh in 30 days.\n\n"
        "- The bill before: $80.10 for 510 kWh in 30 days (20 % more usage)\n"
        "- The same month last year: $61.00 for 408 kWh in 30 days (50 % more usage)\n\n"
        "What explains it: you used 20 % more than for the bill before; "
        "you used 50 % more than for the same month last year."
    )


@pytest.mark.parametrize(
    ("newest", "before", "reason"),
    [
        ({}, {}, "I see nothing unusual in it: usage and days are much like before."),
        ({"usage": Decimal("636.48")}, {}, "I see nothing unusual"),
        ({"usage": Decimal("642.60")}, {}, "What explains it: you used 5 % more than for the bill before."),
        ({"usage": Decimal(300)}, {}, "I see nothing unusual"),
        ({"read_type": "estimated"}, {},
        "What explains it: it is based on an estimated read, which the next actual read "
         "corrects."),
        ({"start": date(2025, 5, 4)}, {}, "What explains it: its period is 1 day longer than the one before."),
        ({"start": date(2025, 5, 1)}, {}, "its period is 4 days longer"),
        ({"charges": (SUPPLY, LATE)}, {"charges": (SUPPLY,)},
        "What explains it: it has a line that the bill before didn't "
         "have: Late payment fee."),
        ({}, {"usage": Decimal(0)}, "I see nothing unusual"),
    ],
)  # fmt: skip
def test_a_reason_is_given_only_if_the_data_has_it(newest: dict[str, Any], before: dict[str, Any], reason: str) -> None:
    text = bill_words.high_bill(asked(june(**newest), may(**before)))
    assert reason in text
    for name, said in {"longer": "longer", "estimated": "estimated", "line": "a line", "more": "you used"}.items():
        assert (said in text.rsplit("\n\n", 1)[1]) == (said in reason), name


def test_less_usage_and_none_are_said_as_such() -> None:
    text = bill_words.high_bill(asked(june(usage=Decimal(306)), may()))
    assert "(50 % less usage)" in text
    assert "(the same usage)" in bill_words.high_bill(asked(june(), may()))
    assert "(no usage to compare)" in bill_words.high_bill(asked(june(), may(usage=Decimal(0))))


def test_a_first_bill_has_nothing_to_be_compared_with() -> None:
    text = bill_words.high_bill(asked(june()))
    assert text.endswith("It is your first one, so there is nothing to compare it with.")
    assert "nothing to compare" in bill_words.high_bill(asked())


def test_the_bill_of_a_named_month_is_compared_with_the_one_before_it() -> None:
    april = make_bill(date(2025, 4, 6), "70.00")
    text = bill_words.high_bill(asked(june(), may(), april, question="why was the bill of May so high"))
    assert text.startswith("Your bill of May 6, 2025 is **$80.10**")
    assert "- The bill before: $70.00" in text


def test_charges_are_listed_to_the_cent_and_add_up() -> None:
    bill = june(total="57.25", charges=(SUPPLY, LATE, Charge("Solar export credit", Decimal("-3.95"))))
    text = bill_words.charges(asked(bill))
    assert text.endswith(
        "- Supply: $60.00\n- Late payment fee: $1.20\n- Solar export credit: -$3.95\n- **Total: $57.25**"
    )
    assert "(May 5, 2025 to June 3, 2025, 612 kWh)" in text
    assert bill_words.charges(asked()) == "There is no bill on your account yet."


def test_bills_are_listed_newest_first_and_only_so_many() -> None:
    many = [make_bill(date(2025 - number // 12, 12 - number % 12, 5)) for number in range(13)]
    lines = bill_words.bills(asked(*many)).splitlines()[2:]
    assert lines[0] == "- December 5, 2025: **$87.45**, 612 kWh, due December 26, 2025"
    assert len(lines) == 6
    assert bill_words.bills(asked()) == "There is no bill on your account yet."


def test_usage_is_said_by_day_and_compared_with_the_year_before() -> None:
    last_year = make_bill(date(2024, 6, 5), usage=Decimal("500.5"))
    text = bill_words.usage(asked(june(), last_year))
    assert "you used **612 kWh**, about 20.4 kWh a day" in text
    assert "In the same month last year it was 500.5 kWh." in text
    assert "last year" not in bill_words.usage(asked(june(), may()))
    assert bill_words.usage(asked()) == "There is no usage on your account yet."


def test_a_read_is_said_to_be_actual_or_estimated() -> None:
    assert "**actual read** of June 3, 2025." in bill_words.read_type(asked(june()))
    estimated = bill_words.read_type(asked(june(read_type="estimated")))
    assert "**estimated read**" in estimated
    assert "next actual read corrects" in estimated
    assert bill_words.read_type(asked()) == "There is no bill on your account yet."


def test_several_meters_are_each_named() -> None:
    power = make_meter("E-1", "electricity", "kWh", (Read(date(2025, 6, 3), Decimal("48211.5"), "actual"),))
    gas = make_meter("G-2", "gas", "therms", (Read(date(2025, 6, 2), Decimal(631), "estimated"),))
    new = make_meter("W-3", "water", "CCF")
    question = asked(june(), meters=(power, gas, new))
    assert bill_words.meters(question) == (
        "Your meters:\n\n"
        "- Electricity meter **E-1**, Basement, installed May 16, 2017; "
        "last read 48,211.5 kWh on June 3, 2025 (actual)\n"
        "- Gas meter **G-2**, Basement, installed May 16, 2017; last read 631 therms on June 2, 2025 (estimated)\n"
        "- Water meter **W-3**, Basement, installed May 16, 2017"
    )
    assert bill_words.read_type(question).endswith(
        "Latest read – electricity: 48,211.5 kWh on June 3, 2025 (actual); gas: 631 therms on June 2, 2025 (estimated)."
    )
    assert bill_words.meters(asked()) == "I see no meter on your account."


@pytest.mark.parametrize(
    ("text", "said", "calls"),
    [
        ("what is my balance", "$87.45", ["profile", "bills"]),
        ("when is my bill due", "June 26, 2025", ["profile", "bills"]),
        ("did you get my payment", "$80.10", ["profile", "bills", "payments"]),
        ("why is my bill so high", "- The bill before: $80.10", ["profile", "bills"]),
        ("which meter do I have", "**E-1**", ["profile", "bills", "meters"]),
        ("what rate plan am I on", "Residential Standard", ["profile", "bills"]),
        ("show me my last bills", "**$80.10**", ["profile", "bills"]),
    ],
)
async def test_a_signed_in_customer_gets_the_data_of_the_own_account(text: str, said: str, calls: list[str]) -> None:
    world = World()
    known = customers()[MARIA]
    world.accounts.known[MARIA] = Known(
        known.profile, known.ssn4, known.born, known.bills, known.payments, (make_meter("E-1", "electricity", "kWh"),)
    )
    chat = await signed_in(world)
    assert said in (await chat.say(text)).text
    assert world.calls == [(name, MARIA) for name in calls]
    assert set(chat.head.fields.agent_states["account"]) == {"last"}
