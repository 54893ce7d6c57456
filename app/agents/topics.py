"""The knowledge base: Markdown files that anybody can edit, read into topics and sections.

A file is a topic: its title, an overview, sections under ``##``, and last ``## Asked as``: how customers ask for it, by
which it is found; `` -> Heading`` points an example at a section. Must never answer with anything that isn't in them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.core.errors import BatonError

ASKED_AS: Final = "Asked as"
MOST_FILES: Final = 500
MOST_BYTES: Final = 256 * 1024  # of one file
MOST_SAID: Final = 4_000  # characters of one answer
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


class KnowledgeError(BatonError):
    """A file of the knowledge base can't be used; the text names it and says why, fit for whoever edits it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One file. ``asked_as``: example and the heading it points at, or None for the overview."""

    name: str
    title: str
    overview: str
    sections: dict[str, str]
    asked_as: tuple[tuple[str, str | None], ...]

    def answer(self, heading: str | None) -> str:
        """A section, or the overview and what else can be asked."""
        if heading is not None and heading in self.sections:
            return self.sections[heading]
        more = " · ".join(self.sections)
        return f"{self.overview}\n\nAsk me more about: {more}." if more else self.overview


def read_topics(folder: Path) -> dict[str, Topic]:
    """Every ``*.md`` of a folder by its topic's name. Raises ``KnowledgeError``."""
    topics = {path.stem: read_topic(path) for path in _files(folder)}
    if not topics:
        raise KnowledgeError(f"there is no knowledge in {folder}: no *.md file")
    return topics


def read_topic(path: Path) -> Topic:
    """One file. Raises ``KnowledgeError``."""
    if _NAME.fullmatch(path.stem) is None:
        raise KnowledgeError(f"{path.name}: its name must be small letters, digits and hyphens")
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise KnowledgeError(f"{path.name}: larger than {MOST_BYTES // 1024} KiB")
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{path.name}: can't be read as UTF-8 text") from error
    head, *parts = re.split(r"^## +", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    title, _, overview = head.strip().partition("\n")
    if not title.startswith("# ") or not overview.strip():
        raise KnowledgeError(f'{path.name}: must begin with "# Title" and a paragraph')
    blocks = [(heading.strip(), body.strip()) for heading, _, body in (part.partition("\n") for part in parts)]
    sections = {heading: body for heading, body in blocks if heading != ASKED_AS}
    for heading, body in (("the overview", overview.strip()), *sections.items()):
        if len(body) > MOST_SAID:
            raise KnowledgeError(f"{path.name}: {heading} is longer than {MOST_SAID} characters")
    examples = tuple(_examples(path.name, next((body for heading, body in blocks if heading == ASKED_AS), "")))
    if not examples:
        raise KnowledgeError(f'{path.name}: has no "## {ASKED_AS}", so nobody would find it')
    for text, target in examples:
        if target is not None and target not in sections:
            raise KnowledgeError(f'{path.name}: "{text}" points at "{target}", which isn\'t there')
    return Topic(path.stem, title[2:].strip(), overview.strip(), sections, examples)


def signature(*folders: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file does: names, times and sizes. Raises ``KnowledgeError``."""
    try:
        stats = [(str(path), path.stat()) for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    except OSError as error:
        raise KnowledgeError("the knowledge base can't be read") from error
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _files(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".md" and path.is_file())
    except OSError as error:
        raise KnowledgeError(f"{folder} can't be read") from error
    if len(found) > MOST_FILES:
        raise KnowledgeError(f"more than {MOST_FILES} files in {folder}")
    return found


def _examples(name: str, body: str) -> Iterator[tuple[str, str | None]]:
    for line in body.splitlines():
        if not line.strip():
            continue
        if not line.startswith("- "):
            raise KnowledgeError(f'{name}: under "## {ASKED_AS}" every line begins with "- "')
        text, arrow, target = line[2:].partition(" -> ")
        yield text.strip(), target.strip() if arrow else None
