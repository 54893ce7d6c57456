"""What a message is about: the nearest example utterances (BM25 over stems), and how much of it they explain.

Deterministic, and quick enough for an event loop (`make eval` says how quick). Must never decide what to do about it:
that is the orchestrator's table.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import bm25s
import numpy as np

from app.agents.language import Language
from app.agents.utterances import Example, Pattern

MOST_MATCHED: Final = 600  # characters that patterns look at: they are tried at every one of them
NEAREST: Final = 20  # examples that vote
SHARPNESS: Final = 5  # a vote is (score / best score) to this power
COMMON_COUNTS: Final = 0.3  # of a word's weight, if it says little about a subject
UNDERSTOOD: Final = 0.3  # below this share of a message explained, it wasn't understood
LIKE: Final = 0.6  # of words that say little: what an example must have in common with a message


@dataclass(frozen=True, slots=True)
class Guess:
    """``confidence``: the share of the message's words, by weight, that the examples of this category explain."""

    category: str
    intent: str
    section: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Said:
    """A message, read once: its stems, what a pattern says of it by itself (None: nothing), and what it isn't.

    ``decided`` is a danger or a call for a person; ``denied`` are categories that a pattern rules out.
    """

    stems: list[str]
    decided: Guess | None
    denied: frozenset[str]


# Not a foreign subject, but none at all: to be asked again rather than handed over.
UNCLEAR: Final = Guess("out_of_scope", "unclear", None, 1.0)


class Classifier:
    """Made once from the examples, used by many turns."""

    def __init__(self, examples: Sequence[Example], patterns: Sequence[Pattern], language: Language) -> None:
        self._examples, self._patterns, self._language = examples, patterns, language
        self._stems = [language.stems(example.text) for example in examples]
        # Where the method is a probability of relevance, a word in most examples counts little, never negatively.
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        self._index.index([stems or ["?"] for stems in self._stems], show_progress=False, leave_progress=False)
        count: defaultdict[str, int] = defaultdict(int)
        for stems in self._stems:
            for stem in set(stems):
                count[stem] += 1
        self._same: dict[tuple[str, ...], Example] = {}
        for example, stems in zip(examples, self._stems, strict=True):
            self._same.setdefault(tuple(stems), example)
        self._weights = {stem: self._weight(number) for stem, number in count.items()}

    def _weight(self, number: int) -> float:
        return float(np.log(1 + (len(self._examples) - number + 0.5) / (number + 0.5)))

    def read(self, text: str) -> Said:
        """A message as words: to be asked about more than once."""
        return Said(self._language.stems(text), *self._by_patterns(text[:MOST_MATCHED]))

    def guess(self, message: str | Said, within: Collection[str] = ()) -> Guess:
        """The likeliest category, intent and section; with ``within``, among these intents only."""
        said = self.read(message) if isinstance(message, str) else message
        stems = said.stems
        denied = frozenset[str]() if within else said.denied
        if said.decided is not None and not within:
            return said.decided
        if not any(stem.isalpha() for stem in stems):
            return UNCLEAR
        same = None if within else self._same.get(tuple(stems))
        if same is not None and same.category not in denied:
            return Guess(same.category, same.intent, same.section, 1.0)
        votes = self._votes(stems, within, denied)
        if not votes:
            return Guess("out_of_scope", "unknown", None, 0.0)
        return self._elected(stems, votes, understood=0.0 if within else UNDERSTOOD)

    def _by_patterns(self, text: str) -> tuple[Guess | None, frozenset[str]]:
        """What the patterns decide, else the categories that they deny."""
        denied: set[str] = set()
        for pattern in self._patterns:
            if pattern.category in denied or not pattern.matches.search(text):
                continue
            if pattern.denies:
                denied.add(pattern.category)
            elif not (pattern.unless and pattern.unless.search(text)):
                return Guess(pattern.category, pattern.intent, None, 1.0), frozenset()
        return None, frozenset(denied)

    def _votes(self, stems: list[str], within: Collection[str], denied: Collection[str]) -> dict[int, float]:
        """The nearest examples, nearest first, and what each one's vote weighs."""
        known = [stem for stem in stems if stem in self._weights]
        if not known:
            return {}
        scores = self._index.get_scores(known)
        if within or denied:
            may = [
                (not within or example.intent in within) and example.category not in denied
                for example in self._examples
            ]
            scores = np.where(may, scores, 0.0)
        nearest = [int(place) for place in np.argsort(-scores, kind="stable")[:NEAREST] if scores[place] > 0]
        return {place: float(scores[place] / scores[nearest[0]]) ** SHARPNESS for place in nearest}

    def _elected(self, stems: list[str], votes: dict[int, float], understood: float) -> Guess:
        category = _winner(votes, lambda place: self._examples[place].category)
        votes = {place: vote for place, vote in votes.items() if self._examples[place].category == category}
        if all(map(self._language.is_common, stems)) and self._likeness(stems, votes) < LIKE:
            return UNCLEAR
        confidence = self._explained(stems, votes)
        if confidence < understood:
            return Guess("out_of_scope", "unknown", None, confidence)
        intent = _winner(votes, lambda place: self._examples[place].intent)
        votes = {place: vote for place, vote in votes.items() if self._examples[place].intent == intent}
        section = _winner(votes, lambda place: self._examples[place].section or "") or None
        return Guess(category, intent, section, confidence)

    def words(self, message: str | Said) -> set[str]:
        """The stems of a message."""
        return set(message.stems if isinstance(message, Said) else self._language.stems(message))

    def subject(self, message: str | Said) -> set[str]:
        """The stems of a message that say what it is about."""
        return {stem for stem in self.words(message) if not self._language.is_common(stem)}

    def _likeness(self, stems: list[str], places: Collection[int]) -> float:
        """How like the likest example is (Jaccard): words that say little can be near to anything."""
        mine = set(stems)
        return max(len(mine & set(self._stems[place])) / len(mine | set(self._stems[place])) for place in places)

    def _explained(self, stems: list[str], places: Collection[int]) -> float:
        """A word that was never seen weighs most: what it says, no example can explain."""
        found = {stem for place in places for stem in self._stems[place]}
        weights = {stem: self._weights.get(stem, self._weight(0)) for stem in stems}
        weights |= {stem: weight * COMMON_COUNTS for stem, weight in weights.items() if self._language.is_common(stem)}
        return sum(weight for stem, weight in weights.items() if stem in found) / (sum(weights.values()) or 1.0)


def _winner(votes: Mapping[int, float], of: Callable[[int], str]) -> str:
    """What most of the votes are for; of equals the one that is nearest."""
    sums: defaultdict[str, float] = defaultdict(float)
    for place, vote in votes.items():
        sums[of(place)] += vote
    return max(sums, key=lambda name: sums[name])
