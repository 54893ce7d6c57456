"""A shop whose chat is served by several replicas behind one address, to be killed, cut off and asked what they stored.

It must never take the page's word for what was stored.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext

from tests.support.replica import ReplicaProcess
from tests.web.chat import Chat
from tests.web.sites import Front, Shop, shop_site
from tests.web.stage import ANYBODY, exported, operator


@dataclass(frozen=True, slots=True)
class Balanced:
    """The browser, the shop, the one address of the chat, and the replicas; the first one serves to begin with."""

    browser: Browser
    shop: Shop
    front: Front
    replicas: list[ReplicaProcess]

    async def opened(self, where: BrowserContext | None = None, **settings: Any) -> Chat:
        """A tab of the shop with the chat open and connected; `settings` of a new browser context."""
        return await Chat.opened(where or self.browser, self.shop.url, **settings)

    async def visit(self, where: BrowserContext | None = None, **settings: Any) -> Chat:
        """A tab of the shop with the chat as it was left; in a new browser context: closed."""
        return await Chat.visit(where or self.browser, self.shop.url, **settings)

    def serve(self, number: int) -> None:
        """From now on that replica takes what comes."""
        self.front.port = self.replicas[number].port

    async def asked(self, session: str) -> list[str]:
        """What the person wrote, as the store has it."""
        history = (await self.document(session))["conversation_history"]
        return [message["text"] for message in history if message["role"] == "user"]

    async def document(self, session: str) -> dict[str, Any]:
        """The whole conversation, as an operator exports it."""
        return await exported(self._alive, session)

    async def erase(self, session: str) -> None:
        """As an operator does it; who is connected is told."""
        async with operator(self._alive) as http:
            (await http.delete(f"/api/sessions/{session}")).raise_for_status()

    @property
    def _alive(self) -> ReplicaProcess:
        return next(replica for replica in self.replicas if replica.alive)


@asynccontextmanager
async def balanced(
    browser: Browser, redis_url: str, *, replicas: int = 1, env: Mapping[str, str] | None = None
) -> AsyncIterator[Balanced]:
    """All of it, ready; `env` of the replicas."""
    given = ANYBODY | dict(env or {})
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(ReplicaProcess.start(redis_url=redis_url, env=given))
            for _ in range(replicas)
        ]
        front = await stack.enter_async_context(Front.start(started[0].port))
        shop = await stack.enter_async_context(shop_site(front.url))
        yield Balanced(browser, shop, front, started)
