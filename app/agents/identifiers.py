"""What a customer types to be found by: account number, phone, e-mail. Pure.

Must never take for an identifier what may be an answer to a verification question: identifiers are stored (I10).
"""

import re
from dataclasses import dataclass
from typing import Final

from app.agents.birthdays import FLAGS, dates

MOST_READ: Final = 200  # characters of a message that are looked at

_EMAIL: Final = re.compile(r"[a-z0-9._%+'-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,5}", FLAGS)
_ACCOUNT: Final = re.compile(
    r"\bacc(?:ount|t)?[^a-z0-9]{0,3}(\d{4})[^a-z0-9]{0,2}(\d{4})(?!\d)|(?<![\d-])(\d{4})-(\d{4})(?![\d-])", FLAGS
)
_CLEAR_ACCOUNT: Final = re.compile(r"\bacc[^a-z0-9]{0,2}(\d{4})[^a-z0-9]{0,2}(\d{4})(?!\d)", FLAGS)
_OTHER_ACCOUNT: Final = re.compile(
    r"(?<![\w@.-])(?=[a-z-]{0,12}\d[\w-]{0,20}\d)[a-z0-9][a-z0-9-]{5,23}(?![\w@-])", FLAGS
)
_PHONE: Final = re.compile(r"(?<![\d-])(?:\+?1[ .-]?)?\(?(\d{3})\)?[ .-]{0,2}(\d{3})[ .-]?(\d{4})(?![\d-])", FLAGS)
SSN: Final = re.compile(r"(?<![\d-])(?:\d{3}|[x*]{3})([- .]?)(?:\d{2}|[x*]{2})\1(\d{4})(?![\d-])", FLAGS)


@dataclass(frozen=True, slots=True)
class Identifier:
    """What an account can be found by. ``kind``: account, phone or email."""

    kind: str
    value: str


def identifiers(text: str, *, clear: bool = False) -> list[Identifier]:
    """Every way to read an identifier out of a message, the likeliest first; empty if there is none.

    ``clear``: only what can't be an answer to a verification question: from where one is asked for, nothing else may
    be taken for an identifier and stored (I10).
    """
    text = text[:MOST_READ]
    found = [Identifier("email", match[0].lower()) for match in _EMAIL.finditer(text)]
    rest = _EMAIL.sub(" ", text)
    accounts = _CLEAR_ACCOUNT if clear else _ACCOUNT
    numbers = ([group for group in match.groups() if group] for match in accounts.finditer(rest) if not dates(match[0]))
    found += [Identifier("account", f"ACC-{first}-{second}") for first, second in numbers]
    rest = _ACCOUNT.sub(" ", rest)
    phones = list(_PHONE.finditer(rest))
    found += [Identifier("phone", "".join(match.groups())) for match in phones]
    if clear:
        return list(dict.fromkeys(found))
    for match in _OTHER_ACCOUNT.finditer(_PHONE.sub(lambda one: one[0] if one[0].isdigit() else " ", rest)):
        number = match[0].upper()
        if number.isdigit() and len(number) == 8 and not dates(number):
            found.append(Identifier("account", f"ACC-{number[:4]}-{number[4:]}"))
        elif SSN.fullmatch(number) is None and not dates(number):
            found.append(Identifier("account", number))
    return list(dict.fromkeys(found))


def without_identifiers(text: str) -> str:
    """The rest of a message; what is written like a birthday stays, too."""
    for pattern in (_EMAIL, _ACCOUNT, _PHONE):
        text = pattern.sub(lambda match: match[0] if dates(match[0]) else " ", text)
    return text
