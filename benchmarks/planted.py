"""Documents whose duplicates are known, of invented words: pairs at every similarity, and what must not be confused.

A word is drawn from 20,000 by a power law, so two documents share no 5-gram unless one was made from the other. Truth
is the exact Jaccard similarity of the sets of word 5-grams, a word being a run of letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SHINGLE = 5
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


class Corpus(NamedTuple):
    """Texts, and the rows of the planted pairs among them."""

    texts: list[str]
    pairs: list[tuple[int, int]]


class Writer:
    """Draws words and texts; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        shapes = self.rng.integers(0, len(SYLLABLES), (20_000, 4))
        lengths = self.rng.integers(1, 5, 20_000)
        self._vocabulary = [
            "".join(SYLLABLES[k] for k in row[:n])
            for row, n in zip(shapes.tolist(), lengths.tolist(), strict=True)
        ]
        self._weights = 1 / np.arange(10, 20_010)
        self._weights /= self._weights.sum()

    def words(self, count: int) -> list[str]:
        """So many words."""
        drawn = self.rng.choice(len(self._vocabulary), count, p=self._weights)
        return [self._vocabulary[k] for k in drawn.tolist()]

    def replaced(self, words: list[str], share: float) -> list[str]:
        """Another document that differs in single words, so that about `share` of its 5-grams are new."""
        other = list(words)
        spots = np.arange(SHINGLE - 1, len(words), SHINGLE)
        chosen = self.rng.choice(spots, round(share * len(spots)), replace=False)
        for spot, word in zip(chosen.tolist(), self.words(len(chosen)), strict=True):
            other[spot] = word + "q"
        return other

    def rewritten(self, words: list[str], share: float) -> list[str]:
        """Another document with one passage of `share` of the words written anew."""
        size = round(share * len(words))
        start = int(self.rng.integers(0, len(words) - size + 1))
        return [*words[:start], *self.words(size), *words[start + size :]]


def as_text(words: list[str]) -> str:
    """Sentences of eleven words, paragraphs of five sentences."""
    sentences = [" ".join(words[i : i + 11]).capitalize() + "." for i in range(0, len(words), 11)]
    return "\n\n".join(" ".join(sentences[i : i + 5]) for i in range(0, len(sentences), 5))


def shingles(text: str) -> set[tuple[str, ...]]:
    """The word 5-grams of a text."""
    words = re.findall(r"[a-z]+", text.lower())
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}


def jaccard(first: str, second: str) -> float:
    """Exact similarity of two texts."""
    a, b = shingles(first), shingles(second)
    return len(a & b) / len(a | b)


def chain(writer: Writer, count: int, words: int) -> Iterator[str]:
    """Documents that each differ from the one before in one word in its turn: the ends have nothing in common."""
    now = writer.words(words)
    spots = list(range(SHINGLE - 1, words, SHINGLE))
    for number in range(count):
        yield as_text(now)
        now = list(now)
        now[spots[number % len(spots)]] = writer.words(1)[0]


def family(writer: Writer, count: int, template: int, field: int) -> Iterator[str]:
    """Pages that share `template` words around a field of their own."""
    words = writer.words(template)
    for _ in range(count):
        yield as_text([*words[: template // 2], *writer.words(field), *words[template // 2 :]])


def corpus(seed: int, pairs: int) -> Corpus:
    """Pairs of similarity 0.4 to 1 among as many unrelated documents, and families and chains that are distractors.

    Half of the pairs differ in single words, half in one passage. A family has 50 pages: alike to 0.9, or to about
    0.6, where LSH brings pages together and verification must part them; a chain has 50 links of 0.9.
    """
    writer = Writer(seed)
    texts: list[str] = []
    for number in range(pairs):
        words = writer.words(int(writer.rng.integers(200, 500)))
        target = writer.rng.uniform(0.4, 1.0)
        change = (1 - target) / (1 + target)
        make = writer.replaced if number % 2 else writer.rewritten
        texts += [as_text(words), as_text(make(words, change))]
    for _ in range(max(1, pairs // 100)):
        texts += family(writer, 50, 300, 12)
        texts += family(writer, 50, 300, 90)
        texts += chain(writer, 50, 100)
    texts += [as_text(writer.words(int(writer.rng.integers(50, 500)))) for _ in range(2 * pairs)]
    order = writer.rng.permutation(len(texts)).tolist()
    place = {row: position for position, row in enumerate(order)}
    planted = [(place[2 * n], place[2 * n + 1]) for n in range(pairs)]
    return Corpus([texts[row] for row in order], planted)
