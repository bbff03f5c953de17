"""Labelled sets: JSON Lines with `text` and labels by their own names.

`lang` is the language, one of the 119 or `none`; other labels are those of the taxonomy's dimensions: a level, a name,
a list of names, or null. `weight`, a number above 0, says how much a row counts when a student is fitted; texts of one
`group`, a name or a whole number, as translations of one another are, are never on both sides when it is measured.
Other keys are left alone. A row that cannot be used is counted with its reason, and the others go on.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import pyarrow as pa

from annotators import language
from annotators.taxonomy import Dimension
from corpus.document import document_id
from corpus.errors import PlanError
from corpus.languages import LANGUAGES

LANG = "lang"
NONE = "none"  # of a text that is in none of the 119
ROWS = 2000  # judged at a time
SHOWN = 40  # characters of a wrong value
_SURROGATE = re.compile("[\ud800-\udfff]")
Row = Mapping[str, Any]


def read(
    data: Path, dimensions: Mapping[str, Dimension], *, needs_language: bool = False
) -> tuple[list[Row], dict[str, int]]:
    """The rows with a label that is asked for, and how many have none, by reason. PlanError where no row is left."""
    rows: list[Row] = []
    skipped: Counter[str] = Counter()
    try:
        file = data.open("rb")
    except OSError as error:
        raise PlanError(f"{data}: {error.strerror}") from None
    with file:
        for line in file:
            try:
                row = json.loads(line)  # UnicodeDecodeError is a ValueError
            except (ValueError, RecursionError):
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


def parts(rows: Sequence[Row]) -> Iterator[pa.Table]:
    """The texts as documents, so many at a time as are judged together."""
    return (table(rows[lo : lo + ROWS]) for lo in range(0, len(rows), ROWS))


def languages_of(rows: Sequence[Row]) -> list[str | None]:
    """`lang` of each row, or what our identifier finds."""
    step = language.step(language.Config())
    found = [label for part in parts(rows) for label in step(part).column("language").to_pylist()]
    said = (row.get(LANG) or label for row, label in zip(rows, found, strict=True))
    return [None if label == NONE else label for label in said]


def _fault(row: Any, dimensions: Mapping[str, Dimension], needs_language: bool) -> str:
    """Why a row cannot be used, or ""."""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return "without text"
    if _SURROGATE.search(row["text"]):
        return "text with half a character (a lone surrogate)"
    if row.get(LANG) is not None and str(row[LANG]) not in {*LANGUAGES, NONE}:
        return f"{LANG} {str(row[LANG])[:SHOWN]!r} is none of the 119"
    weight, group = row.get("weight"), row.get("group")
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if weight is not None and not (number and 0 < weight < inf):
        return "a weight that is no number above 0"
    if isinstance(group, bool) or not isinstance(group, int | str | None):
        return "a group that is no name or whole number"
    if row.get(LANG) is None if needs_language else all(row.get(n) is None for n in dimensions):
        return "without a label"
    for name, dimension in dimensions.items():
        try:
            dimension.check(row.get(name))
        except ValueError as error:
            return str(error)
    return ""
