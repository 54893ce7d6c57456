"""What an account says, in words. Pure: an account and a question in, a text out.

Money is ``Decimal`` to the last cent, dates are real days. Must never guess: what the data doesn't say isn't said.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from app.agents.accounts.records import Bill, Meter, Payment, Profile

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
LISTED: Final = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """An account and what was asked of it; bills and payments are newest first."""

    profile: Profile
    bills: tuple[Bill, ...]
    payments: tuple[Payment, ...]
    meters: tuple[Meter, ...]
    question: str
    today: date

    @property
    def month(self) -> int | None:
        """The month that the question names, 1 to 12."""
        text = self.question.lower()
        for number, name in enumerate(_MONTHS, 1):
            word = rf"(?:in|of|for|from|my|last) {name}" if name == "may" else rf"(?:{name}|{name[:3]})"  # "may I ask"
            if re.search(rf"\b{word}\b", text):
                return number
        return None

    @property
    def bill(self) -> Bill | None:
        """The bill that is meant: of a month that is named, the one before the last if it says so, else the last."""
        of_month = (bill for bill in self.bills if self.month in {bill.issued.month, bill.end.month})
        if (found := next(of_month, None)) is not None:
            return found
        before = re.search(r"\b(?:bill before|previous bill|month before last|one before)\b", self.question.lower())
        return self.bills[1] if before and len(self.bills) > 1 else self.bills[0] if self.bills else None

    @property
    def aside(self) -> str:
        """What to say first if the bill that is meant isn't there."""
        bill = self.bill
        if self.month is None or bill is None or self.month in {bill.issued.month, bill.end.month}:
            return ""
        return f"I see no bill of {_MONTHS[self.month - 1].capitalize()} here; this is your newest. "

    def open_bills(self) -> list[tuple[Bill, Decimal]]:
        """What is owed by bill, newest first: payments settle the oldest first."""
        left, found = self.profile.balance, []
        for bill in self.bills:
            if left <= 0:
                break
            found.append((bill, min(bill.total, left)))
            left -= bill.total
        return found


def money(amount: Decimal) -> str:
    """Dollars and cents."""
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def day(at: date) -> str:
    """A date as people say it."""
    return f"{at:%B} {at.day}, {at.year}"


def quantity(amount: Decimal, unit: str) -> str:
    """A usage without zeros that say nothing."""
    text = f"{amount:,.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}"


def balance(asked: Asked) -> str:
    """What is owed, by when."""
    amount, owed = asked.profile.balance, asked.open_bills()
    if amount < 0:
        return (
            f"Your account has a **credit of {money(-amount)}**. Nothing is due; it is set off against your next bill."
        )
    if amount == 0:
        return "Your balance is **$0.00**. Everything is paid, nothing is due."
    older = amount - sum((part for _, part in owed), Decimal(0))  # from before the bills that are read
    past = [(bill, part) for bill, part in owed if bill.due < asked.today]
    late = older + sum((part for _, part in past), Decimal(0))
    text = f"Your current balance is **{money(amount)}**."
    if late:
        since = f" since {day(past[-1][0].due)}" if past and not older else ""
        text += f" **{money(late)}** of it is past due{since}."
    coming = [bill for bill, _ in owed if bill.due >= asked.today]
    if coming:
        text += f" {'The rest' if late else 'It'} is due on **{day(coming[0].due)}**."
    return text + _autopay_note(asked)


def due(asked: Asked) -> str:
    """When to pay."""
    owed = asked.open_bills()
    if not owed:
        last = f" Your last bill was due on {day(asked.bills[0].due)} and is settled." if asked.bills else ""
        return f"Nothing is due at the moment.{last}"
    bill, part = owed[0]
    if bill.due < asked.today:
        return (
            f"Your last bill was due on **{day(bill.due)}**; {money(asked.profile.balance)} is still open."
            + _autopay_note(asked)
        )
    earlier = asked.profile.balance - part
    text = f"Your bill of {money(bill.total)} from {day(bill.issued)} is due on **{day(bill.due)}**."
    if earlier > 0:
        text += f" {money(earlier)} from earlier bills is past due."
    return text + _autopay_note(asked)


def last_payment(asked: Asked) -> str:
    """Whether the money arrived."""
    if not asked.payments:
        return f"I see no payment on your account yet. Your balance is {money(asked.profile.balance)}."
    returned = [one for one in asked.payments if one.status == "returned"]
    latest = returned[0] if returned and "return" in asked.question.lower() else asked.payments[0]
    what = f"**{money(latest.amount)}** from **{day(latest.received)}** ({latest.method})"
    said = {
        "posted": f"Yes, your payment arrived: {what} is posted.",
        "pending": f"A payment of {what} is **pending**: it has arrived and is posted within a few business days.",
        "returned": f"Your payment of {what} was **returned** by your bank, so it doesn't count.",
    }
    text = said.get(latest.status, f"Your last payment of {what} is {latest.status}.")
    return f"{text} {_now(asked.profile.balance)}"


def payments(asked: Asked) -> str:
    """The last payments."""
    if not asked.payments:
        return "I see no payment on your account yet."
    rows = [
        f"- {day(one.received)}: {money(one.amount)}, {one.method}, {one.status}" for one in asked.payments[:LISTED]
    ]
    return "Your latest payments:\n\n" + "\n".join(rows)


def autopay(asked: Asked) -> str:
    """How it is paid, and how bills come."""
    profile = asked.profile
    source = f" from your {profile.autopay_from}" if profile.autopay_from else ""
    text = (
        f"Yes, you're enrolled in **AutoPay**: bills are paid{source} on their due date."
        if profile.autopay
        else "No, you're **not enrolled in AutoPay**; bills are yours to pay."
    )
    paper = "by e-mail (paperless)" if profile.paperless else "on paper"
    return f"{text} Your bills come {paper}, and budget billing is {'on' if profile.budget_billing else 'off'}."


def plan(asked: Asked) -> str:
    """What is paid by."""
    rate = asked.profile.plan
    return f"You're on **{rate.name}** ({rate.code}). {rate.description}"


def profile(asked: Asked) -> str:
    """What is on file."""
    known = asked.profile
    rows = [f"- Account: {known.number}", f"- Name: {known.name}", f"- Service address: {known.address}"]
    rows += [f"- Phone: {known.phone}"] if known.phone else []
    rows += [f"- E-mail: {known.email}"] if known.email else []
    return "This is what we have on file:\n\n" + "\n".join([*rows, f"- Rate plan: {known.plan.name}"])


def overview(asked: Asked) -> str:
    """The account at a glance."""
    return (
        f"You're signed in as {asked.profile.name}. {balance(asked)}\n\n"
        "You can ask me about your bills, charges, payments, usage, meter reads or rate plan."
    )


def _now(amount: Decimal) -> str:
    return f"Your account has a credit of {money(-amount)}." if amount < 0 else f"Your balance is now {money(amount)}."


def _autopay_note(asked: Asked) -> str:
    coming = [bill for bill, _ in asked.open_bills() if bill.due >= asked.today]
    if not asked.profile.autopay or not coming:
        return ""
    return f" You're on AutoPay, so it is drawn from your {asked.profile.autopay_from or 'account'} that day."
