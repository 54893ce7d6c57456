"""The data the bot understands by: example utterances, patterns, words; read from TOML and from the knowledge base.

Must never hold code: who runs the bot edits these files.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from app.agents.topics import KnowledgeError, Topic
from app.core.session import CATEGORIES

Kind = TypeVar("Kind")
SMALL_TALK: Final = ""  # the category of what needs none: greetings, thanks, yes and no


@dataclass(frozen=True, slots=True)
class Example:
    """How somebody asked for something. ``intent`` is a topic of the knowledge base if ``category`` is billing_faq."""

    text: str
    category: str
    intent: str
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """What decides by itself, whatever the examples say: calls for a person, dangers. ``unless`` wins over it.

    ``denies``: what matches isn't of that category, whatever the examples say.
    """

    category: str
    intent: str
    matches: re.Pattern[str]
    unless: re.Pattern[str] | None = None
    denies: bool = False


class Aspect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of further question: words it is asked with, and beginnings of headings that answer it."""

    words: list[str]
    headings: list[str]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``language.toml``."""

    common: str
    words: dict[str, str]
    phrases: dict[str, str]
    aspects: dict[str, Aspect]


class _Intent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    examples: list[str]
    patterns: list[str] = []
    unless: list[str] = []
    never: list[str] = []


def read_words(path: Path) -> Words:
    """Raises ``KnowledgeError``."""
    return _convert(path.name, _toml(path), Words)


def read_examples(folder: Path, topics: dict[str, Topic]) -> tuple[list[Example], list[Pattern]]:
    """Everything in ``*.toml`` of a folder and under "Asked as" of the topics. Raises ``KnowledgeError``."""
    examples = [
        Example(text, "billing_faq", topic.name, section)
        for topic in topics.values()
        for text, section in topic.asked_as
    ]
    patterns: list[Pattern] = []
    for path in sorted(folder.glob("*.toml")):
        document = _toml(path)
        category = document.pop("category", None)
        if category != SMALL_TALK and category not in CATEGORIES:
            raise KnowledgeError(f"{path.name}: category must be one of {', '.join(CATEGORIES)}, or empty")
        for intent, raw in document.items():
            known = _convert(path.name, raw, _Intent)
            examples += [Example(text, category, intent) for text in known.examples]
            unless = _regex(path.name, "|".join(known.unless)) if known.unless else None
            patterns += [Pattern(category, intent, _regex(path.name, one), denies=True) for one in known.never]
            patterns += [Pattern(category, intent, _regex(path.name, one), unless) for one in known.patterns]
    return examples, patterns


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KnowledgeError(f"{path.name}: {error}") from error


def _convert(name: str, raw: Any, kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise KnowledgeError(f"{name}: {error}") from error


def _regex(name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise KnowledgeError(f"{name}: {text}: {error}") from error
