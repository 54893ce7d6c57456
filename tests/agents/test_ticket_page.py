"""A ticket says where the customer was, as the site tells it: a hint for people, one line, never trusted."""

import msgspec
import pytest

from app.agents.summary import MOST_TEXT
from tests.support.bot_chat import World


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("/bills", ["(written on the page “/bills”)"]),
        ("/a\nb\x00\u202e", ["(written on the page “/a b  ”)"]),
        ("/”) (signed in as 4471“", ["(written on the page “/ ) (signed in as 4471 ”)"]),
        ("x" * 200, [f"(written on the page “{'x' * MOST_TEXT}”)"]),
        (" \n", []),
        (None, []),
    ],
)
async def test_a_ticket_says_on_which_page_the_last_message_was_written(page: str | None, line: list[str]) -> None:
    chat = World().chat()
    await chat.run(msgspec.structs.replace(chat.turn("What is budget billing?"), context={"page": "/before"}))
    context = {"product": "solar"} if page is None else {"page": page}
    await chat.run(msgspec.structs.replace(chat.turn("a person please"), context=context))
    ticket = chat.head.fields.handoff_ticket
    assert ticket is not None
    assert ticket.summary.tried == ["What is budget billing?: explained Budget billing", *line]
