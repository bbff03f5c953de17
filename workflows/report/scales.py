"""What the annotator `student` says, counted: per dimension its values by source and by language, and the ends to read.

A dimension is a column of the sidecar beside which stands `<column>_score`; its kind is told by the column's type
(`annotators.student`). So a lake is told as it is, also when the model's file is gone or another one by now.

Of a part come small tables, at most dimensions x values x languages rows, and the ends: per scale the documents
with the least and the greatest scores, per nominal value those of the greatest. Scores are summed in millionths, as
whole numbers: sums are the same in every order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

ENDS = 3  # documents of an end
LOWEST, HIGHEST = "lowest", "highest"
EMPTY = ""  # the value of a list without values: none of them
MILLIONTHS = 1_000_000
_KINDS = {pl.Int8: "ordinal", pl.String: "nominal", pl.List: "multi"}
_DIMENSION = ["place", "dimension", "kind"]
GROUPS = {
    "said_by_source": [*_DIMENSION, "source", "value"],
    "said_by_language": [*_DIMENSION, "language", "value"],
    "abstained": ["dimension", "reason"],
}


@dataclass(frozen=True, kw_only=True, order=True)
class End:
    """A document near an end of a scale, or a sure one of a value; the least `rank` and id come first."""

    rank: float
    id: bytes
    dimension: str
    end: str  # LOWEST, HIGHEST or the nominal value
    score: float
    source: str
    language: str
    part: str
    row: int


def kinds(sidecar: pl.DataFrame) -> dict[str, str]:
    """The dimensions of a sidecar, in its order, with their kinds."""
    return {
        name: _KINDS[dtype.base_type()]
        for name, dtype in sidecar.schema.items()
        if f"{name}_score" in sidecar.columns and dtype.base_type() in _KINDS
    }


def counts(frame: pl.DataFrame, sidecar: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables of a part, by the groups of `GROUPS`. `frame` has the `source` and `language` of each row."""
    found: dict[str, list[pl.DataFrame]] = {"said_by_source": [], "said_by_language": []}
    for place, (name, kind) in enumerate(kinds(sidecar).items()):
        said = _said(_scored(frame.select("source", "language"), sidecar, name), kind).with_columns(
            place=pl.lit(place), dimension=pl.lit(name), kind=pl.lit(kind)
        )
        for table, tables in found.items():
            tables.append(said.group_by(GROUPS[table]).agg(_SUMS))
    together = {table: pl.concat(tables) for table, tables in found.items() if tables}
    return together | ({"abstained": _reasons(sidecar)} if "abstained" in sidecar.columns else {})


# A document with several values stands in a row of each; `counted` and the scores count it once.
_SUMS = [
    pl.len().cast(pl.Int64).alias("documents"),
    pl.col("first").cast(pl.Int64).sum().alias("counted"),
    pl.col("score").is_not_null().cast(pl.Int64).sum().alias("scored"),
    pl.col("score").sum().alias("score"),
]


def _scored(frame: pl.DataFrame, sidecar: pl.DataFrame, name: str) -> pl.DataFrame:
    score = sidecar[f"{name}_score"].cast(pl.Float64).fill_nan(None)
    return frame.with_columns(value=sidecar[name], score=score)


def _said(scored: pl.DataFrame, kind: str) -> pl.DataFrame:
    """source, language, value (null: no answer), first, score in millionths."""
    said = scored.with_columns(
        score=(pl.col("score") * MILLIONTHS).round().cast(pl.Int64)
    ).with_row_index("document")
    value = pl.col("value")
    if kind == "multi":
        said = said.with_columns(
            value=pl.when(value.list.len() == 0).then(pl.lit([EMPTY])).otherwise(value)
        ).explode("value")
    first = pl.col("document").is_first_distinct()
    return said.with_columns(
        first=first, value=value.cast(pl.String), score=pl.when(first).then(pl.col("score"))
    )


def _reasons(sidecar: pl.DataFrame) -> pl.DataFrame:
    """Of entries `dimension: reason`."""
    entries = sidecar.select(pl.col("abstained").explode()).drop_nulls()
    halves = pl.col("abstained").str.splitn(": ", 2)
    named = entries.select(
        dimension=halves.struct.field("field_0"), reason=halves.struct.field("field_1")
    )
    return named.group_by(GROUPS["abstained"]).agg(documents=pl.len().cast(pl.Int64))


def ends(frame: pl.DataFrame, sidecar: pl.DataFrame, part: str) -> Iterator[End]:
    """The ends of a part. `frame` has `source`, `language` and `row`; of duplicates only the canonical one is taken."""
    about = frame.select("source", "language", "row").with_columns(id=sidecar["id"])
    for name, kind in kinds(sidecar).items():
        scored = _scored(about, sidecar, name)
        if "cluster_rank" in frame.columns:
            scored = scored.filter(frame["cluster_rank"].fill_null(0) == 0)
        scored = scored.drop_nulls(["value", "score"])
        least = scored.with_columns(rank=pl.col("score"), end=pl.lit(LOWEST))
        most = scored.with_columns(rank=-pl.col("score"), end=pl.lit(HIGHEST))
        sure = most.with_columns(end=pl.col("value"))
        chosen = [sure] if kind == "nominal" else [least, most]
        for one in chosen:
            first = one.sort("rank", "id").group_by("end", maintain_order=True).head(ENDS)
            for row in first.drop("value").iter_rows(named=True):
                yield End(dimension=name, part=part, **row)


def keep(kept: dict[tuple[str, str], list[End]], found: Iterable[End]) -> None:
    """Add ends to those that are kept, of each the first."""
    for one in found:
        place = (one.dimension, one.end)
        kept[place] = sorted([*kept.get(place, []), one])[:ENDS]
