"""The browser's files of one version, named by what they hold.

A page that was built from two versions would be a third one that nobody tested. So the modules stand below a path
that carries a hash of all of them, and import each other by relative paths. Must never serve a file that isn't in
``app/web`` of some release, nor take a file's content type from anywhere but this table.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.edge.chunks import chunks
from app.edge.negotiation import accepts_gzip, is_known

VERSION: Final = re.compile(r"[0-9a-f]{32}")
_DIGITS: Final = 32  # 128 bits: nobody finds other files of the same name
_PLACEHOLDER: Final = "{{version}}"
"""What a file says where the hash belongs."""
_COMMENT: Final = re.compile(r"^[ \t]*(?:/\*\*(?:.|\n)*?\*/|//[^\n]*)[ \t]*\n", re.MULTILINE)
_CAST: Final = re.compile(r"/\*\* @[^\n]*?\*/ ?")
_INDENT: Final = re.compile(r"^[ \t]+|\n(?=\n)", re.MULTILINE)
_MODULES: Final = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
_PAGES: Final = {"html": "text/html; charset=utf-8"}


@dataclass(slots=True)
class Asset:
    """One file as it is served; compressed when it is first asked for, since few of a foreign version ever are."""

    content: bytes
    kind: str
    tag: str = field(init=False)
    _packed: bytes | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        # Weak: with and without gzip it has the same tag (RFC 9110 §8.8.1).
        self.tag = f'W/"{hashlib.sha256(self.content).hexdigest()[:_DIGITS]}"'

    def response(self, request: Request, headers: dict[str, str]) -> Response:
        """The file, or 304 if the client has it (RFC 9110 §13.1.2)."""
        headers = {**headers, "etag": self.tag, "vary": "accept-encoding"}
        if is_known(self.tag, request.headers.getlist("if-none-match")):
            return Response(status_code=304, headers=headers)
        if not accepts_gzip(request.headers.getlist("accept-encoding")):
            return Response(self.content, 200, headers, self.kind)
        if self._packed is None:
            self._packed = gzip.compress(self.content, 9, mtime=0)
        return Response(self._packed, 200, {**headers, "content-encoding": "gzip"}, self.kind)


@dataclass(frozen=True, slots=True)
class Assets:
    """One version: its modules by their path below ``app/web``, and the ``bundle`` from which they were made.

    The ``bundle`` of a foreign version isn't kept: nobody stores it again.
    """

    version: str
    bundle: bytes
    files: dict[str, Asset]

    @classmethod
    def of(cls, bundle: bytes) -> "Assets":
        """From a JSON object of paths and texts. Raises ``ValueError`` if it isn't one."""
        try:
            texts = msgspec.json.decode(bundle, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise ValueError("not a bundle") from error
        version = version_of(bundle)
        kinds = {name: _MODULES.get(_suffix(name)) for name in texts}
        return cls(version, bundle, {name: _asset(texts[name], kind, version) for name, kind in kinds.items() if kind})

    def page(self, name: str) -> Asset:
        """A page of this release that loads this version. Only the replica itself serves one, never a version."""
        return _asset((files("app.web") / name).read_text("utf-8"), _PAGES[_suffix(name)], self.version)


def version_of(bundle: bytes) -> str:
    """The name that only these files can have."""
    return hashlib.sha256(bundle).hexdigest()[:_DIGITS]


def is_module(name: str) -> bool:
    """Whether a version may hold such a file."""
    return _suffix(name) in _MODULES


def load_assets(folder: Traversable | None = None) -> Assets:
    """The modules of this release, those that are loaded first joined to chunks."""
    texts = {name: _bare(name, text) for name, text in _read(files("app.web") if folder is None else folder, "")}
    return Assets.of(orjson.dumps(texts | chunks(texts), option=orjson.OPT_SORT_KEYS))


def _read(folder: Traversable, above: str) -> list[tuple[str, str]]:
    found = []
    for entry in folder.iterdir():
        name = above + entry.name
        if entry.is_dir():
            found += _read(entry, f"{name}/")
        elif is_module(name):
            found.append((name, entry.read_text("utf-8")))
    return found


def _bare(name: str, text: str) -> str:
    """A module without its comments, types and indentation: they are half of it, and nobody's browser needs them."""
    return _INDENT.sub("", _CAST.sub("", _COMMENT.sub("", text))) if name.endswith(".js") else text


def _asset(text: str, kind: str, version: str) -> Asset:
    return Asset(text.replace(_PLACEHOLDER, version).encode(), kind)


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
