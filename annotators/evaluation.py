"""How well labels agree: figures with intervals, over all texts and per group of them.

| figure | of | meaning |
|---|---|---|
| `accuracy` | ordinal, nominal | share of equal labels |
| `macro_f1` | nominal | mean F1 over the values that either side has |
| `kappa` | ordinal | quadratic-weighted kappa: 1 equal, 0 as by chance (Cohen 1968, Psychol. Bull. 70) |
| `spearman` | ordinal | rank correlation |
| `micro_f1` | multi | F1 over all pairs of text and value |
| `ece` | with probabilities | expected calibration error, 10 bins of equal width (Guo et al., arXiv 1706.04599) |

Every figure but `ece` is a function of the confusion matrix, or of a few counts. The interval is the bootstrap's, over
texts: drawing texts anew is drawing the counts of the matrix's cells from a multinomial, all samples at once. Null
labels are left out and counted; a figure of fewer than two texts is null.

A `share` has Wilson's interval (1927, J. Am. Stat. Assoc. 22), which holds for few texts and near 0 and 1, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from annotators.taxonomy import Kind

SAMPLES = 1000
LEVEL = 0.95  # of an interval
BINS = 10
_QUANTILE = NormalDist().inv_cdf((1 + LEVEL) / 2)

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Measure = Callable[
    [Floats], Floats
]  # (samples, values, values) counts, gold by found -> (samples,)


@dataclass(frozen=True, kw_only=True)
class Score:
    """A figure, its interval, and how many texts it is of. Null where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None
    texts: int


def confusion(gold: Sequence[int], found: Sequence[int], values: int) -> Counts:
    """Counts of gold (rows) by found (columns); a negative place is no label, and is left out."""
    pairs = np.array(
        [(g, f) for g, f in zip(gold, found, strict=True) if g >= 0 and f >= 0], np.int64
    )
    matrix = np.zeros((values, values), np.int64)
    if len(pairs):
        np.add.at(matrix, (pairs[:, 0], pairs[:, 1]), 1)
    return matrix


def scored(matrix: Counts, measure: Measure, seed: int = 0) -> Score:
    """A figure of a confusion matrix, with its interval."""
    texts = int(matrix.sum())
    if texts < 2:
        return Score(value=None, low=None, high=None, texts=texts)
    value = float(measure(matrix[None].astype(np.float64))[0])
    drawn = measure(resampled(matrix, seed))
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(drawn):
        return Score(value=None, low=None, high=None, texts=texts)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(value=value, low=float(low), high=float(high), texts=texts)


def resampled(matrix: Counts, seed: int) -> Floats:
    """The matrix of as many texts drawn anew, with replacement: (SAMPLES, values, values)."""
    flat = matrix.ravel()
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(flat.sum(), flat / flat.sum(), size=SAMPLES)
    return drawn.reshape(SAMPLES, *matrix.shape).astype(np.float64)


# ---------------------------------------------------------------- figures of confusion matrices


def accuracy(matrices: Floats) -> Floats:
    return np.asarray(np.trace(matrices, axis1=1, axis2=2) / matrices.sum(axis=(1, 2)))


def f1s(matrices: Floats) -> Floats:
    """Of each value: (samples, values); nan for one that neither side has."""
    right = np.diagonal(matrices, axis1=1, axis2=2)
    both = matrices.sum(axis=1) + matrices.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * right / both)


def macro_f1(matrices: Floats) -> Floats:
    return np.asarray(np.nanmean(f1s(matrices), axis=1))


def kappa(matrices: Floats) -> Floats:
    """nan where both sides have one value only."""
    values = matrices.shape[1]
    place = np.arange(values)
    weights = (place[:, None] - place[None, :]) ** 2
    size = matrices.sum(axis=(1, 2), keepdims=True)
    chance = matrices.sum(axis=2, keepdims=True) * matrices.sum(axis=1, keepdims=True) / size
    with np.errstate(invalid="ignore", divide="ignore"):
        lost = (matrices * weights).sum(axis=(1, 2)) / (chance * weights).sum(axis=(1, 2))
    return np.asarray(1 - lost)


def spearman(matrices: Floats) -> Floats:
    """Correlation of the mean ranks; nan where one side has one value only."""
    gold, found = matrices.sum(axis=2), matrices.sum(axis=1)
    size = matrices.sum(axis=(1, 2))
    ranks = [np.cumsum(side, axis=1) - side / 2 - size[:, None] / 2 for side in (gold, found)]
    together = np.einsum("sgf,sg,sf->s", matrices, *ranks)
    spread = [(side * rank**2).sum(axis=1) for side, rank in zip((gold, found), ranks, strict=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(together / np.sqrt(spread[0] * spread[1]))


MEASURES: Mapping[Kind, Mapping[str, Measure]] = {
    "ordinal": {"kappa": kappa, "spearman": spearman, "accuracy": accuracy},
    "nominal": {"macro_f1": macro_f1, "accuracy": accuracy},
    "multi": {},
}
MAIN: Mapping[Kind, str] = {"ordinal": "kappa", "nominal": "macro_f1", "multi": "micro_f1"}


# ---------------------------------------------------------------- others


def micro_f1(gold: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_], seed: int = 0) -> Score:
    """Of multi-label answers: (texts, values). The interval is over texts."""
    right, either = (gold & found).sum(axis=1), gold.sum(axis=1) + found.sum(axis=1)
    if len(gold) < 2 or not either.sum():
        return Score(value=None, low=None, high=None, texts=len(gold))
    sums = _sums(np.stack([right, either], axis=1), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = 2 * sums[:, 0] / sums[:, 1]
    low, high = np.nanquantile(figures, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = float(2 * right.sum() / either.sum())
    return Score(value=value, low=float(low), high=float(high), texts=len(gold))


def better_micro_f1(
    gold: npt.NDArray[np.bool_], one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]
) -> Score:
    """By how much the first multi-label answers are better than the second, by paired bootstrap over texts."""
    columns = [(gold & one).sum(axis=1), gold.sum(axis=1) + one.sum(axis=1)]
    columns += [(gold & other).sum(axis=1), gold.sum(axis=1) + other.sum(axis=1)]
    counts = np.stack(columns, axis=1)
    if len(gold) < 2:
        return Score(value=None, low=None, high=None, texts=len(gold))

    def difference(sums: Floats) -> Floats:
        f1 = 2 * sums[:, [0, 2]] / np.maximum(sums[:, [1, 3]], 1)  # 0 where nobody says anything
        return np.asarray(f1[:, 0] - f1[:, 1])

    value = float(difference(counts.sum(axis=0, keepdims=True).astype(np.float64))[0])
    low, high = np.quantile(difference(_sums(counts, 0)), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(value=value, low=float(low), high=float(high), texts=len(gold))


def _sums(values: npt.NDArray[Any], seed: int) -> Floats:
    """Of columns of numbers (texts, columns), over texts drawn anew: (SAMPLES, columns), a sample at a time."""
    random, texts = np.random.default_rng(seed), len(values)
    drawn = (np.bincount(random.integers(0, texts, texts), minlength=texts) for _ in range(SAMPLES))
    return np.array([times @ values for times in drawn], np.float64)


def share(hits: int, texts: int) -> Score:
    """Of right answers."""
    if not texts:
        return Score(value=None, low=None, high=None, texts=0)
    value, spread = hits / texts, _QUANTILE**2 / texts
    middle, half = value + spread / 2, (spread * (value * (1 - value) + spread / 4)) ** 0.5
    low, high = (min(max(end / (1 + spread), 0.0), 1.0) for end in (middle - half, middle + half))
    return Score(value=value, low=low, high=high, texts=texts)


def mean(values: Floats, seed: int = 0) -> Score:
    """Of a number for each text."""
    if len(values) < 2:
        return Score(value=None, low=None, high=None, texts=len(values))
    means = _sums(values[:, None], seed)[:, 0] / len(values)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(value=float(values.mean()), low=float(low), high=float(high), texts=len(values))


def calibration_error(sure: Sequence[float], right: Sequence[bool]) -> float | None:
    """Expected calibration error: how far confidence is from the share of right answers, over bins of confidence."""
    if not len(sure):
        return None
    confidence, hit = np.asarray(sure, np.float64), np.asarray(right, np.float64)
    bins = _bins(confidence)
    gaps = [
        abs(confidence[bins == b].mean() - hit[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def error_by_chance(sure: Sequence[float]) -> float | None:
    """About the calibration error that answers with this confidence have where each is right with just that
    probability: what is right in a bin is drawn, and the mean of a normal's distance from its middle is sqrt(2 / pi)
    standard deviations. Of few texts it is large.
    """
    if not len(sure):
        return None
    confidence = np.asarray(sure, np.float64)
    variances = np.bincount(_bins(confidence), weights=confidence * (1 - confidence))
    return float(np.sqrt(2 / np.pi * np.maximum(variances, 0)).sum() / len(confidence))


def _bins(confidence: Floats) -> Counts:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def better(
    gold: Sequence[int], one: Sequence[int], other: Sequence[int], values: int, measure: Measure
) -> Score:
    """By how much the first answers are better than the second, by paired bootstrap over texts."""
    triples = np.array([t for t in zip(gold, one, other, strict=True) if t[0] >= 0], np.int64)
    if len(triples) < 2:
        return Score(value=None, low=None, high=None, texts=len(triples))
    flat = np.ravel_multi_index(tuple(triples.T), (values, values, values))
    cells, counts = np.unique(flat, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(len(triples), counts / len(triples), size=SAMPLES)
    places = np.unravel_index(cells, (values, values, values))

    def difference(weights: Floats) -> Floats:
        matrices = np.zeros((2, len(weights), values, values))
        for cell, (truth, *answers) in enumerate(zip(*places, strict=True)):
            for side, answer in enumerate(answers):
                matrices[side, :, truth, answer] += weights[:, cell]
        return measure(matrices[0]) - measure(matrices[1])

    value = float(difference(counts[None].astype(np.float64))[0])
    differences = difference(drawn.astype(np.float64))
    low, high = np.nanquantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(value=value, low=float(low), high=float(high), texts=len(triples))
