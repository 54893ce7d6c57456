"""A shop with the chat on its page and a replica behind it, and conversations that have a past already.

It must never know what a test looks for.
"""

import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.async_api import Browser

from app.edge.auth import Tokens
from tests.support.replica import ADMIN_KEY, SECRET, ReplicaProcess
from tests.web.chat import Chat
from tests.web.sites import Shop, shop_site

ANYBODY: Final = {"BATON_ALLOWED_ORIGINS": "*"}
SLOW: Final = {"BATON_ECHO_DELAY_MS": "60"}
REFUSED: Final = "a bell \x07 is no text"
ANSWER: Final = """Most often it is **one of these**:

- a cold month, so more heating
- a longer billing period
- a new rate: see https://example.org/rates

Shall I look at your account?"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A browser, a shop and a replica."""

    browser: Browser
    shop: Shop
    replica: ReplicaProcess

    async def visit(self, **settings: Any) -> Chat:
        """The shop with the chat closed; `settings` of the browser's context."""
        return await Chat.visit(self.browser, self.shop.url, **settings)

    async def opened(self, **settings: Any) -> Chat:
        """The shop with the chat open and connected."""
        return await Chat.opened(self.browser, self.shop.url, **settings)

    async def returning(self, session: str, **settings: Any) -> Chat:
        """The shop as a customer finds it who has that conversation already; the chat is closed."""
        host = self.replica.http_url.removeprefix("http://")
        kept = json.dumps({"token": Tokens([SECRET]).issue(session, "imported", time.time()), "session": session})
        context = await self.browser.new_context(**settings)
        await context.add_init_script(
            f"if (!localStorage.getItem('baton:{host}:token'))"
            f" localStorage.setItem('baton:{host}:token', {json.dumps(kept)})"
        )
        return await Chat.visit(context, self.shop.url)

    async def document(self, session: str) -> dict[str, Any]:
        """The whole conversation, as an operator exports it."""
        return await exported(self.replica, session)

    async def imported(self, messages: Sequence[Mapping[str, Any]], **fields: Any) -> str:
        """A conversation of these messages, a minute apart and the last one now; its id."""
        session = uuid.uuid4().hex
        now = datetime.now(UTC)
        times = [stamp(now - timedelta(minutes=len(messages) - n)) for n in range(len(messages))]
        history = [
            {"id": f"m{n}", "seq": n + 1, "turn": None, "name": None, "at": at, **message}
            for n, (at, message) in enumerate(zip(times, messages, strict=True))
        ]
        document = {
            "schema": 1, "session_id": session, "user_context": {"session_id": session, "auth_state": "anonymous"},
            "conversation_history": history, "created_at": times[0], "last_interaction": stamp(now), **fields,
        }  # fmt: skip
        async with operator(self.replica) as http:
            (await http.put(f"/api/sessions/{session}", json=document)).raise_for_status()
        return session


async def shot(chat: Chat, name: str) -> None:
    """A picture, if somebody wants one."""
    folder = os.environ.get("BATON_SHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        await chat.page.screenshot(path=Path(folder) / f"{name}.png")


def stamp(at: datetime) -> str:
    """A time as the protocol writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def operator(replica: ReplicaProcess) -> httpx.AsyncClient:
    """Asks a replica with the admin key."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    return httpx.AsyncClient(trust_env=False, base_url=replica.http_url, headers=headers, timeout=30)


async def exported(replica: ReplicaProcess, session: str) -> dict[str, Any]:
    """The whole conversation, as an operator exports it."""
    async with operator(replica) as http:
        found: dict[str, Any] = (await http.get(f"/api/sessions/{session}")).raise_for_status().json()
        return found


@asynccontextmanager
async def staged(browser: Browser, redis_url: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Stage]:
    """All of it, ready; `env` of the replica."""
    async with (
        ReplicaProcess.start(redis_url=redis_url, env=ANYBODY | dict(env or {})) as replica,
        shop_site(replica.http_url) as shop,
    ):
        yield Stage(browser, shop, replica)
