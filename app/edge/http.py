"""HTTP beside the socket: health, readiness, metrics, the demo page and the browser's modules.

Must never answer with anything of a conversation, nor with HTML below ``/static``.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.errors import StoreUnavailableError
from app.edge.assets import VERSION, Asset, is_module
from app.edge.auth import key_matches
from app.edge.releases import Releases
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
_NEVER: Final = {"cache-control": "no-store"}
# A site's page must find the widget also while the chat server is away (RFC 5861): what was written waits in it.
_ENTRY: Final = {"cache-control": "public, max-age=300, stale-while-revalidate=604800, stale-if-error=604800"}
# What follows a dot after the version only makes a new address: a browser may remember that one couldn't be loaded.
_ADDRESS: Final = re.compile(rf"({VERSION.pattern})(?:\.[0-9]{{1,9}})?", re.ASCII)
_RETRY_AFTER: Final = {"retry-after": "2"}


def json_response(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON by orjson; never kept."""
    return Response(orjson.dumps(document), status, {**(headers or {}), **_NEVER}, "application/json")


def is_admin(request: Request, key: str | None) -> bool:
    """Whether the request carries the admin bearer key (RFC 6750); never, if there is none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return key is not None and scheme.lower() == "bearer" and key_matches(given.strip(), key)


def from_loopback(request: Request) -> bool:
    """A direct connection from this machine: what a proxy on this machine passes on is not."""
    headers = request.headers
    if "forwarded" in headers or "x-forwarded-for" in headers or "x-real-ip" in headers or request.client is None:
        return False
    return is_loopback(request.client.host)


def is_loopback(address: str) -> bool:
    """Whether this is an address of loopback; a name is none."""
    try:
        return ipaddress.ip_address(address).is_loopback
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
    releases: Releases
    demo_page: Asset

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
        if not (is_admin(request, self.admin_key) or from_loopback(request)):
            return json_response({"error": "unauthorized"}, 401)
        self.measure()
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def page(self, request: Request) -> Response:
        """The demo page."""
        return self.demo_page.response(request, {**_PAGE, "cache-control": "no-cache"})

    async def entry(self, request: Request) -> Response:
        """The widget, or the SDK, for other sites: a few lines that name the version to load."""
        asset = self.releases.own.files[request.url.path.removeprefix("/")]
        # A loader that tries again asks this server, not what a cache has from the last time.
        return asset.response(request, {**_MODULE, **(_NEVER if "retry" in request.query_params else _ENTRY)})

    async def static(self, request: Request) -> Response:
        """The modules of the page and the widget, of any version that was in service lately."""
        version, path = _ADDRESS.fullmatch(request.path_params["version"]), request.path_params["path"]
        if version is None or not is_module(path):
            return _no_module()
        try:
            assets = await self.releases.find(version[1])
        except StoreUnavailableError:
            return json_response({"error": "unavailable"}, 503, {**_MODULE, **_RETRY_AFTER})
        asset = None if assets is None else assets.files.get(path)
        return _no_module() if asset is None else asset.response(request, {**_MODULE, **_FOREVER})


def _no_module() -> Response:
    """404, readable for a page of another origin. It isn't kept: another replica may know what this one doesn't."""
    return json_response({"error": "not_found"}, 404, _MODULE)
