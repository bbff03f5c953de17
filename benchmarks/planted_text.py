"""Corpora whose best mixture is known, made here: usefulness is planted, and shares no code with what has to find it.

A document of usefulness u is a walk on a chain of letters: at each step, with probability u the next letter is one of
the two that its chain likes after the last one, else any. What a held-out text of that chain needs is in the walk's
steps, so a document teaches in proportion to u. Columns: `id`, `kind` (the cell), `score`, `n_tokens`, `split`,
`source`, `language`; texts are arrays of letters, 97 and up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

LETTERS = 24
Texts = list[npt.NDArray[np.int64]]
Random = np.random.Generator


class Corpus(NamedTuple):
    frame: pl.DataFrame
    texts: Texts
    targets: dict[str, Texts]


class Source(NamedTuple):
    """A cell: documents, whose chain they walk on, and score and usefulness of each."""

    documents: int
    chain: int
    draw: Callable[[Random, int], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]


def tells(random: Random, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The score is the usefulness."""
    score = random.random(count)
    return score, score


def tells_nothing(
    random: Random, count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Half useful, whatever the score."""
    return random.random(count), random.choice([0.1, 0.9], count)


def lies(random: Random, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Noise that scores high."""
    return random.uniform(0.7, 1.0, count), np.zeros(count)


def good(random: Random, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """All of it useful, with middling scores."""
    return random.uniform(0.3, 0.7, count), np.full(count, 0.95)


def bends(random: Random, count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Useful at both ends of the score, not in the middle."""
    score = random.random(count)
    return score, (2 * np.abs(score - 0.5)) ** 2


CASES: Mapping[str, Mapping[str, Source]] = {
    "planted": {
        "tells": Source(900, 0, tells),
        "tells_nothing": Source(900, 1, tells_nothing),
        "noise": Source(900, 9, lies),
        "scarce": Source(90, 2, good),
        "other": Source(900, 3, good),
    },
    "natural": {  # the targets are drawn as the corpus is
        "a": Source(1200, 0, good),
        "b": Source(1200, 1, good),
        "c": Source(1200, 2, good),
    },
    "bent": {
        "bends": Source(1800, 0, bends),
        "other": Source(900, 3, good),
    },
}
TARGETS: Mapping[str, tuple[int, ...]] = {"planted": (0, 1, 2), "natural": (0, 1, 2), "bent": (0,)}
LENGTH = 120


def corpus(case: str, seed: int) -> Corpus:
    """One of `CASES`, with held-out texts of the chains that matter, and of a chain that no source walks on."""
    random = np.random.default_rng([seed, 99])
    chains = {n: _chain(n) for n in (*range(10), 77)}
    rows, texts = [], []
    for kind, source in CASES[case].items():
        scores, useful = source.draw(random, source.documents)
        for n, (score, use) in enumerate(zip(scores, useful, strict=True)):
            text = _walk(random, chains[source.chain], float(use))
            name = hashlib.md5(f"{case}/{seed}/{kind}/{n}".encode()).digest()
            rows.append({"id": name, "kind": kind, "score": float(score), "n_tokens": len(text)})
            texts.append(text)
    frame = pl.DataFrame(rows).with_columns(
        split=pl.lit("train"), source=pl.lit("s"), language=pl.lit("eng_Latn")
    )
    targets = {
        f"chain {n}": [_walk(random, chains[n], 0.95) for _ in range(40)] for n in TARGETS[case]
    }
    return Corpus(
        frame,
        texts,
        targets | {"nothing like it": [_walk(random, chains[77], 0.95) for _ in range(40)]},
    )


def _chain(number: int) -> npt.NDArray[np.int64]:
    """(letters, 2): the two letters that follow each."""
    return np.random.default_rng([number, 7]).integers(0, LETTERS, (LETTERS, 2))


def _walk(random: Random, chain: npt.NDArray[np.int64], use: float) -> npt.NDArray[np.int64]:
    length = int(random.integers(LENGTH // 2, LENGTH * 3 // 2))
    follows, either, any_ = (
        random.random(length) < use,
        random.integers(0, 2, length),
        random.integers(0, LETTERS, length),
    )
    text = [0]
    for n in range(length):
        liked = chain[text[-1], either[n]]
        text.append(int(liked if follows[n] else any_[n]))
    return np.array(text[1:]) + 97
