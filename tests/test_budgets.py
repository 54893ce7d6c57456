"""The budgets that keep the code livable: how long a module, a function, a Lua script and a JS module may be."""

import ast
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
MODULE, FUNCTION, LUA, JS = 250, 40, 60, 150

# "path" or "path::qualified.name" of what is over its budget: why it stays so. One that no longer is must go.
EXCEPTIONS: Final[dict[str, str]] = {}


def lines(path: Path) -> int:
    """Return the number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(tree: ast.AST, above: str = "") -> dict[str, int]:
    """Return the lines of every function by its qualified name; what stands inside one counts for it too."""
    found: dict[str, int] = {}
    for node in ast.iter_child_nodes(tree):
        name = above
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{above}.{node.name}".lstrip(".")
            if not isinstance(node, ast.ClassDef):
                found[name] = max(found.get(name, 0), (node.end_lineno or node.lineno) - node.lineno + 1)
        found |= functions(node, name)
    return found


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below `folders` of the project."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def over_budget() -> dict[str, str]:
    """Return what is over its budget: where it is, and by how much."""
    over = {}
    sizes = [(path, MODULE) for path in python_files("app", "bench", "tests")]
    sizes += [(path, LUA) for path in (ROOT / "app").rglob("*.lua")] + [
        (path, JS) for path in (ROOT / "app").rglob("*.js")
    ]
    assert len(sizes) > 10, "the files of the project weren't found"
    for path, budget in sizes:
        where = path.relative_to(ROOT).as_posix()
        if lines(path) > budget:
            over[where] = f"{lines(path)} lines, budget {budget}"
        if path.suffix == ".py":
            for name, size in functions(ast.parse(path.read_text(encoding="utf-8"))).items():
                if size > FUNCTION:
                    over[f"{where}::{name}"] = f"{size} lines, budget {FUNCTION}"
    return over


def test_everything_is_within_its_budget() -> None:
    over = {where: size for where, size in over_budget().items() if where not in EXCEPTIONS}
    assert not over, "\n" + "\n".join(f"{where}: {size}" for where, size in over.items())


def test_every_exception_is_needed_and_has_a_reason() -> None:
    over = over_budget()
    stale = [where for where in EXCEPTIONS if where not in over]
    assert not stale, f"no longer over budget, take them out of EXCEPTIONS: {', '.join(stale)}"
    assert all(len(reason.split()) >= 4 for reason in EXCEPTIONS.values()), "an exception needs a reason"


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in python_files("app")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent, f"no module docstring: {', '.join(silent)}"


def test_nested_and_repeated_functions_are_measured() -> None:
    source = "class A:\n def f(self):\n  def g():\n   pass\n  return g\nif x:\n def h():\n  pass\n"
    assert functions(ast.parse(source)) == {"A.f": 4, "A.f.g": 2, "h": 2}
