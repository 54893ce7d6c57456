"""Finds out who the customer is: an identifier, then one of two answers, judged under locks.

The order is: count the attempt, then judge it (DESIGN: "lock"), so that no crash, takeover or crowd of conversations
gets a guess for free. Must never say whether an account exists, and never keep, repeat or log an answer (I10).
"""

from dataclasses import dataclass
from typing import Final, Protocol

from app.agents.accounts.port import Accounts
from app.agents.identifiers import Identifier, identifiers
from app.agents.port import Audit
from app.agents.proofs import Factors, factors
from app.agents.reply import Handoff, Reply, Task, first_name
from app.core.messages import REDACTED

SIGNED_IN_MS: Final = 30 * 60 * 1000
ATTEMPTS: Final = 3  # within LOCK_MS, for an account and for a client
LOCK_MS: Final = 30 * 60 * 1000
MOST_LOOKED_UP: Final = 4  # readings of one message
_UNCLEAR: Final = 3  # messages that are no answer, until a person is offered

ASK_WHO: Final = (
    "I can look that up for you. First I need to know who you are: please tell me your **account number**, or the "
    "**phone number** or **e-mail address** on your account."
)
ASK_PROOF: Final = (
    "Thank you. To protect your account, please confirm one of these:\n\n- the **last four digits** of your Social "
    "Security number, or\n- your **date of birth**\n\nYour answer is hidden: it isn't kept in this chat."
)
_TOO_EARLY: Final = (
    "I've hidden that: I can only take an answer to my question, not one sent before it. Please type it once more: the "
    "**last four digits** of your Social Security number, or your **date of birth**."
)
_AGAIN: Final = "That doesn't match what we have on file. Please check it and try again: {left}"
_LOCKED: Final = (
    "For your security I can't check any more answers for now. You can try again in about half an hour, or sign in on "
    "our website and come back to this chat."
)
_WHY: Final = "I ask so that nobody but you can see your account."
_UNSURE_WHO: Final = (
    f"{_WHY} I need one of these: your **account number** (like ACC-2024-1234), the **phone number** or the **e-mail "
    'address** on your account. Or say "never mind", or ask for a person.'
)
_UNSURE_PROOF: Final = (
    f"I couldn't read an answer in that. {_WHY} Please type the **last four digits** of your Social Security number "
    '(like 1234), or your **date of birth** (like 07/04/1976). Or say "never mind", or ask for a person.'
)


class Locks(Protocol):
    """Attempts to verify, counted across conversations and replicas (``store/locks.py``)."""

    async def admit(self, kind: str, value: str, member: str) -> tuple[bool, int]:
        """Count ``member`` before it is judged: whether it may be, and how many more would be. Again: the same."""
        ...

    async def free(self, kind: str, value: str) -> bool:
        """Whether one more would be let in."""
        ...

    async def forget(self, kind: str, value: str, member: str) -> None:
        """It was right: it doesn't count."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """The dialogue. Its state in the head: ``unclear``, how many messages in a row were no answer."""

    accounts: Accounts
    locks: Locks

    async def begin(self, task: Task, pending: str | None) -> Reply:
        """Ask who it is; ``pending`` is answered once that is known. An identifier in the question saves asking."""
        head, user = task.head, task.head.user
        head.fields.pending_query = pending
        known = identifiers(user.identifying_info or "") if user.auth_state == "locked_out" else []
        if known:
            counted = (await self._find(known))[1]
            if not await self.locks.free("account", counted):
                return self._locked(task, counted)
        user.auth_state, user.account_number, user.customer_name = "in_progress", None, None
        user.authenticated_at = user.session_expiry = user.identifying_info = None
        user.failed_attempts, user.verified_factors = 0, []
        head.fields.agent_states["identity"] = {"unclear": 0}
        found = identifiers(task.text) if not task.hidden else []
        if found:
            return await self._take_identifier(task, found)
        return Reply(ASK_WHO, "asked who the customer is", "account_data", "authentication_required")

    async def step(self, task: Task) -> Reply | None:
        """What the message means in the dialogue that runs; None if it is no answer."""
        head, secret = task.head, task.turn.secret
        if head.user.auth_state == "verifying":
            head.fields.asking = True
            if secret is None:
                early = task.text == REDACTED
                return _aside(_TOO_EARLY, "hid an answer sent too early") if early else None
            other = [one for one in identifiers(secret.text, clear=True) if one.value != head.user.identifying_info]
            if other:
                return await self._take_identifier(task, other)
            given = factors(secret.text, task.today)
            return await self._judge(task, given, secret.client) if given else None
        found = identifiers(task.text)
        return await self._take_identifier(task, found) if found else None

    def unclear(self, task: Task) -> Reply:
        """Ask again, and after some times whether a person should help."""
        state = task.head.fields.agent_states.setdefault("identity", {})
        before = state.get("unclear")
        state["unclear"] = min(before if isinstance(before, int) else 0, 1000) + 1
        proving = task.head.user.auth_state == "verifying"
        text = _UNSURE_PROOF if proving else _UNSURE_WHO
        if state["unclear"] >= _UNCLEAR:
            text += "\n\nI can connect you with a person who helps you another way: just say so."
        action = "authentication_in_progress" if proving else "authentication_required"
        return _aside(text, "asked again who the customer is", action)

    def leave(self, task: Task, *, keep_query: bool = False) -> None:
        """The customer doesn't want to, or wants something else; ``keep_query``: but still an answer, from a person."""
        user, fields = task.head.user, task.head.fields
        user.auth_state, user.identifying_info, user.failed_attempts = "anonymous", None, 0
        fields.asking, fields.action = False, "none"
        if not keep_query:
            fields.pending_query = None
        fields.agent_states.pop("identity", None)

    async def _take_identifier(self, task: Task, found: list[Identifier]) -> Reply:
        user, fields = task.head.user, task.head.fields
        identifier, _, _ = await self._find(found)
        user.identifying_info = identifier.value
        user.auth_state, fields.asking = "verifying", True
        fields.agent_states["identity"] = {"unclear": 0}
        return _aside(ASK_PROOF, "asked for proof of identity")

    async def _find(self, found: list[Identifier]) -> tuple[Identifier, str, str | None]:
        """The identifier that fits an account, what attempts are counted under, and the account's number.

        Every one is looked up, whether one before it fitted or not: the number of look-ups tells nothing. Attempts at
        what is no account are counted under what was typed.
        """
        numbers = [await self.accounts.find(one.kind, one.value) for one in found[:MOST_LOOKED_UP]]
        for identifier, number in zip(found, numbers, strict=False):
            if number is not None:
                return identifier, number, number
        return found[0], f"unknown {found[0].value}", None

    async def _judge(self, task: Task, given: Factors, client: str | None) -> Reply:
        user, member = task.head.user, f"{task.turn.session_id}:{task.turn.seq}-{task.turn.mark}"
        known = identifiers(user.identifying_info or "") or [Identifier("account", "-")]
        _, counted, number = await self._find(known)
        counters = [*([("client", client)] if client else []), ("account", counted)]
        admitted = []
        for kind, value in counters:  # the client first: one that is locked can't use up an account's attempts
            admitted.append(await self.locks.admit(kind, value, member))
            if not admitted[-1][0]:
                return self._locked(task, counted)
        if await self.accounts.verify(number, given.ssn4, given.born) and number is not None:
            for kind, value in counters:
                await self.locks.forget(kind, value, member)
            return await self._verified(task, number, given)
        user.failed_attempts += 1
        left = min(left for _, left in admitted)
        if left == 0:
            return self._locked(task, counted, audit="lock")
        tries = "this is your last try." if left == 1 else f"you have {left} more tries."
        text = _AGAIN.format(left=tries)
        refused = Audit("verification", "refused", {"account": shown(counted), "attempts_left": left})
        return _aside(text, "an answer didn't match", audits=[refused])

    async def _verified(self, task: Task, number: str, given: Factors) -> Reply:
        head, now = task.head, task.turn.now_ms
        profile = await self.accounts.profile(number)
        head.sign_in(number, None if profile is None else profile.name, now, now + SIGNED_IN_MS)
        head.fields.careful = False  # the dialogue has come to its end by itself
        head.user.verified_factors = [
            name for name, value in (("ssn_last4", given.ssn4), ("date_of_birth", given.born)) if value is not None
        ]
        first = f", {first_name(profile.name)}" if profile is not None and first_name(profile.name) else ""
        pending = head.fields.pending_query is not None
        text = f"Thank you{first}, you're verified." + ("" if pending else " What would you like to know?")
        audits = [Audit("verification", "accepted", {"account": shown(number)}), Audit("sign_in", "accepted")]
        return _aside(text, "verified the customer", "none", audits, resume=pending)

    def _locked(self, task: Task, counted: str, audit: str = "verification") -> Reply:
        user, fields = task.head.user, task.head.fields
        user.auth_state, fields.asking = "locked_out", False
        fields.agent_states.pop("identity", None)
        handoff = Handoff(
            "verification was locked after too many wrong answers", "Account security",
            next_steps=("Verify the customer by other means before discussing an account",),
        )  # fmt: skip
        line = Audit(audit, "locked", {"account": shown(counted)})
        return Reply(_LOCKED, "locked the verification", "account_data", "handoff_initiated", [line], handoff)


def _aside(
    text: str,
    did: str,
    action: str = "authentication_in_progress",
    audits: list[Audit] | None = None,
    resume: bool = False,
) -> Reply:
    return Reply(text, did, "account_data", action, audits or [], resume=resume, aside=True)


def shown(account: str) -> str:
    """An account as a log may show it."""
    return "unknown" if account.startswith("unknown ") else f"…{account[-4:]}"
