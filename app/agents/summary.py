"""Hands a conversation over to people: what happened so far, in what mood; a ticket; a place in the queue.

Its state in the head: ``steps``, the last few things asked and done, and ``mood``. Must never hold an answer to a
verification question (I10), nor an account that wasn't verified.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from app.agents.reply import ANYBODY, Handoff, Reply, Task
from app.core.errors import StoreUnavailableError
from app.core.messages import rfc3339
from app.core.session import Summary, Ticket

MOST_STEPS: Final = 6
PERSON: Final = "the customer asked for a person"  # the reason of a hand-over that is about what was said before
_PRIORITIES: Final = ("normal", "high", "urgent")
MOST_HEARD: Final = 1000  # characters of a message that say how it sounds
MOST_TEXT: Final = 160  # characters of a message that are kept for the summary
HIDDEN: Final = "(hidden)"
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread
# The first that is found in a message is its mood.
_MOODS: Final = {
    "angry": r"""ridiculous|useless|unacceptable|terrible|awful|worst|furious|angry|scam|stupid|sick\ of|fed\ up|wtf|
        \bhell\b|damn|lawyer|\bsue\b|complain|outrage|incompetent|disgust""",
    "worried": r"""worried|scared|afraid|desperate|lost\ my\ job|can\ ?['’]?no?t\ (?:pay|afford)|shut\ ?off|disconnect|
        please\ help|emergency|baby|oxygen|cancer|hospital|elderly|panic""",
    "frustrated": r"""again|still|already|third\ time|twice|waiting|nobody|not\ helping|confus|frustrat|
        n['’]?t\ (?:understand|work)|annoy|why\ (?:is|do|does|can)""",
    "friendly": r"thank|thx|great|perfect|awesome|appreciate|lovely|cheers",
}


class Desk(Protocol):
    """Who waits for a person."""

    async def waiting(self) -> int:
        """How many conversations wait."""
        ...


def note(task: Task, did: str, *, aside: bool) -> None:
    """Remember what was asked and done, in a few words; of an ``aside`` only what was done."""
    state = _state(task)
    steps = state["steps"]
    steps.append({"asked": "" if aside else _asked(task), "did": did[:MOST_TEXT]})
    if not task.hidden:
        state["mood"] = mood(task.text) or state["mood"]
    state["steps"] = steps[-MOST_STEPS:]
    task.head.fields.agent_states["summary"] = state


def mood(text: str) -> str | None:
    """How a message sounds; None if it is plain."""
    letters = [letter for letter in text[:MOST_HEARD] if letter.isalpha()]
    if len(letters) > 12 and sum(letter.isupper() for letter in letters) > 0.8 * len(letters):
        return "angry"
    flags = re.IGNORECASE | re.VERBOSE
    return next((name for name, pattern in _MOODS.items() if re.search(pattern, text[:MOST_HEARD], flags)), None)


@dataclass(frozen=True, slots=True)
class Handover:
    """Makes tickets."""

    desk: Desk

    async def open(self, task: Task, reply: Reply, handoff: Handoff) -> str:
        """Put a ticket into the head; what the customer should know of it. One that is open is added to."""
        fields = task.head.fields
        ticket = fields.handoff_ticket
        if fields.handoff_state in {"waiting", "active"} and ticket is not None:
            return self._add(task, ticket, handoff)
        place = await self._place()
        ticket = Ticket(
            id=ticket_id(task.turn.session_id, task.turn.seq),
            department=handoff.department,
            priority=handoff.priority,
            created_at=rfc3339(task.turn.now_ms),
            summary=_summary(task, handoff),
        )
        fields.handoff_ticket, fields.current_handoff_ticket_id = ticket, ticket.id
        fields.handoff_state, fields.queue_position = "waiting", place
        reply.action = "handoff_initiated"
        return (
            f"I've asked a colleague from **{ticket.department}** to help you. Your ticket is **{ticket.id}**"
            f"{_where(place)}. What I pass on: {described(ticket.summary)}\n\n"
            "You can keep this chat open or come back later. Meanwhile I'm still here for questions."
        )

    def _add(self, task: Task, ticket: Ticket, handoff: Handoff) -> str:
        known = ticket.summary
        then = f"then asked: {_asked(task)}"
        if not task.hidden and then not in known.tried and _asked(task) != known.issue:
            known.tried = [*known.tried, then][-MOST_STEPS:]
        known.next_steps = list(dict.fromkeys([*known.next_steps, *handoff.next_steps]))[:MOST_STEPS]
        more_urgent = _PRIORITIES.index(handoff.priority) > _PRIORITIES.index(ticket.priority)
        if more_urgent or ticket.department == ANYBODY:
            ticket.department = handoff.department
        if more_urgent:
            ticket.priority = handoff.priority
        also = (
            ""
            if handoff.department in {ticket.department, ANYBODY}
            else f", who will bring in **{handoff.department}**"
        )
        place = _where(task.head.fields.queue_position)
        return f"I've added this to your ticket **{ticket.id}** for **{ticket.department}**{also}{place}."

    async def _place(self) -> int | None:
        """The place in the queue; a part of it that can't be reached must not cost the ticket."""
        try:
            return await self.desk.waiting() + 1
        except StoreUnavailableError:
            return None


def status(task: Task) -> str | None:
    """What to tell a customer who asks for a person again; None if nobody was asked yet."""
    fields = task.head.fields
    if fields.handoff_state not in {"waiting", "active"} or fields.handoff_ticket is None:
        return None
    ticket = fields.handoff_ticket
    return (
        f"A colleague from **{ticket.department}** has been asked to help you: ticket **{ticket.id}**"
        f"{_where(fields.queue_position)}. I'm here for questions until then."
    )


def keep_account(task: Task) -> None:
    """An open ticket names the account that is verified now, or none: who comes after a customer is somebody else."""
    ticket = task.head.fields.handoff_ticket
    if ticket is None or task.head.hold == 0:
        return
    account = task.head.user.account_number if task.signed_in else None
    if ticket.summary.account not in {account, None}:
        who = f"as {account}" if account else "by nobody"
        changed = f"(from here on signed in {who}; before as {ticket.summary.account})"
        ticket.summary.tried = [*ticket.summary.tried, changed][-MOST_STEPS:]
    ticket.summary.account = account


def withdraw(task: Task) -> str | None:
    """Take a ticket back; its id, or None if nobody waits."""
    fields = task.head.fields
    if fields.handoff_state != "waiting" or fields.handoff_ticket is None:
        return None
    name = fields.handoff_ticket.id
    fields.handoff_state, fields.queue_position = "none", None
    fields.current_handoff_ticket_id = fields.handoff_ticket = None
    return name


def _where(place: int | None) -> str:
    return f", and you're number **{place}** in the queue" if place else ""


def described(summary: Summary) -> str:
    """A summary in one or two sentences, for the customer to see what is passed on."""
    account = f" Account {summary.account}." if summary.account else ""
    return f"“{summary.issue}” – {summary.reason}.{account}"


def ticket_id(session_id: str, turn: int) -> str:
    """The same for every attempt at a turn, so that a takeover says the same as the replica that died."""
    digest = hashlib.sha256(f"{session_id}:{turn}".encode()).digest()
    return "T-" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:8])


def _summary(task: Task, handoff: Handoff) -> Summary:
    state, fields = _state(task), task.head.fields
    steps = state["steps"]
    earlier = [step["asked"] for step in steps if step["asked"] not in {"", HIDDEN}]
    issue = fields.pending_query or (_asked(task) if not task.hidden else "") or (earlier[-1] if earlier else "")
    if handoff.reason == PERSON and earlier:
        issue = f"{earlier[-1]} / {issue}"[:MOST_TEXT]
    return Summary(
        issue=issue[:MOST_TEXT] or "not said yet",
        tried=[*(f"{step['asked']}: {step['did']}".removeprefix(": ") for step in steps), *_where_written(task)],
        reason=handoff.reason,
        mood=(None if task.hidden else mood(task.text)) or state["mood"],
        account=task.head.user.account_number if task.signed_in else None,
        next_steps=list(handoff.next_steps) or ["Read the conversation", "Answer the customer"],
    )


def _where_written(task: Task) -> list[str]:
    """The page that the customer was on, as the site or the customer says: one line, where it ends is seen; or none."""
    given = task.turn.context.get("page", "")
    page = "".join(letter if letter.isprintable() and letter not in "“”" else " " for letter in given)
    return [f"(written on the page “{page[:MOST_TEXT]}”)"] if page.strip() else []


def _asked(task: Task) -> str:
    return HIDDEN if task.hidden else re.sub(r"\s+", " ", task.text).strip()[:MOST_TEXT]


def _state(task: Task) -> dict[str, Any]:
    """The state, as far as it is one: a document may have been imported."""
    state = task.head.fields.agent_states.get("summary", {})
    steps, sounded = state.get("steps"), state.get("mood")
    known = [
        {"asked": step["asked"], "did": step["did"]}
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, dict) and isinstance(step.get("asked"), str) and isinstance(step.get("did"), str)
    ]
    return {"steps": known[-MOST_STEPS:], "mood": sounded if isinstance(sounded, str) else "neutral"}
