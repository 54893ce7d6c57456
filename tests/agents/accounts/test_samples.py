import re
from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from app.agents.accounts import samples, schema
from app.agents.accounts.factors import matches
from app.agents.accounts.sample_people import SAMPLE_CUSTOMERS
from app.agents.accounts.samples import sample_rows

DOCS: Final = Path(__file__).parents[3] / "docs" / "accounts.md"
# Two years, on every day of the week and of the month; each day around a leap day and the ends of months before it.
DAYS: Final = [date(2023, 7, 1) + timedelta(days=n) for n in range(731) if n % 5 == 0 or 180 < n < 280]
JANE, EMILY = "ACC-2024-0099", "ACC-2025-0007"

Rows = dict[str, list[dict[str, Any]]]


def rows_of(today: date) -> Rows:
    return {table.name.removeprefix("baton_"): rows for table, rows in sample_rows(today)}


def by(rows: list[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing takes nearly all of the time, and depends on no day."""
    monkeypatch.setattr(samples, "hash_factor", lambda text, salt: "")


def test_the_same_day_gives_the_same_rows() -> None:
    assert rows_of(DAYS[0]) == rows_of(DAYS[0])


def test_the_rows_are_in_the_order_of_foreign_keys() -> None:
    assert [table for table, _ in sample_rows(DAYS[0])] == list(schema.METADATA.sorted_tables)


def test_the_hashes_are_of_the_factors_that_are_published() -> None:
    accounts = {row["number"]: row for row in rows_of(DAYS[0])["accounts"]}
    assert len(accounts) == len(SAMPLE_CUSTOMERS) == 10
    for customer in SAMPLE_CUSTOMERS:
        assert matches(customer.ssn4, accounts[customer.number]["ssn4_hash"])
        assert matches(customer.born.isoformat(), accounts[customer.number]["born_hash"])
    hashes = [row[name] for row in accounts.values() for name in ("ssn4_hash", "born_hash")]
    assert len(set(hashes)) == 20


@pytest.mark.usefixtures("quick")
def test_bills_have_real_dates_on_every_day() -> None:
    for today in DAYS:
        for account, bills in by(rows_of(today)["bills"], "account").items():
            assert len(bills) == (1 if account == EMILY else 13)
            bills.sort(key=lambda bill: bill["issued"], reverse=True)
            for bill in bills:
                assert bill["period_end"] < bill["issued"] <= today, (today, account)
                assert 27 <= (bill["period_end"] - bill["period_start"]).days <= 31
                assert bill["issued"].weekday() < 5
                assert bill["due"].weekday() < 5
                assert 21 <= (bill["due"] - bill["issued"]).days <= 23
            for newer, older in pairwise(bills):
                assert newer["period_start"] == older["period_end"] + timedelta(days=1)
            assert (today - bills[0]["period_end"]).days <= 30


@pytest.mark.usefixtures("quick")
def test_charges_and_reads_agree_with_the_bills_on_every_day() -> None:
    for today in DAYS:
        rows = rows_of(today)
        lines, reads, meters = by(rows["charges"], "bill"), by(rows["reads"], "meter"), by(rows["meters"], "account")
        assert len({bill["number"] for bill in rows["bills"]}) == len(rows["bills"]) == 118
        for account, bills in by(rows["bills"], "account").items():
            for bill in bills:
                assert bill["total_cents"] == sum(line["amount_cents"] for line in lines[bill["number"]]) > 0
            main = reads[meters[account][0]["number"]]
            shown = {read["read_on"]: (read["value_thousandths"], read["type"]) for read in main}
            assert len(shown) == len(bills) + 1
            for bill in bills:
                value, kind = shown[bill["period_end"]]
                before, _ = shown[bill["period_start"] - timedelta(days=1)]
                assert value - before == bill["usage_thousandths"] > 0
                assert kind == bill["read_type"]


# Account: the bills that are open (counted back from the newest), and what is paid beyond the bills (the same way).
OPEN: Final[dict[str, tuple[list[int], list[int]]]] = {
    "ACC-2024-0042": ([0], []), JANE: ([0], []), "ACC-2024-0107": ([0], []), "ACC-2024-0118": ([], []),
    "ACC-2024-0125": ([], [1]), "ACC-2024-0131": ([0], []), "ACC-2024-0146": ([0, 1], []), "ACC-2024-0153": ([], []),
    "ACC-2024-0160": ([0], []), EMILY: ([0], []),
}  # fmt: skip


@pytest.mark.usefixtures("quick")
def test_payments_leave_open_what_the_story_says_on_every_day() -> None:
    for today in DAYS:
        rows = rows_of(today)
        bills, payments = by(rows["bills"], "account"), by(rows["payments"], "account")
        for account, (unpaid, twice) in OPEN.items():
            totals = [bill["total_cents"] for bill in bills[account]]
            owed = sum(totals) - sum(p["amount_cents"] for p in payments[account] if p["status"] == "posted")
            assert owed == sum(totals[i] for i in unpaid) - sum(totals[i] for i in twice), (today, account)
            assert all(payment["received"] <= today for payment in payments[account])
            overdue = [i for i, bill in enumerate(bills[account]) if i in unpaid and bill["due"] < today]
            assert overdue == ([1] if account == "ACC-2024-0146" else []), (today, account)
        statuses = {a: {p["status"] for p in found} - {"posted"} for a, found in payments.items()}
        assert {a: s for a, s in statuses.items() if s} == {"ACC-2024-0107": {"pending"}, "ACC-2024-0160": {"returned"}}


@pytest.mark.usefixtures("quick")
def test_janes_newest_bill_is_the_odd_one_on_every_day() -> None:
    for today in DAYS:
        bills = by(rows_of(today)["bills"], "account")[JANE]
        newest, before, year_ago = bills[0], bills[1], bills[12]
        assert newest["period_end"].month == year_ago["period_end"].month
        assert all(newest["total_cents"] >= 1.2 * bill["total_cents"] for bill in (before, year_ago))
        assert [bill["read_type"] for bill in bills] == ["estimated"] + ["actual"] * 12


@pytest.mark.usefixtures("quick")
def test_the_stories_have_their_charges() -> None:
    rows = rows_of(DAYS[0])
    newest = {account: bills[0]["number"] for account, bills in by(rows["bills"], "account").items()}
    lines = by(rows["charges"], "bill")

    def named(account: str) -> str:
        return ", ".join(line["name"] for line in lines[newest[account]])

    assert "On-peak supply" in named("ACC-2024-0107")
    assert "Budget billing adjustment" in named("ACC-2024-0118")
    assert "Solar export credit" in named("ACC-2024-0125")
    assert "Demand charge" in named("ACC-2024-0131")
    assert "Late payment fee" in named("ACC-2024-0146")
    assert "Gas supply charge" in named("ACC-2024-0153")
    assert "Returned payment fee" in named("ACC-2024-0160")
    assert {bill["total_cents"] for bill in by(rows["bills"], "account")["ACC-2024-0118"]} == {14_500}
    # 1.5 % of the bill that is past due.
    fees = [line["amount_cents"] for line in lines[newest["ACC-2024-0146"]] if line["name"] == "Late payment fee"]
    assert fees == [by(rows["bills"], "account")["ACC-2024-0146"][1]["total_cents"] * 15 // 1000]


def test_the_documentation_has_the_same_customers() -> None:
    table = re.findall(r"^\| (ACC-.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert table == [
        f"{c.number} | {c.name} | {c.phone} | {c.email} | {c.ssn4} | {c.born} | {c.special}" for c in SAMPLE_CUSTOMERS
    ]


def test_the_documentation_names_every_column() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for table in schema.METADATA.sorted_tables:
        line = next(line for line in text.splitlines() if line.startswith(f"| `{table.name}`"))
        assert [column.name for column in table.columns if f"`{column.name}`" not in line] == []
