"""From budgets to rates: how many copies of a document of each cell a stage expects.

Documents are summed into *strata*: all documents that are in the same cell, and in the same bin of quality, in every
stage. A stage's budget is spread over its cells (language share x natural share within the language x weight, or the
shares that a mixture gives to cells of its own; within length bands, where the mixture has them), then over the strata
of a cell in proportion to their tokens and to the copies that their rank is worth, capped by the cell's ceiling and by
what the repetition cap over all stages leaves. What a capped cell cannot take goes to the others of its band in
proportion; what the band cannot take is a shortage, reported and never filled from elsewhere. Stages are served last to
first: a later stage is pickier.

All of it is a few thousand rows, times the bins of quality where one stage ranks, whatever the size of the corpus.
Where several stages rank by unlike scores, the bins of one multiply with those of the next, up to a row per document.

A stratum may have no tokens: validation documents alone are in it. It shapes nothing, and is taken like others of its
cell; its rate is null where the cell has no tokens either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mixers.mixture import NO_LANGUAGE, Cell, Languages, Mixture, Weight
from mixers.quality import BINS, copies, ranks

VERSION = 3
Floats = npt.NDArray[np.float64]
CELL = ["language", "kind", "source", "band", "name"]
BIN = "bin"
EMPTY = 1e-9  # tokens that a stratum of none counts as, so that it is given a rate with the others
SHORT = 0.005  # of a stage's budget, by which a share of it may be missed without a word


@dataclass(frozen=True)
class Allocation:
    """What the solver decided."""

    # The strata, with one column `rate:<stage>` of expected copies per document; null: eligible, but of a cell without
    # tokens.
    rates: pl.DataFrame
    cells: (
        pl.DataFrame
    )  # stage, language, kind, source, band, name, supply, target, planned (tokens)
    bands: pl.DataFrame  # stage, band, budget, planned, shortage (tokens)


def allocate(
    strata: pl.DataFrame,
    mixtures: Mapping[str, Mixture],
    budgets: Mapping[str, float],
    cap: float,
) -> Allocation:
    """Solve all stages. `strata` has `tokens` and, per stage, a struct of CELL and BIN or null where not eligible."""
    tokens = strata["tokens"].to_numpy().astype(np.float64)
    left = np.full(strata.height, cap)
    rates, cells, bands = {}, {}, {}
    for stage in reversed(list(mixtures)):
        cell, supply = _cells(strata, stage)
        target = targets(supply, mixtures[stage], budgets[stage])
        worth, most = _worth(strata, stage, mixtures[stage], tokens)
        room = np.where(worth > 0, np.minimum(left, most), 0.0)
        reachable = _reachable(cell, supply.height, tokens, room)
        reachable = np.minimum(reachable, _most(supply, mixtures[stage].languages))
        planned, shortage = _spread(supply, target, reachable, mixtures[stage], budgets[stage])
        rate = _rates(cell, planned, tokens, worth, room)
        left = np.maximum(left - rate, 0.0)
        from_nothing = pl.col(stage).is_not_null() & pl.lit(pl.Series(cell < 0))
        rates[stage] = strata.select(pl.when(~from_nothing).then(pl.Series(rate))).to_series()
        cells[stage] = supply.with_columns(
            pl.lit(stage).alias("stage"), target=pl.Series(target), planned=pl.Series(planned)
        )
        bands[stage] = shortage.with_columns(pl.lit(stage).alias("stage"))
    ordered = list(mixtures)
    return Allocation(
        strata.with_columns(rates[stage].alias(f"rate:{stage}") for stage in ordered),
        pl.concat([cells[stage] for stage in ordered]),
        pl.concat([bands[stage] for stage in ordered]),
    )


def targets(supply: pl.DataFrame, mixture: Mixture, budget: float) -> Floats:
    """Tokens asked of each cell. `supply` has CELL and `supply` tokens."""
    if supply.height == 0:
        return np.empty(0)
    share = _language_shares(supply, mixture.languages, budget)
    if mixture.cells:
        share = _cell_shares(supply, share, mixture.cells)
    share = share * np.array(
        [_weight(row, mixture.weights) for row in supply.iter_rows(named=True)]
    )
    result = np.zeros(supply.height)
    for name, part in _band_budgets(mixture, budget).items():
        chosen = (supply["band"] == name).to_numpy()
        total = share[chosen].sum()
        if total > 0:
            result[chosen] = part * share[chosen] / total
    return result


def unimax(supply: Floats, budget: float, epochs: float) -> Floats:
    """UniMax (arXiv 2304.09151): the budget spread evenly, no entry over `epochs` times its supply."""
    return fill(np.ones_like(supply), supply * epochs, budget)


def fill(weights: Floats, capacity: Floats, amount: float) -> Floats:
    """Spread `amount` in proportion to `weights`, none over its capacity: min(level * weight, capacity), exactly.

    Gives the capacities where they do not suffice. O(n log n).
    """
    result = np.zeros_like(capacity)
    usable = (weights > 0) & (capacity > 0)
    if not usable.any():
        return result
    weight, room = weights[usable], capacity[usable]
    order = np.argsort(room / weight, kind="stable")
    weight, room = weight[order], room[order]
    full_before = np.concatenate([[0.0], np.cumsum(room)[:-1]])
    weight_from = np.cumsum(weight[::-1])[::-1]
    level = (amount - full_before) / weight_from
    open_at = np.flatnonzero(level <= room / weight)
    final = room.copy()
    if len(open_at):
        first = open_at[0]
        final[first:] = level[first] * weight[first:]
    spread = np.empty_like(final)
    spread[order] = np.maximum(final, 0.0)
    result[usable] = spread
    return result


def _cells(strata: pl.DataFrame, stage: str) -> tuple[npt.NDArray[np.int64], pl.DataFrame]:
    """The cell number of each stratum (-1 where not eligible, or of a cell without tokens) and the cells with their
    supply.
    """
    frame = strata.select(pl.col(stage).struct.unnest(), "tokens", row=pl.int_range(pl.len()))
    eligible = frame.filter(pl.col("kind").is_not_null())
    summed = eligible.group_by(CELL).agg(supply=pl.col("tokens").sum())
    supply = summed.filter(pl.col("supply") > 0).sort(CELL)
    numbered = eligible.join(supply.with_row_index("cell"), on=CELL, nulls_equal=True)
    cell = np.full(strata.height, -1, dtype=np.int64)
    cell[numbered["row"].to_numpy()] = numbered["cell"].to_numpy()
    return cell, supply


def _language_shares(supply: pl.DataFrame, languages: Languages, budget: float) -> Floats:
    """Each cell's share before weights: natural within its language, the language by its method."""
    frame = supply.with_columns(
        of_language=pl.col("supply").sum().over("language"), all=pl.col("supply").sum()
    )
    natural = frame["supply"].to_numpy().astype(np.float64)
    if languages.method == "natural":
        return natural
    spoken = frame.filter(pl.col("language") != NO_LANGUAGE)
    unique = spoken.group_by("language").agg(supply=pl.col("supply").sum()).sort("language")
    amounts = unique["supply"].to_numpy().astype(np.float64)
    if languages.method == "temperature":
        asked = amounts ** (1.0 / languages.temperature)
    else:
        spoken_budget = budget * amounts.sum() / natural.sum()
        asked = unimax(amounts, spoken_budget, languages.epochs)
    asked = asked / asked.sum() * amounts.sum()
    factor = dict(zip(unique["language"].to_list(), (asked / amounts).tolist(), strict=True))
    factors = np.array([factor.get(name, 1.0) for name in frame["language"].to_list()])
    shares: Floats = natural * factors
    return shares


def _cell_shares(supply: pl.DataFrame, share: Floats, cells: Sequence[Cell]) -> Floats:
    """Within each cell of the mixture, in each band, as before; the cells as they say."""
    asked = pl.DataFrame(
        {"name": [cell.name for cell in cells], "asked": [cell.share for cell in cells]}
    )
    frame = supply.with_columns(share=pl.Series(share)).join(
        asked, on="name", how="left", maintain_order="left"
    )
    within = pl.col("share") / pl.col("share").sum().over("name", "band")
    return frame.select(pl.col("asked") * within).to_series().to_numpy()


def _worth(
    strata: pl.DataFrame, stage: str, mixture: Mixture, tokens: Floats
) -> tuple[Floats, Floats]:
    """For each stratum the copies that its rank is worth beside others of its cell, and its cell's ceiling."""
    worth, most = np.ones(strata.height), np.full(strata.height, np.inf)
    if not mixture.cells:
        return worth, most
    fields = strata.select(pl.col(stage).struct.field("name"), pl.col(stage).struct.field(BIN))
    names, bins = fields["name"].to_numpy(), fields[BIN].fill_null(0).to_numpy().astype(np.int64)
    for cell in mixture.cells:
        mine = names == cell.name
        below = ranks(np.bincount(bins[mine], tokens[mine], minlength=BINS).astype(np.float64))
        worth[mine] = copies(below, cell)[bins[mine]]
        most[mine] = np.inf if cell.ceiling is None else cell.ceiling
    return worth, most


def _weight(cell: Mapping[str, object], weights: list[Weight]) -> float:
    for entry in weights:
        keys = {"kind": entry.kind, "language": entry.language, "source": entry.source}
        if all(value is None or cell[name] == value for name, value in keys.items()):
            return entry.weight
    return 1.0


def _band_budgets(mixture: Mixture, budget: float) -> dict[str, float]:
    if not mixture.lengths:
        return {"": budget}
    return {band.name: budget * band.share for band in mixture.lengths}


def _reachable(cell: npt.NDArray[np.int64], count: int, tokens: Floats, left: Floats) -> Floats:
    """Tokens that each cell can still give under the repetition cap."""
    chosen = cell >= 0
    reachable = np.bincount(cell[chosen], (tokens * left)[chosen], minlength=count)
    return reachable.astype(np.float64)


def _most(supply: pl.DataFrame, languages: Languages) -> Floats:
    """What the language method lets each cell give: UniMax repeats no language more than `epochs` times."""
    amounts = supply["supply"].to_numpy().astype(np.float64)
    if languages.method != "unimax":
        return np.full(supply.height, np.inf)
    return np.where(
        (supply["language"] == NO_LANGUAGE).to_numpy(), np.inf, amounts * languages.epochs
    )


def _spread(
    supply: pl.DataFrame, target: Floats, reachable: Floats, mixture: Mixture, budget: float
) -> tuple[Floats, pl.DataFrame]:
    planned = np.zeros(supply.height)
    rows = []
    for name, part in _band_budgets(mixture, budget).items():
        chosen = (supply["band"] == name).to_numpy()
        planned[chosen] = fill(target[chosen], reachable[chosen], part)
        got = float(planned[chosen].sum())
        short = part - got if part - got > 1e-6 * part else 0.0
        rows.append({"band": name, "budget": part, "planned": got, "shortage": short})
    return planned, pl.DataFrame(
        rows,
        schema=dict.fromkeys(["band"], pl.String)
        | dict.fromkeys(["budget", "planned", "shortage"], pl.Float64),
    )


def _rates(
    cell: npt.NDArray[np.int64], planned: Floats, tokens: Floats, worth: Floats, room: Floats
) -> Floats:
    """One rate per cell, times what each stratum is worth, capped per stratum so that the tokens add up to the plan."""
    rate = np.zeros(len(tokens))
    if not len(tokens):
        return rate
    tokens = np.maximum(tokens, EMPTY)
    order = np.argsort(cell, kind="stable")
    numbers, starts = np.unique(cell[order], return_index=True)
    for number, start, stop in zip(numbers, starts, [*starts[1:], len(order)], strict=True):
        if number < 0:
            continue
        rows = order[start:stop]
        given = fill(tokens[rows] * worth[rows], tokens[rows] * room[rows], planned[number])
        rate[rows] = given / tokens[rows]
    return np.minimum(rate, room)
