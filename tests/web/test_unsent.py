"""What a person wrote and the server never saw, over reloads, pages, tabs and conversations that are gone.

What was stored is asked of the server, never of the page.
"""

import pytest
from playwright.async_api import Browser, expect

from tests.support.client import Client
from tests.web.balanced import balanced
from tests.web.chat import Chat

pytestmark = pytest.mark.browser
WAITING = "Waiting to be sent"


@pytest.mark.parametrize("aged", [False, True], ids=["a fresh cache", "a stale cache"])
async def test_two_messages_survive_a_reload_while_the_server_is_down_and_are_sent_once(
    chromium: Browser, redis_url: str, aged: bool
) -> None:
    async with balanced(chromium, redis_url, replicas=2) as site:
        site.front.aged = aged
        chat = await site.opened()
        await chat.ask("before")
        session = await chat.session()
        site.front.away()
        site.replicas[0].kill9()
        for text in ("first unsent", "second unsent"):
            await chat.say(text)
        await expect(chat.find(".row.user.queued .delivery")).to_have_text([WAITING] * 2)
        await chat.page.reload()
        await expect(chat.find(".row.user.queued .text")).to_have_text(["first unsent", "second unsent"])
        await expect(chat.find(".row.user.queued .delivery")).to_have_text([WAITING] * 2)
        assert await site.asked(session) == ["before"]
        site.serve(1)
        await expect(chat.find(".row.user.stored")).to_have_count(3, timeout=30_000)
        await expect(chat.answers).to_have_count(3, timeout=20_000)
        wanted = ["before", "first unsent", "second unsent"]
        assert await chat.texts(chat.own) == await chat.texts(chat.answers) == wanted
        assert await site.asked(session) == wanted
        assert await chat.page.evaluate("Object.keys(localStorage).filter((key) => key.includes(':out:'))") == []
        assert chat.faults == []


async def test_without_a_cache_the_page_lives_without_the_chat_and_nothing_is_lost(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.ask("before")
        devtools = await chat.page.context.new_cdp_session(chat.page)
        await devtools.send("Network.enable")
        await devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        site.front.away()
        await chat.say("unsent")
        await expect(chat.find(".row.user.queued")).to_have_count(1)
        await chat.page.reload()
        await expect(chat.page.locator("h1")).to_have_text("A shop")
        assert await chat.find("*").count() == 0
        site.serve(0)
        await chat.page.reload()
        await expect(chat.answers).to_have_count(2, timeout=20_000)
        assert await site.asked(await chat.session()) == ["before", "unsent"]
        assert chat.faults == []


async def test_a_message_in_flight_at_a_reload_is_stored_once(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.ask("before")
        site.replicas[0].stop()
        await chat.say("in flight")
        await expect(chat.find(".row.user.sent .delivery")).to_have_text("Sending…")
        site.front.away()
        site.replicas[0].cont()
        await chat.page.reload()
        site.serve(0)
        await expect(chat.answers).to_have_count(2, timeout=20_000)
        assert await site.asked(await chat.session()) == ["before", "in flight"]
        assert chat.faults == []


async def test_a_draft_and_the_open_chat_go_along_to_the_next_page(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.ask("before")
        await chat.find(".ask").fill("half a sent")
        await chat.page.click("text=Another page")
        await chat.page.wait_for_url("**/other")
        await chat.connected()
        await expect(chat.find(".ask")).to_have_value("half a sent")
        await expect(chat.answers).to_have_count(1)
        await expect(chat.page.locator("body")).to_be_focused()
        await chat.find(".ask").press_sequentially("ence")
        await chat.find(".ask").press("Enter")
        await expect(chat.answers).to_have_count(2)
        assert await site.asked(await chat.session()) == ["before", "half a sentence"]
        await chat.find(".close").click()
        await chat.page.reload()
        await expect(chat.find(".launcher")).to_be_visible()
        await chat.connected()
        await expect(chat.find(".panel")).to_be_hidden()
        await expect(chat.find(".ask")).to_have_value("")
        await chat.page.go_back()
        await chat.page.wait_for_url(f"{site.shop.url}/")
        await chat.open()
        await expect(chat.answers).to_have_count(2)
        assert await chat.ask("back again") == "back again"
        assert chat.faults == []


async def test_two_tabs_are_one_conversation_and_one_sends_what_the_other_could_not(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        one = await site.opened()
        await one.ask("from the first")
        two = await site.opened(one.page.context)
        await expect(two.answers).to_have_count(1)
        await two.ask("from the second")
        for tab in (one, two):
            await expect(tab.answers).to_have_count(2)
            assert await tab.texts(tab.own) == ["from the first", "from the second"]
        site.front.away()
        await one.say("left behind")
        await one.say("left behind, too")
        await expect(two.find(".row.user.queued .text")).to_have_text(["left behind", "left behind, too"])
        await one.page.close()
        site.serve(0)
        await expect(two.answers).to_have_count(4, timeout=30_000)
        wanted = ["from the first", "from the second", "left behind", "left behind, too"]
        assert await two.texts(two.own) == wanted
        assert await site.asked(await two.session()) == wanted
        assert (one.faults, two.faults) == ([], [])


async def test_an_answer_that_comes_while_the_chat_is_closed_is_counted_until_it_is_seen(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        one = await site.opened()
        await one.ask("hello")
        two = await site.visit(one.page.context)
        await two.connected()
        await expect(two.find(".badge")).to_be_hidden()
        await one.find(".close").click()
        await said_elsewhere(one, site.replicas[0].ws_url, "from a telephone")
        for tab in (one, two):
            await expect(tab.find(".badge")).to_have_text("1")
            await expect(tab.find(".launcher")).to_have_attribute("aria-label", "Chat with us, 1 new message")
        await said_elsewhere(one, site.replicas[0].ws_url, "and again")
        await expect(two.find(".badge")).to_have_text("2")
        await one.find(".launcher").click()
        for tab in (one, two):
            await expect(tab.find(".badge")).to_be_hidden()
        await one.page.reload()
        await one.connected()
        await expect(one.find(".badge")).to_be_hidden()
        assert (one.faults, two.faults) == ([], [])


async def said_elsewhere(chat: Chat, url: str, text: str) -> None:
    """The same customer writes on another device, and is answered."""
    kept = "JSON.parse(localStorage.getItem(Object.keys(localStorage).find((key) => key.endsWith(':token')))).token"
    async with Client(url, token=await chat.page.evaluate(kept)) as client:
        await client.open()
        await client.ask(text)


async def test_a_conversation_that_is_erased_while_it_is_open_is_followed_by_a_new_one(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.ask("something to be forgotten")
        erased = await chat.session()
        await site.erase(erased)
        await expect(chat.notice).to_contain_text("no longer available")
        await chat.connected()
        await expect(chat.own).to_have_count(0)
        await expect(chat.find(".greeting")).to_be_visible()
        assert await chat.ask("something new") == "something new"
        assert await chat.session() != erased
        assert chat.faults == []


@pytest.mark.parametrize("reload", [False, True], ids=["the page stays", "the page is loaded anew"])
async def test_what_was_not_sent_into_an_erased_conversation_is_kept_and_sent_again_by_the_person(
    chromium: Browser, redis_url: str, reload: bool
) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.ask("something to be forgotten")
        erased = await chat.session()
        site.front.away()
        for text in ("kept", "kept, too", "not wanted any more"):
            await chat.say(text)
        await site.erase(erased)
        if reload:
            await chat.page.reload()
        site.serve(0)
        await expect(chat.find(".row.user.failed .text")).to_have_text(
            ["kept", "kept, too", "not wanted any more"], timeout=20_000
        )
        await expect(chat.find(".delivery").first).to_have_text("This was written in an earlier conversation.")
        await expect(chat.answers).to_have_count(0)
        await expect(chat.notice).to_contain_text("no longer available")
        await chat.find(".row.failed").filter(has_text="not wanted").get_by_role("button", name="Remove").click()
        for text in ("kept", "kept, too"):
            row = chat.find(".row.failed").filter(has=chat.page.get_by_text(text, exact=True))
            await row.get_by_role("button", name="Send again").click()
        await expect(chat.answers).to_have_count(2)
        assert await chat.texts(chat.own) == ["kept", "kept, too"]
        assert await chat.session() != erased
        assert await site.asked(await chat.session()) == ["kept", "kept, too"]
        assert chat.faults == []
