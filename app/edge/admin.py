"""The admin API: list, export, import and erase sessions (PROTOCOL: "HTTP"). Off without ``BATON_ADMIN_KEY``.

Must never answer anything, not even whether a session exists, before the key was checked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.core import document
from app.core.errors import (
    DocumentError,
    NewerSchemaError,
    SessionExistsError,
    SessionGoneError,
    StoreUnavailableError,
)
from app.core.limits import SESSION_ID
from app.core.session import Head
from app.edge.http import is_admin, json_response
from app.engine.ports import Store

MAX_DOCUMENT: Final = 16 * 1024 * 1024  # bytes of an import
MAX_PAGE: Final = 500

Item = TypeVar("Item")
Handler = Callable[[Request], Awaitable[Response]]


def _ticket(head: Head) -> dict[str, Any]:
    """What a list of tickets says of one; ``ticket`` is null if its conversation was imported without."""
    known = head.fields
    return {
        "ticket": None if known.handoff_ticket is None else msgspec.to_builtins(known.handoff_ticket),
        "ticket_id": known.current_handoff_ticket_id,
        "handoff": known.handoff_state,
    }


def _problem(code: str, message: str, status: int) -> Response:
    return json_response({"error": code, "message": message}, status)


@dataclass(frozen=True, slots=True)
class Admin:
    """The admin routes of one replica."""

    store: Store
    key: str | None
    new_mark: Callable[[], str]
    new_id: Callable[[], str]

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route("/api/tickets", self._guarded(self.tickets), methods=["GET"]),
            Route("/api/sessions", self._guarded(self.sessions), methods=["GET"]),
            Route("/api/sessions/{sid}", self._guarded(self.export), methods=["GET"]),
            Route("/api/sessions/{sid}", self._guarded(self.import_), methods=["PUT"]),
            Route("/api/sessions/{sid}", self._guarded(self.erase), methods=["DELETE"]),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not is_admin(request, self.key):
                why = "The admin API is off." if self.key is None else "The admin key is missing or wrong."
                return _problem("unauthorized", why, 401)
            sid = request.path_params.get("sid")
            if sid is not None and SESSION_ID.fullmatch(sid) is None:
                return _problem("not_found", "There is no such session.", 404)
            try:
                return await handler(request)
            except StoreUnavailableError:
                return _problem("unavailable", "The store can't be reached right now.", 503)
            except NewerSchemaError:
                return _problem("newer_schema", "A newer release wrote this session; it is left as it is.", 409)

        return guarded

    async def sessions(self, request: Request) -> Response:
        """Active sessions, newest first."""
        page = await self._page(request, self.store.active_ids)
        if isinstance(page, Response):
            return page
        ids, cursor = page
        return json_response({"sessions": [{"session_id": sid} for sid in ids], "cursor": cursor})

    async def tickets(self, request: Request) -> Response:
        """Conversations that wait for a person, longest first, each with its ticket."""
        page = await self._page(request, self.store.tickets)
        if isinstance(page, Response):
            return page
        rows, cursor = page
        listed = [{"session_id": sid, **_ticket(head)} for sid, head in rows]
        return json_response({"tickets": listed, "cursor": cursor})

    async def _page(
        self, request: Request, read: Callable[[str | None, int], Awaitable[tuple[list[Item], str | None]]]
    ) -> tuple[list[Item], str | None] | Response:
        """A page of a list as the query asks for it, or what is wrong with the query."""
        try:
            limit = int(request.query_params.get("limit", "50"))
            if 1 <= limit <= MAX_PAGE:
                return await read(request.query_params.get("cursor") or None, limit)
        except ValueError:
            return _problem("bad_request", "cursor or limit is not valid.", 400)
        return _problem("bad_request", f"limit must be from 1 to {MAX_PAGE}.", 400)

    async def export(self, request: Request) -> Response:
        """The whole session as one document."""
        sid = request.path_params["sid"]
        try:
            found = await self.store.export(sid)
        except SessionGoneError:
            found = None
        if found is None:
            return _problem("not_found", "There is no such session.", 404)
        structlog.get_logger().info("audit", action="export", session=sid)
        return json_response(found)

    async def import_(self, request: Request) -> Response:
        """Create a session from a document."""
        sid = request.path_params["sid"]
        body = await self._body(request)
        if body is None:
            return _problem("too_large", f"A document is limited to {MAX_DOCUMENT} bytes.", 413)
        mark = self.new_mark()
        try:
            imported = document.read(orjson.loads(body), sid, mark)
            await self.store.import_(imported, mark, self.new_id())
        except orjson.JSONDecodeError:
            return _problem("bad_request", "The body is not JSON.", 400)
        except DocumentError as error:
            return _problem("bad_request", str(error)[:500], 400)
        except SessionExistsError:
            return _problem("exists", "There is a session of that id.", 409)
        structlog.get_logger().info("audit", action="import", session=sid)
        return json_response({"session_id": sid}, 201)

    async def erase(self, request: Request) -> Response:
        """Erase every trace; its sockets are closed with 4404."""
        sid = request.path_params["sid"]
        existed = await self.store.delete(sid)
        structlog.get_logger().info("audit", action="erase", session=sid, existed=existed)
        return Response(status_code=204) if existed else _problem("not_found", "There is no such session.", 404)

    async def _body(self, request: Request) -> bytes | None:
        """The body; None if it is too large."""
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_DOCUMENT:
                    return None
        except ClientDisconnect:
            return None
        return bytes(body)
