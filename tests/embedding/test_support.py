"""The support bot as a library. Each step is done by a Baton that has just been opened: all it knows is stored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from app.engine.embedding import Baton
from tests.embedding.helpers import embedded, in_an_hour
from tests.support.support_desk import JANE, MARIA

SID: Final = "session-1"


@asynccontextmanager
async def anew(redis_url: str, folder: Path) -> AsyncIterator[Baton]:
    """A Baton that has just been opened."""
    settings = {"BATON_ACCOUNTS_URL": f"sqlite:///{folder / 'accounts.db'}", "BATON_ACCOUNTS_SAMPLES": "1"}
    async with embedded(redis_url, "support", **settings) as baton:
        yield baton


async def test_history_name_account_and_sign_in_are_there_after_a_restart(redis_url: str, tmp_path: Path) -> None:
    account, name, *_ = MARIA
    async with anew(redis_url, tmp_path) as baton:
        assert (await baton.get_or_create_session(SID)).conversation_history == []
        hello = await baton.process_message(SID, "Hello")
    async with anew(redis_url, tmp_path) as baton:
        options = await baton.process_message(SID, "What are my payment options?")
        assert (options.category, options.action) == ("billing_faq", "none")
        await baton.complete_authentication(SID, account, name, in_an_hour())
    async with anew(redis_url, tmp_path) as baton:
        session = await baton.get_session(SID)
        assert session is not None
        user = session.user_context
        assert (user.auth_state, user.customer_name, user.account_number) == ("authenticated", name, account)
        said = [(message["role"], message["text"]) for message in session.conversation_history]
        assert said == [
            ("user", "Hello"),
            ("assistant", hello.message),
            ("user", "What are my payment options?"),
            ("assistant", options.message),
        ]
        assert (await baton.active_session_ids())[0] == [SID]


@pytest.mark.parametrize(
    ("said", "asked", "expected"),
    [
        (
            ("Do you have any assistance programs?", "What if I can't pay my bill?"),
            "How do I apply for help?",
            "LIHEAP",
        ),
        (("Tell me about AutoPay",), "How do I sign up for that?", "routing and account number"),
    ],
)
async def test_a_further_question_is_understood_from_the_restored_state(
    redis_url: str, tmp_path: Path, said: tuple[str, ...], asked: str, expected: str
) -> None:
    for text in said:
        async with anew(redis_url, tmp_path) as baton:
            await baton.process_message(SID, text)
    async with anew(redis_url, tmp_path) as baton:
        response = await baton.process_message(SID, asked)
        assert expected in response.message
        assert response.category == "billing_faq"


async def test_a_customer_stays_who_she_is_and_her_question_is_answered(redis_url: str, tmp_path: Path) -> None:
    account, name, *_ = JANE
    async with anew(redis_url, tmp_path) as baton:
        await baton.process_message(SID, "Hi, I need help with my bill")
        asked = await baton.process_message(SID, "What is my current balance?")
        assert (asked.category, asked.action) == ("account_data", "authentication_required")
    async with anew(redis_url, tmp_path) as baton:
        session = await baton.get_session(SID)
        assert session is not None
        assert session.pending_query == "What is my current balance?"
        answer = await baton.complete_authentication(SID, account, name, in_an_hour())
        assert "$" in answer.message, "the pending question is taken up"
    async with anew(redis_url, tmp_path) as baton:
        baton.clear_cache()
        again = await baton.process_message(SID, "when is it due")
        assert again.state["auth"] == "authenticated"
        assert again.state["customer_name"] == name
        assert again.action == "none"
