"""What a mixture would make of a pool of documents: expected copies, and the numbers that describe the result.

The same choice as `allocation` makes for a mixture with cells, over arrays of documents in place of strata, so that
thousands of mixtures can be tried in a minute; a test holds both equal. Language methods and length bands are not part
of it: within a cell, documents stand in their natural proportions.

`describe` gives what losses are fitted on, as shares of all tokens taken:

| name | meaning |
|---|---|
| `share:<cell>` | tokens of the cell |
| `quality:<cell>:<criterion>` | the same times the mean rank of its tokens above the middle, -1/2 to 1/2 |
| `bend:<cell>:<criterion>` | the same with the square of that rank, less what all the cell's text has |
| `repeats:<cell>` | tokens of second and later copies |

A mixture that leaves out so much that the caps do not let it meet its budget is read by a proxy again from its
beginning, as often as the budget asks; `repeats` counts that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from corpus.randomness import id_words, uniform
from mixers.allocation import fill
from mixers.mixture import Mixture
from mixers.quality import BINS, copies, ranks
from mixers.selection import Compiled, judge

REVERSED = "-"  # before the name of a criterion that is another one backwards
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Supply(NamedTuple):
    """Eligible documents, those of one cell behind each other."""

    cells: Sequence[str]
    criteria: Sequence[str]
    ids: npt.NDArray[np.uint64]  # (documents, 2) words
    rows: Integers  # of each, in the frame that it was made from
    tokens: Floats  # `<|endoftext|>` counted
    bounds: Integers  # (cells + 1,): where each cell begins
    values: Floats  # (documents, criteria): 0 to 1
    ranks: Floats  # (documents, criteria): share of the cell's tokens below, ties at their middle

    def of(self, cell: int) -> slice:
        """The documents of a cell."""
        return slice(int(self.bounds[cell]), int(self.bounds[cell + 1]))

    @property
    def shares(self) -> dict[str, float]:
        """Each cell's share of the tokens."""
        total = max(self.tokens.sum(), 1.0)
        return {
            name: float(self.tokens[self.of(n)].sum() / total) for n, name in enumerate(self.cells)
        }


def supply(frame: pl.DataFrame, by: Compiled, mixture: Mixture) -> Supply:
    """The eligible documents of a frame, for all mixtures with this one's rules, conditions of cells and criteria."""
    judged = judge(frame, by, mixture)
    numbered = pl.DataFrame({"name": [cell.name for cell in mixture.cells]}).with_row_index("cell")
    rows = (
        judged.with_row_index("row")
        .filter(pl.col("reason").is_null())
        .with_columns(pl.col("cell").struct.field("name"))
        .drop("cell")
        .join(numbered, on="name", maintain_order="left")
        .sort("cell", maintain_order=True)
    )
    chosen = rows["row"].to_numpy().astype(np.int64)
    values = np.empty((len(chosen), len(by.criteria)))
    if by.criteria:
        criteria = frame.select(expression.alias(key) for key, expression in by.criteria.items())
        values[:] = criteria[chosen].to_numpy()
    tokens = frame["n_tokens"].to_numpy()[chosen].astype(np.float64) + 1
    cell = rows["cell"].to_numpy()
    bounds = np.searchsorted(cell, np.arange(len(mixture.cells) + 1)).astype(np.int64)
    ids = np.frombuffer(b"".join(frame["id"].to_list()), np.uint8).reshape(-1, 16)
    placed = np.zeros_like(values)
    for number in range(len(mixture.cells)):
        mine = slice(bounds[number], bounds[number + 1])
        for column in range(values.shape[1]):
            placed[mine, column] = _ranks(values[mine, column], tokens[mine])
    return Supply(
        cells=[one.name for one in mixture.cells],
        criteria=list(mixture.criteria),
        ids=id_words(ids[chosen]),
        rows=chosen,
        tokens=tokens,
        bounds=bounds,
        values=values,
        ranks=placed,
    )


def expected(of: Supply, mixture: Mixture, budget: float, cap: float) -> Floats:
    """Expected copies of each document: the budget met exactly, or all that the caps leave."""
    worth, room = np.ones(len(of.tokens)), np.full(len(of.tokens), cap)
    places = {name: n for n, name in enumerate(of.criteria)}
    asked = np.zeros(len(of.cells))
    for number, cell in enumerate(mixture.cells):
        mine = of.of(number)
        asked[number] = cell.share
        if cell.ceiling is not None:
            room[mine] = np.minimum(room[mine], cell.ceiling)
        if not cell.criteria or mine.start == mine.stop:
            continue
        weights = np.zeros(len(of.criteria))
        for name, weight in cell.criteria.items():
            weights[places[name]] = weight / sum(cell.criteria.values())
        bins = _bins(of.values[mine] @ weights)
        below = ranks(np.bincount(bins, of.tokens[mine], minlength=BINS).astype(np.float64))
        worth[mine] = copies(below, cell)[bins]
    usable = np.where(worth > 0, of.tokens * room, 0.0)
    capacity = np.array([usable[of.of(n)].sum() for n in range(len(of.cells))])
    planned = fill(asked, capacity, budget)
    found = np.zeros(len(of.tokens))
    for number in range(len(of.cells)):
        mine = of.of(number)
        given = fill(of.tokens[mine] * worth[mine], of.tokens[mine] * room[mine], planned[number])
        found[mine] = np.minimum(given / of.tokens[mine], room[mine])
    return found


def drawn(of: Supply, copies_: Floats, seed: int) -> Integers:
    """Whole copies of each document, exact in expectation, keyed by id and seed."""
    return np.floor(copies_ + uniform(of.ids, seed, "copies") + 1e-12).astype(np.int64)


def describe(of: Supply, copies_: Floats, budget: float) -> dict[str, float]:
    """The numbers of the table above, of a proxy that reads `budget` tokens."""
    read = copies_ / max(1e-9, 1 - missed(of, copies_, budget))
    taken = of.tokens * read
    total = max(taken.sum(), 1e-9)
    repeated = of.tokens * np.maximum(read - 1, 0)
    found: dict[str, float] = {}
    for number, cell in enumerate(of.cells):
        mine = of.of(number)
        share, above = taken[mine] / total, of.ranks[mine] - 0.5
        natural = of.tokens[mine] / max(of.tokens[mine].sum(), 1e-9)
        found[f"share:{cell}"] = float(share.sum())
        found[f"repeats:{cell}"] = float(repeated[mine].sum() / total)
        for column, name in enumerate(of.criteria):
            if name.startswith(REVERSED):
                continue
            found[f"quality:{cell}:{name}"] = float(share @ above[:, column])
            bend = above[:, column] ** 2
            found[f"bend:{cell}:{name}"] = float(share @ (bend - natural @ bend))
    return found


def missed(of: Supply, copies_: Floats, budget: float) -> float:
    """The share of the budget that copies do not meet."""
    return max(0.0, 1 - float(of.tokens @ copies_) / budget)


def order(of: Supply, copies_: Integers, seed: int) -> Integers:
    """The frame's rows in the order of a stream: each as often as it is drawn, far from its other copies."""
    every = np.repeat(np.arange(len(of.tokens)), copies_)
    first = np.cumsum(copies_) - copies_
    which = np.arange(len(every)) - first[every]
    key = uniform(of.ids[every], seed, "order", which)
    return of.rows[every[np.argsort(key, kind="stable")]]


def _ranks(values: Floats, tokens: Floats) -> Floats:
    """The share of tokens below each value, and half of those that are equal."""
    _, place = np.unique(values, return_inverse=True)
    held = np.bincount(place, tokens)
    middle = np.cumsum(held) - held / 2
    return np.asarray(middle[place] / max(tokens.sum(), 1e-9))


def _bins(score: Floats) -> Integers:
    """`mixers.quality.binned`, over an array."""
    return np.clip(np.floor(score * BINS + 1e-3), 0, BINS - 1).astype(np.int64)
