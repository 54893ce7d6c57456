"""A page that was opened before an upgrade goes on after it, with the modules of the release that is gone."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="the browser tests need playwright")
from playwright.async_api import Browser

from tests.support.other_release import OtherRelease
from tests.support.replica import ReplicaProcess
from tests.web.chat import Chat
from tests.web.sites import Front, shop_site

pytestmark = pytest.mark.browser


async def test_the_first_click_may_come_after_the_upgrade(chromium: Browser, redis_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(shop_site())
        allowed = {"BATON_ALLOWED_ORIGINS": shop.url}
        older = OtherRelease(redis_url, tmp_path, "older", allowed)
        stack.callback(older.discard)
        await older.launch()
        front = await stack.enter_async_context(Front.start(older.port))
        shop.widget = f"{front.url}/widget.js"
        chat = await Chat.visit(chromium, shop.url)
        await chat.find(".launcher").wait_for()
        loaded: set[tuple[int, str]] = set()
        chat.page.on("response", lambda answer: loaded.add((answer.status, answer.url.split("/static/")[-1][:32])))
        before = await chat.page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
        (version,) = {url.split("/static/")[1][:32] for url in before if "/static/" in url}

        front.port = None
        older.kill9()
        newer = await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url, env=allowed))
        front.port = newer.port
        await chat.open()
        assert "after the upgrade" in await chat.ask("after the upgrade")
        assert loaded == {(200, version)}, "the panel is of the version that the page began with"
        assert chat.faults == []
