"""Debian's Chromium for the tests of what a person sees: one for all tests of a file, nothing left between them."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

try:
    from playwright.async_api import Browser, async_playwright
except ImportError as error:  # pragma: no cover
    if os.environ.get("CI"):
        raise
    pytest.skip(f"the browser tests need playwright: {error}", allow_module_level=True)

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of a file run in the loop that its browser is driven from."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_chromium() -> AsyncIterator[Browser]:
    """Missing: a skip that says so, and in CI a failure."""
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


@pytest_asyncio.fixture(loop_scope="module")
async def chromium(running_chromium: Browser) -> AsyncIterator[Browser]:
    """A browser without a page: every test opens contexts of its own, which end with it."""
    yield running_chromium
    for context in running_chromium.contexts:
        await context.close()
