"""An answer whose replica is killed, as the person who reads it sees it."""

from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, expect

from tests.support.poll import until
from tests.support.replica import ReplicaProcess
from tests.web.chat import SLOW_WORDS, Chat
from tests.web.sites import Front, shop_site

pytestmark = pytest.mark.browser
SLOW = {"BATON_ECHO_DELAY_MS": "120", "BATON_ALLOWED_ORIGINS": "*"}

WATCH = """() => {
  window.shown = [];
  const box = document.querySelector('baton-chat').shadowRoot.querySelector('.rows');
  const note = () => {
    const rows = [...box.querySelectorAll('.row.assistant')];
    const text = rows.at(-1)?.querySelector('.text').textContent ?? '';
    if (rows.length === 0 && window.shown.length === 0) return;
    if (window.shown.at(-1)?.text !== text || window.shown.at(-1)?.rows !== rows.length) {
      window.shown.push({text, rows: rows.length});
    }
  };
  new MutationObserver(note).observe(box, {childList: true, subtree: true, characterData: true});
}"""


async def test_the_replica_is_killed_twice_in_one_answer_and_the_text_only_grows(
    chromium: Browser, redis_url: str
) -> None:
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url, env=SLOW)) for _ in range(3)
        ]
        front = await stack.enter_async_context(Front.start(replicas[0].port))
        shop = await stack.enter_async_context(shop_site(front.url))
        chat = await Chat.opened(chromium, shop.url)
        await chat.page.evaluate(WATCH)
        await chat.say(SLOW_WORDS)
        live = chat.find(".row.assistant.live .text")
        for killed, following, word in ((0, 1, "word8"), (1, 2, "word30")):
            await expect(live).to_contain_text(word, timeout=30_000)
            front.port = replicas[following].port
            replicas[killed].kill9()
        await expect(chat.answers).to_have_count(1, timeout=40_000)
        assert await chat.texts(chat.answers) == [SLOW_WORDS]
        steps = await chat.page.evaluate("window.shown")
        shown = [step["text"] for step in steps]
        assert len(shown) > 40, "it was seen to grow"
        assert all(SLOW_WORDS.startswith(text) for text in shown), "nothing twice, nothing else"
        assert all(later.startswith(text) for text, later in zip(shown, shown[1:], strict=False)), "it never went back"
        assert {step["rows"] for step in steps} == {1}, "and was one answer all the time"
        await until(lambda: not chat.faults, what="a page without errors")
