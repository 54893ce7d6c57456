"""Judges what many clients of one conversation saw against I1–I5.

Pure. It must never repair, sort or dedupe what was recorded.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.support import deltas
from tests.support.records import DURABLE, REDACTED, Frame, Kind, Log, Segment, Violation, Way, is_frame, segments


def check(
    logs: Sequence[Log], *, settled: bool = True, forks: bool = False, exact_deltas: bool = True
) -> list[Violation]:
    """Every violation in the clients' records of one conversation.

    `settled`: the run is over, every turn has ended and every client was given the time to catch up. `forks`: Redis
    lost a tail on purpose, so a cursor may be refused and only the final segments must agree. `exact_deltas`: what the
    agent streams is a beginning of its message.
    """
    cut = [segment for log in logs for segment in segments(log)]
    judged = [segment for segment in cut if segment.final] if forks else cut
    found = [violation for log in logs for violation in _connections(log, forks)]
    found += [violation for segment in cut for violation in (*_order(segment), *_turns(segment, settled))]
    found += [violation for log in logs for violation in deltas.judge(log, exact_deltas)]
    found += [*_agreement(judged), *_acks(logs, judged, settled), *_texts(logs, judged)]
    if settled:
        found += _tails(judged)
    return found


def _connections(log: Log, forks: bool) -> Iterator[Violation]:
    """Each welcome fits the hello before it, and nothing durable comes before one."""
    after: Frame | None = None
    epoch, greeted = "", False
    for record in log.records:
        frame, kind = record.frame, record.frame.get("type")
        if record.way is Way.OPENED:
            greeted = False
        elif record.way is Way.SENT and kind == "hello":
            after = frame.get("after")
        elif record.way is Way.RECEIVED and kind == "welcome":
            greeted = True
            if frame["recovered"] and after is None:
                yield Violation(Kind.RECOVERED_NOTHING, log.name, f"welcome at seq {frame['seq']}")
            elif frame["recovered"] and after is not None and frame["epoch"] != after["epoch"]:
                yield Violation(Kind.EPOCH_CHANGED, log.name, f"{after['epoch']} became {frame['epoch']}, was {epoch}")
            elif not frame["recovered"] and after is not None and not forks:
                yield Violation(Kind.UNEXPECTED_RESET, log.name, f"after {after}")
            epoch = frame["epoch"]
        elif record.way is Way.RECEIVED and kind in DURABLE and not greeted:
            yield Violation(Kind.EVENT_BEFORE_WELCOME, log.name, f"seq {frame['seq']}")


def _order(segment: Segment) -> Iterator[Violation]:
    """I3 in one segment: each seq follows the one before, across connections too. I2: one id, one message."""
    seen: dict[int, Frame] = {}
    last = 0
    for event in segment.events:
        seq = event["seq"]
        if seq in seen:
            kind = Kind.REPEAT if seen[seq] == event else Kind.SHARED_SEQ
            yield Violation(kind, segment.client, f"seq {seq}")
            continue
        if seen and seq != last + 1:
            yield Violation(Kind.GAP, segment.client, f"seq {seq} after {last}")
        seen[seq], last = event, seq
    ids = Counter(event["id"] for event in seen.values() if event["type"] == "message" and event["role"] == "user")
    for key, count in ids.items():
        if count > 1:
            yield Violation(Kind.ID_TWICE, segment.client, f"id {key} in {count} messages")


def _turns(segment: Segment, settled: bool) -> Iterator[Violation]:
    """I4 in one segment."""
    begun: set[int] = set()
    ended: set[int] = set()
    whole = bool(segment.events) and segment.events[0]["seq"] == 1
    for event in segment.events:
        turn = event.get("turn")
        if turn is None:
            continue
        if event["type"] == "turn_end":
            if turn in ended:
                yield Violation(Kind.TURN_ENDS_TWICE, segment.client, f"turn {turn}, seq {event['seq']}")
            if turn not in begun and whole:
                yield Violation(Kind.END_WITHOUT_TURN, segment.client, f"turn {turn}, seq {event['seq']}")
            ended.add(turn)
            continue
        if event["seq"] == turn:
            begun.add(turn)
        if event["type"] == "message" and turn in ended:
            yield Violation(Kind.MESSAGE_AFTER_END, segment.client, f"turn {turn}, seq {event['seq']}")
    if settled and segment.final:
        for turn in sorted(begun - ended):
            yield Violation(Kind.TURN_NEVER_ENDS, segment.client, f"turn {turn}")


def _agreement(judged: Sequence[Segment]) -> Iterator[Violation]:
    """I3 between clients: one event per epoch and seq."""
    known: dict[tuple[str, int], tuple[Frame, str]] = {}
    for segment in judged:
        for event in segment.events:
            first, client = known.setdefault((segment.epoch, event["seq"]), (event, segment.client))
            if first != event and client != segment.client:
                yield Violation(Kind.DISAGREE, segment.client, f"seq {event['seq']}: {event}, but {client} saw {first}")


def _tops(judged: Sequence[Segment]) -> dict[str, int]:
    tops: dict[str, int] = {}
    for segment in judged:
        for event in segment.events:
            tops[segment.epoch] = max(tops.get(segment.epoch, 0), event["seq"])
    return tops


def _tails(judged: Sequence[Segment]) -> Iterator[Violation]:
    """Every client that stayed has everything."""
    tops = _tops(judged)
    for segment in judged:
        last = segment.events[-1]["seq"] if segment.events else 0
        if segment.final and last < tops.get(segment.epoch, 0):
            yield Violation(Kind.BEHIND, segment.client, f"ends at {last} of {tops[segment.epoch]}")


def _acks(logs: Sequence[Log], judged: Sequence[Segment], settled: bool) -> Iterator[Violation]:
    """I1 and I2: what was acked is in every complete transcript of its epoch, once, under the seq that was acked."""
    epochs = {segment.epoch for segment in judged}
    acked: dict[tuple[str, str], int] = {}
    first: Counter[tuple[str, str]] = Counter()
    for log in logs:
        epoch = ""
        for record in log.records:
            if is_frame(record, Way.RECEIVED, "welcome"):
                epoch = record.frame["epoch"]
            if not is_frame(record, Way.RECEIVED, "ack") or epoch not in epochs:
                continue
            key, seq = (epoch, record.frame["id"]), record.frame["seq"]
            if acked.setdefault(key, seq) != seq:
                yield Violation(Kind.ACK_DISAGREES, log.name, f"id {key[1]}: {acked[key]} and {seq}")
            first[key] += not record.frame["duplicate"]
    for (_, name), count in first.items():
        if count > 1:
            yield Violation(Kind.ACK_NEW_TWICE, "all", f"id {name}: {count} times")
    for segment in judged:
        mine = {name: seq for (epoch, name), seq in acked.items() if epoch == segment.epoch}
        yield from _stored(segment, mine, settled)


def _stored(segment: Segment, acked: dict[str, int], settled: bool) -> Iterator[Violation]:
    """I1 in one transcript; it owes what its events span, and everything since its beginning once the run is over."""
    users = {event["id"]: event["seq"] for event in segment.events if event.get("role") == "user"}
    begin = segment.events[0]["seq"] if segment.events else 1
    end = segment.events[-1]["seq"] if segment.events else 0
    for name, seq in acked.items():
        if name in users and users[name] != seq:
            yield Violation(Kind.ACK_WRONG_SEQ, segment.client, f"id {name}: {seq}, stored as {users[name]}")
        elif name not in users and begin <= seq and (seq <= end or (settled and segment.final)):
            yield Violation(Kind.ACKED_MISSING, segment.client, f"id {name}, seq {seq}")


def _texts(logs: Sequence[Log], judged: Sequence[Segment]) -> Iterator[Violation]:
    """I1: what is stored is what was sent. For an id sent with two texts either will do."""
    texts: dict[str, set[str]] = {}
    for log in logs:
        for record in log.records:
            if is_frame(record, Way.SENT, "send"):
                texts.setdefault(record.frame["id"], {REDACTED}).add(record.frame["text"])
    for segment in judged:
        for event in segment.events:
            if event.get("role") == "user" and event["text"] not in texts.get(event["id"], {event["text"]}):
                yield Violation(Kind.TEXT_CHANGED, segment.client, f"id {event['id']}: {event['text']!r}")
