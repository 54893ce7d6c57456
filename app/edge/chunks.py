"""Modules joined to chunks: a page gets what it needs in one answer, not in forty of which each names the next.

Each module becomes a function that takes what it imports and returns what it exports; nothing else of it is changed.
Must never guess: a module that isn't written as expected here, or imports in a circle, stops the start.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from typing import Final

ENTRIES: Final = ("widget/element.js", "sdk/session.js")
LAZY: Final = {"widget/panel.js": "widget/element.js"}
"""What is loaded later, and the chunk that is there by then: it holds the modules of both."""
_IMPORT: Final = re.compile(r"^import (?:(\{[^}]*\}) from )?'(\.[^']+)';\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export ((?:async )?function\*?|class|const) (\w+)", re.MULTILINE)
_LEFT: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Module:
    """``imports``: the names taken, as a pattern, and the path they come from."""

    path: str
    imports: tuple[tuple[str, str], ...]
    exports: tuple[str, ...]
    body: str

    @classmethod
    def of(cls, path: str, text: str) -> "Module":
        """Raises ``ValueError`` if it isn't written in one of the few ways that are known."""
        imports = tuple(
            (names.replace(" as ", ": ") or "{}", normpath(join(dirname(path), target)))
            for names, target in _IMPORT.findall(text)
        )
        body = _IMPORT.sub("", text)
        exports = tuple(name for _, name in _EXPORT.findall(body))
        body = _EXPORT.sub(r"\1 \2", body)
        if left := _LEFT.search(body):
            raise ValueError(f"{path}: can't be joined: {left.group()[:80]}")
        return cls(path, imports, exports, body)


@dataclass(slots=True)
class _Chunk:
    """``known``: the names of modules by their path; the ``lines`` define them."""

    known: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, module: Module) -> None:
        takes = ", ".join(names for names, _ in module.imports)
        given = ", ".join(self.known[path] for _, path in module.imports)
        name = self.known[module.path] = f"m{len(self.known)}"
        gives = ", ".join(module.exports)
        self.lines.append(f"const {name} = (({takes}) => {{\n{module.body}return {{ {gives} }};\n}})({given});\n")


def chunks(texts: Mapping[str, str]) -> dict[str, str]:
    """The chunks by the path of their entry, which they take the place of; ``texts`` are all modules. Pure.

    Raises:
        ValueError: a module can't be joined.
    """
    found = {}
    for entry in ENTRIES:
        if entry in texts:
            found[entry] = _joined(texts, entry, [])
    for entry, base in LAZY.items():
        if entry in texts:
            found[entry] = _joined(texts, entry, [module.path for module in _ordered(texts, base)])
    return found


def _joined(texts: Mapping[str, str], entry: str, there: Iterable[str]) -> str:
    chunk = _Chunk()
    modules = _ordered(texts, entry)
    if shared := [path for path in there if path in {module.path for module in modules}]:
        chunk.lines.append(f"import {{ modules }} from './{LAZY[entry].rpartition('/')[2]}';\n")
        for path in shared:
            chunk.known[path] = f"m{len(chunk.known)}"
            chunk.lines.append(f"const {chunk.known[path]} = modules['{path}'];\n")
    for module in modules:
        if module.path not in chunk.known:
            chunk.add(module)
    own = modules[-1]
    chunk.lines.append(f"export const {{ {', '.join(own.exports)} }} = {chunk.known[own.path]};\n")
    if entry in LAZY.values():
        listed = ", ".join(f"'{path}': {name}" for path, name in chunk.known.items())
        chunk.lines.append(f"export const modules = {{ {listed} }};\n")
    return "".join(chunk.lines)


def _ordered(texts: Mapping[str, str], entry: str) -> list[Module]:
    """The entry and all that it imports, each after what it imports itself."""
    done: dict[str, Module] = {}
    above: list[str] = []

    def visit(path: str) -> None:
        if path in done:
            return
        if path in above or path not in texts:
            raise ValueError(f"{above[-1]}: imports {path}, which isn't there or imports it")
        above.append(path)
        module = Module.of(path, texts[path])
        for _, target in module.imports:
            visit(target)
        above.pop()
        done[path] = module

    visit(entry)
    return list(done.values())
