"""Everything the bot knows and understands by, loaded together; and loaded anew when somebody edits the files.

Must never serve half of an edit: a set of files that can't be used is logged, and the one before stays.
"""

import asyncio
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import structlog

from app.agents.classifier import Classifier
from app.agents.language import Language
from app.agents.topics import KnowledgeError, Topic, read_topics, signature
from app.agents.utterances import Aspect, read_examples, read_words

LOOK_EVERY: Final = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Brain:
    """One consistent set. ``aspects``: stems of a kind of further question, and the headings that answer it."""

    topics: dict[str, Topic]
    classifier: Classifier
    aspects: dict[frozenset[str], tuple[str, ...]]


def load(knowledge: Path, data: Path) -> Brain:
    """Read everything: ``knowledge`` holds ``*.md``, ``data`` ``language.toml`` and ``examples/*.toml``.

    Raises ``KnowledgeError``. Takes long enough to be kept off an event loop.
    """
    topics = read_topics(knowledge)
    words = read_words(data / "language.toml")
    examples, patterns = read_examples(data / "examples", topics)
    language = Language(words.words, words.phrases, words.common.split(), [example.text for example in examples])
    aspects = {_stems(language, aspect): tuple(aspect.headings) for aspect in words.aspects.values()}
    return Brain(topics, Classifier(examples, patterns, language), aspects)


def _stems(language: Language, aspect: Aspect) -> frozenset[str]:
    return frozenset(stem for word in aspect.words for stem in language.stems(word))


class Handbook:
    """The set in force. ``folder``: of the knowledge base, by default the one that is shipped."""

    def __init__(self, folder: Path | None) -> None:
        with as_file(files("app.agents")) as data:  # a folder, wherever the package is installed as one
            self._data = Path(data)
        self._knowledge = folder or self._data / "knowledge"
        self._seen, self._refused = self._signature(), ""
        self.brain = load(self._knowledge, self._data)

    def _signature(self) -> tuple[tuple[str, int, int], ...]:
        return signature(self._knowledge, self._data / "examples", self._data)

    async def watch(self) -> None:
        """Look for edits every ``LOOK_EVERY`` seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.refresh()

    async def refresh(self) -> bool:
        """Load what has changed; whether something new is in force now."""
        try:
            now = await asyncio.to_thread(self._signature)
            if now == self._seen:
                return False
            self.brain = await asyncio.to_thread(load, self._knowledge, self._data)
        except KnowledgeError as error:
            if str(error) != self._refused:  # it is tried again each time, and said once
                self._refused = str(error)
                structlog.get_logger().error("knowledge_refused", why=self._refused[:300])
            return False
        self._seen, self._refused = now, ""
        structlog.get_logger().info("knowledge_loaded", topics=len(self.brain.topics))
        return True
