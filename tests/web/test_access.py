"""The chat for everyone: by axe's rules, for those who listen to it, and for those who see it their own way."""

from typing import Any, Final

import pytest
from playwright.async_api import Browser, expect

from tests.web.axe import axe_script, violations
from tests.web.chat import SLOW_WORDS
from tests.web.stage import REFUSED, SLOW, staged

pytestmark = pytest.mark.browser
PHONE: Final = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

HEARD: Final = """() => {
  const region = document.querySelector('baton-chat').shadowRoot.querySelector('[aria-live=polite]');
  window.heard = [];
  new MutationObserver(() => window.heard.push(region.textContent))
    .observe(region, {childList: true, characterData: true, subtree: true});
}"""
MOVING: Final = """() => document.querySelector('baton-chat').shadowRoot.getAnimations({subtree: true})
  .concat(document.getAnimations()).filter(({playState}) => playState === 'running').length"""
CUT_OFF: Final = """() => {
  const root = document.querySelector('baton-chat').shadowRoot;
  const page = document.scrollingElement;
  const wide = [page, ...root.querySelectorAll('.scroller, .row, .text, header, .composer, .question, .over-bar')]
    .filter((one) => one.scrollWidth > one.clientWidth + 1 && !one.matches('.row.stored'));
  const outside = [...root.querySelectorAll('button, textarea, .title')].filter((one) => {
    if (!one.checkVisibility() || one.closest('.scroller')) return false;
    const {left, top, right, bottom} = one.getBoundingClientRect();
    return left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
  });
  return [...wide, ...outside].map((one) => one.className || one.tagName);
}"""


@pytest.fixture(scope="session")
def axe() -> str:
    return axe_script()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_any_state(chromium: Browser, redis_url: str, axe: str, scheme: str) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        stage.shop.attributes = 'suggestions="One thing|Another"'
        chat = await stage.visit(color_scheme=scheme, reduced_motion="reduce")
        found: dict[str, list[str]] = {}

        async def look(state: str) -> None:
            found[state] = await violations(chat.page, axe)

        await expect(chat.find(".launcher")).to_be_visible()
        await look("closed")
        await chat.open()
        await expect(chat.find(".suggestion").first).to_be_visible()
        await look("empty")
        await chat.ask("**bold**, `code`, a [link](https://example.org)\n- one\n- two\n\n```\ncode\n```")
        await chat.say(REFUSED)
        await expect(chat.find(".row.failed")).to_be_visible()
        await look("a failed message")
        await chat.say(SLOW_WORDS)
        await expect(chat.find(".row.live .text")).to_contain_text("word1")
        await look("streaming")
        await chat.find(".icon.menu").click()
        await look("menu")
        await chat.find(".menu-list .end").click()
        await look("question")
        await chat.find(".question .solid").click()
        await expect(chat.find(".over-bar")).to_be_visible()
        await look("ended")
        assert {state: faults for state, faults in found.items() if faults} == {}
        assert chat.faults == []


VARIANTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "mobile": ('lang="en"', PHONE),
    "rtl": ('lang="ar" dir="rtl"', {}),
    "spanish": ('lang="es"', {}),
    "forced colours": ('lang="en"', {"forced_colors": "active"}),
}


async def test_axe_finds_nothing_while_waiting_for_a_person(chromium: Browser, redis_url: str, axe: str) -> None:
    async with staged(chromium, redis_url, {"BATON_AGENT": "support"}) as stage:
        for name, (page, settings) in VARIANTS.items():
            stage.shop.page = page
            chat = await stage.opened(reduced_motion="reduce", **settings)
            await chat.say("I want to talk to a person")
            await expect(chat.find(".strip")).to_be_visible(timeout=20_000)
            await expect(chat.find(".stop")).to_be_hidden()
            await chat.find(".icon.menu").click()
            assert await violations(chat.page, axe) == [], name
            assert chat.faults == []
            await chat.page.context.close()


async def test_a_screen_reader_hears_each_answer_once_and_complete(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        chat = await stage.opened()
        await chat.page.evaluate(HEARD)
        log = chat.find("[role=log]")
        await expect(log).to_have_attribute("aria-live", "off")
        await chat.say("one **two** three four five six")
        await expect(chat.find(".row.assistant")).to_have_attribute("aria-busy", "true")
        await expect(chat.answers).to_have_count(1)
        assert await chat.answers.first.get_attribute("aria-busy") is None
        await chat.ask("one **two** three four five six")
        said = ["Assistant: one two three four five six"] * 2
        assert await chat.page.evaluate("window.heard") == said
        await chat.page.reload()
        await chat.connected()
        await chat.page.evaluate(HEARD)
        await expect(chat.answers).to_have_count(2)
        await chat.ask("more")
        assert await chat.page.evaluate("window.heard") == ["Assistant: more"], "and not what was there before"


async def test_everything_has_a_role_and_a_name(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.opened()
        await chat.ask("hello [there](https://example.org/)")
        await chat.find(".icon.menu").click()
        await expect(chat.page.locator("baton-chat")).to_match_aria_snapshot("""
            - dialog "Chat with us":
              - banner:
                - heading "Chat with us" [level=2]
                - button "More" [expanded]
                - menu:
                  - menuitem "New conversation"
                  - menuitem "Download transcript"
                  - menuitemcheckbox "Sound"
                  - menuitem "End conversation"
                - button "Close chat"
              - log "Conversation":
                - list:
                  - listitem: Today
                  - listitem:
                    - text: /You/
                    - paragraph: hello [there](https://example.org/)
                    - time
                    - text: /Delivered/
                  - listitem:
                    - text: /Assistant/
                    - paragraph:
                      - text: hello
                      - link "there":
                        - /url: https://example.org/
                    - time
              - textbox "Message"
              - button "Send" [disabled]
              - status: "Assistant: hello there"
            - button "Chat with us" [expanded]
        """)


async def test_nothing_moves_for_those_who_asked_for_it(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        for motion, moves in (("no-preference", True), ("reduce", False)):
            chat = await stage.opened(reduced_motion=motion)
            await chat.say(SLOW_WORDS)
            await expect(chat.find(".row.live .text")).to_contain_text("word1")
            assert (await chat.page.evaluate(MOVING) > 0) is moves, motion
            await chat.page.context.close()


async def test_nothing_is_cut_off_on_a_small_or_zoomed_page(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        for width, height in ((640, 360), (320, 480), (320, 256)):  # 200 % of a laptop, a phone, 400 %
            chat = await stage.opened(viewport={"width": width, "height": height}, reduced_motion="reduce")
            assert await chat.page.evaluate(CUT_OFF) == []
            await chat.ask("a longword" + "wordword" * 20 + "\n\n- and a list\n\n" + "sentence " * 30)
            await chat.say(REFUSED)
            await expect(chat.find(".row.failed")).to_be_visible()
            assert await chat.page.evaluate(CUT_OFF) == []
            await chat.find(".icon.menu").click()
            assert await chat.page.evaluate(CUT_OFF) == []
            await chat.find(".menu-list .end").click()
            assert await chat.page.evaluate(CUT_OFF) == []
            await chat.find(".question .solid").click()
            await expect(chat.find(".over-bar")).to_be_visible()
            assert await chat.page.evaluate(CUT_OFF) == []
            await chat.page.context.close()


async def test_forced_colours_leave_buttons_and_focus_visible(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        chat = await stage.opened(forced_colors="active")
        await chat.say(SLOW_WORDS)
        await expect(chat.find(".row.live .text")).to_contain_text("word1")
        for selector in (".launcher", ".stop", ".row.user .text"):
            style = await chat.find(selector).evaluate("(one) => getComputedStyle(one).borderTopStyle")
            assert style == "solid", f"{selector} has no edge"
        square = await chat.find(".stop span").evaluate("(one) => getComputedStyle(one).backgroundColor")
        canvas = await chat.find(".panel").evaluate("(one) => getComputedStyle(one).backgroundColor")
        assert square != canvas, "the square of the stop button can be seen"
        await expect(chat.find(".ask")).to_be_focused()
        outline = await chat.find(".composer").evaluate("(one) => getComputedStyle(one).outlineStyle")
        assert outline == "solid", "where one writes can be seen"
