"""Which attempts at which turns have begun, by the replicas' own logs: evidence that needs no client who saw it (I5).

It must never wait: what is read later only makes the verdict milder.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_CLAIM: Final = b'"turn_taken_over"'


@dataclass(slots=True)
class Claims:
    """The newest attempt of each turn that was taken over, by session. Logs are read on from where they were left."""

    _begun: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    _read: dict[Path, int] = field(default_factory=dict)

    def of(self, session: str) -> Mapping[int, int]:
        """Turn to attempt."""
        return self._begun.get(session, {})

    def read(self, logs: Sequence[Path]) -> None:
        """Take in what has been written since the last time, whole lines only."""
        for path in logs:
            if not path.exists():
                continue
            with path.open("rb") as log:
                log.seek(self._read.get(path, 0))
                text = log.read()
            whole = text.rfind(b"\n") + 1
            self._read[path] = self._read.get(path, 0) + whole
            for line in text[:whole].splitlines():
                if _CLAIM in line:
                    entry = json.loads(line)
                    begun = self._begun[entry["session"]]
                    begun[entry["turn"]] = max(entry["attempt"], begun.get(entry["turn"], 0))
