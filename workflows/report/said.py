"""What the student says, as the page tells it: the sums of `scales` by dimension, and the texts at its ends.

The questions and the names of levels are those of the model's file, if it is the one by which the lake was annotated
(its hash stands in the fingerprint); without it levels are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from annotators import student
from annotators.annotator import file_hash
from annotators.taxonomy import Dimension
from corpus.lake import Folder
from workflows.report.facts import Excerpt, Said, Scale
from workflows.report.samples import beginning, place_of, rows_of
from workflows.report.scales import ENDS, HIGHEST, LOWEST, MILLIONTHS, End
from workflows.report.scan import Sums

VALUES_TO_READ = 3  # nominal values whose surest documents are shown


def said(
    sums: Sums, documents: Mapping[str, Folder], recorded: Mapping[str, Any]
) -> tuple[Scale, ...]:
    """The scales in the order of the model; none where nothing was said. `recorded` is what the fingerprint says."""
    by_source, by_language = sums.table("said_by_source"), sums.table("said_by_language")
    if by_source.height == 0:
        return ()
    asked = _asked(recorded)
    abstained = sums.table("abstained")
    chosen: dict[str, dict[str, list[End]]] = {}
    drafts = []
    names = by_source.select("place", "dimension", "kind").unique().sort("place")
    for name, kind in names.select("dimension", "kind").iter_rows():
        everything = _said(by_source.filter(pl.col("dimension") == name))
        chosen[name] = _ends(sums.ends, name, kind, everything)
        drafts.append((name, kind, everything))
    shown = (one for ends in chosen.values() for of_end in ends.values() for one in of_end)
    rows = rows_of((place_of(one) for one in shown), documents)
    return tuple(
        Scale(
            name=name,
            kind=kind,
            question=asked[name].question if name in asked else "",
            levels=_levels(asked.get(name)),
            all=everything,
            sources=_by(by_source, name, "source"),
            languages=_by(by_language, name, "language"),
            reasons=_reasons(abstained, name),
            ends={
                end: tuple(_excerpt(one, rows[place_of(one)]) for one in of_end)
                for end, of_end in chosen[name].items()
            },
        )
        for name, kind, everything in drafts
    )


def _asked(recorded: Mapping[str, Any]) -> Mapping[str, Dimension]:
    """The dimensions of the model's file; none if it is not there, or not as it was."""
    config = student.Config(model=recorded.get("config", {}).get("model", ""))
    sha256 = recorded.get("assets", {}).get("student")
    if not config.path.is_file() or file_hash(config.path) != sha256:
        return {}
    try:
        return student.dimensions(config)
    except ValueError:  # of another version
        return {}


def _levels(dimension: Dimension | None) -> dict[str, str]:
    if dimension is None or dimension.kind != "ordinal":
        return {}
    return dict(zip(map(str, dimension.labels), dimension.values, strict=True))


def _by(table: pl.DataFrame, name: str, column: str) -> dict[str, Said]:
    """Most documents first."""
    of = table.filter(pl.col("dimension") == name)
    found = {str(group[0]): _said(rows) for group, rows in of.group_by(column)}
    return dict(sorted(found.items(), key=lambda item: (-item[1].documents, item[0])))


def _said(rows: pl.DataFrame) -> Said:
    """Values are in order of level where they are numbers, else most frequent first."""
    scored = int(rows["scored"].sum())
    values: dict[str, int] = {}
    for value, count in rows.drop_nulls("value").select("value", "documents").iter_rows():
        values[value] = values.get(value, 0) + count
    ordinal = rows["kind"][0] == "ordinal"
    order = sorted(values, key=int if ordinal else lambda value: (-values[value], value))
    return Said(
        documents=int(rows["counted"].sum()),
        values={value: values[value] for value in order},
        unanswered=int(rows.filter(pl.col("value").is_null())["counted"].sum()),
        mean=int(rows["score"].sum()) / scored / MILLIONTHS if scored else None,
    )


def _reasons(abstained: pl.DataFrame, name: str) -> dict[str, int]:
    if abstained.height == 0:
        return {}
    found = abstained.filter(pl.col("dimension") == name).sort(
        "documents", "reason", descending=[True, False]
    )
    return dict(found.select("reason", "documents").iter_rows())


def _ends(
    kept: Mapping[tuple[str, str], list[End]], name: str, kind: str, everything: Said
) -> dict[str, list[End]]:
    """Those with texts: the two ends, or the most frequent values."""
    if kind == "nominal":
        values = [value for value in everything.values if (name, value) in kept]
        return {value: kept[name, value] for value in values[:VALUES_TO_READ]}
    lowest, highest = _apart(kept.get((name, LOWEST), []), kept.get((name, HIGHEST), []))
    return {end: of for end, of in ((LOWEST, lowest), (HIGHEST, highest)) if of}


def _apart(lowest: Iterable[End], highest: Iterable[End]) -> tuple[list[End], list[End]]:
    """Where there are few documents, the half that is lower and the other: none is shown twice."""
    of = {place_of(one): one for one in (*highest, *lowest)}
    order = sorted(of.values(), key=lambda one: (one.score, one.id))
    half = min(ENDS, (len(order) + 1) // 2)
    return order[:half], order[half:][::-1]


def _excerpt(one: End, row: Mapping[str, str]) -> Excerpt:
    text, cut = beginning(row["text"])
    return Excerpt(
        id=row["id"],
        source=one.source,
        locator=row["locator"],
        language=one.language,
        score=one.score,
        text=text,
        cut=cut,
    )
