"""What people type to say who they are is read in every form; what they type otherwise is left alone."""

from datetime import date

import pytest

from app.agents.identifiers import Identifier, identifiers
from app.agents.proofs import Factors, factors

TODAY = date(2025, 6, 15)
BORN = date(1985, 3, 15)


@pytest.mark.parametrize(
    "text",
    [
        "03/15/1985", "3/15/1985", "3/15/85", "03-15-1985", "3.15.1985", "3 / 15 / 1985", "03 15 1985", "3 15 85",
        "1985-03-15", "1985/03/15", "1985 03 15", "03151985", "031585", "March 15, 1985", "march 15 1985",
        "Mar 15th, 1985", "Mar. 15 1985", "MARCH 15 1985", "march15 1985", "15 March 1985", "15 mar 85", "15-Mar-1985",
        "15th of March 1985", "the 15th of march, 1985", "1985 March 15", "15/03/1985", "15.3.1985", "03/15/'85",
        "It's 03/15/1985.", "dob: 3-15-85", "my date of birth is March 15, 1985, thanks", "born:03/15/1985;",
        "i was born on 3/15/1985 in Ohio", "  03/15/1985  ", "my birthday is the 15th of March '85",
    ],
)  # fmt: skip
def test_a_birth_date_is_read_in_every_form(text: str) -> None:
    assert factors(text, TODAY) == Factors(born=BORN)


@pytest.mark.parametrize(
    ("text", "born"),
    [
        ("1/2/03", date(2003, 1, 2)), ("1/1/30", date(1930, 1, 1)), ("12/31/99", date(1999, 12, 31)),
        ("6/16/25", date(1925, 6, 16)), ("2/29/00", date(2000, 2, 29)), ("02/29/1984", date(1984, 2, 29)),
        ("11/08/1972", date(1972, 11, 8)), ("13/08/1972", date(1972, 8, 13)), ("Nov 8 72", date(1972, 11, 8)),
        ("01/01/1900", date(1900, 1, 1)), ("010130", date(1930, 1, 1)), ("100901", date(2001, 10, 9)),
        ("May 1 2001", date(2001, 5, 1)), ("2001-05-01", date(2001, 5, 1)),
    ],
)  # fmt: skip
def test_a_year_of_two_digits_is_never_in_the_future_and_a_month_comes_first(text: str, born: date) -> None:
    assert factors(text, TODAY) == Factors(born=born)


@pytest.mark.parametrize(
    "text",
    [
        "4821", " 4821 ", "4821.", "4821!", "it's 4821", "my last four are 4821", "the last 4 of my ssn: 4821", "#4821",
        "ssn 4821", "****4821", "123-45-4821", "123 45 4821", "123.45.4821", "123454821", "my ssn is 123-45-4821",
        "4821 is my ssn", "last four digits: 4821, thank you", "'4821'", "(4821)",
    ],
)  # fmt: skip
def test_a_social_security_number_or_its_end_is_read(text: str) -> None:
    assert factors(text, TODAY) == Factors(ssn4="4821")


@pytest.mark.parametrize(
    "text",
    ["4821 03/15/1985", "03/15/1985 4821", "ssn 123-45-4821, born March 15 1985", "it's 4821, 3/15/85", "03151985 4821",
     "last four 4821 and my birthday is 1985-03-15"],
)  # fmt: skip
def test_both_answers_in_one_message_are_read(text: str) -> None:
    assert factors(text, TODAY) == Factors("4821", BORN)


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "?", "02/30/1985", "02/29/1985", "13/13/1985", "00/00/0000", "12/12/2030",
        "6/16/2025", "June 16, 2025", "12/31/1899", "3/15", "$4821.00", "$1,482", "4821.50", "48,21", "482", "48211",
        "5551230042", "(555) 123-0042", "ACC-2024-0042", "2024-0042", "jane@example.com", "1234567", "why is that",
        "what's the last four", "four eight two one", "02301985", "13131985", "99999999", "March", "April 31, 1985",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_none(text: str) -> None:
    assert not factors(text, TODAY)


def test_an_answer_doesnt_show_itself() -> None:
    assert "4821" not in repr(factors("4821 03/15/1985", TODAY)) + str(factors("4821", TODAY))
    assert "1985" not in repr(factors("03/15/1985", TODAY))


@pytest.mark.parametrize(
    "text",
    ["ACC-2024-0042", "acc-2024-0042", "ACC20240042", "acc 2024 0042", "Acct# 2024-0042", "account 2024-0042",
     "account: 20240042", "2024-0042", "20240042", "my account number is ACC-2024-0042.", "it's ACC-2024-0042, thanks",
     "ACC–2024–0042", "acct 2024-0042", "Account #20240042"],
)  # fmt: skip
def test_an_account_number_is_read_in_many_spellings(text: str) -> None:
    assert identifiers(text)[0] == Identifier("account", "ACC-2024-0042")


@pytest.mark.parametrize(
    "text",
    ["5551230042", "555-123-0042", "(555) 123-0042", "(555)123-0042", "555.123.0042", "555 123 0042", "+1 555 123 0042",
     "1-555-123-0042", "+15551230042", "my phone is 555-123-0042.", "call 555-123-0042 please"],
)  # fmt: skip
def test_a_phone_number_is_read_in_many_spellings(text: str) -> None:
    assert Identifier("phone", "5551230042") in identifiers(text)


@pytest.mark.parametrize(
    "text",
    ["maria.garcia@example.com", "Maria.Garcia@Example.COM", "it's maria.garcia@example.com.",
     "<maria.garcia@example.com>", "mail:maria.garcia@example.com, ok?"],
)  # fmt: skip
def test_an_email_address_is_read(text: str) -> None:
    assert identifiers(text) == [Identifier("email", "maria.garcia@example.com")]


def test_several_identifiers_are_all_read_and_none_twice() -> None:
    found = identifiers("acc 2024 0042 or ACC-2024-0042, 555 123 0042, O'Neil+x@mail.example.co.uk")
    assert found == [
        Identifier("email", "o'neil+x@mail.example.co.uk"), Identifier("account", "ACC-2024-0042"),
        Identifier("phone", "5551230042"),
    ]  # fmt: skip


def test_account_numbers_of_other_utilities_are_read_too() -> None:
    assert Identifier("account", "XK-7781-AB") in identifiers("my account is XK-7781-AB")
    assert Identifier("account", "1234567890") in identifiers("1234567890")


@pytest.mark.parametrize(
    "text",
    [
        "", "what is my balance", "why was my bill so high in 2024", "I paid $120.50 on 6/5/2025", "4821", "zip 62701",
        "my bill of 06/05/2025", "03/15/1985", "03151985", "123-45-4821", "123454821", "2024 was expensive", "AutoPay",
        "I live at 118 Maple Street, Springfield, IL 62701", "me @ home", "usage was 1200 kWh", "2024-06-05",
        "15-Mar-1985", "3 bedrooms, 2 baths", "$1,234.56", "never mind", "a@b",
    ],
)  # fmt: skip
def test_ordinary_sentences_hold_no_identifier(text: str) -> None:
    assert identifiers(text) == []
