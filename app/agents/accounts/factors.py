"""Hashes of what customers prove themselves with: the last four digits of an SSN ("4821"), a birth date ("1985-03-15").

There are few possible values, so a hash only slows down who has stolen the table: the table stays a secret. This
module must never log or print a factor, nor believe a stored string: it may come from anywhere.

`python -m app.agents.accounts.factors` reads one factor and prints its hash.
"""

import base64
import getpass
import hashlib
import hmac
import os
import re
import sys
from datetime import date
from typing import Final

_N: Final = 2**12
_R: Final = 8
_P: Final = 1
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_SALT_LIMITS: Final = range(8, 65)
_PREFIX: Final = f"scrypt${_N}${_R}${_P}$"
_LONGEST: Final = 200
_NO_SALT: Final = bytes(_SALT_BYTES)
_SSN4: Final = re.compile(r"[0-9]{4}")


def hash_factor(text: str, salt: bytes | None = None) -> str:
    """Return `scrypt$4096$8$1$<salt>$<hash>` (base64) of `text`; `salt` is 8 to 64 bytes, random if None.

    Raises ValueError for a salt of another length, since `matches` would refuse the result.
    """
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    if len(salt) not in _SALT_LIMITS:
        raise ValueError("a salt has 8 to 64 bytes")
    return f"{_PREFIX}{_base64(salt)}${_base64(_scrypt(text, salt))}"


def matches(text: str, stored: str) -> bool:
    """Whether `stored` is a hash of `text`. It takes the same time if `stored` is no hash at all (False)."""
    parsed = _parse(stored)
    salt, expected = parsed or (_NO_SALT, bytes(_HASH_BYTES))
    equal = hmac.compare_digest(_scrypt(text, salt), expected)
    return parsed is not None and equal


def _parse(stored: str) -> tuple[bytes, bytes] | None:
    """The salt and the hash; None unless the form and the costs are exactly those of `hash_factor`."""
    if len(stored) > _LONGEST or not stored.startswith(_PREFIX):
        return None
    parts = stored.removeprefix(_PREFIX).split("$")
    if len(parts) != 2:
        return None
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts)
    except ValueError:
        return None
    return (salt, digest) if len(salt) in _SALT_LIMITS and len(digest) == _HASH_BYTES else None


def _scrypt(text: str, salt: bytes) -> bytes:
    # A lone surrogate can come from a client; it must be no match, not an error.
    encoded = text.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=salt, n=_N, r=_R, p=_P, dklen=_HASH_BYTES)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _is_factor(text: str) -> bool:
    try:
        return _SSN4.fullmatch(text) is not None or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def main() -> int:
    """Read one factor (hidden on a terminal), print its hash; the exit status. What could never match is refused."""
    text = getpass.getpass("Factor: ") if sys.stdin.isatty() else sys.stdin.readline()
    text = text.strip()
    if not _is_factor(text):
        sys.stderr.write("A factor is the last four digits of an SSN, like 4821, or a birth date, like 1985-03-15.\n")
        return 2
    sys.stdout.write(hash_factor(text) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
