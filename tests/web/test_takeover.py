"""An answer whose replica is killed, as the person who reads it sees it."""

from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, expect

from tests.support.poll import until
from tests.support.replica import ReplicaProcess
from tests.web.chat import SLOW_WORDS, Chat
from tests.web.sites import Front, shop_site
from tests.web.watching import AnswerWatch

pytestmark = pytest.mark.browser
SLOW = {"BATON_ECHO_DELAY_MS": "120", "BATON_ALLOWED_ORIGINS": "*"}


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
        watch = await AnswerWatch.of(chat)
        await chat.say(SLOW_WORDS)
        live = chat.find(".row.assistant.live .text")
        for killed, following, word in ((0, 1, "word8"), (1, 2, "word30")):
            await expect(live).to_contain_text(word, timeout=30_000)
            front.port = replicas[following].port
            replicas[killed].kill9()
        await expect(chat.answers).to_have_count(1, timeout=40_000)
        assert await chat.texts(chat.answers) == [SLOW_WORDS]
        await watch.only_grew_to(SLOW_WORDS, steps=40)
        await until(lambda: not chat.faults, what="a page without errors")
