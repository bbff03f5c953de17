"""Sketches: the smallest hashes, and the Jaccard similarity that two of them tell."""

from __future__ import annotations

import random

import numpy as np

from annotators.duplicates import resemblance
from annotators.sketches import SIZE, sketches


def of(documents, *texts: str) -> list[np.ndarray]:
    return [np.frombuffer(sketch, "<u4") for sketch in sketches(documents(texts), 5)]


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[k : k + 5]) for k in range(len(words) - 4)}


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def edited(rng: random.Random, words: list[str], changes: int) -> str:
    new = list(words)
    for _ in range(changes):
        new[rng.randrange(len(new))] = f"x{rng.randrange(10**6)}"
    return " ".join(new)


def test_a_sketch_is_sorted_distinct_and_bounded(documents) -> None:
    long = " ".join(f"w{n}" for n in range(3 * SIZE))
    found = of(documents, long, "one two three four five six one two three four five six", "")
    assert [len(sketch) for sketch in found] == [SIZE, 6, 0]  # six rotations of six words
    assert all((np.diff(sketch.astype(np.int64)) > 0).all() for sketch in found)


def test_short_documents_are_compared_exactly(documents) -> None:
    rng = random.Random(1)
    for changes in (0, 1, 5, 20):
        words = [f"w{rng.randrange(500)}" for _ in range(300)]
        one, other = " ".join(words), edited(rng, words, changes)
        assert resemblance(*of(documents, one, other), SIZE) == jaccard(one, other)


def test_long_documents_are_estimated_within_four_standard_errors(documents) -> None:
    rng = random.Random(2)
    words = [f"w{rng.randrange(10**6)}" for _ in range(20_000)]
    one = " ".join(words)
    for changes in (200, 600, 2000):
        other = edited(rng, words, changes)
        true = jaccard(one, other)
        error = (true * (1 - true) / SIZE) ** 0.5
        assert abs(resemblance(*of(documents, one, other), SIZE) - true) < 4 * error


def test_nothing_resembles_nothing() -> None:
    empty = np.zeros(0, np.uint32)
    assert resemblance(empty, empty, SIZE) == 0.0
