"""Debian's Chromium for the tests of what a person sees."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

try:
    from playwright.async_api import Browser, async_playwright
except ImportError as error:  # pragma: no cover
    if os.environ.get("CI"):
        raise
    pytest.skip(f"the browser tests need playwright: {error}", allow_module_level=True)

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser of its own for each test. Missing: a skip that says so, and in CI a failure."""
    program = Path("/usr/bin/chromium")
    found = program if program.exists() else shutil.which("chromium")
    if found is None:
        reason = "the browser tests need Debian's chromium, and there is none"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(found), args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()
