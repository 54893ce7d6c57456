"""The browser's files: read once, named by what they hold, compressed once.

A page that was built from two versions would be a third one that nobody tested. So the modules stand below a path
that carries a hash of all of them, and import each other by relative paths. Must never serve a file that isn't in
``app/web``.
"""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_VERSION: Final = "{{version}}"
"""What a file says where the hash belongs."""
_COMMENT: Final = re.compile(r"^[ \t]*(?:/\*\*(?:.|\n)*?\*/|//[^\n]*)[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served. ``packed`` is ``content`` in gzip."""

    content: bytes
    packed: bytes
    kind: str
    tag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "Asset":
        """Named and compressed."""
        kind = {"js": "text/javascript"}.get(name.rpartition(".")[2]) or mimetypes.guess_type(name)[0] or "text/plain"
        tag = '"' + hashlib.sha256(content).hexdigest()[:24] + '"'
        return cls(content, gzip.compress(content, 9, mtime=0), kind + "; charset=utf-8", tag)

    def response(self, request: Request, headers: dict[str, str]) -> Response:
        """The file, or 304 if the client has it (RFC 9110 §13.1.2)."""
        headers = {**headers, "etag": self.tag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, 200, {**headers, "content-encoding": "gzip"}, self.kind)
        return Response(self.content, 200, headers, self.kind)


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of one version by their path below ``app/web``."""

    version: str
    files: dict[str, Asset]


def load_assets() -> Assets:
    """The files of this release."""
    found = {name: _bare(name, content) for name, content in _read(files("app.web"), "")}
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{len(found[name])}\0".encode() + found[name])
    version = digest.hexdigest()[:16]
    named = {name: content.replace(_VERSION.encode(), version.encode()) for name, content in found.items()}
    return Assets(version, {name: Asset.of(name, content) for name, content in named.items()})


def _read(folder: Traversable, above: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        name = above + entry.name
        if entry.is_dir():
            found += _read(entry, f"{name}/")
        elif entry.name.endswith((".js", ".css", ".html")):
            found.append((name, entry.read_bytes()))
    return found


def _bare(name: str, content: bytes) -> bytes:
    """A module without its comments of whole lines: they are half of it, and nobody's browser needs them."""
    return _COMMENT.sub("", content.decode()).encode() if name.endswith(".js") else content
