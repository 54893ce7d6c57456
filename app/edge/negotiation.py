"""What a request's headers say about the answer's form: whether it is known already, whether it may be in gzip.

Must never raise for a header, nor read a long one to its end: what can't be read says nothing.
"""

import re
from collections.abc import Iterable
from typing import Final

MOST_READ: Final = 4_096
"""Characters of a header. A browser's have a hundred; a million commas would take a second of everybody's time."""
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def is_known(tag: str, if_none_match: Iterable[str]) -> bool:
    """Whether ``If-None-Match`` names the tag, by weak comparison (RFC 9110 §13.1.2), or is ``*``."""
    given = ",".join(if_none_match)[:MOST_READ].strip()
    return given == "*" or tag.removeprefix("W/") in _TAG.findall(given)


def accepts_gzip(accept_encoding: Iterable[str]) -> bool:
    """Whether ``Accept-Encoding`` asks for gzip (RFC 9110 §12.5.3); without the header nobody does."""
    weights = {}
    for item in ",".join(accept_encoding)[:MOST_READ].split(","):
        name, *parameters = item.split(";")
        weights[name.strip().lower()] = _weight(parameters)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0  # the file as it is suits everybody
    return 1.0
