"""What a page, its script and its network can do in the wrong moment, as a person would notice it.

Each of these was once broken. It must never look into the widget where what is seen on the page says as much.
"""

import asyncio

import pytest
from playwright.async_api import Browser, Route, expect

from tests.support.poll import until
from tests.web.balanced import balanced
from tests.web.watching import HELD

pytestmark = pytest.mark.browser
PANEL = "**/widget/panel.js"


@pytest.mark.parametrize(
    ("lang", "label"),
    [
        ("en_US", "Chat with us"), ("es_MX", "Chatea"), ("de_DE.UTF-8", "Chat with us"), ("x", "Chat with us"),
        ("123456789", "Chat with us"), ("constructor", "Chat with us"),
    ],
)  # fmt: skip
async def test_it_speaks_whatever_language_a_page_says_it_has(
    chromium: Browser, redis_url: str, lang: str, label: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        site.shop.page = f'lang="{lang}"'
        chat = await site.opened()
        assert await chat.ask("hello") == "hello"
        assert label in str(await chat.find(".launcher").get_attribute("aria-label"))
        async with chat.page.expect_download():
            await chat.find(".menu").click()
            await chat.find(".menu-list .download").click()
        assert chat.faults == []


async def test_inside_an_element_of_the_site_it_speaks_the_language_of_the_page(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        site.shop.page = 'lang="es"'
        chat = await site.visit()
        await chat.page.evaluate(
            """() => {
              const host = document.createElement('div');
              document.body.append(host);
              host.attachShadow({ mode: 'open' }).append(document.createElement('baton-chat'));
              document.querySelector('baton-chat').remove();
            }"""
        )
        await chat.find(".launcher").click()
        await expect(chat.find(".title")).to_have_text("Chatea con nosotros")


async def test_a_panel_that_comes_late_leaves_the_focus_where_the_person_went(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        site.shop.body = "<input id=search>"
        come = asyncio.Event()

        async def late(route: Route) -> None:
            await come.wait()
            await route.continue_()

        context = await chromium.new_context()
        await context.route(PANEL, late)
        for leaves in (True, False):
            come.clear()
            chat = await site.visit(context)
            await chat.find(".launcher").click()
            await expect(chat.find(".loading")).to_be_visible()
            if leaves:
                await chat.page.locator("#search").press_sequentially("a lamp")
            come.set()
            await chat.connected()
            await expect(chat.find(".ask")).to_be_visible()
            await chat.page.keyboard.type("!")
            texts = [await chat.page.locator("#search").input_value(), await chat.find(".ask").input_value()]
            assert texts == (["a lamp!", ""] if leaves else ["", "!"])
            await chat.page.evaluate("sessionStorage.clear()")
            await chat.page.close()


async def test_an_element_that_is_built_anew_while_its_panel_loads_has_one_panel(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        away = True
        tries: list[str] = []

        async def answer(route: Route) -> None:
            tries.append(route.request.url)
            await (route.abort() if away else route.continue_())

        context = await chromium.new_context()
        await context.add_init_script(f"{HELD}; Math.random = () => 0")
        await context.route(PANEL, answer)
        chat = await site.visit(context)
        await chat.find(".launcher").click()
        await until(lambda: len(tries) >= 2, what="the first tries")
        await chat.page.evaluate("document.querySelector('baton-chat').setAttribute('label', 'Ask us')")
        # Waits longer than the old one's wait; then a person comes again.
        assert await chat.page.evaluate(
            """async () => {
              const chat = document.querySelector('baton-chat');
              const { loading } = chat;
              for (let n = 0; n < 60; n += 1) await new Promise((done) => setTimeout(done, 20));
              const one = chat.loading === loading;
              chat.close();
              chat.open();
              return one;
            }"""
        )
        away = False
        await chat.connected()
        await chat.page.wait_for_function("held().sockets > 0")
        assert await chat.ask("hello") == "hello"
        assert await chat.page.evaluate("held().sockets") == 1


async def test_the_same_words_again_change_nothing(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.visit()
        say = "(label) => { document.querySelector('baton-chat').words = { label }; }"
        await chat.page.evaluate(say, "Hilfe")
        await chat.open()
        await chat.find(".ask").fill("a draft")
        before = await chat.page.evaluate_handle("document.querySelector('baton-chat').session")
        await chat.page.evaluate(say, "Hilfe")
        assert await chat.page.evaluate("(was) => document.querySelector('baton-chat').session === was", before)
        await expect(chat.find(".ask")).to_be_focused()
        await chat.page.evaluate(say, "Rat")
        await expect(chat.find(".title")).to_have_text("Rat")


async def test_a_clock_that_is_put_back_hides_no_lost_connection(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.page.evaluate(
            """() => document.querySelector('baton-chat').session.on('offline', () => {
              const before = Date.now.bind(Date);
              Date.now = () => before() - 3 * 3_600_000;
            })"""
        )
        site.front.away()
        await expect(chat.notice).to_be_visible()
