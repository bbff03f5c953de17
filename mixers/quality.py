"""From criteria to copies: one score per document, its rank in its cell, and how copies rise with the rank.

The score of a document is the weighted mean of its cell's criteria, each brought to 0..1. It is cut into `BINS`, and
tokens are counted per bin: a bin holds the ranks from the share of the cell's tokens below it to that share with it.
Counts are integers, so ranks do not depend on the order of parts or on how they are cut, and one pass over the
annotations finds them.

Copies are in proportion to ((rank - cutoff) / (1 - cutoff)) ** power above the cutoff and 0 below it: a power of 0
takes the best alike (top-k), without a cutoff all alike; no document gets more than the ceiling. They never fall as the
score rises. After the sampling function of QuaDMix (arXiv 2504.16511), whose sigmoid has no end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from mixers.mixture import Cell, Criterion

BINS = 256
Floats = npt.NDArray[np.float64]


def normalised(criterion: Criterion, value: pl.Expr) -> pl.Expr:
    """A criterion in 0..1, from its value."""
    share = (value.cast(pl.Float64) - criterion.worst) / (criterion.best - criterion.worst)
    return (
        pl.when(share.is_nan()).then(None).otherwise(share).fill_null(criterion.missing).clip(0, 1)
    )


def merged(cell: Cell, criteria: Mapping[str, pl.Expr]) -> pl.Expr:
    """The score of a document of this cell, from criteria in 0..1; 0 where the cell ranks nothing."""
    total = sum(cell.criteria.values())
    terms = [criteria[name] * (weight / total) for name, weight in cell.criteria.items()]
    return pl.sum_horizontal(terms) if terms else pl.lit(0.0)


def binned(score: pl.Expr) -> pl.Expr:
    """The bin of a score, 0 (worst) to `BINS` - 1."""
    # A thousandth of a bin against sums that differ in their last digits; a bin is no finer than that.
    return (score * BINS + 1e-3).floor().clip(0, BINS - 1).cast(pl.Int16)


def ranks(tokens: Floats) -> Floats:
    """(bins + 1,): the share of a cell's tokens below each bin, and 1. `tokens` by bin, worst first."""
    below = np.concatenate([[0.0], np.cumsum(tokens, dtype=np.float64)])
    return np.asarray(below / max(below[-1], 1.0))


def copies(below: Floats, cell: Cell) -> Floats:
    """How often a document of each bin is taken beside others of its cell, 0 to 1; the ceiling is not in it.

    Documents of one bin are tied: each gets the mean over the ranks that they hold together, as if drawn for places.
    So a criterion of five levels has no steps that a cutoff could jump.
    """
    edges = np.clip((below - cell.cutoff) / (1 - cell.cutoff), 0, 1)
    power = cell.power + 1
    area = np.diff(edges**power) / power * (1 - cell.cutoff)
    width = np.diff(below)
    at = np.where(below[:-1] >= cell.cutoff, edges[:-1] ** cell.power, 0.0)  # of an empty bin
    return np.where(width > 0, area / np.maximum(width, 1e-300), at)
