"""5,000 messages of history, as the person who reads them sees them; how long the browser was busy is printed."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from playwright.async_api import Browser, expect

from tests.support.poll import until
from tests.web.chat import SLOW_WORDS, Chat
from tests.web.stage import SLOW, staged

pytestmark = pytest.mark.browser
MESSAGES: Final = 5_000
STILL_PX: Final = 3
"""Fractions of a pixel add up."""

LONG_TASKS: Final = """() => {
  window.busy = [];
  new PerformanceObserver((list) => window.busy.push(...list.getEntries().map(({duration}) => duration)))
    .observe({type: 'longtask'});
}"""
EYE: Final = """() => {
  const root = document.querySelector('baton-chat').shadowRoot;
  const {top, height} = root.querySelector('.scroller').getBoundingClientRect();
  const middle = top + height / 2;
  const row = [...root.querySelectorAll('.row[data-key]')].find((one) => one.getBoundingClientRect().bottom > middle);
  window.eye = row;
  return row.dataset.key;
}"""
WHERE: Final = "() => window.eye.getBoundingClientRect().top"
NEAR_TOP: Final = """() => {
  const {scroller} = document.querySelector('baton-chat').panel.frame;
  return scroller.scrollTop < 400 && document.querySelector('baton-chat').session.transcript.more;
}"""
WRITING: Final = "(word) => document.querySelector('baton-chat').session.transcript.live?.text.includes(word)"
ANSWERED: Final = """(times) => document.querySelector('baton-chat').session.transcript.events
  .filter(({type}) => type === 'turn_end').length === times"""
SCROLL: Final = "(to) => { document.querySelector('baton-chat').shadowRoot.querySelector('.scroller').scrollTop = to; }"
TWO_FRAMES: Final = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


def history() -> list[dict[str, Any]]:
    """Short and long messages of both sides, numbered."""
    return [
        {"role": "assistant" if n % 2 else "user", "text": f"message {n} " + "lorem ipsum " * (n * 7 % 60)}
        for n in range(MESSAGES)
    ]


async def wheel(chat: Chat, by: int) -> None:
    """Turn the wheel over the messages, and wait until the browser has drawn what it does."""
    await chat.page.mouse.wheel(0, by)
    await chat.page.evaluate(TWO_FRAMES)


async def above(chat: Chat) -> bool:
    """There is enough above for another step."""
    return not await chat.page.evaluate(NEAR_TOP)


async def numbers(chat: Chat) -> Sequence[int]:
    """The numbers of the messages there are, from top to bottom."""
    texts: list[str] = await chat.page.evaluate(
        "[...document.querySelector('baton-chat').shadowRoot.querySelectorAll('.row .text')]"
        ".map((text) => text.textContent)"
    )
    return [int(text.split()[1]) for text in texts if text.startswith("message ")]


async def load_all(chat: Chat) -> None:
    """Go up until there is nothing more above."""

    async def at_the_beginning() -> bool:
        await chat.page.evaluate(SCROLL, 0)
        await chat.page.evaluate(TWO_FRAMES)
        return await chat.find(".older").is_hidden()

    await until(at_the_beginning, timeout=60, what="the beginning of the conversation")


async def read_upwards(chat: Chat) -> None:
    """Over three pages of older messages: what is under the eye moves as the wheel does, whatever comes in above."""
    await chat.find(".scroller").hover()
    for page in range(3):
        await chat.page.evaluate(SCROLL, 1_000)
        await chat.page.evaluate(TWO_FRAMES)
        for step in range(20):
            await chat.page.evaluate(EYE)
            before = await chat.page.evaluate(WHERE)
            await wheel(chat, -120)
            await until(lambda: above(chat), what="the messages before")
            await chat.page.evaluate(TWO_FRAMES)
            moved = await chat.page.evaluate(WHERE) - before
            assert abs(moved - 120) <= STILL_PX, f"step {step} of page {page}: moved by {moved} px"


@pytest.mark.timeout(180)
async def test_a_long_history_is_read_answered_and_downloaded(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        session = await stage.imported(history())
        chat = await stage.returning(session)
        await chat.page.evaluate(LONG_TASKS)
        await chat.open()
        newest = chat.find(".row .text").last
        await expect(newest).to_contain_text(f"message {MESSAGES - 1} ")
        await expect(newest).to_be_in_viewport()
        assert len(await numbers(chat)) <= 400, "older ones come when they are asked for"
        await read_upwards(chat)
        assert 600 < len(await numbers(chat)) < MESSAGES
        await load_all(chat)
        assert await numbers(chat) == list(range(MESSAGES)), "all of them, in order"
        busy = await chat.page.evaluate("window.busy.splice(0)")
        print(f"\nuntil all {MESSAGES} were there: {len(busy)} long tasks, longest {max(busy, default=0):.0f} ms")
        await answer_below(chat)
        assert chat.faults == []
        await chat.page.context.close()
        chat = await stage.returning(session)
        await chat.open()
        await download_all(chat)
        assert chat.faults == []


async def answer_below(chat: Chat) -> None:
    """An answer is written while the person reads above: nothing moves, and a button leads to it; then one in view."""
    await chat.say(SLOW_WORDS)
    await chat.page.wait_for_function(WRITING, arg="word2", polling=50)
    await wheel(chat, -700)
    await chat.page.evaluate(EYE)
    before = await chat.page.evaluate(WHERE)
    await chat.page.evaluate("window.busy.splice(0)")
    for condition, arg in ((WRITING, "word40"), (ANSWERED, 1)):
        await chat.page.wait_for_function(condition, arg=arg, polling=100, timeout=40_000)
        await chat.page.evaluate(TWO_FRAMES)
        assert abs(await chat.page.evaluate(WHERE) - before) <= STILL_PX, "while it grows, and when it is complete"
    busy = await chat.page.evaluate("window.busy")
    print(f"while an answer streamed out of view: {len(busy)} long tasks, longest {max(busy, default=0):.0f} ms")
    await expect(chat.find(".latest")).to_be_visible()
    await chat.find(".latest").click()
    await expect(chat.find(".latest")).to_be_hidden()
    await expect(chat.find(".row .text").last).to_be_in_viewport()
    await chat.say(SLOW_WORDS)
    await chat.page.wait_for_function(WRITING, arg="word2", polling=50)
    await chat.page.evaluate("window.busy.splice(0)")
    await chat.page.wait_for_function(ANSWERED, arg=2, polling=100, timeout=40_000)
    busy = await chat.page.evaluate("window.busy")
    print(f"while an answer streamed in view: {len(busy)} long tasks, longest {max(busy, default=0):.0f} ms")
    await expect(chat.find(".row .text").last).to_be_in_viewport()


async def download_all(chat: Chat) -> None:
    """The file holds what the page has loaded, and what it hasn't."""
    await chat.find(".icon.menu").click()
    async with chat.page.expect_download(timeout=40_000) as started:
        await chat.find(".menu-list .download").click()
    file = await started.value
    lines = (await file.path()).read_text(encoding="utf-8").splitlines()
    assert [int(line.split()[1]) for line in lines if line.startswith("message ")] == list(range(MESSAGES))
    assert "…" not in lines, "nothing was left out"
    assert file.suggested_filename.endswith(".txt")
