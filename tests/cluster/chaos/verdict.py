"""What is wrong with one conversation: the history checker's verdict, and what only this run's agent makes visible.

Pure. It must never leave out anything that `history.check` finds.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tests.cluster.chaos.agent import LAST, NAME, NEXT, SIGN
from tests.support.history import check
from tests.support.load import acked
from tests.support.records import Frame, Log, Way, is_frame, segments

FINAL_CLOSES: Final = frozenset({1009, 4400, 4401, 4403, 4404, 4429})
"""Close codes that no client of this run has deserved: they end a conversation, or say that it did wrong."""


def judged(
    logs: Sequence[Log], document: Frame | None, claims: Mapping[int, int], *, settled: bool = True
) -> list[str]:
    """Every violation in what the clients of one conversation saw; each begins with its invariant.

    `document` is the export from after its end; None if there is none to be had. `claims`: attempts by turn that are
    known to have begun, whether or not a client heard of them.
    """
    found = [str(violation) for violation in check(logs, settled=settled)]
    begun = _begun(logs, claims)
    found += [line for log in logs for line in (*_closes(log), *_deltas(log), *_answers(log, begun))]
    if document is not None:
        found += _stored(logs, document)
    return found


def questions(log: Log) -> dict[str, str]:
    """What was asked under which id."""
    sent = (record.frame for record in log.records if is_frame(record, Way.SENT, "send"))
    return {frame["id"]: frame["text"] for frame in sent}


def _closes(log: Log) -> Iterator[str]:
    for record in log.records:
        if record.way is Way.CLOSED and record.frame["code"] in FINAL_CLOSES:
            yield f"I7 conversation taken away [{log.name}]: closed with {record.frame['code']}"


def _signs(text: str) -> list[int]:
    """The attempts that wrote a text, word by word."""
    return [int(word.rpartition(SIGN)[2]) for word in text.split()]


def _deltas(log: Log) -> Iterator[str]:
    """I5: what is appended under an attempt was written by it, and what was shown under it is never taken back."""
    shown: dict[tuple[int, int, int], int] = {}  # turn, part, attempt -> last chunk
    for record in log.records:
        if record.way is Way.OPENED:
            shown.clear()
        if not is_frame(record, Way.RECEIVED, "delta"):
            continue
        frame, place = record.frame, (record.frame["turn"], record.frame["part"], record.frame["attempt"])
        where = f"[{log.name}]: turn {place[0]}, part {place[1]}, chunks {frame['first']}-{frame['last']}"
        signs, attempt = _signs(frame["text"]), frame["attempt"]
        if frame["last"] < shown.get(place, -1):
            yield f"I5 an attempt takes back what it has shown {where}, was at {shown[place]}"
        if any(after < before for before, after in pairwise(signs)) or max(signs, default=0) > attempt:
            yield f"I5 attempts mixed in a delta {where} of attempt {attempt}: {signs}"
        if frame["first"] > 0 and set(signs) - {attempt}:
            yield f"I5 words of another attempt appended {where} under attempt {attempt}: {signs}"
        shown[place] = frame["last"]


def _begun(logs: Sequence[Log], claims: Mapping[int, int]) -> dict[int, int]:
    """The newest attempt at each turn that anybody heard of."""
    begun = dict(claims)
    for record in (record for log in logs for record in log.records):
        if is_frame(record, Way.RECEIVED, "turn_start"):
            turn, attempt = record.frame["turn"], record.frame["attempt"]
            begun[turn] = max(attempt, begun.get(turn, 0))
    return begun


def _answers(log: Log, begun: Mapping[int, int]) -> Iterator[str]:
    """Each turn says what was asked, from the start; all of it if it was completed (I4), attempts in order (I5)."""
    for segment in segments(log):
        asked = {e["seq"]: e["text"] for e in segment.events if e.get("role") == "user"}
        said: dict[int, list[str]] = {}
        for event in segment.events:
            if event.get("role") == "assistant":
                said.setdefault(event["turn"], []).append(event["text"])
            elif event["type"] == "turn_end" and event["turn"] in asked:
                turn = event["turn"]
                yield from _answer(log.name, event, asked[turn], said.get(turn, []), begun.get(turn, 0))


def _answer(client: str, end: Frame, question: str, said: list[str], begun: int) -> Iterator[str]:
    where = f"[{client}]: turn {end['turn']}, {end['status']}"
    if end["status"] == "failed":
        said = said[:-1]  # the apology
    parts, before = question.split(NEXT), 0
    for number, text in enumerate(said):
        words = [word.rpartition(SIGN)[0] for word in text.split()]
        whole = parts[number].split() if number < len(parts) else []
        if number == len(parts) - 1:
            whole += [LAST] * max(1, len(words) - len(whole))  # once by each attempt that came so far
        cut = number == len(said) - 1 and end["status"] != "completed"
        if words != (whole[: len(words)] if cut else whole) or not words:
            yield f"I4 an answer isn't what its agent says {where}, part {number}: {text!r} of {question!r}"
        signs = [before, *_signs(text)]
        if any(after < earlier for earlier, after in pairwise(signs)):
            yield f"I5 a word of an earlier attempt after a later one's {where}, part {number}: {signs[1:]}"
        before = signs[-1]
    if end["status"] == "completed" and before < begun:
        yield f"I5 an attempt finished after a later one had begun {where}: {before}, and there was {begun}"
    if end["status"] == "completed" and len(said) != len(parts):
        yield f"I4 an answer has {len(said)} of {len(parts)} messages {where}"


def _stored(logs: Sequence[Log], document: Frame) -> Iterator[str]:
    """The store has what was acked (I1) and what was shown (I3), and the head of the last commit (I5)."""
    where = f"[export of {document['session_id']}]"
    stored = {m["id"]: m["seq"] for m in document["conversation_history"] if m["role"] == "user"}
    for key, seq in {key: seq for log in logs for key, seq in acked(log).items()}.items():
        kept = (stored.get(key), document["ids"].get(key))
        if kept != (seq, seq):
            yield f"I1 acked message isn't stored {where}: id {key} was acked as {seq}, is {kept} in history and ids"
    yield from _shown(logs, {event["seq"]: event for event in document["events"]}, where)
    completed = sum(e["type"] == "turn_end" and e["status"] == "completed" for e in document["events"])
    counted = document["agent_states"].get(NAME, {}).get("turns", 0)
    if counted != completed:
        yield f"I5 the head isn't that of the last commit {where}: counts {counted} turns, {completed} were completed"


def _shown(logs: Sequence[Log], events: Mapping[int, Any], where: str) -> Iterator[str]:
    for log in logs:
        for segment in segments(log):
            for event in segment.events:
                if events.get(event["seq"]) != event:
                    yield f"I3 shown isn't stored {where} {log.name} saw {event}, stored is {events.get(event['seq'])}"
