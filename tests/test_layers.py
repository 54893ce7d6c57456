"""Imports point inward, no module keeps state, no error is dropped without a word: over all of `app`."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.layers import layer_faults, state_faults, swallow_faults

ROOT: Final = Path(__file__).parent.parent
KNOWN: Final = frozenset({"app", "app.core", "app.core.turn", "app.engine", "app.engine.ports", "app.store.keys"})


def modules() -> dict[str, str]:
    """Return the source of every module of `app` by its dotted name."""
    found = {}
    for path in sorted((ROOT / "app").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path.read_text(encoding="utf-8")
    return found


def test_imports_point_inward() -> None:
    sources = modules()
    assert {"app.core", "app.engine", "app.store"} <= set(sources), "the modules of app weren't found"
    faults = [fault for name, text in sources.items() for fault in layer_faults(name, text, frozenset(sources))]
    assert not faults, "\n" + "\n".join(faults)


def test_no_module_keeps_state() -> None:
    faults = [fault for name, text in modules().items() for fault in state_faults(name, text)]
    assert not faults, "\n" + "\n".join(faults)


def test_no_error_is_dropped_without_a_word() -> None:
    faults = [fault for name, text in modules().items() for fault in swallow_faults(name, text)]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.core.x", "import asyncio"),
        ("app.core.x", "import redis.asyncio as r"),
        ("app.core.x", "from time import monotonic"),
        ("app.core.x", "def f():\n    import os"),
        ("app.core.x", "from app.engine import ports"),
        ("app.core.x", "from ..engine import ports"),
        ("app.core.x", "from datetime import UTC, datetime\nnow = datetime.now(UTC)"),
        ("app.core.x", "import uuid\nname = uuid.uuid4()"),
        ("app.core.x", "import importlib\nimportlib.import_module('app.store.keys')"),
        ("app.engine.x", "from app.store import keys"),
        ("app.engine.x", "from app import wiring"),
        ("app.store.x", "from app.engine import turns"),
        ("app.store.x", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import app.engine.turns"),
        ("app.agents.x", "import app.engine.ports"),
        ("app.edge.x", "from app.store.keys import shard"),
        ("app.observe.x", "import app.edge"),
        ("app.client.x", "from app.core import messages"),
        ("app.chat", "import app.wiring"),
        ("app.newcomer.x", "import re"),
    ],
)
def test_an_outward_import_is_a_fault(module: str, source: str) -> None:
    faults = layer_faults(module, source, KNOWN | {module, "app.wiring"})
    assert len(faults) == 1
    assert faults[0].startswith(module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.core.x", "from datetime import datetime\nfrom app.core import turn\nimport re, uuid"),
        ("app.core.x", "from urllib.parse import urlsplit"),
        ("app.engine.x", "import asyncio\nfrom app.core.turn import Turn\nfrom app.engine import ports"),
        ("app.store.x", "from app.engine.ports import SessionStore\nfrom app.engine import ports"),
        ("app.edge.x", "from app.engine import turns\nfrom app import __version__"),
        ("app.cli", "from app import wiring, settings"),
    ],
)
def test_an_inward_import_is_none(module: str, source: str) -> None:
    assert layer_faults(module, source, KNOWN | {module, "app.wiring"}) == []


@pytest.mark.parametrize(
    "source",
    [
        "cache = {}",
        "cache: dict[str, int] = {}",
        "try:\n    seen = set()\nexcept ValueError:\n    pass",
        "ids = itertools.count()",
        "SEEN = set()\ndef f(x):\n    SEEN.add(x)",
        "TABLE: Final = {}\ndef f(x):\n    TABLE[x] = 1",
        "n = 0\ndef f():\n    global n\n    n += 1",
    ],
)
def test_state_at_module_level_is_a_fault(source: str) -> None:
    assert len(state_faults("app.x", source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "__all__ = ['f']\nTABLE = {1: 2}\nnames: Final = ['a']\nlimits = (1, 2)",
        "def f():\n    cache = {}\n    cache[1] = 2",
    ],
)
def test_constants_and_locals_are_none(source: str) -> None:
    assert state_faults("app.x", source) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("try:\n    f()\nexcept:\n    log()", 1),
        ("try:\n    f()\nexcept Exception:\n    pass", 1),
        ("with contextlib.suppress(ValueError, Exception):\n    f()", 1),
        ("try:\n    f()\nexcept ValueError:\n    pass", 0),
        ("try:\n    f()\nexcept Exception as error:\n    log(error)", 0),
    ],
)
def test_a_swallowed_error_is_a_fault(source: str, count: int) -> None:
    assert len(swallow_faults("app.x", source)) == count
