"""Modules joined to chunks: they mean what they meant, are loaded once, and anything unexpected stops the start."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from app.edge.assets import load_assets
from app.edge.chunks import chunks

ELEMENT, PANEL = "widget/element.js", "widget/panel.js"
MOST_BYTES = 30_000
SMALL = {
    "widget/dom.js": "export const made = [];\nexport function make(tag) {\n  made.push(tag);\n  return tag;\n}\n",
    ELEMENT: "import { make } from './dom.js';\nexport const element = make('element');\n",
    "sdk/words.js": (
        "export const hello = 'hello';\nconst own = 'words';\nexport class Words { get own() { return own; } }\n"
    ),
    PANEL: (
        "import {\n  hello as greeting,\n  Words,\n} from '../sdk/words.js';\nimport { made, make } from './dom.js';\n"
        "const own = 'panel';\nmake('panel');\n"
        "export const panel = [greeting, own, new Words().own, ...made];\n"
    ),
}


@pytest.mark.skipif(shutil.which("node") is None, reason="node isn't on the PATH")
def test_chunks_do_what_their_modules_do_and_share_what_they_share(tmp_path: Path) -> None:
    for path, text in chunks(SMALL).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    script = "import { panel } from './widget/panel.js'; console.log(JSON.stringify(panel));"
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout) == ["hello", "panel", "words", "element", "panel"]


def test_a_chunk_stands_in_the_place_of_its_entry_and_repeats_nothing() -> None:
    found = chunks(SMALL)
    assert set(found) == {ELEMENT, PANEL}
    assert "made.push" in found[ELEMENT]
    assert "made.push" not in found[PANEL]


@pytest.mark.parametrize(
    "text",
    [
        "export default 1;\n", "export * from './dom.js';\n", "export { make } from './dom.js';\n",
        "export let x = 1;\n",
        "import everything from './dom.js';\n", "import * as dom from './dom.js';\n", "import { make } from 'lib';\n",
        "import { make } from './missing.js';\n", "import { element } from './element.js';\n", "import './dom.js'\n",
        "import { made, other } from './dom.js';\n", "import { other as make } from './dom.js';\n",
        "import './dom.js';\nexport const made = 1;\n", "export const a = 1", "// no end",
        "import '../sdk/words.js';\nimport '../sdk/beside.js';\n",
    ],
)  # fmt: skip
def test_what_cannot_be_joined_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"can't be joined|isn't there or imports it"):
        chunks({**SMALL, "sdk/beside.js": "const url = new URL('./words.js', import.meta.url);\n", ELEMENT: text})


def test_all_of_the_widget_is_small() -> None:
    files = load_assets().files
    sizes = {path: len(gzip.compress(files[path].content, 9)) for path in ("widget.js", ELEMENT, PANEL)}
    assert sum(sizes.values()) <= MOST_BYTES, sizes
    assert sizes["widget.js"] + sizes[ELEMENT] <= MOST_BYTES / 3, "what a page loads before anybody opens the chat"
