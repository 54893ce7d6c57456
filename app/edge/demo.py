"""What the demo page asks of its server: what there is to break, and to break it (``baton serve --demo``).

Must never take a request but from a page of this very server in a browser on this machine. From loopback alone any page
comes that is open in that browser; with its own ``Origin`` and ``Host`` also one whose name was bound to 127.0.0.1.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.http import from_loopback, is_loopback, json_response

MOST_BYTES: Final = 256  # of a request
_HOST: Final = re.compile(r"(?:([A-Za-z0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?", re.ASCII)
_REPLICA: Final = re.compile(r"r-[0-9a-f]{8}", re.ASCII)
_STATUS: Final = {"accepted": 202, "unknown_fault": 404, "unknown_replica": 404, "too_often": 429}
_RETRY_AFTER: Final = {"retry-after": "1"}

Handler = Callable[[Request], Awaitable[Response]]


class Faults(Protocol):
    """Asks who can break things."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What it can do."""
        ...

    async def ask(self, fault: str, replica: str | None) -> str:
        """One of the keys of ``_STATUS``. Raises ``OSError`` if there is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's routes of one replica."""

    replica: str
    agent: str
    faults: Faults
    pause_seconds: float

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route("/demo", _guarded(self.about), methods=["GET"]),
            Route("/demo/faults", _guarded(self.fault), methods=["POST"]),
        ]

    async def about(self, _request: Request) -> Response:
        """Who answers, and what there is to break."""
        about = {"faults": self.faults.faults, "agent": self.agent, "replica": self.replica}
        return json_response({**about, "pause_seconds": self.pause_seconds})

    async def fault(self, request: Request) -> Response:
        """202: it happens in a moment."""
        asked = await _body(request)
        if asked is None:
            return _problem("bad_request", 400)
        try:
            result = await self._ask(asked["fault"], asked.get("replica"))
        except OSError:
            return _problem("unavailable", 503)
        status = _STATUS[result]
        return json_response({"result": result}, status) if status == 202 else _problem(result, status)

    async def _ask(self, fault: str, replica: str | None) -> str:
        if fault not in self.faults.faults:
            return "unknown_fault"
        if replica is not None and _REPLICA.fullmatch(replica) is None:
            return "unknown_replica"
        return await self.faults.ask(fault, replica)


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        if not (from_loopback(request) and _from_this_page(request)):
            return _problem("forbidden", 403)
        return await handler(request)

    return guarded


def _from_this_page(request: Request) -> bool:
    """The ``Host`` is a name of this machine; who changes something, or says where it comes from, comes from there."""
    hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match is None or not ((match[1] or "").lower() == "localhost" or is_loopback(match[1] or match[2])):
        return False
    return origins == [f"http://{hosts[0]}"] or (request.method in {"GET", "HEAD"} and not origins)


async def _body(request: Request) -> dict[str, Any] | None:
    """The request's JSON, if it has the size and the shape of one for a fault."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return None
        asked = orjson.loads(bytes(body))
    except (ClientDisconnect, orjson.JSONDecodeError):
        return None
    fit = isinstance(asked, dict) and isinstance(asked.get("fault"), str)
    return asked if fit and isinstance(asked.get("replica"), str | None) else None


def _problem(code: str, status: int) -> Response:
    return json_response({"error": code}, status, _RETRY_AFTER if status == 429 else None)
