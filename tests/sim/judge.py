"""Judges what is stored of a conversation, and what its client was told, once everything has come to rest.

Pure. It must never wait, repair or read anything itself.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from app.core.messages import REDACTED
from app.engine.turns import APOLOGY
from tests.sim.agent import SECRET, parts_of
from tests.sim.facts import Rest, Told

Frame = dict[str, Any]


def judge(rest: Rest, told: Told, may_fail: bool) -> list[str]:
    """Every violation, each beginning with the number of the invariant.

    ``may_fail``: so much went wrong that a turn may have crashed three times.
    """
    frames = [event.document() for event in rest.log]
    found = [*_order(rest), *_messages(frames, told, rest.plain), *_turns(frames), *_left(rest), *_state(frames, rest)]
    found += [*_answers(frames), *_ends(frames, told, may_fail), *_deadlines(rest)]
    return [f"{line} [{rest.sid}]" for line in found]


def _order(rest: Rest) -> Iterator[str]:
    """I3: seqs from 1 without a gap; the hash names the newest."""
    seqs = [event.seq for event in rest.log]
    if seqs != list(range(1, len(seqs) + 1)):
        yield f"I3 the log has {seqs}"
    if rest.log and (rest.fields["seq"], rest.fields["mark"]) != (str(rest.log[-1].seq), rest.log[-1].mark):
        yield f"I3 the hash is at {rest.fields['seq']}-{rest.fields['mark']}, the log at {rest.log[-1]}"


def _messages(frames: list[Frame], told: Told, plain: str) -> Iterator[str]:
    """I1, I2: what was acked is there once, as sent, and nothing else; what was hidden is nowhere (I10)."""
    stored: dict[str, list[Frame]] = defaultdict(list)
    asked = any(frame.get("text", "").startswith(SECRET) for frame in frames)
    for frame in frames:
        if frame.get("role") == "user":
            stored[frame["id"]].append(frame)
    for name, mine in stored.items():
        if len(mine) > 1:
            yield f"I2 {name} is stored as {[frame['seq'] for frame in mine]}"
        texts = {told.sent.get(name), REDACTED if asked else None}
        if mine[0]["text"] not in texts:
            yield f"I1 {name} is stored as {mine[0]['text']!r}"
        if mine[0]["text"] == REDACTED and told.sent[name] in plain:
            yield f"I10 {name} is hidden in the log, and in Redis nevertheless"
    acked: dict[str, tuple[int, int]] = {}
    for name, seq, duplicate in told.acks:
        first, news = acked.get(name, (seq, 0))
        acked[name] = first, news + (not duplicate)
        if first != seq:
            yield f"I2 {name} was acked as {first} and as {seq}"
        if news and not duplicate:
            yield f"I2 {name} was acked as new twice"
        if name not in stored:
            yield f"I1 {name} was acked as {seq} and isn't there"
        elif stored[name][0]["seq"] != seq:
            yield f"I1 {name} was acked as {seq} and is stored as {stored[name][0]['seq']}"


def _turns(frames: list[Frame]) -> Iterator[str]:
    """I4: each turn ends once, after everything else of it; answers come in the order of their messages."""
    begun = {frame["seq"] for frame in frames if frame["turn"] == frame["seq"]}
    ended: set[int] = set()
    latest = 0
    for frame in frames:
        turn, kind = frame["turn"], frame["type"]
        if turn is None or frame["seq"] == turn:
            continue
        if turn not in begun or turn > frame["seq"]:
            yield f"I4 {frame} is of a turn that never began"
        if turn in ended:
            yield f"I4 {frame} comes after the end of its turn"
        if kind == "turn_end":
            ended.add(turn)
        if kind == "message" or (kind == "turn_end" and frame["status"] != "cancelled"):
            if turn < latest:
                yield f"I3 {frame} comes after an answer of turn {latest}"
            latest = max(latest, turn)
    for turn in sorted(begun - ended):
        yield f"I4 turn {turn} never ends"


def _left(rest: Rest) -> Iterator[str]:
    """I4, I10: nothing is left of turns that have ended."""
    if rest.todo:
        yield f"I4 {rest.todo} still to be run"
    if rest.indexed:
        yield "I4 reapers still look at it"
    if rest.partial is not None:
        yield f"I4 {rest.partial!r} is left of an answer"
    if rest.secrets:
        yield f"I10 {rest.secrets} sealed answers are left"
    if rest.fields.get("turn"):
        yield f"I4 turn {rest.fields['turn']} still runs"


def _state(frames: list[Frame], rest: Rest) -> Iterator[str]:
    """The head is what the newest state event says: no change was lost, or made twice."""
    states = [frame["state"] for frame in frames if frame["type"] == "state"]
    if rest.head is not None and states:
        now = rest.head.public_state(ended=rest.fields["mode"] == "ended", now_ms=rest.log[-1].at_ms)
        if now != states[-1]:
            yield f"I5 the head says {now}, the newest state event {states[-1]}"
        # Once it has ended nobody answers any more, and what the head says of that is of no interest.
        if rest.fields["mode"] == "bot" and (rest.fields["asking"] == "1") != rest.head.fields.asking:
            yield f"I10 asking is {rest.fields['asking']} in the hash, {rest.head.fields.asking} in the head"


def _answers(frames: list[Frame]) -> Iterator[str]:
    """I5: an answer is whole, or a beginning of it if it was stopped; nothing twice, no hole."""
    for begin in frames:
        turn = begin["turn"]
        if turn is None or turn != begin["seq"]:
            continue
        mine = [frame for frame in frames if frame["turn"] == turn and frame["seq"] != turn]
        said = [frame["text"] for frame in mine if frame["type"] == "message"]
        end = next((frame for frame in mine if frame["type"] == "turn_end"), None)
        if end is None:
            continue
        wanted = parts_of(begin.get("text", ""))
        if end["status"] == "failed":
            if said[-1:] != [APOLOGY]:
                yield f"I4 turn {turn} failed without a word: {said}"
            said = said[:-1]
        if end["status"] == "completed":
            good = said == wanted
        else:
            last = len(said) - 1
            good = not said or (
                len(said) <= len(wanted) and said[:-1] == wanted[:last] and wanted[last].startswith(said[-1])
            )
        if not good:
            yield f"I5 turn {turn} ({end['status']}) said {said}, the answer is {wanted}"


def _ends(frames: list[Frame], told: Told, may_fail: bool) -> Iterator[str]:
    """I4, I7: only who was asked to stops an answer."""
    for frame in frames:
        if frame["type"] != "turn_end":
            continue
        status, reason, turn = frame["status"], frame["reason"], frame["turn"]
        match status, reason:
            case ("completed", None):
                good = True
            case ("cancelled", "cancelled"):
                good = turn in told.cancelled
            case ("cancelled", "ended"):
                good = told.ended
            case _:
                good = (status, reason) == ("failed", "crashes") and may_fail
        if not good:
            yield f"I4 turn {turn} ended as {status}, {reason}"


def _deadlines(rest: Rest) -> Iterator[str]:
    """I11: a conversation's keys share one deadline, and the indexes outlive it."""
    shared = int(rest.fields.get("expires_at", 0))
    for key, deadline in rest.own.items():
        if deadline != shared:
            yield f"I11 {key} ends at {deadline}, the conversation at {shared}"
    for key, deadline in rest.indexes.items():
        if deadline < shared:
            yield f"I11 {key} ends at {deadline}, before a conversation at {shared}"
