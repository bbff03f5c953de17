"""Annotations to copies: which documents a stage takes, how often, and why not.

It reads annotations only, never text. Columns of the sidecar, part-aligned, per stage:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | document |
| `copies` | int16 | how often the document stands in the stage's shards |
| `expected` | float32 | what the draw was made from; null where not eligible |
| `reason` | string | `selected`, `not_drawn`, `split:<name>`, `length`, `no_cell`, `no_supply`, or the failed rule |
| `cell` | string | `language|kind|source|band|name`; null where not eligible |
| `score` | float32 | merged quality, 0..1; null where not eligible or nothing is ranked |

A rule is SQL over annotation columns (polars' dialect); null counts as failed. The draws of all stages share one
uniform number per document, laid along the stages: copies in stage s = floor(c[s] + u) - floor(c[s-1] + u), where c are
cumulated expectations. Each stage is exact in expectation, and all together never exceed a whole repetition cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from polars.exceptions import PolarsError

from corpus.document import ID
from corpus.errors import PlanError
from corpus.languages import LANGUAGES, thresholds
from corpus.randomness import id_words, uniform
from corpus.strict_yaml import unknown
from mixers.allocation import CELL
from mixers.mixture import NO_LANGUAGE, OTHER, Mixture
from mixers.quality import binned, merged, normalised
from mixers.splits import TRAIN, VALIDATION

VERSION = 3
THRESHOLD = "threshold_"
SCHEMA = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("copies", pa.int16(), nullable=False),
        pa.field("expected", pa.float32()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("cell", pa.string()),
        pa.field("score", pa.float32()),
    ]
)


class Compiled(NamedTuple):
    """The SQL of a mixture as expressions."""

    rules: Mapping[str, pl.Expr]
    cells: Mapping[str, pl.Expr]  # the condition of each
    criteria: Mapping[str, pl.Expr]  # in 0..1

    @property
    def columns(self) -> set[str]:
        """The columns that any of them names."""
        expressions = (one for group in self for one in group.values())
        return {column for one in expressions for column in one.meta.root_names()}


def compiled(mixture: Mixture, columns: pl.DataFrame, where: str) -> Compiled:
    """The mixture's SQL as expressions over `columns`, an empty frame of all that is measured.

    PlanError for SQL that does not parse, names no known column, or is not true or false (a criterion: not a number).
    """
    return Compiled(
        rules={
            name: compile_expression(text, columns, f"{where}: rule {name}")
            for name, text in mixture.rules.items()
        },
        cells={
            cell.name: compile_expression(cell.where, columns, f"{where}: cell {cell.name}")
            for cell in mixture.cells
        },
        criteria={
            name: normalised(
                criterion,
                compile_number(criterion.of, columns, f"{where}: criterion {name}"),
            )
            for name, criterion in mixture.criteria.items()
        },
    )


def compile_expression(text: str, columns: pl.DataFrame, where: str) -> pl.Expr:
    """A condition in SQL over `columns`. PlanError, which begins with `where`, as for `compiled`."""
    expression, kind = _parsed(text, columns, where)
    if kind != pl.Boolean:
        raise PlanError(f"{where}: {text!r} gives {kind}; a rule must be true or false")
    return expression


def compile_number(text: str, columns: pl.DataFrame, where: str) -> pl.Expr:
    """A number in SQL over `columns`. PlanError, which begins with `where`, as for `compiled`."""
    expression, kind = _parsed(text, columns, where)
    if not (kind.is_numeric() or kind == pl.Boolean):
        raise PlanError(f"{where}: {text!r} gives {kind}; a criterion must be a number")
    return expression


def _parsed(text: str, columns: pl.DataFrame, where: str) -> tuple[pl.Expr, pl.DataType]:
    try:
        expression = pl.sql_expr(text)
        for column in expression.meta.root_names():
            if column not in columns.columns:
                raise PlanError(f"{where}: {unknown('column', column, columns.columns)}")
        return expression, columns.select(expression.alias("rule")).schema["rule"]
    except PolarsError as error:
        reason = str(error).splitlines()[0]
        raise PlanError(f"{where}: {text!r} is not valid SQL here: {reason}") from None


@lru_cache(maxsize=1)
def threshold_table() -> pl.DataFrame:
    """`language` and FineWeb-2's `threshold_*` of each of the 119."""
    rows = [{"language": label, **asdict(thresholds(label))} for label in LANGUAGES]
    return pl.DataFrame(rows, infer_schema_length=None).rename(
        lambda name: name if name == "language" else THRESHOLD + name
    )


def with_thresholds(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the thresholds of each row's own language."""
    if "language" not in frame.columns:
        frame = frame.with_columns(language=pl.lit(None, pl.String))
    return frame.join(threshold_table(), on="language", how="left", maintain_order="left")


def judge(frame: pl.DataFrame, by: Compiled, mixture: Mixture) -> pl.DataFrame:
    """`reason` (null where eligible), and where eligible the struct `cell` of CELL and BIN and the `score` (null where
    nothing is ranked), for each row of the frame.

    The frame has the columns of the mixture's SQL and `language`, `kind`, `source`, `split`, `n_tokens`.
    """
    band = _band(mixture)
    name, score = _placed(by, mixture)
    kept_out = pl.when(~pl.col("split").is_in([TRAIN, VALIDATION])).then(
        pl.concat_str(pl.lit("split:"), pl.col("split"))
    )
    failed = [
        pl.when(~expression.fill_null(value=False)).then(pl.lit(rule))
        for rule, expression in by.rules.items()
    ]
    no_band = pl.when(band.is_null()).then(pl.lit("length"))
    no_cell = pl.when(name.is_null()).then(pl.lit("no_cell"))
    reason = pl.coalesce(kept_out, *failed, no_band, no_cell)
    cell = pl.struct(
        language=pl.when(pl.col("kind") == "code")
        .then(pl.lit(NO_LANGUAGE))
        .otherwise(pl.col("language").fill_null(OTHER)),
        kind="kind",
        source="source",
        band=band,
        name=name,
        bin=binned(score.fill_null(0)),
    )
    judged = frame.select(reason.alias("reason"), cell.alias("cell"), score.alias("score"))
    return judged.with_columns(pl.when(pl.col("reason").is_null()).then(pl.col("cell", "score")))


def _placed(by: Compiled, mixture: Mixture) -> tuple[pl.Expr, pl.Expr]:
    """The mixture's cell of each document (null: none of them; "" where it has none), and its score there."""
    if not mixture.cells:
        return pl.lit(""), pl.lit(None, pl.Float64)
    name = pl.coalesce(
        pl.when(by.cells[cell.name].fill_null(value=False)).then(pl.lit(cell.name))
        for cell in mixture.cells
    )
    scores = [
        pl.when(name == cell.name).then(merged(cell, by.criteria))
        for cell in mixture.cells
        if cell.criteria
    ]
    return name, pl.coalesce(scores) if scores else pl.lit(None, pl.Float64)


def strata(frame: pl.DataFrame, judged: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Documents and tokens of the train split, summed over those in the same cell in every stage; 0 where those of
    validation are alone.
    """
    cells = [one["cell"].alias(stage) for stage, one in judged.items()]
    together = frame.select("split", "n_tokens").with_columns(cells)
    eligible = pl.any_horizontal(pl.col(stage).is_not_null() for stage in judged)
    train = pl.col("split") == TRAIN
    tokens = pl.col("n_tokens").cast(pl.Int64) + 1
    return (
        together.filter(pl.col("split").is_in([TRAIN, VALIDATION]) & eligible)
        .group_by(list(judged))
        .agg(documents=train.sum().cast(pl.Int64), tokens=tokens.filter(train).sum())
    )


def merge_strata(tables: list[pl.DataFrame], stages: list[str]) -> pl.DataFrame:
    """Sum the strata of many parts, in a fixed order."""
    merged = pl.concat(tables).group_by(stages).agg(pl.col("documents", "tokens").sum())
    keys = [pl.col(stage).struct.json_encode().fill_null("") for stage in stages]
    return merged.sort(keys)


def draw(
    frame: pl.DataFrame, judged: Mapping[str, pl.DataFrame], rates: pl.DataFrame, seed: int
) -> dict[str, pl.DataFrame]:
    """The sidecar rows of each stage. `rates` are the strata with `rate:<stage>` columns."""
    stages = list(judged)
    expected = (
        frame.select("id", "split")
        .with_columns(one["cell"].alias(stage) for stage, one in judged.items())
        .join(rates, on=stages, how="left", nulls_equal=True, maintain_order="left")
    )
    ids = np.frombuffer(b"".join(frame["id"].to_list()), dtype=np.uint8).reshape(-1, 16)
    u = uniform(id_words(ids), seed, "copies")
    most = np.where((frame["split"] == VALIDATION).to_numpy(), 1.0, np.inf)
    before = u
    drawn = {}
    for stage in stages:
        rate = expected[f"rate:{stage}"].fill_null(0.0).to_numpy()
        rate = np.where(expected[stage].is_null().to_numpy(), 0.0, np.minimum(rate, most))
        after = before + rate
        copies = np.floor(after + 1e-12) - np.floor(before + 1e-12)
        before = after
        drawn[stage] = _sidecar(frame, judged[stage], rate, copies, expected[f"rate:{stage}"])
    return drawn


def _sidecar(
    frame: pl.DataFrame,
    judged: pl.DataFrame,
    rate: np.ndarray[tuple[int], np.dtype[np.float64]],
    copies: np.ndarray[tuple[int], np.dtype[np.float64]],
    known: pl.Series,
) -> pl.DataFrame:
    eligible = judged["reason"].is_null()
    return judged.select(
        id=frame["id"],
        copies=pl.Series(copies).cast(pl.Int16),
        expected=pl.when(eligible).then(pl.Series(rate)).cast(pl.Float32),
        reason=pl.when(~eligible)
        .then("reason")
        .when(pl.Series(copies > 0))
        .then(pl.lit("selected"))
        .when(known.is_null())
        .then(pl.lit("no_supply"))
        .otherwise(pl.lit("not_drawn")),
        cell=pl.when(eligible).then(
            pl.concat_str([pl.col("cell").struct.field(name) for name in CELL], separator="|")
        ),
        score=pl.col("score").cast(pl.Float32),
    )


def _band(mixture: Mixture) -> pl.Expr:
    if not mixture.lengths:
        return pl.lit("")
    return pl.coalesce(
        pl.when(pl.col("n_tokens").is_between(length.at_least, (length.below or 1 << 62) - 1)).then(
            pl.lit(length.name)
        )
        for length in mixture.lengths
    )
