"""After a fail-over that lost a message it is sent again, and never answered with somebody else's answer."""

import asyncio
import contextlib

from app.core.errors import BatonError
from tests.embedding.helpers import embedded
from tests.support.poll import until
from tests.support.redis_server import RedisServer


async def test_a_lost_message_is_not_answered_with_anothers_answer(own_redis: RedisServer) -> None:
    async with embedded(own_redis.url, "tests.support.agents:make_slow") as mine, embedded(own_redis.url) as theirs:
        await theirs.process_message("s1", "hello")
        older = own_redis.copy_aof()
        asked = asyncio.create_task(mine.process_message("s1", "mine"))

        async def stored() -> bool:
            session = await theirs.get_session("s1")
            return session is not None and len(session.conversation_history) == 3

        await until(stored, what="the message")
        await asyncio.to_thread(own_redis.kill9)
        own_redis.restore_aof(older)
        await asyncio.to_thread(own_redis.start)

        async def answered() -> str | None:
            with contextlib.suppress(BatonError):
                return (await theirs.process_message("s1", "theirs", "m2")).message
            return None

        assert await until(answered, what="Redis again", timeout=40) == "theirs"
        with contextlib.suppress(BatonError):
            assert (await asked).message == "mine"
