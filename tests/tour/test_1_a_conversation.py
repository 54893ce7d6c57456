"""First stop: one replica, one customer, and what goes over the wire (PROTOCOL.md, from top to bottom).

Read it as a story. Every line is what a client of your own would do, with nothing but JSON and a WebSocket.
"""

from tests.support.client import Client
from tests.support.replica import ReplicaProcess


async def test_a_conversation_from_hello_to_end(redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url) as replica:
        customer = Client(replica.ws_url)
        await customer.connect()

        # The first frame is a hello. Without a token it begins a new conversation; nothing is stored for that yet.
        await customer.send_frame({"type": "hello", "token": None, "after": None, "client": "tour"})
        welcome = await customer.wait_frame("welcome")
        assert (welcome["seq"], welcome["recovered"]) == (0, False)

        # The client chooses the message's id. The ack comes when the message is on disk, and not before.
        await customer.send_frame({"type": "send", "id": "my-first", "text": "Hello, Baton"})
        ack = await customer.wait_frame("ack")
        assert ack == {"type": "ack", "id": "my-first", "seq": 1, "duplicate": False}

        # Three durable events make a turn: the question, the answer, and the end, which comes once whatever happens.
        await customer.wait_turn_end(turn=1)
        question, answer, end = customer.transcript
        assert [event["seq"] for event in (question, answer, end)] == [1, 2, 3]
        assert [event["turn"] for event in (question, answer, end)] == [1, 1, 1]
        assert (question["role"], answer["role"], answer["text"]) == ("user", "assistant", "Hello, Baton")
        assert (end["type"], end["status"]) == ("turn_end", "completed")

        # Not sure whether it arrived? Send it again, with the same id: the same ack, and no second answer.
        before = len(customer.log.records)
        await customer.send_frame({"type": "send", "id": "my-first", "text": "Hello, Baton"})
        again = await customer.wait_frame("ack", since=before)
        assert again == {"type": "ack", "id": "my-first", "seq": 1, "duplicate": True}

        # The end is an event like any other. Who comes later reads it in the history.
        await customer.send_frame({"type": "end"})
        state = await customer.wait_frame("state")
        assert (state["seq"], state["state"]["ended"]) == (4, True)
        await customer.close()
