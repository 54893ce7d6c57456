"""The files the bot knows by are edited while it runs: a good edit is in force at once, a bad one never."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
import structlog

from app.agents.brain import Brain, Handbook, load
from app.agents.topics import KnowledgeError, Topic
from app.agents.utterances import read_examples, read_words
from tests.support.bot_chat import DATA

LIGHTS = (
    "# Street lights\n\nTell us about a dark lamp.\n\n## Asked as\n\n- a street light is dark\n- broken lamp post\n"
)
TOPICS = ("autopay.md", "paperless.md", "due-date.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small knowledge base."""
    for name in TOPICS:
        shutil.copy(DATA / "knowledge" / name, tmp_path)
    return tmp_path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of the other data, small and good."""
    made = tmp_path / "data"
    (made / "examples").mkdir(parents=True)
    shutil.copy(DATA / "language.toml", made)
    (made / "examples" / "talk.toml").write_text('category = ""\n[greeting]\nexamples = ["hello"]\n')
    return made


async def test_nothing_is_loaded_while_nothing_changes(folder: Path) -> None:
    handbook = Handbook(folder)
    before = handbook.brain
    assert await handbook.refresh() is False
    assert handbook.brain is before


async def test_an_edited_file_is_in_force_after_a_look(folder: Path) -> None:
    handbook = Handbook(folder)
    path = folder / "autopay.md"
    path.write_text(path.read_text().replace("AutoPay pays your bill by itself", "AutoPay is a marvel"))
    with structlog.testing.capture_logs() as logs:
        assert await handbook.refresh() is True
    assert handbook.brain.topics["autopay"].answer(None).startswith("AutoPay is a marvel")
    assert [line["event"] for line in logs] == ["knowledge_loaded"]
    assert await handbook.refresh() is False


async def test_a_new_topic_is_found_by_its_examples_and_a_removed_one_no_more(folder: Path) -> None:
    handbook = Handbook(folder)
    assert handbook.brain.classifier.guess("the street light is dark").intent != "street-lights"
    (folder / "street-lights.md").write_text(LIGHTS)
    assert await handbook.refresh()
    assert handbook.brain.classifier.guess("the street light in my road is dark").intent == "street-lights"
    (folder / "street-lights.md").unlink()
    assert await handbook.refresh()
    assert "street-lights" not in handbook.brain.topics
    assert handbook.brain.classifier.guess("the street light in my road is dark").intent != "street-lights"


async def test_a_broken_edit_is_refused_and_the_set_before_stays_until_it_is_mended(folder: Path) -> None:
    handbook = Handbook(folder)
    before = handbook.brain
    (folder / "street-lights.md").write_text(LIGHTS)
    path = folder / "autopay.md"
    good = path.read_text()
    path.write_text("AutoPay, to be written")
    with structlog.testing.capture_logs() as logs:
        assert await handbook.refresh() is False
    assert handbook.brain is before, "not half of an edit either"
    assert logs[0]["event"] == "knowledge_refused"
    assert logs[0]["why"].startswith("autopay.md: ")
    with structlog.testing.capture_logs() as again:
        assert await handbook.refresh() is False
    assert again == [], "it is said once"
    path.write_text(good)
    assert await handbook.refresh() is True
    assert "street-lights" in handbook.brain.topics


async def test_a_folder_that_goes_away_does_no_harm(folder: Path) -> None:
    handbook = Handbook(folder)
    before = handbook.brain
    moved = folder.with_name("moved")
    folder.rename(moved)
    with structlog.testing.capture_logs() as logs:
        assert await handbook.refresh() is False
    assert logs[0]["event"] == "knowledge_refused"
    assert handbook.brain is before
    moved.rename(folder)
    os.utime(folder / "autopay.md", ns=(1, 1))
    assert await handbook.refresh() is True


async def test_watching_looks_again_and_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.agents.brain.LOOK_EVERY", 0.001)
    handbook, looks = Handbook(folder), asyncio.Queue[None]()

    async def look(self: Handbook) -> bool:
        looks.put_nowait(None)
        return False

    monkeypatch.setattr(Handbook, "refresh", look)
    task = asyncio.create_task(handbook.watch())
    for _ in range(3):
        await asyncio.wait_for(looks.get(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_handbook_that_cant_be_loaded_says_why(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no knowledge"):
        Handbook(tmp_path)
    with pytest.raises(KnowledgeError, match="can't be read"):
        Handbook(tmp_path / "gone")


def test_a_set_is_loaded_together(folder: Path, data: Path) -> None:
    brain = load(folder, data)
    assert isinstance(brain, Brain)
    assert set(brain.topics) == {Path(name).stem for name in TOPICS}
    assert brain.classifier.guess("hello").intent == "greeting"
    assert any("enrol" in stem for stems in brain.aspects for stem in stems)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("category = ", "talk.toml: "), ("[greeting]\nexamples = []", "category must be one of billing_faq"),
        ('category = "chatter"', "category must be one of"), ("category = 1", "category must be one of"),
        ('category = ""\n[greeting]\nexample = ["x"]', "talk.toml: "),
        ('category = ""\ngreeting = "hi"', "talk.toml: "),
        ('category = ""\n[greeting]\nexamples = "hi"', "talk.toml: "),
        ('category = ""\n[g]\nexamples = [1]', "talk.toml: "),
        ('category = ""\n[g]\nexamples = []\nextra = 1', "talk.toml: "),
        ('category = ""\n[g]\nexamples = []\npatterns = ["("]', "talk.toml: (: "),
        ('category = ""\n[g]\nexamples = []\nunless = ["[z-a]"]', "talk.toml: [z-a]: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_examples_is_said_with_the_files_name(data: Path, text: str, why: str) -> None:
    (data / "examples" / "talk.toml").write_text(text)
    with pytest.raises(KnowledgeError) as refused:
        read_examples(data / "examples", {})
    assert why in str(refused.value)
    assert "talk.toml" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "common = 1", 'common = "a"\nwords = []', "[words]\nu = 1", "no toml",
    'common = "a"\n[words]\n[phrases]\n[aspects.x]\nwords = ["a"]'],
)  # fmt: skip
def test_what_is_wrong_with_the_language_is_said_with_the_files_name(data: Path, text: str) -> None:
    (data / "language.toml").write_text(text)
    with pytest.raises(KnowledgeError, match=r"^language\.toml: "):
        read_words(data / "language.toml")


def test_files_that_arent_utf8_or_arent_there_are_named(data: Path) -> None:
    (data / "examples" / "talk.toml").write_bytes(b'category = "\xff"')
    with pytest.raises(KnowledgeError, match=r"^talk\.toml: "):
        read_examples(data / "examples", {})
    with pytest.raises(KnowledgeError, match=r"^gone\.toml: "):
        read_words(data / "gone.toml")


def test_examples_come_from_topics_and_files(data: Path) -> None:
    topic = Topic("lights", "Lights", "x", {"Fees": "y"}, (("dark lamp", None), ("what does it cost", "Fees")))
    (data / "examples" / "talk.toml").write_text(
        'category = "human_requested"\n[person]\nexamples = ["human"]\npatterns = ["p1", "p2"]\nunless = ["a", "b"]\n'
    )
    examples, patterns = read_examples(data / "examples", {"lights": topic})
    assert [(one.text, one.category, one.intent, one.section) for one in examples] == [
        ("dark lamp", "billing_faq", "lights", None), ("what does it cost", "billing_faq", "lights", "Fees"),
        ("human", "human_requested", "person", None),
    ]  # fmt: skip
    assert [(one.intent, one.matches.pattern) for one in patterns] == [("person", "p1"), ("person", "p2")]
    assert all(one.unless is not None and one.unless.pattern == "a|b" for one in patterns)
