"""What ``make eval`` prints holds: the bot understands customers whose words aren't among its examples."""

import re
from pathlib import Path

import pytest

from app.agents import topics, utterances
from tests.eval.measure import CATEGORIES, FOLDER, SETS, measure
from tests.eval.measure import utterances as labelled

AGENTS = Path(utterances.__file__).parent


@pytest.mark.parametrize("name", SETS)
async def test_it_understands_nine_of_ten(name: str) -> None:
    result = await measure(labelled(name))
    assert result.accuracy >= 0.9, result.wrong
    assert not result.missed, "a call for a person was missed"
    assert not result.leaks, "account data was asked for without a sign-in"


def test_the_sets_are_large_labelled_and_no_examples() -> None:
    known = topics.read_topics(AGENTS / "knowledge")
    examples, _ = utterances.read_examples(AGENTS / "examples", known)
    taught = {plain(example.text) for example in examples}
    for name in SETS:
        rows = labelled(name)
        assert len(rows) > 250
        assert {category for category, _ in rows} == set(CATEGORIES)
        assert len({text.casefold() for _, text in rows}) == len(rows), name
        assert not taught & {plain(text) for _, text in rows}, f"{name} holds examples"


def plain(text: str) -> str:
    """A text without what makes no difference."""
    return re.sub(r"[^a-z0-9]+", " ", text.casefold()).strip()


def test_every_file_is_measured() -> None:
    assert {path.stem for path in FOLDER.glob("*.tsv")} == set(SETS)
