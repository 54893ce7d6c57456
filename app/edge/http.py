"""HTTP beside the socket: health, readiness, metrics, the demo page and its modules.

Must never answer with anything of a conversation, nor serve a file that isn't in ``app/web``.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.assets import Assets
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
}
_FOREVER: Final = {"cache-control": "public, max-age=31536000, immutable"}
# A site's page must find the widget also while the chat server is away (RFC 5861): what was written waits in it.
_ENTRY: Final = {"cache-control": "public, max-age=300, stale-while-revalidate=604800, stale-if-error=604800"}


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
class Pages:
    """The routes that need no conversation. ``not_ready`` answers with the reason, or None."""

    metrics: Metrics
    admin_key: str | None
    replica: str
    not_ready: Callable[[], str | None]
    measure: Callable[[], None]
    assets: Assets

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics_text),
            Route("/", self.page),
            Route("/widget.js", self.entry),
            Route("/sdk.js", self.entry),
            Route("/static/{version}/{path:path}", self.static),
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
        return self._asset(request, "demo/index.html", {**_PAGE, "cache-control": "no-cache"})

    async def entry(self, request: Request) -> Response:
        """The widget, or the SDK, for other sites: a few lines that name the version to load."""
        return self._asset(request, request.url.path.removeprefix("/"), {**_MODULE, **_ENTRY})

    async def static(self, request: Request) -> Response:
        """The modules of the page and the widget. What follows a dot after the version only makes a new address."""
        version, path = request.path_params["version"].partition(".")[0], request.path_params["path"]
        if version != self.assets.version or path.endswith(".html"):
            return not_found()
        return self._asset(request, path, {**_MODULE, **_FOREVER})

    def _asset(self, request: Request, name: str, headers: dict[str, str]) -> Response:
        asset = self.assets.files.get(name)
        return not_found() if asset is None else asset.response(request, headers)


def not_found() -> Response:
    """404; it isn't kept: another replica may have what this one doesn't know yet."""
    return json_response({"error": "not_found"}, 404)
