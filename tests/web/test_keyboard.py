"""The chat by keyboard alone: everything can be reached and done, and the focus is seen and never falls out of it."""

from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.web.chat import SLOW_WORDS, Chat
from tests.web.stage import REFUSED, SLOW, staged

pytestmark = pytest.mark.browser
ACTIVE: Final = """() => document.querySelector('baton-chat').shadowRoot.activeElement?.className
  ?? document.activeElement.tagName"""
FOCUS_SHOWN: Final = """() => {
  const at = document.querySelector('baton-chat').shadowRoot.activeElement;
  const {outlineStyle, outlineWidth} = getComputedStyle(at);
  const around = getComputedStyle(at.closest('.composer') ?? at).boxShadow;
  return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || (at.matches('.ask') && around !== 'none');
}"""


async def active(chat: Chat) -> str:
    """The class of the focused element of the chat, or the tag of that of the page."""
    return str(await chat.page.evaluate(ACTIVE))


async def press(chat: Chat, *keys: str) -> list[str]:
    """Press one key after the other; where the focus is after each. It must be seen in the chat."""
    stops = []
    for key in keys:
        await chat.page.keyboard.press(key)
        stops.append(await active(chat))
        if stops[-1] not in {"A", "BODY"}:
            assert await chat.page.evaluate(FOCUS_SHOWN), f"the focus on {stops[-1]} can't be seen"
    return stops


async def test_everything_is_done_by_keyboard(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.visit()
        launcher = chat.find(".launcher")
        await expect(launcher).to_have_attribute("aria-expanded", "false")
        assert await press(chat, "Tab", "Tab") == ["A", "launcher"]
        await press(chat, "Enter")
        await chat.connected()
        await expect(chat.find(".ask")).to_be_focused()
        await expect(launcher).to_have_attribute("aria-expanded", "true")
        await chat.page.keyboard.type("hello")
        assert await press(chat, "Tab", "Shift+Tab", "Enter") == ["send", "ask", "ask"]
        await expect(chat.answers).to_have_count(1)
        assert await press(chat, "Shift+Tab", "Shift+Tab", "Shift+Tab") == ["scroller", "icon close", "icon menu"]
        menu = chat.find(".icon.menu")
        assert await press(chat, "Enter", "ArrowDown", "ArrowUp", "ArrowUp") == ["new", "download", "new", "end"]
        await expect(menu).to_have_attribute("aria-expanded", "true")
        assert await press(chat, "ArrowDown", "End", "Home", "Escape") == ["new", "end", "new", "icon menu"]
        await expect(menu).to_have_attribute("aria-expanded", "false")
        await expect(chat.find(".panel")).to_be_visible()
        assert await press(chat, "Escape") == ["launcher"]
        await expect(chat.find(".panel")).to_be_hidden()
        assert await press(chat, "Space") == ["ask"], "opened again"
        await press(chat, "Escape")
        assert await press(chat, "Shift+Tab") == ["A"], "what is hidden takes no focus"
        assert chat.faults == []


async def test_an_answer_is_stopped_and_a_message_sent_again_by_keyboard(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        chat = await stage.opened()
        await chat.say(SLOW_WORDS)
        await expect(chat.find(".row.live .text")).to_contain_text("word1")
        assert await press(chat, "Tab") == ["stop"]
        await press(chat, "Enter")
        await expect(chat.find(".row.note")).to_have_text("Stopped")
        await expect(chat.find(".ask")).to_be_focused()
        await chat.say(REFUSED)
        await expect(chat.find(".row.failed")).to_contain_text("can’t be sent")
        again, remove = chat.find(".row.failed .link").first, chat.find(".row.failed .link").last
        await press(chat, "Shift+Tab", "Shift+Tab")
        await expect(again).to_be_focused()
        await press(chat, "Enter")
        await expect(chat.find(".row.failed")).to_be_visible()
        await expect(chat.find(".ask")).to_be_focused()
        await press(chat, "Shift+Tab")
        await expect(remove).to_be_focused()
        await press(chat, "Enter")
        await expect(chat.find(".row.failed")).to_have_count(0)
        await expect(chat.find(".ask")).to_be_focused()


async def test_the_end_and_a_new_beginning_keep_the_focus(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.opened()
        await chat.ask("hello")
        await press(chat, "Shift+Tab", "Shift+Tab", "Shift+Tab", "Enter", "End", "Enter")
        await expect(chat.find(".question .solid")).to_be_focused()
        assert await press(chat, "Escape") == ["ask"], "nothing was ended"
        await press(chat, "Shift+Tab", "Shift+Tab", "Shift+Tab", "Enter", "End", "Enter", "Enter")
        await expect(chat.find(".again-new")).to_be_focused()
        await press(chat, "Enter")
        await expect(chat.find(".greeting")).to_be_visible()
        await expect(chat.find(".ask")).to_be_focused()
