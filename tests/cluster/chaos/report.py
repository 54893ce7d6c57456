"""What a run was like, in one table, and whether it was good. It must never hide a violation behind a figure."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.cluster.chaos.court import Court, Failed
from tests.cluster.chaos.faults import Cluster, Struck
from tests.cluster.chaos.options import Options
from tests.cluster.chaos.schedule import Kind

MOST_CRASHES: Final = 3
HARMLESS: Final = frozenset({Kind.DRAIN, Kind.PUBSUB_KILLED, Kind.PUBSUB_DEAF})
"""Faults that cost no turn its holder."""


@dataclass(frozen=True, slots=True)
class Report:
    """Seconds, counts by name, and lines to read."""

    options: Options
    seconds: float
    counts: Counter[str]
    faults: Counter[str]
    longest_wait: float
    violations: list[str]
    notes: list[str]
    files: list[Path]
    first_found: float | None
    stalled: float

    @classmethod
    def of(cls, options: Options, cluster: Cluster, court: Court, seconds: float) -> Self:
        """Add everything up."""
        counts = Counter(court.counts)
        counts["refused writes"] = cluster.metrics.total("baton_fenced_total")
        counts["takeovers"] = cluster.metrics.total("baton_takeovers_total")
        counts["unavailable"] = cluster.metrics.total("baton_store_unavailable_total")
        faults = Counter(str(struck.fault.kind) for struck in cluster.timeline)
        wait = longest_wait(court.waits, cluster.timeline)
        notes = [*cluster.notes, *unexpected(court.failed, cluster.timeline)]
        return cls(
            options,
            seconds,
            counts,
            faults,
            wait,
            court.violations,
            notes,
            court.files,
            court.first_found,
            court.stalled,
        )

    def lines(self) -> list[str]:
        """A Markdown table, then the notes and the violations."""
        counts = self.counts
        by_invariant = Counter(violation.partition(" ")[0].strip(":") for violation in self.violations)
        rows = {
            "seed": self.options.seed,
            "time": f"{self.seconds:.0f} s, {self.options.seconds:.0f} s of them with faults",
            "replicas": self.options.replicas,
            "conversations, and their clients": f"{counts['conversations']}, {counts['clients']}",
            "messages acked": counts["acked"],
            "turns completed, cancelled, failed": ", ".join(
                str(counts[status]) for status in ("completed", "cancelled", "failed")
            ),
            "takeovers": counts["takeovers"],
            "reconnects": counts["connections"] - counts["clients"],
            "refused writes (`baton_fenced_total`)": counts["refused writes"],
            "frames answered `unavailable`": counts["unavailable"],
            "faults": self.faults.total(),
            **{f"– {kind}": count for kind, count in sorted(self.faults.items())},
            "longest wait for an ack once all was mended": f"{self.longest_wait:.1f} s",
            "longest that the machine kept the run itself waiting": f"{self.stalled:.1f} s",
            "violations": ", ".join(f"{count} of {name}" for name, count in sorted(by_invariant.items())) or "none",
        }
        table = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
        return [*table, "", *(f"note: {note}" for note in self.notes), *self._bad()]

    def _bad(self) -> list[str]:
        if not self.violations:
            return []
        found = "" if self.first_found is None else f", the first after {self.first_found:.0f} s"
        lines = [f"{len(self.violations)} violations{found}; the same schedule again: {self.options.command}"]
        lines += [f"  {violation[:9000]}" for violation in self.violations[:30]]
        lines += [f"kept: {path}" for path in self.files]
        return lines


def unexpected(failed: Sequence[Failed], timeline: Sequence[Struck]) -> list[str]:
    """The turns that failed for another reason than three faults, each of which its holder may have lost it by."""
    found = []
    for turn in failed:
        crashes = sum(
            struck.fault.kind not in HARMLESS and struck.began <= turn.ended and struck.ended >= turn.began
            for struck in timeline
        )
        # The attempt that ends it may have done so before anybody heard that it had begun.
        if turn.reason != "crashes" or turn.attempts < MOST_CRASHES or crashes < MOST_CRASHES:
            story = f"{turn.attempts} attempts, {crashes} faults in {turn.ended - turn.began:.1f} s"
            found.append(f"{turn.name} failed unexpectedly ({turn.reason}): {story}")
    return found


def longest_wait(waits: Sequence[tuple[float, float]], timeline: Sequence[Struck]) -> float:
    """The longest that a message waited for its ack while no fault was under way, from the end of the last one."""
    spans: list[list[float]] = []
    for struck in sorted(timeline, key=lambda struck: struck.began):
        if spans and struck.began <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], struck.ended)
        else:
            spans.append([struck.began, struck.ended])
    begins = [begin for begin, _ in spans]
    longest = 0.0
    for sent, acked in waits:
        before = bisect_right(begins, acked) - 1
        mended = spans[before][1] if before >= 0 else 0.0
        if acked > mended:
            longest = max(longest, acked - max(sent, mended))
    return longest
