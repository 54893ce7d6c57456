"""The bot's sessions outlive every process: between the steps of these conversations all replicas are killed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.cluster import exported
from tests.support.redis_server import RedisServer
from tests.support.support_desk import JANE, MARIA, Customer, Deployment, deployment

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def desk(redis_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployment(redis_url, tmp_path) as running:
        yield running


async def said(desk: Deployment, customer: Customer) -> list[tuple[str, str]]:
    document = await exported(desk.replicas[0], customer.frames("welcome")[-1]["session"])
    return [(message["role"], message["text"]) for message in document["conversation_history"]]


async def test_history_name_account_and_sign_in_are_there_after_a_restart(desk: Deployment) -> None:
    account, name, *_ = MARIA
    async with desk.customer() as maria:
        hello = await maria.says("Hello")
        await desk.restart(maria, 1)
        options = await maria.says("What are my payment options?")
        assert "AutoPay" in options
        await desk.restart(maria, 0)
        await maria.identify(account, name)
        welcome = await desk.restart(maria, 1)
        assert (welcome["state"]["auth"], welcome["state"]["customer_name"]) == ("authenticated", name)
        sid = welcome["session"]
        document = await exported(desk.replicas[0], sid)
        assert document["user_context"]["account_number"] == account
        assert await said(desk, maria) == [
            ("user", "Hello"),
            ("assistant", hello),
            ("user", "What are my payment options?"),
            ("assistant", options),
        ]


async def test_a_further_question_is_understood_from_the_restored_state(desk: Deployment) -> None:
    async with desk.customer() as customer:
        assert "LIHEAP" in await customer.says("Do you have any assistance programs?")
        await desk.restart(customer)
        await customer.says("What if I can't pay my bill?")
        await desk.restart(customer, 0)
        assert "LIHEAP" in await customer.says("How do I apply for help?")
        await desk.restart(customer)
        assert "AutoPay" in await customer.says("Tell me about AutoPay")
        await desk.restart(customer, 0)
        enrol = await customer.says("How do I sign up for that?")
        assert "routing and account number" in enrol
        assert customer.frames("message")[-1]["category"] == "billing_faq"


async def test_a_customer_stays_who_she_is(desk: Deployment) -> None:
    account, name, *_ = JANE
    async with desk.customer() as jane:
        await jane.says("Hi, I need help with my bill")
        await jane.identify(account, name)
        welcome = await desk.restart(jane)
        assert (welcome["state"]["auth"], welcome["state"]["customer_name"]) == ("authenticated", name)
        assert "$" in await jane.says("What do I owe?"), "nobody asks again"


async def test_a_verification_survives_a_restart_in_every_step(desk: Deployment, redis_server: RedisServer) -> None:
    account, name, ssn4, _ = MARIA
    async with desk.customer() as maria:
        await maria.says("What is my current balance?")
        assert maria.state["action"] == "authentication_required"
        welcome = await desk.restart(maria, 1)
        assert welcome["state"]["pending_query"] == "What is my current balance?"
        assert welcome["state"]["auth"] == "in_progress"
        await maria.says(account)
        assert (await desk.restart(maria, 0))["state"]["auth"] == "verifying"
        answer = await maria.says(ssn4)
        assert "balance" in answer
        assert "$" in answer, "the pending question is answered unasked"
        welcome = await desk.restart(maria, 1)
        assert (welcome["state"]["auth"], welcome["state"]["customer_name"]) == ("authenticated", name)
        assert welcome["state"]["pending_query"] is None
        shown = [text for role, text in await said(desk, maria) if role == "user"]
        assert shown == ["What is my current balance?", account, "[redacted]"]
        ended = [frame for frame in maria.frames("message") if frame.get("category") == "account_data"]
        assert all(ssn4 not in frame["text"] for frame in ended)


async def test_a_pending_question_is_answered_by_the_sites_sign_in(desk: Deployment) -> None:
    account, name, *_ = MARIA
    async with desk.customer() as maria:
        await maria.says("what's my current balance")
        await desk.restart(maria)
        event = await maria.identify(account, name)
        assert event["turn"] == event["seq"], "the sign-in starts a turn"
        assert (await maria.wait_turn_end(event["turn"]))["status"] == "completed"
        assert "balance" in "".join(maria.answers(event["turn"]))
        assert maria.state["pending_query"] is None


async def test_an_expired_sign_in_is_asked_for_again(desk: Deployment) -> None:
    account, name, *_ = MARIA
    async with desk.customer() as maria:
        await maria.identify(account, name, seconds=2)
        while (await maria.open(desk.replicas[1].ws_url))["state"]["auth"] == "authenticated":
            await maria.send_frame({"type": "ping", "t": 1})
        answer = await maria.says("What is my balance?")
        assert "$" not in answer
        assert maria.state["action"] == "authentication_required"


async def test_a_ticket_survives_with_its_place(desk: Deployment) -> None:
    async with desk.customer("first") as first, desk.customer("second", 1) as second:
        for number, customer in enumerate((first, second), 1):
            await customer.says("How do I dispute a charge?")
            answer = await customer.says("I want to talk to a real person")
            state = customer.state
            assert (state["handoff"], state["position"], state["action"]) == ("waiting", number, "handoff_initiated")
            assert state["ticket"] in answer
            assert customer.frames("message")[-1]["category"] == "human_requested"
        before = [first.state, second.state]
        await desk.replace_all()
        after = [
            (await customer.open(desk.replicas[at].ws_url))["state"] for at, customer in enumerate((second, first))
        ]
        assert after == before[::-1]
        document = await exported(desk.replicas[0], first.frames("welcome")[-1]["session"])
        ticket = document["handoff_ticket"]
        assert ticket["department"]
        assert ticket["summary"]["reason"] == "the customer asked for a person"
        assert any("dispute" in step for step in ticket["summary"]["tried"])
        assert "AutoPay" in await first.says("Tell me about AutoPay"), "the bot still answers questions"
        assert first.state["handoff"] == "waiting"
