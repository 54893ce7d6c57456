"""Where every message goes: an open verification first, then by what it is about. ``ROUTES`` is the whole routing.

Must never answer about an account before the customer is verified, and never lose a call for a person.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from app.agents import faq, small_talk, summary
from app.agents.account import Account
from app.agents.accounts.port import AccountsUnavailableError
from app.agents.brain import Handbook
from app.agents.classifier import UNDERSTOOD, Guess, Said
from app.agents.identity import Identity
from app.agents.port import Category, Change, NextMessage, Piece, Turn
from app.agents.reply import Handoff, Reply, Task
from app.agents.services import Services
from app.agents.summary import Handover
from app.core.errors import FencedError, SessionGoneError, StaleError, StoreUnavailableError
from app.core.messages import REDACTED

SURE: Final = 0.5  # confidence from which a question is answered in the middle of a verification
MOST_RECENT: Final = 5

_HIDDEN: Final = (
    "I've hidden your last message, since I was expecting an answer to a verification question when you sent it. If it "
    "was something else, please type it again."
)
_UNASKED: Final = (
    "I've hidden your last message: it looked like an answer to a verification question, and I haven't asked one. "
    "Please never send such details unasked. What can I help you with?"
)
# What ends a verification, whatever else it may mean.
_LEAVE: Final = re.compile(
    r"\W*(?:please )?(?:cancel|stop|quit|exit|leave|no|nope|nah|never ?mind|forget (?:it|that)|not now|later|skip|"
    r"go back|i (?:do not|don.?t|won.?t) (?:want|wanna|need)(?: to| that| this)?)\W*",
    re.IGNORECASE,
)
_OWN: Final = re.compile(r"\b(?:my|mine|it|this|last month|i)\b", re.IGNORECASE)
_WHEN: Final = re.compile(r"\b(?:how (?:long|soon|much longer)|when|what time)\b", re.IGNORECASE)
_LEFT: Final = "No problem, we can leave that. What else can I help you with?"
_UNKNOWN: Final = "I'm sorry, I don't understand that, so I'd rather not guess."
_ELSEWHERE: Final = (
    "I can only help with your electricity, gas and water service here: bills and payments, programs, your account, "
    "and requests to our teams. Could you put it another way, or shall I connect you with a person?"
)
_NO_DATA: Final = "I'm sorry, I can't reach the account data right now."
_FAILED: Final = "I'm sorry, something went wrong on my side."


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """The parts of the bot. Keeps nothing between turns: what it knows of a conversation is in the head."""

    handbook: Handbook
    services: Services
    identity: Identity
    account: Account
    handover: Handover

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """One message; after a sign-in one more: the pending query, taken up."""
        head = turn.head.copy()
        if turn.text and turn.part == 0:
            secret, head.fields.careful = turn.secret, False
            task = Task(turn, head, turn.text) if secret is None else Task(turn, head, secret.text, hidden=True)
            reply = await self._guarded(task, self._first)
            for piece in await self._pieces(task, reply):
                yield piece
            if not reply.resume:
                return
            yield NextMessage()
            head = head.copy()
        query = head.fields.pending_query
        if query is not None and head.authenticated(turn.now_ms):
            task = Task(turn, head, query)
            for piece in await self._pieces(task, await self._guarded(task, self._resume)):
                yield piece

    async def _pieces(self, task: Task, reply: Reply) -> list[Piece]:
        """A reply as the engine takes it: first what changes, then the text."""
        text = reply.text
        if reply.handoff is not None:
            text = f"{text}\n\n{await self.handover.open(task, reply, reply.handoff)}".strip()
        summary.keep_account(task)
        fields = task.head.fields
        if reply.action is not None:
            waiting = reply.action == "none" and fields.handoff_state == "waiting"
            fields.action = "handoff_initiated" if waiting else reply.action
        summary.note(task, reply.did, aside=reply.aside)
        category: list[Piece] = [Category(reply.category)] if reply.category else []
        return [*category, *reply.audits, Change(task.head), text]

    async def _guarded(self, task: Task, work: Callable[[Task], Awaitable[Reply]]) -> Reply:
        """An agent that fails is a case for a person, not the end of the turn."""
        try:
            return await work(task)
        except (FencedError, SessionGoneError, StaleError, StoreUnavailableError):
            raise
        except AccountsUnavailableError as error:
            structlog.get_logger().error("accounts_unavailable", why=error.reason)
            text, why = _NO_DATA, "the account data can't be reached"
        except Exception as error:  # noqa: BLE001 - whatever it is, the customer gets a person; only its kind is logged (I10)
            structlog.get_logger().error("agent_failed", error=type(error).__name__)
            text, why = _FAILED, "the bot failed on this message"
        if task.head.user.auth_state in {"in_progress", "verifying"}:
            self.identity.leave(task)
        return Reply(text, "failed", None, handoff=Handoff(why))

    async def _first(self, task: Task) -> Reply:
        fields, state = task.head.fields, task.head.user.auth_state
        if task.hidden and not fields.asking:
            return Reply(_HIDDEN, "hid a message", action=None, aside=True)
        fields.asking = state == "verifying"
        open_dialogue = state in {"in_progress", "verifying"}
        said = self.handbook.brain.classifier.read(task.text)
        if said.decided is not None:  # a danger, or a call for a person: before anything else is read into it
            if open_dialogue:
                self.identity.leave(task, keep_query=True)
            return await self._route(task, said.decided)
        if open_dialogue:
            reply = await self.identity.step(task)
            if reply is not None:
                return reply
        if task.text == REDACTED:
            return Reply(_UNASKED, "hid an answer that nobody asked for", action=None, aside=True)
        guess = self._understand(task, said)
        return await self._aside(task, said, guess) if open_dialogue else await self._route(task, guess)

    def _understand(self, task: Task, said: Said) -> Guess:
        brain, state = self.handbook.brain, task.head.fields.agent_states.get("classifier", {})
        guess = brain.classifier.guess(said)
        offered = state.get("offer") == "person"
        if offered and guess.category == "" and guess.intent in {"yes", "acknowledgement"}:
            return Guess("human_requested", "person", None, 1.0)
        return faq.follow_up(brain, task, said, guess)

    async def _route(self, task: Task, guess: Guess) -> Reply:
        reply = await ROUTES[guess.category](self, task, guess)
        recent = task.head.fields.agent_states.get("classifier", {}).get("recent", [])
        known = [name for name in recent if isinstance(name, str)] if isinstance(recent, list) else []
        now = [guess.category] if guess.category else []  # small talk doesn't change the subject
        task.head.fields.agent_states["classifier"] = {
            "recent": [*now, *known][:MOST_RECENT],
            "offer": "person" if reply.action == "clarification_needed" else None,
        }
        return reply

    async def _aside(self, task: Task, said: Said, guess: Guess) -> Reply:
        """A message in the middle of a verification that is no answer to it."""
        if _LEAVE.fullmatch(task.text) or (guess.category == "" and guess.intent in {"never_mind", "no"}):
            self.identity.leave(task)
            return Reply(_LEFT, "left the verification", aside=True)
        if guess.category == "human_requested" or (guess.category == "service_request" and guess.confidence >= SURE):
            self.identity.leave(task, keep_query=True)
            return await self._route(task, guess)
        clear = guess.confidence >= SURE and len(self.handbook.brain.classifier.subject(said)) > 1
        if guess.category == faq.CATEGORY and clear:
            reply, reminder = await self._route(task, guess), self.identity.unclear(task)
            reply.text, reply.action = f"{reply.text}\n\n{reminder.text}", reminder.action
            return reply
        if guess.category == "account_data" and not task.hidden:
            task.head.fields.pending_query = task.text
        return self.identity.unclear(task)

    async def _resume(self, task: Task) -> Reply:
        task.head.fields.pending_query = None
        said = self.handbook.brain.classifier.read(task.text)
        return await self._route(task, self._understand(task, said))

    # The handlers of ROUTES

    async def _faq(self, task: Task, guess: Guess) -> Reply:
        if guess.intent == "high-bills" and task.signed_in and _OWN.search(task.text):
            return await self.account.answer(task, "high_bill", task.text)
        return faq.answer(self.handbook.brain, task, guess)

    async def _account(self, task: Task, guess: Guess) -> Reply:
        if task.signed_in:
            return await self.account.answer(task, guess.intent, task.text)
        pending = None if guess.intent == "sign_in" or task.hidden else task.text
        return await self.identity.begin(task, pending)

    async def _service(self, task: Task, guess: Guess) -> Reply:
        kind = self.services.of(guess.intent)
        name = guess.intent.replace("_", " ")
        handoff = Handoff(f"a request: {name}", kind.department, kind.priority, tuple(kind.next_steps))
        return Reply(kind.words.strip(), f"took a request: {name}", "service_request", handoff=handoff)

    async def _person(self, task: Task, guess: Guess) -> Reply:
        known = summary.status(task)
        if known is not None:
            known = f"{self._danger(task)}{known}"
            return Reply(known, "told the place in the queue", "human_requested", "handoff_initiated")
        steps = ("Call the customer back",) if guess.intent == "callback" else ()
        return Reply(
            "Of course.", "asked for a person", "human_requested", handoff=Handoff(summary.PERSON, next_steps=steps)
        )

    async def _lost(self, task: Task, guess: Guess) -> Reply:
        known = summary.status(task)
        if guess.confidence < UNDERSTOOD and known is None:
            handoff = Handoff("the bot didn't understand the customer")
            return Reply(_UNKNOWN, "didn't understand", "out_of_scope", handoff=handoff)
        if known is not None and guess.intent in {"unknown", "unclear"}:  # something for the person who is awaited
            if _WHEN.search(task.text):
                return Reply(f"{self._danger(task)}{known}", "told the place in the queue", "out_of_scope")
            handoff = Handoff("more for the same")
            return Reply(f"{self._danger(task)}Thank you.", "took a note", "out_of_scope", handoff=handoff)
        text = f"{self._danger(task)}{_ELSEWHERE}"
        return Reply(text, "asked to rephrase", "out_of_scope", "clarification_needed")

    def _danger(self, task: Task) -> str:
        """What is said again for as long as an emergency is on: nobody should have to scroll back for it."""
        ticket = task.head.fields.handoff_ticket
        emergency = self.services.of("emergency")
        waits = ticket is not None and task.head.fields.handoff_state == "waiting"
        on = waits and ticket is not None and ticket.department == emergency.department
        return f"{emergency.words.strip()}\n\n" if on else ""

    async def _small_talk(self, task: Task, guess: Guess) -> Reply:
        if guess.intent == "log_out":
            task.head.sign_out()
        if guess.intent == "withdraw" and (ticket := summary.withdraw(task)) is not None:
            return Reply(
                f"Your ticket **{ticket}** is withdrawn. What else can I help you with?", "withdrew the ticket"
            )
        return small_talk.answer(task, guess.intent)


Handler = Callable[[Orchestrator, Task, Guess], Awaitable[Reply]]

# Category -> who answers. An open verification comes before this (``_first``).
ROUTES: Final[dict[str, Handler]] = {
    "billing_faq": Orchestrator._faq,  # anybody may know: from the knowledge base
    "account_data": Orchestrator._account,  # verified customers only; others are asked who they are first
    "service_request": Orchestrator._service,  # people do it: a ticket
    "human_requested": Orchestrator._person,  # a ticket
    "out_of_scope": Orchestrator._lost,  # hardly understood: a person; else rephrase, or the offer of one
    "": Orchestrator._small_talk,  # greetings and the like
}
