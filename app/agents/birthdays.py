"""Dates of birth in the forms that people type them. Pure. Must never take a part of a date for a whole one."""

import re
from datetime import date
from typing import Final

OLDEST: Final = 1900  # birth years
# A date up to this year may be a birthday of a customer; bills and payments are newer.
LAST_BIRTH_YEAR: Final = 2010
FLAGS: Final = re.IGNORECASE | re.ASCII

_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH: Final = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY, _YEAR, _LONG = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"['’]?(?P<year>(?:19|20)?\d{2})", r"(?P<year>(?:19|20)\d{2})"
_GAP: Final = r"(?:[ ,./-]{1,3}(?:of |the |in )?)"
_TWO: Final = r"(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
_OWT: Final = r"(?P<day>1[3-9]|2\d|3[01])(?P<month>0[1-9]|1[0-2])"  # where it can't be the month first
_BIRTH: Final = r"(?P<year>19\d\d|200\d|2010)"
# Each is a whole date: without a day or a year it is none.
_DATES: Final = tuple(
    re.compile(rf"(?<![\w/.-])(?:{form})(?![\w/-])", FLAGS)
    for form in (
        rf"{_LONG} ?[-/. ] ?(?P<month>\d{{1,2}}) ?[-/. ] ?{_DAY}",
        rf"(?P<month>\d{{1,2}}) ?[-/. ] ?{_DAY} ?[-/. ] ?{_YEAR}",
        rf"{_MONTH}{_GAP}?{_DAY}{_GAP}{_YEAR}",
        rf"{_DAY}{_GAP}{_MONTH}{_GAP}{_YEAR}",
        rf"{_LONG}{_GAP}{_MONTH}{_GAP}{_DAY}",
        rf"(?:{_TWO})[-/. ]?{_BIRTH}",
        rf"(?:{_OWT})[-/. ]?{_BIRTH}",
        rf"{_BIRTH}[-/. ]?{_TWO}",
    )
)
# What looks like a part of a date: its year is not four digits of anything else.
PARTIAL: Final = re.compile(rf"(?:{_MONTH}\D{{0,12}}|\bborn\D{{0,12}}|\d{{1,2}} ?[/-] ?)(?:19|20)\d{{2}}(?!\d)", FLAGS)
_FIRST_TWENTY: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS: Final = {
    **{word: number for number, word in enumerate(_FIRST_TWENTY.split(), 1)},
    **{f"twenty-{word}": 20 + number for number, word in enumerate(_FIRST_TWENTY.split()[:9], 1)},
    "thirtieth": 30,
    "thirty-first": 31,
}
_ORDINAL: Final = re.compile(
    "|".join(sorted((word.replace("-", "[ -]") for word in _ORDINALS), key=len, reverse=True)), FLAGS
)
_SINCE: Final = re.compile(r"\b(?:since|from|until|till)\W{0,3}(?:the )?$", FLAGS)


def dates(text: str) -> list[re.Match[str]]:
    """Everything that is written like a whole date; of overlapping ones the first form that fits."""
    found: list[re.Match[str]] = []
    taken = bytearray(len(text))
    for form in _DATES:
        for match in form.finditer(text):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = b"\1" * (match.end() - match.start())
                found.append(match)
    return found


def read(match: re.Match[str], today: date) -> date | None:
    """A date, month first as in the US unless that can't be; a year of two digits is never in the future."""
    known = match.groupdict()
    day, year = int(known["day"]), int(known["year"])
    month = int(known["month"]) if known.get("month") else _MONTHS.index(known["name"][:3].lower()) + 1
    if known.get("month") and month > 12:
        day, month = month, day
    if year < 100:
        year += 2000 if 2000 + year <= today.year else 1900
    try:
        born = date(year, month, day)
    except ValueError:
        return None
    if born > today and len(known["year"]) == 2:
        born = born.replace(year=born.year - 100, day=min(born.day, 28) if born.month == 2 else born.day)
    return born if OLDEST <= born.year <= LAST_BIRTH_YEAR else None


def six_digits(six: re.Match[str], today: date) -> date | None:
    """MMDDYY, of the last century unless it is of an adult of this one."""
    century = 2000 if int(six[3]) < LAST_BIRTH_YEAR % 100 else 1900
    try:
        born = date(century + int(six[3]), int(six[1]), int(six[2]))
    except ValueError:
        return None
    return born if born <= today else None


def spelled(text: str) -> str:
    """Days as digits."""
    return _ORDINAL.sub(lambda match: str(_ORDINALS[match[0].lower().replace(" ", "-")]), text)


def may_be_birth(match: re.Match[str], *, strict: bool) -> bool:
    """Whether a date is somebody's birthday rather than the day of something else."""
    if not strict and _SINCE.search(match.string, max(0, match.start() - 12), match.start()):
        return False
    year = match["year"]
    if len(year) == 4:
        return OLDEST <= int(year) <= LAST_BIRTH_YEAR
    return not LAST_BIRTH_YEAR % 100 < int(year) < 40
