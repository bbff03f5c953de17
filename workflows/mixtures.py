"""`tokenmill mixture`: read a mixture file, compare two, and see what one would select without writing it.

`simulate` reads the annotations of a lake that has been run up to `split`, part by part, in one process: it sums
strata, solves the stage as if it stood alone (its budget, the whole repetition cap), and shows documents on both sides
of each cell's margin. A cluster's lake takes as long as one core needs for its annotations; `tokenmill run` does the
same work on all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from corpus import storage
from corpus.errors import PlanError
from corpus.lake import read_part
from corpus.strict_yaml import unknown
from mixers.allocation import BIN, Allocation, allocate
from mixers.mixture import Mixture
from mixers.quality import BINS, copies, ranks
from mixers.selection import Compiled, compiled, judge, merge_strata, strata
from workflows.plan import Plan
from workflows.run import cell_shortages, lay_out
from workflows.steps import select
from workflows.steps.context import Part

MARGIN = 3  # documents shown on each side
SHOWN = 160  # characters of each


@dataclass(kw_only=True)
class Simulated:
    """What a mixture would select for a stage."""

    stage: str
    budget: float
    cells: list[dict[str, Any]] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)  # documents that are not eligible
    shortages: list[str] = field(default_factory=list)
    margin: list[dict[str, Any]] = field(default_factory=list)


def show(mixture: Mixture) -> Iterator[str]:
    """A mixture for people."""
    yield f"{mixture.name}: {len(mixture.rules)} rules, {len(mixture.cells)} cells"
    for name, criterion in mixture.criteria.items():
        yield f"criterion {name}: {criterion.of}, from {criterion.worst:g} to {criterion.best:g}"
    total = sum(cell.share for cell in mixture.cells) or 1.0
    for cell in mixture.cells:
        weights = sum(cell.criteria.values()) or 1.0
        ranked = ", ".join(f"{100 * w / weights:.0f} % {name}" for name, w in cell.criteria.items())
        shape = (
            f"worst {100 * cell.cutoff:.0f} % left out, power {cell.power:.2f}"
            if ranked
            else "all alike"
        )
        ceiling = f", at most {cell.ceiling:g} copies" if cell.ceiling else ""
        yield f"{cell.name:<20} {100 * cell.share / total:6.2f} %  {shape}{ceiling}  {ranked}"
    for weight in mixture.weights:
        yield f"weight {weight.model_dump(exclude_none=True)}"
    if mixture.languages.method != "natural":
        yield f"languages {mixture.languages.model_dump()}"


def diff(one: Mixture, other: Mixture) -> Iterator[str]:
    """What the second has otherwise."""
    before, after = _flat(one), _flat(other)
    for key in [*before, *(key for key in after if key not in before)]:
        a, b = before.get(key, "-"), after.get(key, "-")
        if a != b:
            yield f"{key:<32} {_number(a)} -> {_number(b)}"


def simulate(plan: Plan, lake: str, stage: str, mixture: Mixture) -> Simulated:
    """What a stage would take. PlanError for an unknown stage or SQL, or a lake that is not split yet."""
    if stage not in plan.mixtures:
        raise PlanError(f"--stage: {unknown('stage', stage, plan.mixtures)}")
    job = _job(plan, lake, stage, mixture)
    by = compiled(mixture, job.columns, mixture.name)
    merged, reasons = _strata(job, by, stage)
    budget = plan.budget(stage)
    if merged is None:
        raise PlanError(
            f"the lake {lake} has no documents; `tokenmill inspect` on its dead_letters says why"
        )
    found = allocate(merged, {stage: mixture}, {stage: budget}, plan.model.repetition_cap)
    return Simulated(
        stage=stage,
        budget=budget,
        cells=_cells(found, stage),
        reasons=dict(reasons.most_common()),
        shortages=_shortages(found, mixture, budget, plan.model.repetition_cap),
        margin=_margin(job, by, mixture, merged, stage),
    )


def lines(found: Simulated) -> Iterator[str]:
    """For people."""
    planned = sum(row["planned"] for row in found.cells)
    yield f"stage {found.stage}: {planned:,.0f} of {found.budget:,.0f} tokens"
    for row in found.cells:
        yield (
            f"{row['cell']:<24} {row['supply']:>14,} tokens there  {row['planned']:>16,.0f} taken "
            f"({100 * row['planned'] / max(planned, 1):5.2f} %)  {row['unique']:>16,.0f} of them once; "
            f"{row['copies']:.2f} copies at most"
        )
    for reason, count in found.reasons.items():
        yield f"not eligible: {reason:<24} {count:>10,} documents"
    for line in found.shortages:
        yield f"shortage: {line}"
    for row in found.margin:
        yield f"{row['cell']} {row['side']:<5} score {row['score']:.3f} {row['id']}: {row['text']}"


# ---------------------------------------------------------------- parts


def _job(plan: Plan, lake: str, stage: str, mixture: Mixture) -> select.Job:
    lake = storage.absolute(lake)
    layout, _ = lay_out(plan, lake)
    missing = [name for name, folder in layout.splits.items() if not folder.is_complete]
    if missing:
        raise PlanError(
            f"the lake {lake} has no splits of {missing[0]!r} for this plan; run `tokenmill run {plan.path} "
            f"--lake {lake} --until split` first"
        )
    return select.job_of(layout, {stage: mixture})


def _strata(job: select.Job, by: Compiled, stage: str) -> tuple[pl.DataFrame | None, Counter[str]]:
    """The strata of all documents, None where there are none, and documents by why they are not eligible. In memory are
    those of a group of parts at a time.
    """
    merged: pl.DataFrame | None = None
    reasons = Counter[str]()
    for group in job.groups:
        tables = [] if merged is None else [merged]
        for _, judged, frame in _judged(job, group, by, stage):
            tables.append(strata(frame, {stage: judged}))
            reasons.update(dict(judged.drop_nulls("reason").group_by("reason").len().iter_rows()))
        merged = merge_strata(tables, [stage])
    return merged, reasons


def _judged(
    job: select.Job, parts: Iterable[Part], by: Compiled, stage: str
) -> Iterator[tuple[Part, pl.DataFrame, pl.DataFrame]]:
    for part in parts:
        frame = select.frame_of(job, part, {stage: by})
        yield part, judge(frame, by, job.mixtures[stage]), frame


def _shortages(found: Allocation, mixture: Mixture, budget: float, cap: float) -> list[str]:
    """What is missing of the budget, and cells that do not get their share."""
    bands = found.bands.filter(pl.col("shortage") > 0)
    lines = [
        f"{row['shortage']:,.0f} of {row['budget']:,.0f} tokens"
        + (f", of documents of {row['band']} tokens" if row["band"] else "")
        for row in bands.to_dicts()
    ]
    return [*lines, *cell_shortages(found.cells.to_dicts(), mixture, budget, cap)]


def _cells(found: Allocation, stage: str) -> list[dict[str, Any]]:
    """Tokens of each cell of the mixture, or of each language and kind where it names none."""
    strata_ = found.rates.filter(pl.col("tokens") > 0).with_columns(pl.col(stage).struct.unnest())
    name = (
        pl.when(pl.col("name") != "")
        .then("name")
        .otherwise(pl.concat_str(["language", "kind"], separator=" "))
    )
    rate = pl.col(f"rate:{stage}")
    return (
        strata_.drop(stage)
        .group_by(cell=name)
        .agg(
            supply=pl.col("tokens").sum(),
            documents=pl.col("documents").sum(),
            planned=(pl.col("tokens") * rate).sum(),
            unique=(pl.col("tokens") * rate.clip(0, 1)).sum(),
            copies=rate.max(),
        )
        .sort("planned", "cell", descending=[True, False])
        .to_dicts()
    )


def _margin(
    job: select.Job, by: Compiled, mixture: Mixture, merged: pl.DataFrame, stage: str
) -> list[dict[str, Any]]:
    """The first documents in the lowest bin that is taken and the highest that is not, of each cell with a cutoff."""
    sides = {
        (cell.name, number): side
        for cell in mixture.cells
        if cell.cutoff
        for side, number in _edges(merged, stage, mixture, cell.name)
    }
    found: dict[tuple[str, int], list[dict[str, Any]]] = {key: [] for key in sides}
    parts = chain.from_iterable(job.groups)
    for part, judged, frame in _judged(job, parts, by, stage):
        if all(len(rows) >= MARGIN for rows in found.values()):
            break
        cells = judged.select(pl.col("cell").struct.field("name", BIN), "score").with_row_index(
            "row"
        )
        for key, rows in found.items():
            here = cells.filter(pl.col("name") == key[0], pl.col(BIN) == key[1])
            for row in here.head(MARGIN - len(rows)).iter_rows(named=True):
                rows.append(
                    {
                        "cell": key[0],
                        "side": sides[key],
                        "score": row["score"],
                        "id": frame["id"][row["row"]].hex(),
                        "text": _text(job, part, row["row"]),
                    }
                )
    return [row for rows in found.values() for row in rows]


def _edges(
    merged: pl.DataFrame, stage: str, mixture: Mixture, name: str
) -> Sequence[tuple[str, int]]:
    (cell,) = (cell for cell in mixture.cells if cell.name == name)
    rows = merged.with_columns(pl.col(stage).struct.unnest()).filter(pl.col("name") == name)
    tokens = np.bincount(rows[BIN].to_numpy(), rows["tokens"].to_numpy(), BINS).astype(np.float64)
    worth = np.where(tokens > 0, copies(ranks(tokens), cell), np.nan)
    taken, left = np.flatnonzero(worth > 0), np.flatnonzero(worth == 0)
    return [("in", int(n)) for n in taken[:1]] + [("out", int(n)) for n in left[-1:]]


def _text(job: select.Job, part: Part, row: int) -> str:
    table = read_part(job.documents[part.source], part.name, ["text"])
    return " ".join(str(table.column("text")[row].as_py()).split())[:SHOWN]


def _flat(mixture: Mixture) -> dict[str, Any]:
    found: dict[str, Any] = {f"rule {name}": text for name, text in mixture.rules.items()}
    for name, criterion in mixture.criteria.items():
        found[f"criterion {name}"] = (
            f"{criterion.of}, {criterion.worst:g} to {criterion.best:g}, without one {criterion.missing:g}"
        )
    total = sum(cell.share for cell in mixture.cells) or 1.0
    found["order of cells"] = ", ".join(cell.name for cell in mixture.cells) or None
    for cell in mixture.cells:
        found[f"{cell.name} where"] = cell.where
        found[f"{cell.name} share"] = round(cell.share / total, 6)
        weights = sum(cell.criteria.values()) or 1.0
        found |= {
            f"{cell.name} weight of {n}": round(w / weights, 4) for n, w in cell.criteria.items()
        }
        found |= {
            f"{cell.name} {key}": getattr(cell, key) for key in ("cutoff", "power", "ceiling")
        }
    for number, weight in enumerate(mixture.weights):
        found[f"weight {number}"] = str(weight.model_dump(exclude_none=True))
    found["languages"] = str(mixture.languages.model_dump())
    found["lengths"] = str([length.model_dump() for length in mixture.lengths])
    return found


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "-" if value is None else str(value)
