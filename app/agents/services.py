"""What people do rather than the bot: departments, first words and next steps, from ``services.toml``.

Must never promise more than that a colleague will see to it.
"""

from pathlib import Path

import msgspec

from app.agents.reply import ANYBODY
from app.agents.topics import KnowledgeError


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of request. ``priority``: normal, high or urgent."""

    department: str = ANYBODY
    priority: str = "normal"
    words: str = "I'll pass that on to a colleague who can do it."
    next_steps: list[str] = []


class Services:
    """All kinds, by the names of ``examples/service_request.toml``. Raises ``KnowledgeError``."""

    def __init__(self, path: Path) -> None:
        try:
            self._kinds = msgspec.toml.decode(path.read_bytes(), type=dict[str, Service])
        except (OSError, msgspec.DecodeError) as error:
            raise KnowledgeError(f"{path.name}: {error}") from error

    def of(self, intent: str) -> Service:
        """What to do about a request; one that isn't listed is for customer care."""
        return self._kinds.get(intent, Service())
