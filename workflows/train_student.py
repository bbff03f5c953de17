"""`tokenmill train-student`: heads for dimensions of the taxonomy, fitted to labels and measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotators import student, taxonomy
from annotators.encoder import Encoder
from annotators.evaluation import Score
from annotators.training import Measured, train
from corpus.errors import PlanError
from workflows.evaluate import shown
from workflows.labelled import languages_of, read


def train_student(
    data: Path,
    out: Path,
    *,
    more: Path | None = None,
    own: str = "",
    base: str = "",
    encoder: str = "",
    tune: bool = False,
) -> dict[str, Measured]:
    """Write a student with a head for each dimension that `data` has labels of, with the vectors of another student, or
    reading with the encoder of a folder; `tune` lets the vectors learn from the labels first.
    What was measured is in its file, and is returned. `own` is a taxonomy that adds to ours. PlanError for a file that
    cannot be read or has too few labels.
    """
    known = taxonomy.load(own)
    try:
        start = _start(base, encoder)
    except ValueError as error:
        raise PlanError(f"{'--encoder' if encoder else '--base'}: {error}") from None
    rows, skipped = read(data, known)
    helping = read(more, known)[0] if more else []
    named = {name for row in rows for name in known if row.get(name) is not None}
    chosen = [dimension for name, dimension in known.items() if name in named]
    try:
        found, measured = train(start, rows, languages_of(rows), chosen, helping, tune=tune)
    except ValueError as error:
        raise PlanError(f"{data}: {error}") from None
    card = {"rows": len(rows), "more": len(helping), "skipped": skipped, **as_json(measured)}
    student.save(found._replace(card=card), out)
    return measured


def _start(base: str, encoder: str) -> student.Student:
    if encoder:
        return student.untaught(Encoder(encoder))
    return student.load(Path(base) if base else student.MODEL)


def lines(measured: Mapping[str, Measured]) -> Iterator[str]:
    """For people: what each dimension reached on the texts kept apart, beside the answers that read nothing."""
    for name, one in measured.items():
        state = "on" if one.on else f"off: {one.why_off}"
        yield f"{name:<22} {shown(one.student)}  {state}"
        yield f"{'':<22} majority {_value(one.majority)}, shape alone {_value(one.shape)}"
        for why in one.abstains.values():
            yield f"{'':<22} abstains: {why}"


def _value(score: Score) -> str:
    return "-" if score.value is None else f"{score.value:.3f}"


def as_json(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """For programs, and for the file."""
    found: dict[str, Any] = json.loads(
        json.dumps({"dimensions": {name: asdict(one) for name, one in measured.items()}})
    )
    return found


__all__ = ["as_json", "lines", "train_student"]
