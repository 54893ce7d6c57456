"""What can be chosen about a run, and the command line that chooses it again.

It must never hold anything that the command line can't say: the seed and these are the whole story of a schedule.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Options:
    """`minutes` of faults, `lease` in seconds, `delay` between an answer's words in milliseconds."""

    seed: int
    minutes: float = 10.0
    replicas: int = 3
    clients: int = 24
    conversations: int = 12
    lease: float = 1.0
    delay: int = 60

    @property
    def seconds(self) -> float:
        """How long faults come."""
        return self.minutes * 60

    @property
    def command(self) -> str:
        """What to type to have the same schedule again."""
        values = ((entry, getattr(self, entry.name)) for entry in fields(self) if entry.name != "minutes")
        chosen = [f"--{entry.name} {value}" for entry, value in values if value != entry.default]
        return f'make chaos MINUTES={self.minutes:.6g} ARGS="{" ".join(chosen)}"'
