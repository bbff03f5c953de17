"""`tokenmill evaluate`: how well an annotator's labels agree with a labelled set, overall and per language.

Labelled sets are those of `workflows.labelled`: `lang` is the label for annotator `language`, the names of dimensions
are those for `student`. A row of these may have `lang`, too; else the language is found.

The figures are those of `annotators.evaluation`. Of `language`, a language's figure is its F1; of a dimension, it is
that of the texts in the language.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from annotators import ANNOTATORS, student
from annotators.evaluation import (
    MAIN,
    MEASURES,
    Score,
    accuracy,
    calibration_error,
    confusion,
    f1s,
    micro_f1,
    scored,
)
from annotators.taxonomy import Dimension
from corpus.errors import PlanError
from corpus.strict_yaml import settings, unknown
from workflows.labelled import LANG, Row, languages_of, read, table

UNKNOWN = "none"  # of a text in none of the 119
WORST = 8  # languages that are named
ROWS = 2000  # read and judged at a time
Figures = Mapping[str, Score]


@dataclass(frozen=True, kw_only=True)
class Result:
    """Of one dimension: figures over all texts, and the main figure per language."""

    name: str
    main: str  # which figure the languages' are
    all: Figures
    ece: float | None
    abstained: int
    languages: Figures


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What came out, and of which rows."""

    annotator: str
    rows: int
    skipped: Mapping[str, int]
    results: Sequence[Result]


def evaluate(name: str, data: Path, config: Mapping[str, Any] | None = None) -> Evaluation:
    """PlanError for an annotator that does not exist or has no labels to compare, or a file without one usable row."""
    if name not in ANNOTATORS:
        raise PlanError(f"evaluate: {unknown('annotator', name, ANNOTATORS)}")
    annotator = ANNOTATORS[name]
    chosen = settings(annotator.config, config or {}, f"evaluate {name}")
    asked = dimensions_of(name, chosen)
    if name != "language" and not asked:
        raise PlanError(f"evaluate: {name} has no labels of its own; known: language, student")
    rows, skipped = read(data, asked, needs_language=name == "language")
    step, found = annotator.step(chosen), []
    for lo in range(0, len(rows), ROWS):
        found += step(table(rows[lo : lo + ROWS])).to_pylist()
    if name == "language":
        results = [_languages([row[LANG] for row in rows], found)]
    else:
        of = [label or UNKNOWN for label in languages_of(rows)]
        results = [
            _dimension(dimension, rows, found, of)
            for dimension in asked.values()
            if any(row.get(dimension.name) is not None for row in rows)
        ]
    return Evaluation(annotator=name, rows=len(rows), skipped=skipped, results=results)


def dimensions_of(name: str, config: Any) -> Mapping[str, Dimension]:
    """What an annotator's columns answer."""
    return student.dimensions(config) if name == "student" else {}


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """For programs."""
    return asdict(evaluation)


def lines(evaluation: Evaluation) -> Iterator[str]:
    """For people: the figures, and the languages that are worst."""
    left_out = "".join(f"; {count} left out: {why}" for why, count in evaluation.skipped.items())
    yield f"{evaluation.rows:,} rows{left_out}"
    for result in evaluation.results:
        for name, score in result.all.items():
            yield f"{result.name:<22} {name:<10} {shown(score)}"
        if result.ece is not None:
            yield f"{result.name:<22} {'ece':<10} {result.ece:.3f}"
        if result.abstained:
            yield f"{result.name:<22} abstained on {result.abstained:,}"
        known = {
            label: score for label, score in result.languages.items() if score.value is not None
        }
        worst = sorted(known, key=lambda label: known[label].value or 0)[:WORST]
        yield f"{result.name:<22} worst      " + ", ".join(
            f"{label} {known[label].value:.2f} of {known[label].texts}" for label in worst
        )


def shown(score: Score) -> str:
    """A figure with its interval and count."""
    if score.value is None:
        return f"-      of {score.texts:,}"
    return f"{score.value:.3f}  ({score.low:.3f} to {score.high:.3f}) of {score.texts:,}"


def page(evaluation: Evaluation, out: Path) -> None:
    """Write a page with the figures and a heat map of languages by dimensions."""
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    environment.filters |= {"figure": _figure, "shade": _shade}
    text = (files("workflows.report") / "evaluation.html.j2").read_text(encoding="utf-8")
    names = sorted({label for result in evaluation.results for label in result.languages})
    heat = [
        (label, [result.languages.get(label) for result in evaluation.results]) for label in names
    ]
    html = environment.from_string(text).render(evaluation=evaluation, heat=heat)
    out.write_text(html, encoding="utf-8")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _shade(score: Score | None) -> str:
    """From red at 0 to green at 1; paler, the wider the interval."""
    if score is None or score.value is None or score.low is None or score.high is None:
        return "none"
    hue = 120 * min(max(score.value, 0), 1)
    return f"hsl({hue:.0f} 70% 50% / {max(0.1, 0.6 * (1 - (score.high - score.low))):.2f})"


# ---------------------------------------------------------------- figures


def _languages(gold: Sequence[Any], found: Sequence[Row]) -> Result:
    names = [*sorted({*gold, *(row["language"] for row in found)} - {None}), UNKNOWN]
    place = {name: number for number, name in enumerate(names)}
    said = [row["language"] or UNKNOWN for row in found]
    matrix = confusion(
        [place[label] for label in gold], [place[label] for label in said], len(names)
    )
    counts = Counter(gold)
    languages = {
        name: scored(matrix, lambda m, at=place[name]: f1s(m)[:, at])  # type: ignore[misc]
        for name in sorted(counts)
    }
    of = {
        k: Score(value=v.value, low=v.low, high=v.high, texts=counts[k])
        for k, v in languages.items()
    }
    sure = [row["language_score"] or 0.0 for row in found]
    right = [a == b for a, b in zip(gold, said, strict=True)]
    return Result(
        name="language",
        main="f1",
        all={
            "macro_f1": scored(
                matrix, lambda m: np.nanmean(f1s(m)[:, :-1], axis=1)
            ),  # not of UNKNOWN
            "accuracy": scored(matrix, accuracy),
        },
        ece=calibration_error(sure, right),
        abstained=said.count(UNKNOWN),
        languages=of,
    )


def _dimension(
    dimension: Dimension, rows: Sequence[Row], found: Sequence[Row], languages: Sequence[str]
) -> Result:
    pairs = [
        (row[dimension.name], answer[dimension.name], answer[f"{dimension.name}_score"], label)
        for row, answer, label in zip(rows, found, languages, strict=True)
        if row.get(dimension.name) is not None
    ]
    given = [pair for pair in pairs if pair[1] is not None]
    by_language = defaultdict(list)
    for pair in given:
        by_language[pair[3]].append(pair)
    main = MAIN[dimension.kind]
    ece = None
    if dimension.kind == "nominal":
        ece = calibration_error([pair[2] for pair in given], [pair[0] == pair[1] for pair in given])
    return Result(
        name=dimension.name,
        main=main,
        all=dict(_figures(dimension, given)),
        ece=ece,
        abstained=len(pairs) - len(given),
        languages={
            label: dict(_figures(dimension, mine))[main]
            for label, mine in sorted(by_language.items())
        },
    )


def _figures(
    dimension: Dimension, pairs: Sequence[tuple[Any, Any, Any, Any]]
) -> Iterator[tuple[str, Score]]:
    if dimension.kind == "multi":
        gold, found = (
            np.array([[value in pair[side] for value in dimension.labels] for pair in pairs], bool)
            for side in range(2)
        )
        yield "micro_f1", micro_f1(gold, found)
        return
    places = [[dimension.place(pair[side]) for pair in pairs] for side in range(2)]
    matrix = confusion(places[0], places[1], len(dimension.values))
    for name, measure in MEASURES[dimension.kind].items():
        yield name, scored(matrix, measure)
