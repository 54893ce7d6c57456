"""The head: the small, bounded part of a session that its turns read and change (DESIGN: "head").

A head is its JSON document; what this release doesn't know survives a round trip. Must never hold the history.
"""

import copy
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import orjson

from app.core import limits
from app.core.errors import DocumentError
from app.core.messages import from_rfc3339, rfc3339

SCHEMA: Final = 1  # what this release writes and the newest it reads (I9)

AUTH_STATES: Final = ("anonymous", "in_progress", "verifying", "authenticated", "locked_out", "expired")
CATEGORIES: Final = ("billing_faq", "account_data", "service_request", "human_requested", "out_of_scope")
_SIGNING_IN: Final = ("authentication_required", "authentication_in_progress")
HANDOFF_STATES: Final = ("none", "waiting", "active", "resolved")


class UserContext(msgspec.Struct, kw_only=True):
    """Who the customer is, as far as it is known. Times are RFC 3339; never holds an answer to a verification (I10)."""

    session_id: str
    auth_state: str = "anonymous"
    customer_name: str | None = None
    account_number: str | None = None
    identifying_info: str | None = None
    failed_attempts: int = 0
    verified_factors: list[str] = []
    authenticated_at: str | None = None
    session_expiry: str | None = None
    last_interaction: str | None = None


class Summary(msgspec.Struct, kw_only=True):
    """What a person needs who takes a conversation over. Holds no answer to a verification (I10)."""

    issue: str
    tried: list[str] = []
    reason: str
    mood: str
    account: str | None = None  # of a customer who is verified
    next_steps: list[str] = []


class Ticket(msgspec.Struct, kw_only=True):
    """A hand-over to people: it lives with its conversation."""

    id: str
    department: str
    priority: str = "normal"
    created_at: str
    summary: Summary


class HeadFields(msgspec.Struct, kw_only=True):
    """The fields of a head that this release knows. ``asking``: the next message answers a verification question.

    ``careful``: that was so until somebody else than a turn changed it; an answer may still be on its way.
    """

    user_context: UserContext
    pending_query: str | None = None
    asking: bool = False
    careful: bool = False
    current_handoff_ticket_id: str | None = None
    handoff_state: str = "none"
    queue_position: int | None = None
    handoff_ticket: Ticket | None = None
    action: str = "none"
    agent_states: dict[str, dict[str, Any]] = {}


@dataclass(slots=True)
class Head:
    """A head in memory: typed ``fields`` over the whole ``document`` they came from."""

    fields: HeadFields
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def user(self) -> UserContext:
        """Shortcut to ``fields.user_context``."""
        return self.fields.user_context

    def copy(self) -> "Head":
        """An independent copy: a turn works on its own and commits it or drops it."""
        return Head(copy.deepcopy(self.fields), self.document)

    def public_state(self, ended: bool, now_ms: int) -> dict[str, Any]:
        """``state`` as PROTOCOL names it. An expired sign-in reads ``expired`` from its moment on."""
        known, user = self.fields, self.user
        auth = "expired" if self._expired(now_ms) else user.auth_state
        return {
            "auth": auth,
            "customer_name": user.customer_name,
            "handoff": known.handoff_state,
            "ticket": known.current_handoff_ticket_id,
            "position": known.queue_position,
            "pending_query": known.pending_query,
            "action": known.action,
            "ended": ended,
        }

    def _expired(self, now_ms: int) -> bool:
        user = self.user
        return bool(
            user.auth_state == "authenticated" and user.session_expiry and from_rfc3339(user.session_expiry) <= now_ms
        )

    def authenticated(self, now_ms: int) -> bool:
        """Whether the customer is known, and for long enough still."""
        return self.user.auth_state == "authenticated" and not self._expired(now_ms)

    @property
    def hold(self) -> int:
        """0: no ticket is open. 1: a person is at work, 2: one is awaited; the session then lives seven days (I11)."""
        return {"active": 1, "waiting": 2}.get(self.fields.handoff_state, 0)

    def sign_in(self, account: str, name: str | None, now_ms: int, expiry_ms: int) -> None:
        """The customer is ``account`` until ``expiry_ms``. What was known of another account is dropped."""
        user, known = self.user, self.fields
        known.careful, known.asking = known.careful or known.asking, False
        known.agent_states.pop("identity", None)
        if user.account_number != account:
            known.agent_states.pop("account", None)
            if user.account_number is not None:
                known.agent_states.pop("summary", None)
        if known.action in _SIGNING_IN:
            known.action = "none"
        user.auth_state, user.account_number, user.customer_name = "authenticated", account, name
        user.authenticated_at, user.session_expiry = rfc3339(now_ms), rfc3339(expiry_ms)
        user.failed_attempts, user.identifying_info = 0, None

    def sign_out(self) -> bool:
        """Forget who the customer is; False when nobody was known."""
        user, known = self.user, self.fields
        anonymous = UserContext(session_id=user.session_id, last_interaction=user.last_interaction)
        if user == anonymous and known.pending_query is None and known.action not in _SIGNING_IN and not known.asking:
            return False
        known.careful = known.careful or known.asking
        known.user_context, known.pending_query, known.asking = anonymous, None, False
        for agent in ("identity", "account", "summary"):
            known.agent_states.pop(agent, None)
        if known.action in _SIGNING_IN:
            known.action = "none"
        return True


def new_head(session_id: str) -> Head:
    """The head of a conversation that has seen no event."""
    return Head(HeadFields(user_context=UserContext(session_id=session_id)))


def decode_head(raw: bytes) -> Head:
    """A head from its JSON. Raises ``DocumentError`` if it is none."""
    try:
        return head_from_document(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise DocumentError("the session's head is not JSON") from error


def head_from_document(document: Any) -> Head:
    """A head from a mapping, unknown fields kept. Raises ``DocumentError`` naming the field that is wrong."""
    try:
        fields = msgspec.convert(document, type=HeadFields)
    except msgspec.ValidationError as error:
        raise DocumentError(f"not a session document: {error}") from error
    if fields.user_context.auth_state not in AUTH_STATES or fields.handoff_state not in HANDOFF_STATES:
        raise DocumentError("not a session document: unknown auth_state or handoff_state")
    if fields.user_context.session_expiry is not None:
        try:
            from_rfc3339(fields.user_context.session_expiry)
        except ValueError as error:
            raise DocumentError("not a session document: session_expiry is not a time") from error
    return Head(fields, document)


def head_document(head: Head) -> dict[str, Any]:
    """The whole document of a head: known fields over what came with it."""
    known: dict[str, Any] = msgspec.to_builtins(head.fields)
    known["user_context"] = {**head.document.get("user_context", {}), **known["user_context"]}
    before, ticket = head.document.get("handoff_ticket"), known["handoff_ticket"]
    if before is not None and ticket is not None and before["id"] == ticket["id"]:
        known["handoff_ticket"] = {**before, **ticket, "summary": {**before["summary"], **ticket["summary"]}}
    return {**head.document, **known}


def readable(head: Head) -> Head:
    """The head as it will be read again, a copy. Raises ``DocumentError`` for one that couldn't be."""
    return decode_head(encode_head(head))


def encode_head(head: Head) -> bytes:
    """A head as JSON. Raises ``DocumentError`` over ``MAX_HEAD`` bytes, or if it nests too deep to be written."""
    try:
        raw = orjson.dumps(head_document(head))
    except orjson.JSONEncodeError as error:
        raise DocumentError("the head of a session can't be written as JSON") from error
    if len(raw) > limits.MAX_HEAD:
        raise DocumentError(f"the head of a session is limited to {limits.MAX_HEAD} bytes")
    return raw
