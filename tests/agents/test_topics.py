"""The knowledge base: what a file must look like, what is said about one that doesn't, and what is shipped."""

import os
from pathlib import Path

import pytest

from app.agents.topics import (
    MOST_BYTES,
    MOST_FILES,
    KnowledgeError,
    Topic,
    read_topic,
    read_topics,
    signature,
)
from tests.support.bot_chat import DATA, handbook

GOOD = """# Street lights

Tell us about a dark **street light** and we mend it.

It is free.

## How to report one

Write the number on the pole.

## Fees

None.

## Asked as

- a street light is dark
- how do i report a street light -> How to report one

- does it cost anything -> Fees
"""


def written(folder: Path, text: str | bytes, name: str = "street-lights.md") -> Path:
    """A file of the knowledge base."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n")])
def test_a_file_is_a_topic(tmp_path: Path, text: str) -> None:
    assert read_topic(written(tmp_path, text)) == Topic(
        "street-lights", "Street lights", "Tell us about a dark **street light** and we mend it.\n\nIt is free.",
        {"How to report one": "Write the number on the pole.", "Fees": "None."},
        (("a street light is dark", None), ("how do i report a street light", "How to report one"),
         ("does it cost anything", "Fees")),
    )  # fmt: skip


def test_a_topic_answers_with_a_section_or_with_the_overview_and_what_else_there_is(tmp_path: Path) -> None:
    topic = read_topic(written(tmp_path, GOOD))
    assert topic.answer("Fees") == "None."
    assert topic.answer(None).endswith("It is free.\n\nAsk me more about: How to report one · Fees.")
    assert topic.answer("gone") == topic.answer(None)
    short = read_topic(written(tmp_path, "# A\n\nB.\n\n## Asked as\n\n- c\n", "a.md"))
    assert short.answer(None) == "B."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must begin with"), ("Street lights\n\nText.", "must begin with"), ("# Street lights", "must begin with"),
        ("## Street lights\n\nText.\n\n## Asked as\n\n- x", "must begin with"), ("#Lights\n\nText.", "must begin with"),
        ("# Street lights\n\n## Fees\n\nNone.\n\n## Asked as\n\n- x", "must begin with"),
        ("# Street lights\n\nText.", 'has no "## Asked as"'),
        ("# Street lights\n\nText.\n\n## Asked as\n\n", 'has no "## Asked as"'),
        ("# Street lights\n\nText.\n\n## Asked as\n\n* dark", 'every line begins with "- "'),
        ("# Street lights\n\nText.\n\n## Asked as\n\n- dark\nlight", 'every line begins with "- "'),
        ("# Street lights\n\nText.\n\n## Asked as\n\n- how much -> Fees", '"how much" points at "Fees"'),
        (GOOD.replace("-> Fees", "-> fees"), 'points at "fees", which isn\'t there'),
        (b"# Street lights\n\nCaf\xe9.\n", "UTF-8"), (b"\xff\xfe#\x00", "UTF-8"),
        (GOOD + "x" * MOST_BYTES, "larger than 256 KiB"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(KnowledgeError) as refused:
        read_topic(written(tmp_path, text))
    assert str(refused.value).startswith("street-lights.md: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["Street.md", "street lights.md", "-x.md", "ü.md", "a_b.md", f"{'a' * 62}.md"])
def test_a_file_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(KnowledgeError, match="its name must be small letters, digits and hyphens") as refused:
        read_topic(written(tmp_path, GOOD, name))
    assert name in str(refused.value)


def test_a_file_that_cant_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"^gone\.md: can't be read"):
        read_topic(tmp_path / "gone.md")


def test_one_bad_file_refuses_the_folder(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, "# Bad", "bad.md")
    with pytest.raises(KnowledgeError, match=r"^bad\.md: "):
        read_topics(tmp_path)


def test_a_folder_without_knowledge_is_refused(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "notes.txt")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(KnowledgeError, match="there is no knowledge"):
        read_topics(tmp_path)
    with pytest.raises(KnowledgeError, match="gone can't be read"):
        read_topics(tmp_path / "gone")


def test_only_so_many_files_are_read(tmp_path: Path) -> None:
    for number in range(MOST_FILES):
        written(tmp_path, "# A\n\nB.\n\n## Asked as\n\n- c\n", f"t{number}.md")
    assert len(read_topics(tmp_path)) == MOST_FILES
    written(tmp_path, GOOD)
    with pytest.raises(KnowledgeError, match=f"more than {MOST_FILES} files"):
        read_topics(tmp_path)


def test_a_signature_changes_with_a_file_and_only_then(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    first = signature(tmp_path)
    assert signature(tmp_path) == first
    os.utime(path, ns=(1, 1))
    second = signature(tmp_path)
    written(tmp_path, GOOD, "more.md")
    assert len({first, second, signature(tmp_path)}) == 3
    with pytest.raises(KnowledgeError):
        signature(tmp_path / "gone")


SHIPPED = {
    "payment-options": ["Fees", "By phone or mail", "In person and with cash"],
    "assistance-programs": ["LIHEAP", "Hardship grants", "Medical baseline", "How to apply", "Who qualifies"],
    "due-date": ["Billing cycles and read dates"], "saving-energy": ["Heating and cooling"],
    "demand-charges": ["kW versus kWh"], "meter-reads": ["Estimated reads", "Smart meters"],
    "alternate-suppliers": ["How to enroll", "How to cancel"], "autopay": ["How to enroll", "How to cancel"],
    "budget-billing": ["How to enroll"], "paperless": ["How to enroll"],
    "late-payment": ["Fees", "Payment arrangements"],
    "time-of-use": ["Peak and off-peak hours"], "moving": ["How to transfer service"], "high-bills": [],
}  # fmt: skip


@pytest.mark.parametrize(("name", "sections"), SHIPPED.items(), ids=SHIPPED.keys())
def test_what_customers_of_a_utility_ask_for_is_shipped(name: str, sections: list[str]) -> None:
    topic = read_topics(DATA / "knowledge")[name]
    assert not [heading for heading in sections if heading not in topic.sections]
    assert len(topic.overview) > 100
    assert all(topic.sections.values())


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("what are my payment options", "payment-options"),
        ("Do you have any assistance programs?", "assistance-programs"),
        ("what is LIHEAP", "assistance-programs"), ("why does my due date change every month", "due-date"),
        ("how can I save energy", "saving-energy"), ("what is a demand charge", "demand-charges"),
        ("what is an estimated read", "meter-reads"), ("can I choose another energy supplier", "alternate-suppliers"),
        ("tell me about autopay", "autopay"), ("what is budget billing", "budget-billing"),
        ("how does paperless billing work", "paperless"), ("what is the late fee", "late-payment"),
        ("what is time of use", "time-of-use"), ("what do I need to do when I move", "moving"),
    ],
)  # fmt: skip
def test_each_of_it_is_found(text: str, topic: str) -> None:
    guess = handbook().brain.classifier.guess(text)
    assert (guess.category, guess.intent) == ("billing_faq", topic)


def test_the_answers_fit_into_a_chat() -> None:
    for topic in handbook().brain.topics.values():
        for text in (topic.answer(None), *topic.sections.values()):
            assert len(text) < 2_000, topic.name
            assert "## " not in text
