"""What people do rather than the bot: who gets it, and how a file that says so can be wrong."""

from pathlib import Path

import pytest

from app.agents.services import Service, Services
from app.agents.topics import KnowledgeError
from app.agents.utterances import read_examples
from tests.support.bot_chat import DATA, World


def test_every_kind_of_request_has_somebody_who_does_it() -> None:
    services = Services(DATA / "services.toml")
    examples, _ = read_examples(DATA / "examples", {})
    for intent in {one.intent for one in examples if one.category == "service_request"}:
        kind = services.of(intent)
        assert kind.department, intent
        assert kind.priority in {"normal", "high", "urgent"}, intent
        assert kind.words.strip(), intent


def test_a_kind_that_isnt_listed_is_for_customer_care() -> None:
    assert Services(DATA / "services.toml").of("something new") == Service()
    assert Service().department == "Customer care"


@pytest.mark.parametrize(
    "text",
    ["[outage", "[outage]\ndepartement = 'x'", "outage = 1", "[outage]\nnext_steps = 'x'", "[outage]\npriority = 1"],
)
def test_what_is_wrong_with_the_file_is_said_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "services.toml"
    path.write_text(text)
    with pytest.raises(KnowledgeError, match=r"^services\.toml: "):
        Services(path)
    with pytest.raises(KnowledgeError, match=r"^gone\.toml: "):
        Services(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("text", "department", "priority", "words"),
    [
        ("my power is out", "Outages", "high", "outage team"), ("I smell gas", "Emergency line", "urgent", "call 911"),
        ("start service at 12 Elm St", "Moves", "normal", "set up the service"),
        ("I want to dispute a charge", "Billing", "normal", "can't change a bill"),
        ("please set up a payment arrangement for me", "Payments and assistance", "normal", "Let's find a way"),
    ],
)  # fmt: skip
async def test_a_request_becomes_a_ticket_for_who_does_it(
    text: str, department: str, priority: str, words: str
) -> None:
    world = World()
    chat = world.chat()
    said = await chat.say(text)
    ticket = chat.head.fields.handoff_ticket
    assert ticket is not None
    assert (ticket.department, ticket.priority) == (department, priority)
    assert words in said.text
    assert ticket.id in said.text
    assert said.messages[0][1] == "service_request"
    assert ticket.summary.next_steps
    assert world.calls == [], "nobody has to be verified to report something"
