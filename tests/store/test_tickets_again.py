"""A new conversation of an id that expired while it waited begins to wait anew."""

from app.store.keys import tickets_key
from tests.store.conftest import chat, ear, other_store, store  # noqa: F401
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, head_with


async def test_a_new_one_of_an_old_name_begins_to_wait_now(chat: Chat, redis_server: RedisServer) -> None:  # noqa: F811
    head = head_with(chat.sid, handoff_state="waiting")
    await chat.act(b'"type":"state","state":{}}', head=head, fresh="e")
    key = tickets_key(chat.keys.shard)
    old = int(redis_server.command("ZSCORE", key, chat.sid)) - 8 * 86_400_000
    redis_server.command("ZADD", key, old, chat.sid)
    redis_server.command("DEL", *chat.keys.all[:6])  # its deadline has come
    await chat.act(b'"type":"state","state":{}}', head=head, fresh="e")
    assert int(redis_server.command("ZSCORE", key, chat.sid)) > old
