"""Answers to verification questions: read when one was asked, hidden when none was.

Pure. Must never keep, log or repeat what it reads (I10).
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.agents.birthdays import FLAGS, PARTIAL, dates, may_be_birth, read, six_digits, spelled
from app.agents.identifiers import MOST_READ, SSN, without_identifiers
from app.core.messages import REDACTED

MOST_SEARCHED: Final = 2_000  # characters of a message that are searched for dates; numbers are found in all of it
MOST_AROUND: Final = 1  # words beside an answer that say something: with more it is a sentence about something else
# What people write around an answer without saying anything else.
_AROUND: Final = frozenset(
    """a it its is are s my the last four 4 last4 digit digits of ssn ss social security number no code pin dob
    date birth birthday birthdate bday born on in i im was am m ok okay sure yes yeah yep here heres you go hi
    hello please pls and so well this that thats answer ends end ending x xx xxx think believe guess should be
    maybe as far know correct right sorry try meant mean again wait oh um uh then now to for me if not""".split()
)
_AMOUNT: Final = (
    r"(?!\d|[.,]\d|\s*(?:%|a |per |/)?\s*(?:months?|mo\b|weeks?|years?|yrs?|dollars?|bucks|kwh|therms?|usd))"
)
_BARE: Final = re.compile(r"x*\d{4}|\d{6}", re.ASCII)
_YEAR: Final = re.compile(r"20[1-3]\d", re.ASCII)
_LABELLED: Final = re.compile(
    r"\b(?:ssn?|social(?: security)?(?: number| no)?|pin"
    r"|last (?:four|4)(?: digits)?(?: of (?:my |the )?(?:ssn?|social\w*))?)"
    rf"(?: (?:is|are|was|number|digits|ends? in|of|my|the))*[^\w\n]{{0,4}}x*\d{{4}}{_AMOUNT}"
    r"|\b(?:dob|birth\w*|born)\b[^\d\n]{0,25}\d[\d/. -]{3,10}\d",
    FLAGS,
)
_FOUR: Final = re.compile(rf"(?<![\w/.,$:-])x*(\d{{4}})(?![\w/:-]){_AMOUNT}", FLAGS)


@dataclass(frozen=True, slots=True, repr=False)
class Factors:
    """Answers that were given: last four digits of the SSN, the date of birth, or both. Its ``repr`` shows nothing."""

    ssn4: str | None = None
    born: date | None = None

    def __bool__(self) -> bool:
        return self.ssn4 is not None or self.born is not None


def factors(text: str, today: date) -> Factors:
    """The answers in a message, in whatever form people type them. Two of a kind are none: which one is meant?

    A sentence about something else is no answer, whatever numbers it has.
    """
    rest = _together(spelled(without_identifiers(text[:MOST_READ])))
    matches = dates(rest)
    births = {born for match in matches if (born := read(match, today)) is not None}
    for match in matches:
        rest = rest.replace(match[0], " ")
    rest = PARTIAL.sub(" ", rest)
    six = re.fullmatch(r"(\d\d)(\d\d)(\d\d)", "".join(_tokens(rest)))
    if six is not None and (born := six_digits(six, today)) is not None:
        births.add(born)
        rest = ""
    ssn = {match[2] for match in SSN.finditer(rest)} or {match[1] for match in _FOUR.finditer(rest)}
    around = [token for token in _tokens(_FOUR.sub(" ", SSN.sub(" ", rest))) if not token.isdigit()]
    if len(around) > MOST_AROUND and not _LABELLED.search(text[:MOST_READ]):
        return Factors()
    return Factors(ssn.pop() if len(ssn) == 1 else None, births.pop() if len(births) == 1 else None)


def hide(text: str, *, strict: bool = False) -> str:
    """``text``, or ``[redacted]`` if it holds what looks like an answer to a question that nobody has asked (yet).

    All of it or nothing: who reads a history must be able to tell what was written from what was changed. ``strict``,
    around a verification: any four digits by themselves but a year, and any date.
    """
    if not any(letter.isdigit() for letter in text) and spelled(text) == text:
        return text
    rest = _together(without_identifiers(text))
    if _bare_answer(rest, strict=strict) or SSN.search(rest) or _LABELLED.search(rest):
        return REDACTED
    written = spelled(rest[:MOST_SEARCHED])
    if strict and any(_YEAR.fullmatch(match[1]) is None for match in _FOUR.finditer(written)):
        return REDACTED
    return REDACTED if any(may_be_birth(match, strict=strict) for match in dates(written)) else text


def _together(text: str) -> str:
    """Four digits spelled one by one."""
    return re.sub(
        r"(?<![\w.])(\d)[ ,.-]{1,2}(\d)[ ,.-]{1,2}(\d)[ ,.-]{1,2}(\d)(?![\w.])", r"\1\2\3\4", text, flags=re.ASCII
    )


def _tokens(text: str) -> list[str]:
    """The words of a message that say something; money keeps its sign."""
    words = re.findall(r"[\w$%]+", re.sub(r"['’*#]", " ", text.lower()), FLAGS)
    return [word for word in words if word not in _AROUND]


def _bare_answer(text: str, *, strict: bool) -> bool:
    """Whether there is nothing in a message but four digits, a birthday without its slashes, or both.

    A year by itself is taken for one, unless ``strict``.
    """
    tokens = _tokens(text) if len(text) <= MOST_READ else []
    year = tokens and all(map(_YEAR.fullmatch, tokens))
    return bool(tokens) and not (year and not strict) and all(_BARE.fullmatch(one) or dates(one) for one in tokens)
