"""The product's client with a view of it, for tests: what a person would see, and everything that was told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from typing import TypeVar

from app.client import ChatClient, Update
from app.client.view import ChatView
from tests.support.poll import until

U = TypeVar("U", bound=Update)


class Person:
    """A client, everything it told, and a view of it with its output."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.updates: list[Update] = []
        self.out = StringIO()
        self.view = ChatView(self.out, self.out, typed=False)
        self.client = ChatClient(url, self.take, token=token, rng=lambda: 0.01)

    def take(self, update: Update) -> None:
        self.updates.append(update)
        self.view.show(update)

    def told(self, kind: type[U]) -> list[U]:
        return [update for update in self.updates if isinstance(update, kind)]

    async def settled(self) -> str:
        async with asyncio.timeout(10):
            await self.client.wait(lambda: self.client.settled)
        return self.out.getvalue()


@asynccontextmanager
async def talking(url: str, token: str | None = None) -> AsyncIterator[Person]:
    person = Person(url, token)
    task = asyncio.create_task(person.client.run())
    try:
        await until(lambda: person.updates, what="the first connection")
        yield person
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
