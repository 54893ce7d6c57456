"""axe-core for the tests: what it finds wrong with a page, as lines to read.

It must never be loaded by a page itself: it comes from `node_modules`, as `package-lock.json` says.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page

ROOT: Final = Path(__file__).parents[2]
SCRIPT: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"

RUN: Final = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ['violations']});
  return violations.flatMap(({id, impact, nodes}) => nodes.map(({target, failureSummary}) =>
    `${impact} ${id}: ${target.flat().join(' ')}: ${failureSummary.replaceAll(/\\s+/g, ' ')}`));
}"""


def axe_script() -> str:
    """The script. Missing: installed; without npm a skip that says so, and in CI a failure."""
    with (Path(tempfile.gettempdir()) / "baton-npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not SCRIPT.exists() and shutil.which("npm"):
            subprocess.run(["npm", "ci", "--silent"], cwd=ROOT, check=False)
    if not SCRIPT.exists():
        reason = "axe-core isn't installed, and `npm ci` couldn't do it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return SCRIPT.read_text(encoding="utf-8")


async def violations(page: Page, script: str) -> list[str]:
    """What axe finds wrong with the page as it is now: the worst word, the rule, where and why."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(script)
    found: list[str] = await page.evaluate(RUN)
    return found
