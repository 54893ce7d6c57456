"""A tab that stays open for days: hundreds of lost connections later it holds what it held after the first.

The browser itself is asked what there is. It must never look at what the widget says of itself.
"""

import pytest
from playwright.async_api import Browser, CDPSession, expect

from tests.web.balanced import balanced
from tests.web.chat import Chat
from tests.web.watching import HELD

pytestmark = pytest.mark.browser
RECONNECTS, KILLS = 200, 2
WARM = 20
"""Reconnects before the first look: what is made once and kept (compiled code, caches) is no leak."""
MOST_BYTES = 250_000
"""Of the heap: little more than a kilobyte a reconnect."""
MOST_NODES = 40
MOST_LISTENERS = 4

RECONNECT = """(times) => new Promise((done, failed) => {
  const { session } = document.querySelector('baton-chat');
  const late = setTimeout(() => failed(new Error(`${times} to go`)), 30_000);
  const stop = session.on('live', () => {
    times -= 1;
    if (times > 0) return queueMicrotask(() => session.reconnect());
    clearTimeout(late);
    stop();
    done();
  });
  session.reconnect();
})"""


async def test_two_hundred_reconnects_leave_nothing_behind(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url) as site:
        context = await chromium.new_context()
        await context.add_init_script(HELD)
        chat = await site.opened(context)
        for n in range(3):
            await chat.ask(f"question {n}")
        devtools = await context.new_cdp_session(chat.page)
        await devtools.send("Performance.enable")
        await chat.page.evaluate(RECONNECT, WARM)
        before = await measured(chat, devtools)
        for _ in range(KILLS):
            await chat.page.evaluate(RECONNECT, RECONNECTS // KILLS)
            site.replicas[0].kill9()
            await chat.page.wait_for_function("document.querySelector('baton-chat').session.welcome === null")
            await site.replicas[0].launch()
            await chat.connected()
        after = await measured(chat, devtools)
        print(f"\n{RECONNECTS} reconnects and {KILLS} kills, before → after")
        for name, value in before.items():
            print(f"  {name}: {value:,} → {after[name]:,}")
        assert after["listeners of window and document"] == before["listeners of window and document"]
        assert after["sockets"] == before["sockets"] == 1
        assert after["timers"] <= before["timers"] + 1
        assert after["Nodes"] - before["Nodes"] <= MOST_NODES
        assert after["JSEventListeners"] - before["JSEventListeners"] <= MOST_LISTENERS
        assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] <= MOST_BYTES
        assert await chat.texts(chat.own) == [f"question {n}" for n in range(3)]
        assert await chat.ask("and on") == "and on"
        await expect(chat.answers).to_have_count(4)
        assert chat.faults == []


async def measured(chat: Chat, devtools: CDPSession) -> dict[str, int]:
    """What the page holds after a garbage collection."""
    for _ in range(2):
        await devtools.send("HeapProfiler.collectGarbage")
    found = (await devtools.send("Performance.getMetrics"))["metrics"]
    names = ("JSEventListeners", "Nodes", "JSHeapUsedSize")
    metrics = {metric["name"]: int(metric["value"]) for metric in found if metric["name"] in names}
    held = await chat.page.evaluate("held()")
    return {
        **metrics,
        "listeners of window and document": held["listeners"],
        "timers": held["timers"],
        "sockets": held["sockets"],
    }
