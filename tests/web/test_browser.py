"""The demo page and the widget in a real browser, against real replicas.

Everything a person sees is looked for in the page itself; what the page must never do (break its own policy, parse a
message as HTML, show an event twice) is asserted here, because nothing but a browser can tell.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess
from tests.web.sites import Front, shop_site

try:
    from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect
except ImportError as error:  # pragma: no cover
    if os.environ.get("CI"):
        raise
    pytest.skip(f"the browser tests need playwright: {error}", allow_module_level=True)

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
SLOW_WORDS = " ".join(f"word{n}" for n in range(80))


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium. Missing: a skip that says so, and in CI a failure."""
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


class Watched:
    """A page, with everything that went wrong in it. Lost connections are no fault of it: tests break them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.on("console", self._said)

    def _said(self, said: ConsoleMessage) -> None:
        if said.type == "error" and "WebSocket connection" not in said.text:
            self.faults.append(said.text)

    async def say(self, text: str) -> None:
        await self.page.fill("#text", text)
        await self.page.press("#text", "Enter")


async def opened(browser: Browser, url: str) -> Watched:
    """The demo page, connected, in a browser of its own."""
    watched = Watched(await (await browser.new_context()).new_page())
    await watched.page.goto(url)
    await expect(watched.page.locator("#light.open")).to_be_visible()
    return watched


async def test_a_conversation_streams_is_stored_and_survives_a_reload(chromium: Browser, redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url, env={"BATON_ECHO_DELAY_MS": "40"}) as replica:
        watched = await opened(chromium, replica.http_url)
        page = watched.page
        await watched.say("a first question with some more words")
        await expect(page.locator(".row.assistant.live")).to_contain_text("first")
        await expect(page.locator(".row.assistant:not(.live)")).to_contain_text("a first question with some more words")
        await expect(page.locator(".row.user .delivery")).to_have_text("Delivered")
        await expect(page.locator("#stop")).to_be_hidden()
        seq = await page.locator("[data-fact=seq]").inner_text()
        await page.reload()
        await expect(page.locator(".row.assistant")).to_contain_text("a first question with some more words")
        await expect(page.locator("[data-fact=seq]")).to_have_text(seq)
        await expect(page.locator(".row.user")).to_have_count(1)
        assert watched.faults == []


async def test_the_replica_is_killed_and_the_page_goes_on_with_another(chromium: Browser, redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url))
        second = await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url))
        front = await stack.enter_async_context(Front.start(first.port))
        watched = await opened(chromium, front.url)
        page = watched.page
        for n in range(3):
            await watched.say(f"before {n}")
            await expect(page.locator(".row.assistant:not(.live)")).to_have_count(n + 1)
        served = await page.locator("#served").inner_text()
        front.port = None
        first.kill9()
        await expect(page.locator("#line")).to_contain_text("Reconnecting")
        await watched.say("written while nobody listens")
        await expect(page.locator(".row.user.queued .text")).to_have_text("written while nobody listens")
        front.port = second.port
        await expect(page.locator(".row.assistant:not(.live)")).to_have_count(4, timeout=30_000)
        await expect(page.locator("#served")).not_to_have_text(served)
        asked = await page.locator(".row.user .text").all_inner_texts()
        assert asked == ["before 0", "before 1", "before 2", "written while nobody listens"]
        assert await page.locator(".row.user.stored").count() == 4
        assert watched.faults == []


async def test_the_stop_button_keeps_what_was_written(chromium: Browser, redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url, env={"BATON_ECHO_DELAY_MS": "100"}) as replica:
        watched = await opened(chromium, replica.http_url)
        page = watched.page
        await watched.say(SLOW_WORDS)
        await expect(page.locator(".row.assistant.live")).to_contain_text("word1")
        await page.click("#stop")
        await expect(page.locator(".row.note")).to_have_text("Stopped")
        answer = await page.locator(".row.assistant:not(.live) .text").inner_text()
        assert "word1" in answer
        assert "word79" not in answer
        await expect(page.locator("#stop")).to_be_hidden()
        assert watched.faults == []


async def test_two_tabs_show_one_conversation(chromium: Browser, redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url) as replica:
        one = await opened(chromium, replica.http_url)
        two = Watched(await one.page.context.new_page())
        await two.page.goto(replica.http_url)
        await expect(two.page.locator("#light.open")).to_be_visible()
        await one.say("from the first tab")
        await expect(two.page.locator(".row.assistant:not(.live)")).to_have_count(1)
        await two.say("from the second tab")
        for tab in (one, two):
            await expect(tab.page.locator(".row.assistant:not(.live)")).to_have_count(2)
            texts = await tab.page.locator(".row.user .text").all_inner_texts()
            assert texts == ["from the first tab", "from the second tab"]
            assert tab.faults == []


async def test_a_message_is_text_whatever_it_looks_like(chromium: Browser, redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url) as replica:
        watched = await opened(chromium, replica.http_url)
        page = watched.page
        hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        await watched.say(hostile)
        await expect(page.locator(".row.assistant:not(.live)")).to_contain_text(hostile)
        assert await page.locator(".row img, .row script").count() == 0
        assert await page.title() == "Baton"
        assert watched.faults == []


async def test_a_new_chat_forgets_the_old_one_and_an_ended_one_takes_nothing_more(
    chromium: Browser, redis_url: str
) -> None:
    async with ReplicaProcess.start(redis_url=redis_url) as replica:
        watched = await opened(chromium, replica.http_url)
        page = watched.page
        await watched.say("hello")
        await expect(page.locator(".row.assistant:not(.live)")).to_have_count(1)
        before = await page.locator("[data-fact=session]").inner_text()
        await page.click("#end")
        await expect(page.locator("#text")).to_be_disabled()
        await page.click("#restart")
        await expect(page.locator("#hello")).to_be_visible()
        await expect(page.locator("#text")).to_be_enabled()
        await expect(page.locator("[data-fact=session]")).not_to_have_text(before)
        assert watched.faults == []


async def test_the_widget_works_on_another_site(chromium: Browser, redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(shop_site())
        allowed = {"BATON_ALLOWED_ORIGINS": shop.url}
        replica = await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url, env=allowed))
        shop.widget = f"{replica.http_url}/widget.js"
        watched = Watched(await (await chromium.new_context()).new_page())
        page = watched.page
        await page.goto(shop.url)
        await page.click("baton-chat .launcher")
        await page.fill("baton-chat textarea", "hello from a shop")
        await page.press("baton-chat textarea", "Enter")
        await expect(page.locator("baton-chat .row.assistant:not(.live)")).to_contain_text("hello from a shop")
        await expect(page.locator("baton-chat .row.user.stored")).to_have_count(1)
        assert watched.faults == []


async def test_what_was_written_before_a_reload_is_sent_after_it_once(chromium: Browser, redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url) as replica:
        watched = await opened(chromium, replica.http_url)
        page = watched.page
        replica.stop()
        await watched.say("kept over a reload")
        await expect(page.locator(".row.user.sent")).to_have_count(1)
        replica.kill9()
        await replica.launch()
        await page.reload()
        await expect(page.locator(".row.assistant:not(.live)")).to_contain_text("kept over a reload")
        await expect(page.locator(".row.user.stored")).to_have_count(1)
        kept = await page.evaluate("Object.keys(localStorage).filter((key) => key.includes(':out:'))")
        assert kept == []


async def test_without_the_store_messages_wait_and_arrive_in_order(chromium: Browser, own_redis: RedisServer) -> None:
    async with ReplicaProcess.start(redis_url=own_redis.url) as replica:
        watched = await opened(chromium, replica.http_url)
        page = watched.page
        await watched.say("before")
        await expect(page.locator(".row.assistant:not(.live)")).to_have_count(1)
        await asyncio.to_thread(own_redis.kill9)
        texts = ["while it is away", "and again", "and once more"]
        for text in texts:
            await watched.say(text)
        await expect(page.locator(".row.user.queued")).to_have_count(3)
        await asyncio.to_thread(own_redis.start)
        await expect(page.locator(".row.user.stored")).to_have_count(4, timeout=30_000)
        assert await page.locator(".row.user .text").all_inner_texts() == ["before", *texts]


async def test_a_draining_replica_hands_the_page_over(chromium: Browser, redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url))
        second = await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url))
        front = await stack.enter_async_context(Front.start(first.port))
        watched = await opened(chromium, front.url)
        page = watched.page
        await watched.say("before the drain")
        await expect(page.locator(".row.assistant:not(.live)")).to_have_count(1)
        served = await page.locator("#served").inner_text()
        front.port = second.port
        first.signal_end()
        await expect(page.locator(".timeline .f-drain")).to_have_count(1)
        await expect(page.locator("#light.open")).to_be_visible(timeout=15_000)
        await expect(page.locator("#served")).not_to_have_text(served, timeout=15_000)
        await watched.say("after the drain")
        await expect(page.locator(".row.assistant:not(.live)")).to_have_count(2)
        assert watched.faults == []
