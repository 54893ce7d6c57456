"""From what a customer types to the words that are compared: lower case, slang spelled out, typos mended, stems.

Deterministic. Must never keep a text; it takes time in proportion to a text's first ``MOST_WORDS`` words only.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Final

import Stemmer
from rapidfuzz import process
from rapidfuzz.distance import OSA

MOST_WORDS: Final = 120
MOST_MENDED: Final = 25  # unknown words of a text that are looked up as typos: each is compared with all known ones
_WORD: Final = re.compile(r"[a-z]+|\d+|[?$]")
_SHORTEST: Final = 4  # letters of a word that may be a typo
_APOSTROPHES: Final = re.compile(r"['’`]")


class Language:
    """Turns texts into stems. ``words``, ``phrases`` and ``common`` as in ``language.toml``.

    ``known``: texts whose words are no typos.
    """

    def __init__(
        self, words: Mapping[str, str], phrases: Mapping[str, str], common: Collection[str], known: Iterable[str]
    ) -> None:
        self._words, self._stemmer = words, Stemmer.Stemmer("english")
        self._phrases = {tuple(key.split()): value.split() for key, value in phrases.items()}
        self._common = frozenset(self._stem(word) for word in common) | {"?", "$", "0"}
        self._firsts = {key[0] for key in self._phrases}
        self._longest = max((len(key) for key in self._phrases), default=1)
        plain = {word for text in known for word in self._plain(text)}
        self._known = plain | {word for value in words.values() for word in value.split()} | set(common)

    @cached_property
    def _candidates(self) -> list[str]:
        return sorted(word for word in self._known if len(word) >= _SHORTEST and word.isalpha())

    def stems(self, text: str) -> list[str]:
        """The stems of a text, typos mended; digits read as one kind of word."""
        words = self._plain(text)
        strange = [word for word in dict.fromkeys(words) if self._strange(word)][:MOST_MENDED]
        typos = {word: self._mend(word) for word in strange}
        mended = [typos.get(word, word) for word in words]
        return [self._stem(word) for word in self._join(mended)]

    def is_common(self, stem: str) -> bool:
        """Whether a stem says little about a subject."""
        return stem in self._common

    def _plain(self, text: str) -> list[str]:
        folded = text[: MOST_WORDS * 20].lower()
        if not folded.isascii():
            folded = "".join(one for one in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(one))
        words = _WORD.findall(_APOSTROPHES.sub("", folded))[:MOST_WORDS]
        return [part for word in words for part in self._words.get(word, word).split()]

    def _join(self, words: list[str]) -> list[str]:
        if self._firsts.isdisjoint(words):
            return words
        joined, at = [], 0
        while at < len(words):
            for size in range(self._longest, 0, -1):
                value = self._phrases.get(tuple(words[at : at + size]))
                if value is not None:
                    joined += value
                    at += size
                    break
            else:
                joined.append(words[at])
                at += 1
        return joined

    def _strange(self, word: str) -> bool:
        return len(word) >= _SHORTEST and word not in self._known and word.isalpha()

    def _mend(self, word: str) -> str:
        """The known word that a typo is nearest to: one edit away, two in a long word (optimal string alignment)."""
        most = 1 if len(word) < 7 else 2
        found = process.extractOne(word, self._candidates, scorer=OSA.distance, score_cutoff=most)
        if found is None or found[0][0] != word[0]:
            return word
        return str(found[0])

    def _stem(self, word: str) -> str:
        if word[0].isdigit():
            return "0"
        stem: str = self._stemmer.stemWord(word)
        return stem
