"""`tokenmill evaluate`: how well an annotator's labels agree with a labelled set, overall and per language.

Labelled sets are those of `workflows.labelled`: `lang` is the label for annotator `language`, the names of dimensions
are those for `student`. A row of these may have `lang`, too; else the language is found.

The figures are those of `annotators.evaluation`. Of `language`, a language's figure is its F1, `macro_f1` the mean of
the languages that texts have, `by_group` the same of groups, and `accepted` the share of texts in none of the 119
(`lang: none`) that are named as one; of a dimension, a language's figure is that of the texts in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.resources import files
from itertools import compress
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from jinja2 import Environment, StrictUndefined

from annotators import ANNOTATORS, language, student
from annotators.calibration import ece
from annotators.evaluation import (
    MAIN,
    MEASURES,
    Counts,
    Floats,
    Score,
    accuracy,
    calibration_error,
    confusion,
    f1s,
    micro_f1,
    scored,
    share,
)
from annotators.taxonomy import Dimension
from annotators.training import targets_of
from corpus.errors import PlanError
from corpus.languages import GROUPS
from corpus.strict_yaml import settings, unknown
from workflows.labelled import LANG, NONE, Row, languages_of, parts, read

LANGUAGE, STUDENT = "language", "student"  # the annotators that have labels
FEW = 20  # texts, below which a figure says little
WORST = 8  # languages that are named
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
    if name not in (LANGUAGE, STUDENT):
        raise PlanError(f"evaluate: {name} has no labels of its own; known: {LANGUAGE}, {STUDENT}")
    chosen = settings(ANNOTATORS[name].config, config or {}, f"evaluate {name}")
    try:
        judge = language.step(chosen) if name == LANGUAGE else student.step(chosen)
    except (ValueError, OSError) as error:
        raise PlanError(f"evaluate {name}: {error}") from None
    if isinstance(judge, language.Step):
        rows, skipped = read(data, {}, needs_language=True)
        found = [row for part in parts(rows) for row in judge(part).to_pylist()]
        results = [_languages([row[LANG] for row in rows], found)]
    else:
        rows, skipped = read(data, judge.dimensions)
        results = list(_dimensions(judge, rows))
    return Evaluation(annotator=name, rows=len(rows), skipped=skipped, results=results)


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
    """From red at 0 to green at 1; paler, the wider the interval and the fewer the texts: of two that are right the
    bootstrap is sure.
    """
    if score is None or score.value is None or score.low is None or score.high is None:
        return "none"
    hue = 120 * min(max(score.value, 0), 1)
    sure = (1 - (score.high - score.low)) * min(1, score.texts / FEW)
    return f"hsl({hue:.0f} 70% 50% / {max(0.1, 0.6 * sure):.2f})"


# ---------------------------------------------------------------- figures


def _languages(gold: Sequence[str], found: Sequence[Row]) -> Result:
    said = [row["language"] or NONE for row in found]
    (matrix, place), counts = _confusion(gold, said), Counter(gold)
    of = {label: scored(matrix, partial(_f1_of, [place[label]])) for label in sorted(counts)}
    answered = [row["language"] is not None for row in found]
    figures = {
        "macro_f1": _macro_f1(gold, said),
        "by_group": _macro_f1(
            [GROUPS.get(label, label) for label in gold],
            [row["language_group"] or NONE for row in found],
        ),
        "accuracy": scored(matrix, accuracy),
    }
    if counts[NONE]:
        named = sum(a for a, label in zip(answered, gold, strict=True) if label == NONE)
        figures["accepted"] = share(named, counts[NONE])
    return Result(
        name="language",
        main="f1",
        all=figures,
        ece=calibration_error(
            [row["language_score"] for row in compress(found, answered)],
            [a == b for a, b in compress(zip(gold, said, strict=True), answered)],
        ),
        abstained=said.count(NONE),
        languages={label: replace(score, texts=counts[label]) for label, score in of.items()},
    )


def _macro_f1(gold: Sequence[str], said: Sequence[str]) -> Score:
    """The mean F1 of the labels that texts have, but for NONE."""
    matrix, place = _confusion(gold, said)
    return scored(matrix, partial(_f1_of, [place[label] for label in sorted({*gold} - {NONE})]))


def _confusion(gold: Sequence[str], said: Sequence[str]) -> tuple[Counts, dict[str, int]]:
    """Counts of gold by said, and the place of each label."""
    place = {label: number for number, label in enumerate(sorted({*gold, *said}))}
    sides = [[place[label] for label in side] for side in (gold, said)]
    return confusion(sides[0], sides[1], len(place)), place


def _f1_of(places: Sequence[int], matrices: Floats) -> Floats:
    """The mean over some of the values; nan where neither side has any."""
    with catch_warnings():
        simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(f1s(matrices)[:, places], axis=1))


def _dimensions(judge: student.Step, rows: Sequence[Row]) -> Iterator[Result]:
    """Of each dimension that the rows have."""
    found: list[Row] = []
    said = []
    for part in parts(rows):
        answers, probabilities = judge.judged(part)
        found += answers.to_pylist()
        said.append(probabilities)
    languages = [label or NONE for label in languages_of(rows)]
    for name, dimension in judge.dimensions.items():
        if any(row.get(name) is not None for row in rows):
            every = np.concatenate([one[name] for one in said])
            yield _dimension(dimension, rows, found, languages, every)


def _dimension(
    dimension: Dimension,
    rows: Sequence[Row],
    found: Sequence[Row],
    languages: Sequence[str],
    probabilities: Floats,
) -> Result:
    pairs = [
        (row[dimension.name], answer[dimension.name], label)
        for row, answer, label in zip(rows, found, languages, strict=True)
        if row.get(dimension.name) is not None
    ]
    given = [pair for pair in pairs if pair[1] is not None]
    by_language = defaultdict(list)
    for pair in given:
        by_language[pair[2]].append(pair)
    main = MAIN[dimension.kind]
    sure = [
        row.get(dimension.name) is not None and answer[dimension.name] is not None
        for row, answer in zip(rows, found, strict=True)
    ]
    targets = targets_of(dimension, [pair[0] for pair in given])
    return Result(
        name=dimension.name,
        main=main,
        all=dict(_figures(dimension, given)),
        ece=ece(dimension.kind, probabilities[np.array(sure, bool)], targets),
        abstained=len(pairs) - len(given),
        languages={
            label: dict(_figures(dimension, mine))[main]
            for label, mine in sorted(by_language.items())
        },
    )


def _figures(
    dimension: Dimension, pairs: Sequence[tuple[Any, Any, Any]]
) -> Iterator[tuple[str, Score]]:
    if dimension.kind == "multi":
        gold, found = (
            targets_of(dimension, [pair[side] for pair in pairs]).reshape(-1, len(dimension.labels))
            > 0
            for side in range(2)
        )
        yield "micro_f1", micro_f1(gold, found)
        return
    places = [[dimension.place(pair[side]) for pair in pairs] for side in range(2)]
    matrix = confusion(places[0], places[1], len(dimension.values))
    for name, measure in MEASURES[dimension.kind].items():
        yield name, scored(matrix, measure)
