"""The widget on a page, as a person finds it, and what went wrong on that page.

Everything is looked for in the page itself. It must never reach into the widget's script for what a person can see.
"""

from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

SLOW_WORDS = " ".join(f"word{n}" for n in range(80))


class Chat:
    """One tab with a `<baton-chat>`. `faults`: errors of the page; a lost connection is none, tests break them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.console: list[str] = []
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.on("console", self._said)

    def _said(self, said: ConsoleMessage) -> None:
        self.console.append(f"{said.type}: {said.text}")
        broken = ("WebSocket connection", "Failed to load resource", "net::ERR_")
        if said.type == "error" and not any(part in said.text for part in broken):
            self.faults.append(said.text)

    @classmethod
    async def visit(cls, where: Browser | BrowserContext, url: str, **settings: Any) -> "Chat":
        """A tab at `url`: of a new browser context (with `settings`), or one more of a given one."""
        context = await where.new_context(**settings) if isinstance(where, Browser) else where
        chat = cls(await context.new_page())
        await chat.page.goto(url)
        return chat

    @classmethod
    async def opened(cls, where: Browser | BrowserContext, url: str, **settings: Any) -> "Chat":
        """A tab with the chat open and connected."""
        chat = await cls.visit(where, url, **settings)
        await chat.open()
        return chat

    def find(self, selector: str) -> Locator:
        """Inside the widget."""
        return self.page.locator(f"baton-chat {selector}")

    async def open(self) -> None:
        """Click the launcher, and wait until the chat is connected."""
        await self.find(".launcher").click()
        await self.connected()

    async def connected(self) -> None:
        """Wait for a welcome."""
        await self.page.wait_for_function(
            "() => document.querySelector('baton-chat').session?.status.phase === 'live'", timeout=20_000
        )

    async def say(self, text: str) -> None:
        """Write a message and send it by the Enter key."""
        await self.find(".ask").fill(text)
        await self.find(".ask").press("Enter")

    async def ask(self, text: str) -> str:
        """Send a message and wait for the whole answer; its text."""
        before = await self.answers.count()
        await self.say(text)
        await expect(self.answers).to_have_count(before + 1, timeout=20_000)
        return await self.answers.last.locator(".text").inner_text()

    async def session(self) -> str:
        """The id of the conversation."""
        return str(await self.page.evaluate("document.querySelector('baton-chat').session.transcript.session"))

    async def served_by(self) -> str:
        """The replica that this tab is connected to."""
        return str(await self.page.evaluate("document.querySelector('baton-chat').session.welcome.replica"))

    @property
    def notice(self) -> Locator:
        """The sentence about the connection."""
        return self.find(".notice .line")

    @property
    def answers(self) -> Locator:
        """Complete answers of the bot."""
        return self.find(".row.assistant:not(.live)")

    @property
    def own(self) -> Locator:
        """What the person wrote."""
        return self.find(".row.user")

    async def texts(self, rows: Locator) -> list[str]:
        """The texts of rows."""
        return await rows.locator(".text").all_inner_texts()
