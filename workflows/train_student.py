"""`tokenmill train-student`: heads for dimensions of the taxonomy, fitted to labels and measured."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotators import student, taxonomy
from annotators.calibration import Calibration
from annotators.encoder import Encoder
from annotators.evaluation import Score
from annotators.taxonomy import Dimension
from annotators.training import LEAST, Measured, Row, fitted_on, train, unrelated
from corpus.errors import PlanError
from workflows.evaluate import FEW, shown
from workflows.labelled import languages_of, read

log = logging.getLogger(__name__)


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
    if not os.access(out.parent, os.W_OK):
        raise PlanError(f"--out {out}: there is no folder {out.parent} that can be written to")
    rows, skipped = read(data, known)
    helping = read(more, known)[0] if more else []
    if helping and (left_out := len(helping) - len(unrelated(rows, helping))):
        log.warning("%s: %d rows are left out: their group or text is kept apart", more, left_out)
    chosen = _with_enough(data, rows, known)
    try:
        found, measured = train(start, rows, languages_of(rows), chosen, helping, tune=tune)
    except ValueError as error:
        raise PlanError(f"{data}: {error}") from None
    card = {"rows": len(rows), "more": len(helping), "skipped": skipped, **as_json(measured)}
    student.save(found._replace(card=card), out)
    return measured


def _with_enough(
    data: Path, rows: Sequence[Row], known: Mapping[str, Dimension]
) -> list[Dimension]:
    """The dimensions that `rows` have enough labels of. PlanError where none has."""
    kept = fitted_on(rows)
    counts = {name: sum(row.get(name) is not None for row in kept) for name in known}
    few = {name: count for name, count in counts.items() if 0 < count < LEAST}
    said = [
        f"{name}: {count} labelled texts to fit on; it takes {LEAST}: label more"
        for name, count in few.items()
    ]
    chosen = [known[name] for name, count in counts.items() if count >= LEAST]
    if not chosen:
        raise PlanError(f"{data}: {'; '.join(said) or 'no text is left to fit on'}")
    for line in said:
        log.warning("%s: left out", line)
    return chosen


def _start(base: str, encoder: str) -> student.Student:
    if encoder:
        return student.untaught(Encoder(encoder))
    return student.load(Path(base) if base else student.MODEL)


def lines(measured: Mapping[str, Measured]) -> Iterator[str]:
    """For people: what each dimension reached on the texts kept apart, beside the answers that read nothing; how sure
    and how often right it is by family; and how often those that are on are right by language.
    """
    for name, one in measured.items():
        state = "on" if one.on else f"off: {one.why_off}"
        yield f"{name:<22} {shown(one.student)}  {state}"
        yield f"{'':<22} majority {_value(one.majority)}, shape alone {_value(one.shape)}"
        yield f"{'':<22} calibration error {_plain(one.ece)}, at one temperature {_plain(one.ece_before)}"
        for family, calibration in one.calibration.items() if one.on else ():
            right = f"right {_interval(one.families[family])}"
            always = f"the most frequent label {one.constant[family]:.2f}"
            yield f"{'':<22} {family:<14} {right}, {always}; {_calibration(calibration)}"
        for why in one.abstains.values():
            yield f"{'':<22} abstains: {why}"
    yield from _languages({name: one for name, one in measured.items() if one.on})


def _calibration(one: Calibration) -> str:
    whose = "of its own" if one.own else "the head's"
    gain = "" if one.gain is None else f", one of its own gains {_interval(one.gain)} nats a text"
    before = f", with the head's {_plain(one.ece_before)}" if one.own else ""
    return (
        f"temperature {one.temperature:.2f}, {whose} (of {one.set_on:,} texts{gain}); "
        f"error {_plain(one.ece)}{before}, by chance {_plain(one.ece_by_chance)}, of {one.apart:,}"
    )


def _languages(on: Mapping[str, Measured]) -> Iterator[str]:
    """Shares of right answers, of the languages with the most texts first."""
    if not on:
        return
    counts = {
        label: max(one.languages[label].texts for one in on.values() if label in one.languages)
        for one in on.values()
        for label in one.languages
    }
    yield ""
    yield (
        f"right, each by a head without the text (fewer than {FEW} texts say little): "
        + ", ".join(on)
    )
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        shares = (one.languages.get(label) for one in on.values())
        interval = counts[label] >= FEW
        yield f"{label:<9} {counts[label]:>5,}  " + "  ".join(_share(s, interval) for s in shares)


def _share(score: Score | None, interval: bool) -> str:
    if score is None or score.value is None:
        return "-"
    return _interval(score) if interval else f"{score.value:.2f}"


def _interval(score: Score) -> str:
    return f"{score.value:.2f} ({score.low:.2f} to {score.high:.2f})"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _value(score: Score) -> str:
    return "-" if score.value is None else f"{score.value:.3f}"


def as_json(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """For programs, and for the file."""
    found: dict[str, Any] = json.loads(
        json.dumps({"dimensions": {name: asdict(one) for name, one in measured.items()}})
    )
    return found


__all__ = ["as_json", "lines", "train_student"]
