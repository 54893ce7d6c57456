"""Parsers of single setting values: text in, typed value out, or a `WrongValue` that says what it must be.

Pure; must never read the environment, and must never repeat a hidden value in what it raises (I10).
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

MIN_SECRET_CHARS = 16
Parser = Callable[[str], object]


class WrongValue(ValueError):
    """`expected` completes "NAME must be …"; with `hide` the value may be secret and isn't shown."""

    def __init__(self, expected: str, *, hide: bool = False) -> None:
        super().__init__(expected)
        self.expected = expected
        self.hide = hide


def whole(what: str, low: int, high: int) -> Parser:
    """Return a parser of an integer in plain ASCII digits, from `low` to `high`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise WrongValue(f"{what} between {low} and {high}")
        return int(text)

    return parse


def number(what: str, low: float, high: float) -> Parser:
    """Return a parser of a plain decimal number, from `low` to `high`: no exponent, sign, `nan` or `inf`."""
    limits = f"of at least {low:g}" if high == float("inf") else f"between {low:.10g} and {high:.10g}"

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text) or not low <= float(text) <= high:
            raise WrongValue(f"{what} {limits}")
        return float(text)

    return parse


def one_of(*choices: str) -> Parser:
    """Return a parser of one word out of `choices`, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise WrongValue(f"one of {', '.join(choices)}")
        return text.lower()

    return parse


def hidden(expected: str) -> Parser:
    """Return a parser of any text but none, whose value is never shown."""

    def parse(text: str) -> str:
        if not text:
            raise WrongValue(expected, hide=True)
        return text

    return parse


def boolean(text: str) -> bool:
    """Parse 1/0, true/false, yes/no, on/off."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise WrongValue("1 or 0")


def host(text: str) -> str:
    """Parse an address or host name to listen on; the brackets of an IPv6 address are taken off."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not re.fullmatch(r"[A-Za-z0-9_.:%-]{1,253}", bare):
        raise WrongValue("an address or host name of this machine")
    return bare


def directory(text: str) -> Path:
    """Parse the path of a folder, which needn't exist; `~` is the home folder."""
    try:
        if text and "\0" not in text:
            return Path(text).expanduser().absolute()
    except RuntimeError:  # pathlib's answer to a home folder that can't be found
        pass
    raise WrongValue("the path of a folder")


def agent(text: str) -> str:
    """Parse the name of a built-in agent or `package.module:factory`."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", text):
        raise WrongValue("the name of a built-in agent, or package.module:factory")
    return text


def secrets(text: str) -> tuple[str, ...]:
    """Parse secrets, separated by commas; a short one is refused because tokens signed with it could be forged."""
    found = tuple(part.strip() for part in text.split(","))
    if any(len(part) < MIN_SECRET_CHARS for part in found):
        raise WrongValue(
            f"one or more secrets of at least {MIN_SECRET_CHARS} characters, with commas between", hide=True
        )
    return found


def redis_url(text: str) -> str:
    """Parse a URL as redis-py takes it. It may carry a password, so it is never shown."""
    wrong = WrongValue("a URL like redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket", hide=True)
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise wrong from None
    tcp = url.scheme in ("redis", "rediss") and url.hostname and port != 0 and re.fullmatch(r"(/[0-9]*)?", url.path)
    unix = url.scheme == "unix" and not url.netloc.rpartition("@")[2] and len(url.path) > 1
    if not (tcp or unix) or re.search(r"\s", text):
        raise wrong
    return text


def accounts_url(text: str) -> str:
    """Parse the URL of a database of accounts. It may carry a password, so it is never shown."""
    if not re.fullmatch(r"(?:sqlite:///|postgres(?:ql)?://)\S+", text):
        raise WrongValue("a URL like postgresql://user:password@host/database or sqlite:////path/to/file", hide=True)
    return text


_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origins(text: str) -> tuple[str, ...]:
    """Parse origins as browsers send them: lower case, without a default port (RFC 6454 section 6.1); or `*`."""
    found = []
    for part in _parts(text):
        lower = part.lower()
        match = re.fullmatch(r"([a-z][a-z0-9+.-]*)://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", lower)
        if lower != "*" and (match is None or int((match[3] or ":1")[1:]) not in range(1, 65536)):
            raise WrongValue("a list of origins like https://example.com or http://localhost:3000, or *")
        if match is not None and match[3] == _DEFAULT_PORTS.get(match[1]):
            lower = f"{match[1]}://{match[2]}"
        found.append(lower)
    return tuple(found)


def networks(text: str) -> tuple[str, ...]:
    """Parse IP addresses (kept as they are) and networks (as `ipaddress.ip_network` takes them strictly)."""
    found = []
    for part in _parts(text):
        try:
            found.append(str(ipaddress.ip_network(part, strict=False) if "/" in part else ipaddress.ip_address(part)))
        except ValueError:
            raise WrongValue("a list of IP addresses or networks like 10.0.0.0/8") from None
    return tuple(found)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []
