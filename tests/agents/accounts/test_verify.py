import hashlib
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from app.agents.accounts.sql import SqlAccounts
from tests.agents.accounts.rows import HOSTILE, put_account

MARIA, JANE = "ACC-2024-0042", "ACC-2024-0099"
BORN = date(1985, 3, 15)

Opener = Callable[[str, bool], SqlAccounts]


@pytest.mark.parametrize(
    ("ssn4", "born", "verified"),
    [
        ("4821", None, True), (None, BORN, True), ("4821", BORN, True), (None, None, False),
        ("4822", None, False), (None, date(1985, 3, 16), False), ("4822", BORN, False),
        ("4821", date(1985, 3, 16), False),
        ("7305", None, False), (None, date(1972, 11, 8), False), ("", None, False), ("\ud800", BORN, False),
    ],
)  # fmt: skip
async def test_every_given_factor_must_match(
    accounts: SqlAccounts, ssn4: str | None, born: date | None, verified: bool
) -> None:
    assert await accounts.verify(MARIA, ssn4, born) is verified


@pytest.mark.parametrize("number", [None, "ACC-2024-9999", JANE, *HOSTILE], ids=repr)
async def test_factors_are_of_no_other_account(accounts: SqlAccounts, number: str | None) -> None:
    assert not await accounts.verify(number, "4821", BORN)
    assert not await accounts.verify(number, "4821", None)


async def test_work_does_not_tell_whether_an_account_exists(
    accounts: SqlAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[bytes] = []
    real = hashlib.scrypt

    def counted(text: bytes, **costs: Any) -> bytes:
        hashed.append(text)
        return real(text, **costs)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    for number in (MARIA, JANE, "ACC-2024-9999", None, "\0"):
        hashed.clear()
        await accounts.verify(number, "4821", BORN)
        assert hashed == [b"4821", b"1985-03-15"], number


@pytest.mark.parametrize(
    "stored", [None, "", "4821", "scrypt$1073741824$8$1$AAAA$AAAA", "scrypt$4096$8$1$$", "x" * 9999]
)
async def test_a_hostile_stored_hash_is_no_match(
    new_url: Callable[[], str], open_accounts: Opener, stored: str | None
) -> None:
    url = new_url()
    put_account(url, "A", ssn4_hash=stored, born_hash=stored)
    accounts = open_accounts(url, False)
    assert not await accounts.verify("A", "4821", None)
    assert not await accounts.verify("A", "", None)
    assert not await accounts.verify("A", None, BORN)
