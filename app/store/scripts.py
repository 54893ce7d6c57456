"""The Lua scripts as files: read, joined with what they share, named by their SHA-1. Must never build Lua from data."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_USES: Final = re.compile(r"^-- uses: ([a-z ]+)\n")
_NAMES: Final = (
    "accept", "commit", "delta", "cancel", "act", "claim", "renew", "join", "erase", "import", "fork", "lock"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Script:
    """One script: ``keys`` is how many of a conversation's keys it takes."""

    name: str
    source: bytes
    sha: bytes
    keys: int


class Scripts:
    """All scripts, read once. Raises ``ValueError`` for a script without its ``-- uses:`` line."""

    def __init__(self) -> None:
        self.accept, self.commit, self.delta, self.cancel, self.act, self.claim = map(_load, _NAMES[:6])
        self.renew, self.join, self.erase, self.import_, self.fork, self.lock = map(_load, _NAMES[6:])

    @property
    def all(self) -> tuple[Script, ...]:
        """Every script, to be loaded at connect."""
        return (
            self.accept, self.commit, self.delta, self.cancel, self.act, self.claim,
            self.renew, self.join, self.erase, self.import_, self.fork, self.lock,
        )  # fmt: skip


def _load(name: str) -> Script:
    own = _read(name)
    uses = _USES.match(own)
    if uses is None:
        raise ValueError(f"{name}.lua doesn't say what it uses")
    alone = uses[1] == "nothing"  # no script of a conversation: it has one key, and shares no code
    source = "".join(_read("_" + part) for part in uses[1].split() if not alone) + own
    # Comments would only travel and be hashed.
    lines = [line for line in source.splitlines() if not line.lstrip().startswith("--")]
    code = "\n".join(lines).encode()
    return Script(name, code, hashlib.sha1(code, usedforsecurity=False).hexdigest().encode(), 1 if alone else 9)


def _read(name: str) -> str:
    return (files("app.store") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
