"""Step `select`: from annotations to copies per stage.

    strata     parts -> documents and tokens per combination of cells, summed on the driver (a few thousand rows)
    solve      budgets and caps -> expected copies per cell (`rates.json`, with the shortages, beside the strata)
    selection  parts -> `selections/<mixture>@<fp>/<stage>`, part-aligned

It reads the annotation columns that the rules name, and never text.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
import pyarrow as pa

from annotators import duplicates
from corpus import storage
from corpus.document import ID
from corpus.errors import PlanError
from corpus.lake import Entry, Folder, read_part, same_ids, write_part
from corpus.strict_yaml import unknown
from mixers.allocation import CELL, Allocation, allocate
from mixers.mixture import Mixture
from mixers.selection import (
    SCHEMA,
    THRESHOLD,
    Compiled,
    compiled,
    draw,
    judge,
    merge_strata,
    strata,
    threshold_table,
    with_thresholds,
)
from workflows.engine import Item
from workflows.layout import Layout
from workflows.measures import DOCUMENT_COLUMNS, all_fields
from workflows.plan import Plan
from workflows.steps.context import Context, Part, all_parts, part_groups, read_columns

KINDS = ("web", "pdf", "text", "docs", "code", "math", "sentences", "synthetic")  # the usual ones
ALLOCATION = "allocation.json"
RATES = "rates.arrow"


@dataclass(frozen=True)
class Job:
    """Folders and settings of the whole step."""

    root: Folder
    groups: tuple[tuple[Part, ...], ...]
    documents: Mapping[str, Folder]
    tokens: Mapping[str, Folder]
    splits: Mapping[str, Folder]
    annotations: Mapping[str, Mapping[str, Folder]]  # source -> column -> folder
    selections: Mapping[tuple[str, str], Folder]
    kinds: Mapping[str, str]
    mixtures: Mapping[str, Mixture]
    columns: pl.DataFrame  # empty: the names and types that rules may use
    seed: int

    @property
    def strata(self) -> Folder:
        """Where the sums per group of parts lie."""
        return Folder(self.root.root, f"{self.root.path}/_strata")

    def compiled(self) -> dict[str, Compiled]:
        """The SQL of each stage; it was checked when the plan was loaded."""
        return {stage: compiled(m, self.columns, stage) for stage, m in self.mixtures.items()}


def run(context: Context) -> None:
    """Select for every stage."""
    folders = context.layout.selections
    if all(folder.is_complete for folder in folders.values()):
        return
    job = job_of(context.layout, context.plan.mixtures)
    by_group = [{"key": f"{number:05d}", "group": number} for number in range(len(job.groups))]
    context.fill("select strata", [job.strata], partial(sum_group, job), lambda: by_group)
    plan = context.plan
    result = solve(job, {s: plan.budget(s) for s in job.mixtures}, plan.model.repetition_cap)
    storage.put(job.root.file_uri(ALLOCATION), _json(result, plan))
    context.fill_aligned("select", folders, partial(select_group, job), lambda: job.groups)


def check_rules(plan: Plan) -> None:
    """PlanError for an unknown annotator, or a rule that names a column that nothing in the plan measures."""
    columns = rule_columns(all_fields(plan.model))
    kinds = {*plan.kinds.values(), *KINDS}
    for stage, mixture in plan.mixtures.items():
        where = plan.model.stages[stage].mixture
        compiled(mixture, columns, where)
        for weight in mixture.weights:
            if weight.source is not None and weight.source not in plan.kinds:
                raise PlanError(f"{where}: weights: {unknown('source', weight.source, plan.kinds)}")
            if weight.kind is not None and weight.kind not in kinds:
                raise PlanError(f"{where}: weights: {unknown('kind', weight.kind, kinds)}")


def rule_columns(measured: Mapping[str, list[pa.Field]]) -> pl.DataFrame:
    """An empty frame with the columns that a rule may name: those measured, by key, and those always there."""
    always = [pa.field(name, pa.string()) for name in ("source", "kind", *DOCUMENT_COLUMNS)]
    always += [pa.field("n_tokens", pa.int32()), *list(duplicates.SCHEMA)[1:]]
    always += [pa.field("superseded_by", ID)]
    thresholds = [n for n in threshold_table().columns if n.startswith(THRESHOLD)]
    always += [pa.field(name, pa.float64()) for name in thresholds]
    fields = [*always, *(field for of_key in measured.values() for field in of_key)]
    return pl.DataFrame(pl.from_arrow(pa.schema(fields).empty_table()))


def sum_group(job: Job, item: Item) -> Item:
    """The strata of one group of parts."""
    by = job.compiled()
    tables = []
    for part in job.groups[item["group"]]:
        frame = frame_of(job, part, by)
        judged = {stage: judge(frame, by[stage], job.mixtures[stage]) for stage in job.mixtures}
        tables.append(strata(frame, judged))
    table = merge_strata(tables, list(job.mixtures))
    file = write_part(job.strata, f"part-{item['key']}.parquet", table.to_arrow())
    job.strata.commit(Entry(key=item["key"], files=[file]))
    return {}


def select_group(job: Job, item: Item) -> Item:
    """The selections of one group of parts, for all stages."""
    by = job.compiled()
    rates = pl.read_ipc(io.BytesIO(storage.get(job.root.file_uri(RATES))))
    for part in job.groups[item["group"]]:
        frame = frame_of(job, part, by)
        judged = {stage: judge(frame, by[stage], job.mixtures[stage]) for stage in job.mixtures}
        for stage, table in draw(frame, judged, rates, job.seed).items():
            folder = job.selections[stage, part.source]
            file = write_part(folder, part.name, table.to_arrow().cast(SCHEMA))
            folder.commit(Entry(key=part.key, files=[file], counts=_counts(frame, table)))
    return {"counts": {"documents": sum(part.rows for part in job.groups[item["group"]])}}


def frame_of(
    job: Job, part: Part, by: Mapping[str, Compiled], also: Iterable[str] = ()
) -> pl.DataFrame:
    """The columns of one part that selection needs, and others by name, joined by position and checked by id."""
    tokens = read_part(job.tokens[part.source], part.name, ["id", "n_tokens"])
    columns = {"id": tokens.column("id"), "n_tokens": tokens.column("n_tokens")}
    splits = read_part(job.splits[part.source], part.name, ["id", "split"])
    same_ids(tokens, splits, f"{job.splits[part.source].path}/{part.name}")
    columns["split"] = splits.column("split")
    of = job.annotations[part.source]
    wanted = {"language", *also}.union(*(one.columns for one in by.values()))
    if wanted & of.keys():
        measured = read_columns(of, part, wanted)
        same_ids(tokens, measured, f"annotations of {part.source}/{part.name}")
        columns |= {name: measured.column(name) for name in wanted & of.keys()}
    frame = with_nulls(pl.DataFrame(pl.from_arrow(pa.table(columns))), wanted, job.columns)
    return with_thresholds(
        frame.with_columns(source=pl.lit(part.source), kind=pl.lit(job.kinds[part.source]))
    )


def with_nulls(frame: pl.DataFrame, names: Iterable[str], columns: pl.DataFrame) -> pl.DataFrame:
    """The frame with a null column for each of the names that its source does not measure."""
    missing = sorted({*names} & {"superseded_by"} - {*frame.columns})
    return frame.with_columns(pl.lit(None, columns.schema[name]).alias(name) for name in missing)


def read_allocation(root: Folder) -> dict[str, Any] | None:
    """What the solver decided: cells and bands of each stage, or None before it ran."""
    data = storage.get_or_none(root.file_uri(ALLOCATION))
    return None if data is None else json.loads(data)


def solve(job: Job, budgets: Mapping[str, float], cap: float) -> Allocation:
    """Rates for all strata, which lie beside them then."""
    tables = [
        pl.DataFrame(pl.from_arrow(read_part(job.strata, name))) for name in job.strata.parts()
    ]
    if not tables:
        raise PlanError(
            "there is nothing to select: no source gave a document. `tokenmill inspect` on the lake's "
            "dead_letters says why"
        )
    merged = merge_strata(tables, list(job.mixtures))
    if merged["tokens"].sum() == 0:
        raise PlanError(
            f"the rules of {', '.join(job.mixtures)} let no document pass; `tokenmill mixture simulate` says why"
        )
    result = allocate(merged, job.mixtures, budgets, cap)
    buffer = io.BytesIO()
    result.rates.select([*job.mixtures, *(f"rate:{stage}" for stage in job.mixtures)]).write_ipc(
        buffer, compression="zstd"
    )
    storage.put(job.root.file_uri(RATES), buffer.getvalue())
    return result


def _json(result: Allocation, plan: Plan) -> bytes:
    stages = {
        name: {
            "seq_len": stage.seq_len,
            "budget": plan.budget(name),
            "planned": result.bands.filter(pl.col("stage") == name)["planned"].sum(),
            "bands": result.bands.filter(pl.col("stage") == name).drop("stage").to_dicts(),
            "cells": result.cells.filter(pl.col("stage") == name).drop("stage").to_dicts(),
        }
        for name, stage in plan.model.stages.items()
    }
    content = {"repetition_cap": plan.model.repetition_cap, "cell": CELL, "stages": stages}
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _counts(frame: pl.DataFrame, table: pl.DataFrame) -> dict[str, int]:
    """Documents by reason; selected documents, copies and tokens (`<|endoftext|>` counted) by split."""
    counts: Counter[str] = Counter({"documents": table.height})
    for reason, number in table.group_by("reason").len().iter_rows():
        counts[f"reason.{reason}"] = number
    joined = table.select("copies").with_columns(
        split=frame["split"], tokens=(frame["n_tokens"].cast(pl.Int64) + 1) * table["copies"]
    )
    for split, copies, tokens in (
        joined.filter(pl.col("copies") > 0)
        .group_by("split")
        .agg(pl.col("copies").cast(pl.Int64).sum(), pl.col("tokens").sum())
        .iter_rows()
    ):
        counts[f"copies.{split}"] = copies
        counts[f"tokens.{split}"] = tokens
    return dict(sorted(counts.items()))


def job_of(layout: Layout, mixtures: Mapping[str, Mixture]) -> Job:
    """Where everything lies that selection by these mixtures, by stage, reads and writes."""
    plan = layout.plan
    annotations = {
        source: layout.columns(source)
        | dict.fromkeys(duplicates.SCHEMA.names[1:], layout.duplicates[source])
        for source in layout.documents
    }
    return Job(
        root=layout.selection_root,
        groups=tuple(tuple(group) for group in part_groups(all_parts(layout))),
        documents=layout.documents,
        tokens=layout.tokens,
        splits=layout.splits,
        annotations=annotations,
        selections=layout.selections,
        kinds=plan.kinds,
        mixtures=mixtures,
        columns=rule_columns(all_fields(plan.model)),
        seed=plan.model.seed,
    )
