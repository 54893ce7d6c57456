"""A connection that is lost, slow or handed over, and a store that goes away, as the person who chats sees it.

What was stored is asked of the server, never of the page.
"""

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.support.redis_server import RedisServer
from tests.web.balanced import balanced
from tests.web.chat import Chat
from tests.web.watching import AnswerWatch, NoticeWatch

pytestmark = pytest.mark.browser
ANSWER = " ".join(f"word{n}" for n in range(40))
RECONNECTING, OFFLINE = "Reconnecting…", "No connection. What you write is kept and sent later."
BACK = "Connected again."


async def test_an_answer_streams_is_stored_and_survives_a_reload(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url, env={"BATON_ECHO_DELAY_MS": "40"}) as site:
        chat = await site.opened()
        watch = await AnswerWatch.of(chat)
        await chat.say(ANSWER)
        await expect(chat.find(".row.assistant.live .text")).to_contain_text("word3")
        await expect(chat.find(".stop")).to_be_visible()
        await expect(chat.answers).to_have_count(1)
        await expect(chat.find(".stop")).to_be_hidden()
        await expect(chat.find(".row.user .delivery")).to_have_text("Delivered")
        await watch.only_grew_to(ANSWER, steps=10)
        await chat.page.reload()
        await expect(chat.answers).to_have_count(1)
        assert await chat.texts(chat.answers) == await chat.texts(chat.own) == [ANSWER]
        assert await site.asked(await chat.session()) == [ANSWER]
        assert chat.faults == []


async def test_what_is_written_without_a_connection_waits_and_is_sent_once_in_order(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url, replicas=2) as site:
        chat = await site.opened()
        await chat.ask("before")
        served = await chat.served_by()
        notice = await NoticeWatch.of(chat)
        site.front.away()
        site.replicas[0].kill9()
        await chat.page.context.set_offline(True)
        texts = ["in the tunnel", "still in the tunnel", "and out of it"]
        for text in texts[:2]:
            await chat.say(text)
        await expect(chat.find(".row.user.queued .delivery")).to_have_text(["Waiting to be sent"] * 2)
        await expect(chat.notice).to_contain_text(RECONNECTING)
        await expect(chat.find(".again")).to_be_hidden()
        await chat.say(texts[2])
        site.serve(1)
        await chat.page.context.set_offline(False)
        await expect(chat.answers).to_have_count(4, timeout=20_000)
        assert await chat.texts(chat.answers) == await chat.texts(chat.own) == ["before", *texts]
        await expect(chat.notice).to_be_hidden()
        assert await notice.said() == [RECONNECTING, BACK, ""]
        assert await notice.first_after_ms() > 1_400, "nothing was said of it for a moment"
        assert await chat.served_by() != served
        assert await site.asked(await chat.session()) == ["before", *texts]
        assert chat.faults == []


async def test_a_short_interruption_is_not_mentioned_and_a_long_one_offers_to_try_now(
    chromium: Browser, redis_url: str
) -> None:
    async with balanced(chromium, redis_url) as site:
        chat = await site.opened()
        await chat.ask("before")
        notice = await NoticeWatch.of(chat)
        site.front.cut()
        await chat.page.wait_for_function("() => window.lost !== null")
        await chat.connected()
        assert await notice.said() == []
        await chat.page.clock.install()
        await chat.page.evaluate("() => { window.lost = null; }")
        site.front.away()
        await expect(chat.notice).to_contain_text(RECONNECTING)
        await chat.page.clock.fast_forward(10_000)
        await expect(chat.notice).to_contain_text(OFFLINE)
        await chat.page.clock.pause_at(await chat.page.evaluate("Date.now() + 1000"))
        site.serve(0)
        await chat.find(".again").click()
        await chat.connected()
        await chat.page.clock.resume()
        await expect(chat.notice).to_be_hidden()
        assert await notice.said() == [RECONNECTING, OFFLINE, BACK, ""]
        await chat.ask("after")
        assert chat.faults == []


async def test_a_draining_replica_hands_over_and_nobody_notices(chromium: Browser, redis_url: str) -> None:
    env = {"BATON_ECHO_DELAY_MS": "80", "BATON_DRAIN_SECONDS": "2"}
    async with balanced(chromium, redis_url, replicas=2, env=env) as site:
        chat = await site.opened()
        served = await chat.served_by()
        notice, watch = await NoticeWatch.of(chat), await AnswerWatch.of(chat)
        await chat.say(ANSWER)
        await expect(chat.find(".row.assistant.live .text")).to_contain_text("word5")
        site.serve(1)
        site.replicas[0].signal_end()
        await expect(chat.answers).to_have_count(1, timeout=15_000)
        await watch.only_grew_to(ANSWER, steps=20)
        assert await chat.served_by() != served
        assert await chat.ask("after the drain") == "after the drain"
        assert await notice.said() == []
        assert chat.faults == []


async def test_a_replica_that_hangs_in_mid_answer_is_left_for_another(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url, replicas=2, env={"BATON_ECHO_DELAY_MS": "60"}) as site:
        chat = await site.opened()
        watch = await AnswerWatch.of(chat)
        await chat.say(ANSWER)
        await expect(chat.find(".row.assistant.live .text")).to_contain_text("word5")
        site.serve(1)
        site.replicas[0].stop()
        try:
            await expect(chat.answers).to_have_count(1, timeout=15_000)
        finally:
            site.replicas[0].cont()
        await watch.only_grew_to(ANSWER, steps=4)
        assert chat.faults == []


async def test_without_the_store_messages_wait_and_arrive_in_order(chromium: Browser, own_redis: RedisServer) -> None:
    async with balanced(chromium, own_redis.url) as site:
        chat = await site.opened()
        await chat.ask("before")
        await asyncio.to_thread(own_redis.kill9)
        texts = ["while it is away", "and again", "and once more"]
        for text in texts:
            await chat.say(text)
        await expect(chat.find(".row.user.queued")).to_have_count(3)
        await asyncio.to_thread(own_redis.start)
        await expect(chat.find(".row.user.stored")).to_have_count(4, timeout=30_000)
        await expect(chat.answers).to_have_count(4, timeout=20_000)
        assert await chat.texts(chat.answers) == await chat.texts(chat.own) == ["before", *texts]
        assert await site.asked(await chat.session()) == ["before", *texts]
        assert chat.faults == []


async def test_over_a_slow_network_all_arrives_whole_and_in_order(chromium: Browser, redis_url: str) -> None:
    async with balanced(chromium, redis_url, env={"BATON_ECHO_DELAY_MS": "20"}) as site:
        site.front.rate, site.front.latency = 20_000, 0.2
        chat = await Chat.visit(chromium, site.shop.url)
        await expect(chat.find(".launcher")).to_be_visible()
        await chat.open()
        site.front.rate, site.front.latency = 2_000, 0.5
        watch = await AnswerWatch.of(chat)
        await chat.say(ANSWER)
        await expect(chat.find(".row.assistant.live .text")).to_contain_text("word")
        await chat.say("one more")
        await chat.say("and another")
        await expect(chat.answers).to_have_count(3, timeout=30_000)
        wanted = [ANSWER, "one more", "and another"]
        assert await chat.texts(chat.own) == await chat.texts(chat.answers) == wanted
        assert await site.asked(await chat.session()) == wanted
        steps = await chat.page.evaluate("window.shown.map(({text}) => text)")
        assert all(any(text.startswith(step) for text in wanted) for step in steps)
        assert watch.chat.faults == []
