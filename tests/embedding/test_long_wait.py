"""A message that is repeated gets its answer, however far behind it its turn ended."""

import asyncio

from app.core.messages import assistant_body
from tests.embedding.helpers import embedded
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, open_store


async def test_a_repeated_message_whose_end_lies_far_behind_it(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url) as store:
        chat = Chat(store, redis_server, "far")
        lease = await chat.start("m0")
        for number in range(1, 300):
            await chat.send(f"m{number}")
        while lease is not None:
            done = await chat.commit(lease, assistant_body("a", f"answer {lease.turn}", None, None))
            lease = done.next  # type: ignore[assignment]
    async with embedded(redis_url) as baton:
        async with asyncio.timeout(10):
            response = await baton.process_message("far", "hello", "m150")
        assert response.message == "answer 151"
