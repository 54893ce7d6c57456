"""The widget as a guest on somebody's page: what it needs of the page, and that it leaves nothing behind on it.

The page's own policy, styles and names are the measure: what breaks one of them is a fault of the widget.
"""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, Download, expect

from tests.web.balanced import Balanced, balanced
from tests.web.chat import Chat

pytestmark = pytest.mark.browser
RICH = "**bold** and `code`, https://example.org/a\n\n- one\n- two\n\n1. first"
REPORT = """window.violations = [];
addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


def policy(site: Balanced, scripts: str) -> str:
    """As strict as a page can be that lets `scripts` run."""
    socket = site.front.url.replace("http", "ws")
    return (
        f"default-src 'none'; img-src data:; script-src {scripts}; connect-src {socket}; style-src 'none'; "
        "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


async def use_everything(chat: Chat) -> None:
    """What might need something of the page's policy."""
    await chat.open()
    await chat.ask(RICH)
    await expect(chat.answers.locator("strong, code, a, ul, ol")).to_have_count(5)
    await chat.find(".ask").fill("three\nlines\nof text")
    await chat.find(".menu").click()
    await chat.find(".menu-list .sound").click()
    async with chat.page.expect_download() as downloading:
        await chat.find(".menu").click()
        await chat.find(".menu-list .download").click()
    download: Download = await downloading.value
    assert "bold and `code`" in (await asyncio.to_thread((await download.path()).read_text)).replace("**", "")
    await chat.find(".menu").click()
    await chat.find(".menu-list .end").click()
    await chat.find(".question .solid").click()
    await expect(chat.find(".over-bar")).to_be_visible()
    await chat.find(".again-new").click()
    await expect(chat.find(".greeting")).to_be_visible()


async def test_it_works_under_the_strictest_policy_and_breaks_none_of_it(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = f"{site.front.url}/"
        for scripts, script in (
            (site.front.url, ""),
            (f"{chat}widget.js {chat}static/", ""),
            ("'nonce-abc'", 'nonce="abc"'),
            ("'nonce-abc' 'strict-dynamic'", 'nonce="abc"'),
        ):
            site.shop.headers = {"Content-Security-Policy": policy(site, scripts)}
            site.shop.script = script
            context = await chromium.new_context()
            await context.add_init_script(REPORT)
            tab = await site.visit(context)
            await (tab.open() if script else use_everything(tab))
            assert await tab.page.evaluate("violations") == [], scripts
            assert (tab.faults, tab.console) == ([], []), scripts
            await context.close()


async def test_a_policy_that_forbids_it_is_reported(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        site.shop.headers = {"Content-Security-Policy": policy(site, "'self'")}
        context = await chromium.new_context()
        await context.add_init_script(REPORT)
        tab = await site.visit(context)
        assert [said.split()[0] for said in await tab.page.evaluate("violations")] == ["script-src-elem"]
        await expect(tab.page.locator("h1")).to_be_visible()


async def test_a_forbidden_origin_is_told_apart_from_a_lost_connection(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url, env={"BATON_ALLOWED_ORIGINS": "https://elsewhere.example"}) as site:
        chat = await site.visit()
        await chat.find(".launcher").click()
        await expect(chat.notice).to_contain_text("The chat isn’t available.")
        status = await chat.page.evaluate("document.querySelector('baton-chat').session.status")
        assert (status["phase"], status["code"]) == ("stopped", 4403)
        assert chat.console == [f"error: Baton: {site.shop.url} is not among the server's BATON_ALLOWED_ORIGINS."]


async def test_it_adds_no_names_to_the_page_and_nothing_to_its_storage_but_its_own(
    chromium: Browser, redis_url: str
) -> None:
    names = """() => [window, document, document.body, history, Object.prototype, Array.prototype, String.prototype,
      Element.prototype, Node.prototype, EventTarget.prototype, Promise]
      .map((one) => Reflect.ownKeys(one).map(String))"""
    async with balanced(chromium, redis_url) as site:
        context = await chromium.new_context()
        await context.route("**/widget.js", lambda route: route.abort())
        before = await (await site.visit(context)).page.evaluate(names)
        await context.unroute("**/widget.js")
        chat = await site.visit(context)
        await use_everything(chat)
        assert await chat.page.evaluate(names) == before
        for storage in ("localStorage", "sessionStorage"):
            keys = await chat.page.evaluate(f"Object.keys({storage})")
            assert keys
            assert all(key.startswith(f"baton:{site.front.url.removeprefix('http://')}:") for key in keys)
        assert await context.cookies() == []
        assert await chat.page.evaluate("[document.styleSheets.length, document.adoptedStyleSheets.length]") == [0, 0]


HOSTILE = """<style>
  * { color: red !important; font-size: 40px !important; font-family: monospace !important; line-height: 4 !important;
    text-transform: uppercase !important; letter-spacing: 9px !important; word-spacing: 9px !important;
    text-indent: 50px !important; text-align: right !important; white-space: pre !important; cursor: wait !important;
    font-style: italic !important; font-weight: 900 !important; list-style: square !important; margin: 0; padding: 0;
    text-shadow: 2px 2px red !important; word-break: break-all !important; }
  button, textarea, header, h2, ol { display: none !important; }
  svg { width: 900px !important; }
</style>"""
LOOKS = """() => [...document.querySelector('baton-chat').shadowRoot.querySelectorAll('*')].map((one) => {
  const style = getComputedStyle(one);
  const names = ['color', 'display', 'font', 'textTransform', 'letterSpacing', 'wordSpacing', 'textIndent', 'textAlign',
    'whiteSpace', 'cursor', 'width', 'height', 'listStyleType', 'textShadow', 'wordBreak', 'backgroundColor'];
  return [`${one.localName}.${one.className}`, ...names.map((name) => `${name}: ${style[name]}`)];
})"""
PAGE_LOOKS = """() => ['html', 'body', 'h1', 'p', 'a', 'button', 'textarea'].map((name) => {
  const style = getComputedStyle(document.querySelector(name));
  return ['color', 'display', 'font', 'margin', 'width', 'boxSizing', 'colorScheme', 'overflow']
    .map((one) => style[one]);
})"""


async def looks(site: Balanced, head: str) -> tuple[Any, Any]:
    """How the widget looks when it is open, and how the page around it does."""
    site.shop.head = head
    chat = await site.opened()
    await chat.ask(RICH)
    await expect(chat.find(".row.user .delivery")).to_have_text("Delivered")
    await chat.page.mouse.move(0, 0)
    await chat.page.evaluate(
        "() => Promise.all(document.querySelector('baton-chat').shadowRoot.getAnimations().map((one) => one.finished))"
    )
    return await chat.page.evaluate(LOOKS), await chat.page.evaluate(PAGE_LOOKS)


async def test_styles_leak_neither_in_nor_out(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        site.shop.body = "<button>Buy</button><textarea></textarea>"
        widget = site.shop.widget
        calm, page = await looks(site, "")
        hostile, _ = await looks(site, HOSTILE)
        different = [
            (a[0], x, y) for a, b in zip(calm, hostile, strict=True) for x, y in zip(a, b, strict=True) if x != y
        ]
        assert different == []
        site.shop.head, site.shop.widget = "", f"{site.shop.url}/none.js"
        bare = await Chat.visit(chromium, site.shop.url)
        assert await bare.page.evaluate(PAGE_LOOKS) == page
        assert widget.endswith("/widget.js")


class Loaded:
    """What a tab loaded of the chat: bytes of each body as they were transferred."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.urls: dict[str, str] = {}

    async def watch(self, devtools: CDPSession) -> None:
        devtools.on("Network.responseReceived", self.begun)
        devtools.on("Network.dataReceived", self.came)
        await devtools.send("Network.enable")

    def begun(self, event: Any) -> None:
        self.urls[event["requestId"]] = event["response"]["url"]

    def came(self, event: Any) -> None:
        url = self.urls.get(event["requestId"], "")
        self.sizes[url] = self.sizes.get(url, 0) + event["encodedDataLength"]


async def test_all_that_is_loaded_is_small_and_of_one_version(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        context = await chromium.new_context()
        page = await context.new_page()
        loaded = Loaded()
        await loaded.watch(await context.new_cdp_session(page))
        chat = Chat(page)
        await page.goto(site.shop.url)
        await expect(chat.find(".launcher")).to_be_visible()
        await page.mouse.move(0, 0)
        closed = sum(size for url, size in loaded.sizes.items() if url.startswith(site.front.url))
        await use_everything(chat)
        sizes = {url: size for url, size in loaded.sizes.items() if url.startswith(site.front.url)}
        versions = {url.split("/")[4] for url in sizes if "/static/" in url}
        print(f"\nthe widget: {closed} bytes closed, {sum(sizes.values())} bytes in all, {len(sizes)} files")
        assert 0 < closed < 12_000
        assert closed < sum(sizes.values()) <= 30 * 1024
        assert len(versions) == 1
        assert chat.faults == []
