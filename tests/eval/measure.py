"""Measures the orchestrator on labelled utterances. It must never show it a label, or an utterance twice."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final, NoReturn

from app.agents.account import Account
from app.agents.accounts.records import Bill, Meter, Payment, Profile
from app.agents.brain import Handbook
from app.agents.identity import Identity
from app.agents.orchestrator import Orchestrator
from app.agents.port import Category, Change, Turn
from app.agents.services import Services
from app.agents.summary import Handover
from app.core.session import Head, new_head

FOLDER: Final = Path(__file__).parent
CATEGORIES: Final = ("billing_faq", "account_data", "service_request", "human_requested", "out_of_scope")
SETS: Final = {
    "developed": "written without sight of the examples, and looked at while the bot was built",
    "blind-1": "written without sight of the examples; looked at for its totals and its two missed calls for a person",
    "blind-2": "written without sight of the examples, measured once the bot was done",
}


def utterances(name: str) -> list[tuple[str, str]]:
    """(category, text) of a set."""
    lines = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [(category, text) for category, text in (line.split("\t") for line in lines)]


@dataclass(slots=True)
class Result:
    """What came of a set. ``leaks``: utterances at which account data was asked for, though nobody had signed in."""

    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        return self.confusion.total()

    @property
    def accuracy(self) -> float:
        return (
            sum(number for (expected, answered), number in self.confusion.items() if expected == answered) / self.count
        )


class NobodysAccounts:
    """Account data that must not be asked for: whoever asks what is in an account gives himself away."""

    def __init__(self) -> None:
        self.asked = False

    async def find(self, kind: str, value: str) -> str | None:
        return None

    async def verify(self, number: str | None, ssn4: str | None, born: date | None) -> bool:
        return False

    def _leak(self) -> NoReturn:
        self.asked = True
        raise AssertionError("account data without a sign-in")

    async def profile(self, number: str) -> Profile | None:
        self._leak()

    async def bills(self, number: str, most: int = 13) -> tuple[Bill, ...]:
        self._leak()

    async def payments(self, number: str, most: int = 12) -> tuple[Payment, ...]:
        self._leak()

    async def meters(self, number: str) -> tuple[Meter, ...]:
        self._leak()

    async def close(self) -> None:
        pass


class NoLocks:
    """Nobody has tried yet."""

    async def admit(self, kind: str, value: str, member: str) -> tuple[bool, int]:
        return True, 3

    async def free(self, kind: str, value: str) -> bool:
        return True

    async def forget(self, kind: str, value: str, member: str) -> None:
        pass


class EmptyDesk:
    """Nobody waits."""

    async def waiting(self) -> int:
        return 0


async def measure(labelled: list[tuple[str, str]]) -> Result:
    """Say each utterance to a bot that has never seen its customer."""
    accounts, result = NobodysAccounts(), Result()
    bot = Orchestrator(
        Handbook(None),
        Services(Path(str(files("app.agents"))) / "services.toml"),
        Identity(accounts, NoLocks()),
        Account(accounts),
        Handover(EmptyDesk()),
    )
    began = time.perf_counter()
    for expected, text in labelled:
        answered, head = await first_answer(bot, text)
        result.confusion[expected, answered or "small talk"] += 1
        if answered != expected:
            result.wrong.append((expected, answered, text))
        if expected == "human_requested" and head.fields.handoff_state != "waiting":
            result.missed.append(text)
        if accounts.asked:
            result.leaks.append(text)
            accounts.asked = False
    result.seconds = time.perf_counter() - began
    return result


async def first_answer(bot: Orchestrator, text: str) -> tuple[str, Head]:
    """The category of the answer to the first message of a conversation, and the head after it."""
    category, head = "", new_head("s")
    async for piece in bot.answer(Turn("s", 1, 1, text, head, 0, "", 1_790_000_000_000)):
        if isinstance(piece, Category):
            category = piece.name
        elif isinstance(piece, Change):
            head = piece.head
    return category, head
