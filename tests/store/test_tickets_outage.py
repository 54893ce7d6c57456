"""The list of tickets never hides an outage: heads that can't be had are an error, not fewer tickets."""

import asyncio
from typing import Any

import pytest

from app.core.errors import StoreUnavailableError
from tests.store.conftest import chat, ear, other_store, store  # noqa: F401
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, head_with, open_store


async def test_an_outage_in_the_middle_of_a_list_is_told(own_redis: RedisServer) -> None:
    async with open_store(own_redis.url) as store:  # noqa: F811
        chat = Chat(store, own_redis)
        await chat.act(b'"type":"state","state":{}}', head=head_with(chat.sid, handoff_state="waiting"), fresh="e")
        usual = type(store).indexed

        async def indexed(self: Any, *arguments: Any, **named: Any) -> Any:
            found = await usual(self, *arguments, **named)
            await asyncio.to_thread(own_redis.kill9)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(store), "indexed", indexed)
            with pytest.raises(StoreUnavailableError):
                print(await store.tickets(None, 9))
