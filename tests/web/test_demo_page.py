"""The page at `/` as a visitor finds it: a chat, what happens behind it, and buttons that break it."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.replica import ReplicaProcess
from tests.support.served import Served
from tests.web.axe import axe_script, violations
from tests.web.chat import Chat

pytestmark = pytest.mark.browser
WENT_ON = re.compile(r"went on at chunk\s\d+\safter\s[\d.]+\ss")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short: a socket's path has at most some 100 characters."""
    with tempfile.TemporaryDirectory(prefix="bt-", ignore_cleanup_errors=True) as path:
        yield Path(path)


async def test_a_visitor_kills_the_replica_and_sees_the_answer_go_on(chromium: Browser, data_dir: Path) -> None:
    async with Served(data_dir, env={"BATON_DEMO": "1"}) as served:
        chat = await Chat.visit(chromium, served.ws_url.replace("ws://", "http://").removesuffix("/ws"))
        await chat.connected()
        page = chat.page
        first = await chat.served_by()
        await expect(page.locator("#served")).to_contain_text(first)
        await page.click("#ask")
        await expect(chat.find(".row.assistant.live .text")).to_contain_text(re.compile(r"(\S+\s+){8}"), timeout=20_000)
        await page.click("[data-fault=kill]")
        await expect(page.locator("#said")).to_contain_text("Killed", timeout=5_000)
        await expect(page.locator("#said")).to_contain_text(WENT_ON, timeout=20_000)
        await expect(chat.answers).to_have_count(1, timeout=30_000)
        assert await chat.served_by() != first
        await expect(page.locator("#proof")).to_contain_text("nothing lost · nothing twice")
        assert await page.locator("#segments li").count() >= 2, "by more than one attempt"
        assert await page.locator("#steps li.current").count() == 0, "all three steps are done"
        assert chat.faults == []
        assert await violations(page, axe_script()) == []


async def test_without_demo_mode_only_the_socket_can_be_dropped(chromium: Browser, redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url) as replica:
        chat = await Chat.visit(chromium, replica.http_url)
        await chat.connected()
        page = chat.page
        await expect(page.locator("#no-faults")).to_be_visible()
        await expect(page.locator("[data-fault]:visible")).to_have_count(1)
        await chat.ask("a few words")
        await page.click("[data-fault=drop]")
        await expect(page.locator("#said")).not_to_have_text("", timeout=5_000)
        await chat.connected()
        assert await chat.ask("and some more") == "and some more"
        assert await page.title() == "Baton"
        assert chat.faults == []
