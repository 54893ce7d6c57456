"""Answers questions about the customer's own account. Its state in the head: ``last``, what was asked last.

Must never be asked before the customer is verified: the orchestrator's table sends nobody here who isn't.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.agents import account_words as words
from app.agents import bill_words, faq
from app.agents.account_words import Asked
from app.agents.accounts.port import Accounts
from app.agents.identifiers import identifiers
from app.agents.reply import Handoff, Reply, Task

CATEGORY: Final = "account_data"
# What the knowledge base says of the same: "how do I cancel that?" may follow.
TOPICS: Final = {
    "autopay_status": "autopay",
    "charges": "reading-your-bill",
    "due_date": "due-date",
    "high_bill": "high-bills",
    "payment_received": "payment-options",
    "rate_plan": "time-of-use",
    "read_type": "meter-reads",
}
_OF_PAYMENTS: Final = frozenset({"payment_received", "payment_history"})
_OF_METERS: Final = frozenset({"meter", "read_type", "usage"})
_OTHER: Final = (
    "I can only show the account that you're signed in with. To look into another one, say “log me out” first, and "
    "then verify yourself for that account."
)
_NO_ACCOUNT: Final = (
    "You're signed in, but I can't find the data of your account here, so a colleague should look at it."
)


@dataclass(frozen=True, slots=True)
class Account:
    """One answer an intent; what isn't in the table is answered with an overview."""

    accounts: Accounts

    async def answer(self, task: Task, intent: str, question: str) -> Reply:
        """What the account says to a question. Raises ``AccountsUnavailableError``."""
        number = task.head.user.account_number or ""
        named = [one.value for one in identifiers(question, clear=True) if one.kind == "account"]
        if any(one != number for one in named):
            return Reply(_OTHER, "was asked for another account", CATEGORY)
        profile = await self.accounts.profile(number)
        if profile is None:
            handoff = Handoff("the account of a signed-in customer isn't in the account data", "Billing")
            return Reply(_NO_ACCOUNT, "found no data of the account", CATEGORY, handoff=handoff)
        bills = await self.accounts.bills(number)
        payments = await self.accounts.payments(number) if intent in _OF_PAYMENTS else ()
        meters = await self.accounts.meters(number) if intent in _OF_METERS else ()
        text = _TABLE.get(intent, words.overview)(Asked(profile, bills, payments, meters, question, task.today))
        task.head.fields.agent_states["account"] = {"last": intent}
        if intent in TOPICS:
            faq.mention(task, TOPICS[intent])
        return Reply(text, f"told the customer: {intent.replace('_', ' ')}", CATEGORY)


# The intents of examples/account_data.toml.
_TABLE: Final[dict[str, Callable[[Asked], str]]] = {
    "balance": words.balance,
    "payment_received": words.last_payment,
    "payment_history": words.payments,
    "due_date": words.due,
    "high_bill": bill_words.high_bill,
    "autopay_status": words.autopay,
    "charges": bill_words.charges,
    "read_type": bill_words.read_type,
    "usage": bill_words.usage,
    "bill_history": bill_words.bills,
    "meter": bill_words.meters,
    "rate_plan": words.plan,
    "profile": words.profile,
    "sign_in": words.overview,
}
