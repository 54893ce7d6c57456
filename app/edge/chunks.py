"""Modules joined to chunks: a page gets what it needs in one answer, not in forty of which each names the next.

Each module becomes a function that takes what it imports, out of all that was exported before, and returns what it
exports; nothing else of it is changed. Must never guess: a module that isn't written as expected here, imports in a
circle, or exports a name that another one exports stops the start.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from typing import Final

ENTRIES: Final = ("widget/element.js", "sdk/session.js")
LAZY: Final = {"widget/panel.js": "widget/element.js"}
"""What is loaded later, and the chunk that is there by then: it holds the modules of both."""
_IMPORT: Final = re.compile(r"^import (?:\{([^}]*?),?\s*\} from )?'(\.[^']+)';\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export ((?:async )?function\*?|class|const) (\w+)", re.MULTILINE)
_LEFT: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_TAKEN: Final = re.compile(r"(\w+)(?:: \w+)?")
_BEGIN: Final = "const all = {};\nconst add = (module) => Object.assign(all, module(all));\n"
_BESIDE: Final = re.compile(r"['`]\.\.?/.*")
"""A path that a module says itself: it starts from the chunk's folder."""


@dataclass(frozen=True, slots=True)
class Module:
    """``imports``: the names taken, as in a pattern, and the path they come from."""

    path: str
    imports: tuple[tuple[str, str], ...]
    exports: tuple[str, ...]
    body: str

    @classmethod
    def of(cls, path: str, text: str) -> "Module":
        """Raises ``ValueError`` if it isn't written in one of the few ways that are known."""
        imports = tuple(
            (names.strip().replace(" as ", ": "), normpath(join(dirname(path), target)))
            for names, target in _IMPORT.findall(text)
        )
        body = _IMPORT.sub("", text)
        exports = tuple(name for _, name in _EXPORT.findall(body))
        body = _EXPORT.sub(r"\1 \2", body)
        if left := _LEFT.search(body):
            raise ValueError(f"{path}: can't be joined: {left.group()[:80]}")
        if not text.endswith("\n"):
            raise ValueError(f"{path}: can't be joined: its last line has no end")
        return cls(path, imports, exports, body)

    def takes(self, path: str) -> set[str]:
        """What it imports from there."""
        return {name for names, target in self.imports if target == path for name in _TAKEN.findall(names)}

    def joined(self) -> str:
        """As it stands in a chunk."""
        takes = ", ".join(names for names, _ in self.imports if names)
        return f"add(({{ {takes} }}) => {{\n{self.body}return {{ {', '.join(self.exports)} }};\n}});\n"


def chunks(texts: Mapping[str, str]) -> dict[str, str]:
    """The chunks by the path of their entry, which they take the place of; ``texts`` are all modules. Pure.

    Raises:
        ValueError: a module can't be joined.
    """
    found = {entry: _joined(entry, [], _ordered(texts, entry)) for entry in ENTRIES if entry in texts}
    for entry, base in LAZY.items():
        if entry in texts:
            found[entry] = _joined(entry, _ordered(texts, base), _ordered(texts, entry))
    return found


def _joined(entry: str, there: Sequence[Module], modules: Sequence[Module]) -> str:
    _check(entry, [*there, *(module for module in modules if module not in there)])
    lines = [f"import {{ add, all }} from './{basename(LAZY[entry])}';\n" if there else _BEGIN]
    lines += [module.joined() for module in modules if module not in there]
    lines += [f"export const {{ {', '.join(modules[-1].exports)} }} = all;\n"]
    if entry in LAZY.values():
        lines += ["export { add, all };\n"]
    return "".join(lines)


def _check(entry: str, modules: Iterable[Module]) -> None:
    """What each of them alone can't know."""
    owners: dict[str, str] = {}
    for module in modules:
        for name in module.exports:
            if owners.setdefault(name, module.path) != module.path:
                raise ValueError(f"{module.path}: can't be joined: {owners[name]} exports {name}, too")
        if dirname(module.path) != dirname(entry) and (beside := _BESIDE.search(module.body)):
            raise ValueError(f"{module.path}: can't be joined: {beside.group()[:80]}")


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
            if missing := module.takes(target).difference(done[target].exports):
                raise ValueError(f"{path}: can't be joined: {target} doesn't export {', '.join(sorted(missing))}")
        above.pop()
        done[path] = module

    visit(entry)
    return list(done.values())
