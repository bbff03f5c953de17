"""Labelled sets: JSON Lines with `text` and labels by their own names.

`lang` is the language, one of the 119; other labels are those of the taxonomy's dimensions: a level, a name, a list of
names, or null. `weight` says how much a row counts when a student is fitted; texts of one `group`, as
translations of one another are, are never on both sides when it is measured. Other keys are left alone. A row that
cannot be used is counted with its reason, and the others go on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from annotators import language
from annotators.taxonomy import Dimension
from corpus.document import document_id
from corpus.errors import PlanError
from corpus.languages import LANGUAGES

LANG = "lang"
ROWS = 2000  # judged at a time
Row = Mapping[str, Any]


def read(
    data: Path, dimensions: Mapping[str, Dimension], *, needs_language: bool = False
) -> tuple[list[Row], dict[str, int]]:
    """The rows with a label that is asked for, and how many have none, by reason. PlanError where no row is left."""
    rows: list[Row] = []
    skipped: Counter[str] = Counter()
    with data.open(encoding="utf-8") as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                skipped["not JSON"] += 1
                continue
            reason = _fault(row, dimensions, needs_language)
            if reason:
                skipped[reason] += 1
            else:
                rows.append(row)
    if not rows:
        why = ", ".join(f"{reason} ({count})" for reason, count in skipped.items())
        names = LANG if needs_language else ", ".join(dimensions)
        raise PlanError(f"{data}: no row has `text` and one of {names}: {why or 'it is empty'}")
    return rows, dict(skipped)


def table(rows: Sequence[Row]) -> pa.Table:
    """The texts as documents."""
    ids = [document_id("labelled", "", number) for number in range(len(rows))]
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    return pa.table({"id": pa.array(ids, pa.binary(16)), "text": texts})


def languages_of(rows: Sequence[Row]) -> list[str | None]:
    """`lang` of each row, or what our identifier finds."""
    step = language.step(language.Config())
    found = [
        label
        for lo in range(0, len(rows), ROWS)
        for label in step(table(rows[lo : lo + ROWS])).column("language").to_pylist()
    ]
    return [row.get(LANG) or label for row, label in zip(rows, found, strict=True)]


def _fault(row: Any, dimensions: Mapping[str, Dimension], needs_language: bool) -> str:
    """Why a row cannot be used, or ""."""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return "without text"
    if row.get(LANG) is not None and row[LANG] not in LANGUAGES:
        return f"{LANG} {row[LANG]!r} is none of the 119"
    if row.get(LANG) is None if needs_language else all(row.get(n) is None for n in dimensions):
        return "without a label"
    for name, dimension in dimensions.items():
        try:
            dimension.check(row.get(name))
        except ValueError as error:
            return str(error)
    return ""
