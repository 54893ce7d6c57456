"""HTTP beside the socket: health, readiness, metrics, the demo page and its modules.

Must never answer with anything of a conversation, nor serve a file that isn't in ``app/web``.
"""

import hashlib
import ipaddress
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.auth import key_matches
from app.observe.metrics import Metrics

_PAGE: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
# A module is fetched with CORS when a page of another origin embeds the widget; the files are public.
_MODULE: Final = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def json_response(document: object, status: int = 200) -> Response:
    """JSON by orjson."""
    return Response(orjson.dumps(document), status, {"cache-control": "no-store"}, "application/json")


def is_admin(request: Request, key: str | None) -> bool:
    """Whether the request carries the admin bearer key (RFC 6750); never, if there is none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return key is not None and scheme.lower() == "bearer" and key_matches(given.strip(), key)


def _from_loopback(request: Request) -> bool:
    """A direct connection from this machine: what a proxy on this machine passes on is not."""
    headers = request.headers
    if "forwarded" in headers or "x-forwarded-for" in headers or "x-real-ip" in headers or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of ``app/web`` as it is served."""

    content: bytes
    kind: str
    tag: str

    def response(self, request: Request, headers: dict[str, str]) -> Response:
        """The file, or 304 if the client has it (RFC 9110 §13.1.2)."""
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers={**headers, "etag": self.tag})
        return Response(self.content, 200, {**headers, "etag": self.tag}, self.kind)


def load_assets() -> dict[str, Asset]:
    """The files of ``app/web``, read once: nothing else can be asked for."""
    assets = {}
    for entry in files("app.web").iterdir():
        kind = {"js": "text/javascript"}.get(entry.name.rpartition(".")[2]) or mimetypes.guess_type(entry.name)[0]
        if entry.is_file() and kind is not None and not entry.name.endswith((".py", ".json")):
            content = entry.read_bytes()
            tag = '"' + hashlib.sha256(content).hexdigest()[:24] + '"'
            assets[entry.name] = Asset(content, kind + "; charset=utf-8", tag)
    return assets


@dataclass(frozen=True, slots=True)
class Pages:
    """The routes that need no conversation. ``not_ready`` answers with the reason, or None."""

    metrics: Metrics
    admin_key: str | None
    replica: str
    not_ready: Callable[[], str | None]
    measure: Callable[[], None]
    assets: dict[str, Asset]

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics_text),
            Route("/", self.page),
            Route("/widget.js", self.widget),
            Route("/static/{name}", self.static),
        ]

    async def health(self, _request: Request) -> Response:
        """200 while the process runs."""
        return json_response({"status": "ok", "replica": self.replica})

    async def ready(self, _request: Request) -> Response:
        """200 while new connections are taken."""
        reason = self.not_ready()
        if reason is None:
            return json_response({"status": "ready", "replica": self.replica})
        return json_response({"status": "unready", "reason": reason, "replica": self.replica}, 503)

    async def metrics_text(self, request: Request) -> Response:
        """Prometheus text, for the admin key or from this machine."""
        if not (is_admin(request, self.admin_key) or _from_loopback(request)):
            return json_response({"error": "unauthorized"}, 401)
        self.measure()
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def page(self, request: Request) -> Response:
        """The demo page."""
        return self._asset(request, "index.html", {**_PAGE, "cache-control": "no-cache"})

    async def widget(self, request: Request) -> Response:
        """The widget for other sites."""
        return self._asset(request, "widget.js", _MODULE)

    async def static(self, request: Request) -> Response:
        """The modules of the page and the widget."""
        name = request.path_params["name"]
        return self._asset(request, name, _MODULE if name != "index.html" else _PAGE)

    def _asset(self, request: Request, name: str, headers: dict[str, str]) -> Response:
        asset = self.assets.get(name)
        return json_response({"error": "not_found"}, 404) if asset is None else asset.response(request, headers)
