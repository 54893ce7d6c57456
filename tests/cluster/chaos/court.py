"""Judges each conversation as it ends, keeps what the report needs of it, and forgets the rest.

A bad one is written to a file, with what happened to the cluster meanwhile, so that it can be looked at and judged
again. It must never forget a conversation that isn't clean before it is on disk.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.chaos.claims import Claims
from tests.cluster.chaos.faults import Struck
from tests.cluster.chaos.options import Options
from tests.cluster.chaos.verdict import judged
from tests.support.load import acked
from tests.support.records import Frame, Log, Record, Way, is_frame, segments


@dataclass(frozen=True, slots=True)
class Failed:
    """A turn that failed: how many attempts were heard of, and when it was first and last spoken of."""

    name: str
    reason: str | None
    attempts: int
    began: float
    ended: float


@dataclass(slots=True)
class Court:
    """`waits`: for each acked message when it was first sent and when it was acked. Times are monotonic seconds.

    `stalled`: the longest that the run itself was kept waiting by the machine.
    """

    options: Options
    folder: Path
    timeline: list[Struck]
    started: float
    violations: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    claims: Claims = field(default_factory=Claims)
    counts: Counter[str] = field(default_factory=Counter)
    waits: list[tuple[float, float]] = field(default_factory=list)
    first_found: float | None = None
    stalled: float = 0.0

    def judge(self, sid: str, logs: Sequence[Log], document: Frame | None, trouble: Sequence[str], now: float) -> None:
        """One conversation is over. `trouble`: why its clients gave up, if they did."""
        claims = self.claims.of(sid)
        found = [*trouble, *judged(logs, document, claims, settled=not trouble)]
        self._count(logs)
        if not found:
            return
        self.first_found = self.first_found or now - self.started
        path = self.folder / f"{self.options.seed}-{logs[0].name[:-1]}.jsonl"
        self.folder.mkdir(parents=True, exist_ok=True)
        head = {"session": sid, "document": document, "claims": list(claims.items()), "violations": found}
        write(path, self.options, self.timeline, logs, head)
        self.files.append(path)
        self.violations += found

    def _count(self, logs: Sequence[Log]) -> None:
        messages = {key for log in logs for key in acked(log)}
        self.counts["conversations"] += 1
        self.counts["acked"] += len(messages)
        for log in logs:
            self.counts["connections"] += sum(record.way is Way.OPENED for record in log.records)
            self.counts["clients"] += 1
            self.waits += _waits(log)
        longest = max((segment.events for log in logs for segment in segments(log)), key=len, default=[])
        for event in longest:
            if event["type"] == "turn_end":
                self.counts[event["status"]] += 1
                if event["status"] == "failed":
                    self.failed.append(_failed(logs, event))


def _failed(logs: Sequence[Log], end: Frame) -> Failed:
    mine = [record for log in logs for record in log.records if record.frame.get("turn") == end["turn"]]
    taken = max((record.frame["attempt"] for record in mine if is_frame(record, Way.RECEIVED, "turn_start")), default=0)
    at = [record.at for record in mine]
    return Failed(f"turn {end['turn']} of {logs[0].name[:-1]}", end["reason"], taken, min(at), max(at))


def _waits(log: Log) -> list[tuple[float, float]]:
    sent: dict[str, float] = {}
    found = []
    for record in log.records:
        if is_frame(record, Way.SENT, "send"):
            sent.setdefault(record.frame["id"], record.at)
        elif is_frame(record, Way.RECEIVED, "ack") and record.frame["id"] in sent:
            found.append((sent.pop(record.frame["id"]), record.at))
    return found


def write(
    path: Path,
    options: Options,
    timeline: Sequence[Struck],
    logs: Sequence[Log],
    conversation: Mapping[str, Any],
) -> None:
    """JSON lines: the run, what is known of the conversation, its faults, then every record of every client."""
    begin = min((log.records[0].at for log in logs if log.records), default=0.0)
    lines: list[dict[str, Any]] = [{"kind": "run", "options": asdict(options), "replay": options.command}]
    lines.append({"kind": "conversation", **conversation})
    for struck in timeline:
        if struck.ended > begin - 5:
            what = {"what": struck.fault.kind, "target": struck.fault.target}
            lines.append({"kind": "fault", **what, "began": struck.began, "ended": struck.ended})
    records = sorted(((record, log.name) for log in logs for record in log.records), key=lambda pair: pair[0].at)
    for record, client in records:
        where = {"at": record.at, "client": client, "connection": record.connection, "way": record.way}
        lines.append({"kind": "record", **where, "frame": record.frame})
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def read(path: Path) -> tuple[list[Log], Frame | None, dict[int, int]]:
    """What `judged` asks for, of a file that `write` wrote."""
    logs: dict[str, Log] = {}
    document: Frame | None = None
    claims: dict[int, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "conversation":
            document, claims = entry["document"], dict(entry["claims"])
        elif entry["kind"] == "record":
            record = Record(entry["at"], entry["connection"], Way(entry["way"]), entry["frame"])
            logs.setdefault(entry["client"], Log(entry["client"])).records.append(record)
    return list(logs.values()), document, claims
