"""The element's life on a page that changes: made, changed, moved, doubled and removed by scripts that don't ask it.

It must never be helped by the page: what happens here is what frameworks do to elements.
"""

from collections.abc import Mapping

import pytest
from playwright.async_api import Browser, expect

from tests.support.poll import until
from tests.web.balanced import balanced
from tests.web.chat import Chat
from tests.web.watching import HELD

pytestmark = pytest.mark.browser


async def test_an_element_that_is_removed_lets_go_of_everything(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        context = await chromium.new_context()
        await context.add_init_script(HELD)
        chat = await site.visit(context)
        await expect(chat.find(".launcher")).to_be_visible()
        await chat.page.click("h1")  # what Playwright itself listens to from now on
        await chat.page.wait_for_function("true")
        before = await chat.page.evaluate("held()")
        assert before == {"listeners": before["listeners"], "timers": 0, "sockets": 0}
        await chat.open()
        await chat.ask("hello")
        during = await chat.page.evaluate("held()")
        assert during["listeners"] > before["listeners"]
        assert during["sockets"] == 1
        assert during["timers"] > 0
        await chat.page.evaluate(
            """() => {
              const chat = document.querySelector('baton-chat');
              window.remains = [chat, chat.session, chat.panel].map((one) => new WeakRef(one));
              chat.remove();
            }"""
        )
        await until(lambda: holds(chat, before), what="everything let go of")
        devtools = await context.new_cdp_session(chat.page)

        async def collected() -> bool:
            await devtools.send("HeapProfiler.collectGarbage")
            return await chat.page.evaluate("remains.every((one) => one.deref() === undefined)") is True

        await until(collected, what="the element, its panel and its session collected")
        assert chat.faults == []


async def holds(chat: Chat, wanted: Mapping[str, int]) -> bool:
    """Whether the page holds on to just that."""
    return bool(await chat.page.evaluate("held()") == wanted)


async def test_an_element_that_is_moved_goes_on_with_the_same_session(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.ask("before")
        await chat.find(".ask").fill("a draft")
        moved = """() => {
          const chat = document.querySelector('baton-chat');
          const { session } = chat;
          document.querySelector('main').prepend(chat);
          return Promise.resolve().then(() => chat.session === session && session.status.phase);
        }"""
        assert await chat.page.evaluate(moved) == "live"
        await expect(chat.find(".ask")).to_have_value("a draft")
        assert await chat.ask("after") == "after"
        assert await chat.texts(chat.own) == ["before", "after"]
        away = """() => {
          const chat = document.querySelector('baton-chat');
          chat.remove();
          return new Promise((done) => setTimeout(() => { document.body.append(chat); done(chat.session); }));
        }"""
        await chat.page.evaluate(away)
        await chat.connected()
        await expect(chat.answers).to_have_count(2)
        assert await chat.ask("and back again") == "and back again"
        assert chat.faults == []


async def test_two_elements_and_two_scripts_on_one_page_share_the_conversation(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        site.shop.body = (
            f'<div style="height:400px"><baton-chat inline id="second"></baton-chat></div>'
            f'<script type="module" src="{site.shop.widget}"></script>'
            f'<script type="module" src="{site.shop.widget}?again"></script>'
        )
        chat = await site.visit()
        first, second = chat.page.locator("baton-chat:not(#second)"), chat.page.locator("#second")
        await expect(second.locator(".greeting")).to_be_visible()
        await second.locator(".ask").fill("from the second")
        await second.locator(".ask").press("Enter")
        await expect(second.locator(".row.assistant:not(.live)")).to_have_count(1)
        await first.locator(".launcher").click()
        await expect(first.locator(".row.assistant:not(.live)")).to_have_count(1)
        await first.locator(".ask").fill("from the first")
        await first.locator(".ask").press("Enter")
        for one in (first, second):
            await expect(one.locator(".row.assistant:not(.live)")).to_have_count(2)
            assert await one.locator(".row.user .text").all_inner_texts() == ["from the second", "from the first"]
        assert chat.faults == []


async def test_attributes_may_change_and_properties_come_before_the_element_is_known(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        site.shop.attributes = 'greeting="Good day" context-plan="solar"'
        site.shop.head = """<script>
          new MutationObserver((_, watch) => {
            const chat = document.querySelector('baton-chat');
            if (chat === null) return;
            watch.disconnect();
            chat.words = { label: 'Ask the shop' };
            chat.identity = () => { window.asked = (window.asked ?? 0) + 1; return null; };
            window.known = customElements.get('baton-chat') !== undefined;
          }).observe(document, { childList: true, subtree: true })</script>"""
        chat = await site.opened()
        assert await chat.page.evaluate("[known, asked]") == [False, 1]
        await expect(chat.find(".title")).to_have_text("Ask the shop")
        await expect(chat.find(".greeting")).to_have_text("Good day")
        await chat.ask("hello")
        await chat.find(".ask").fill("a draft")
        change = (
            "(set) => Object.entries(set).forEach((one) => document.querySelector('baton-chat').setAttribute(...one))"
        )
        await chat.page.evaluate(change, {"lang": "es", "label": "La tienda", "theme": "dark", "context-plan": "gas"})
        await expect(chat.find(".title")).to_have_text("La tienda")
        await expect(chat.find(".ask")).to_have_attribute("placeholder", "Escribe un mensaje")
        await expect(chat.find(".ask")).to_have_value("a draft")
        await chat.connected()
        await expect(chat.answers).to_have_count(1)
        await chat.page.evaluate("history.pushState(null, '', '/a/new/route?with=a-query')")
        await chat.ask("from a new route")
        history = (await site.document(await chat.session()))["conversation_history"]
        contexts = [message["context"] for message in history if message["role"] == "user"]
        assert contexts == [{"page": "/", "plan": "solar"}, {"page": "/a/new/route", "plan": "gas"}]
        assert chat.faults == []


async def test_a_chat_that_is_opened_while_the_server_is_away_appears_when_it_is_back(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.visit()
        await expect(chat.find(".launcher")).to_be_visible()
        site.front.away()
        await chat.find(".launcher").click()
        await expect(chat.find(".loading")).to_have_text("The chat can’t be reached right now. We keep trying.")
        site.serve(0)
        await chat.connected()
        assert await chat.ask("hello") == "hello"
        assert chat.faults == []
