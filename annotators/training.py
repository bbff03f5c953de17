"""Fit a student's heads to labelled texts, measure them on texts kept apart, and decide what they may say.

A quarter of the texts, by a hash of the text, is kept apart. On the others each dimension's penalty is chosen by
cross-validation and its head fitted. Its temperature, and those of families (`annotators.calibration`), are set on the
same texts, each judged by a head of the cross-validation that has not seen it. Then, on the quarter:

- the figure of the head (`annotators.evaluation`), beside two answers that read nothing: the most frequent label, and a
  head of `annotators.shape` alone, fitted in the same way. A dimension whose head is not better than both, by the whole
  of the paired interval, is switched off: the student that is written has no column for it.
- the calibration error, over all and by family, beside that with the head's one temperature.

And over all texts, each judged by a head that was not fitted on it: languages and their families. Where the whole
interval of the share of right answers, of a language or of its family, lies below `FLOOR`, the student abstains.
Beside each share stands that of the most frequent label. Of few texts the interval is wide, and tells nothing.

`more` are texts that help to fit and are never measured on: labels of another origin, with their weight. Those of a
group that is kept apart, or of the same text, help nothing and are left out.

With `tune` the vectors first learn from the labels themselves (`annotators.tuning`), never from the quarter. What is
chosen by cross-validation, and what is said of families, is then by vectors and heads without the fold.

Texts of one `group`, as translations of one another are, are kept apart together, and lie in one fold; so are equal
texts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from annotators import tuning
from annotators.calibration import Calibration, Judged, calibrate, ece, own_temperatures
from annotators.evaluation import (
    MAIN,
    MEASURES,
    Score,
    better,
    better_micro_f1,
    confusion,
    micro_f1,
    scored,
    share,
)
from annotators.fitting import fit, negative_log_likelihood, temperature_of
from annotators.heads import Head, probabilities_of
from annotators.shape import SIZE
from annotators.student import NO_FAMILY, Student, family_of, temperatures_of, untaught
from annotators.taxonomy import Dimension
from annotators.vectors import Vectors

PENALTIES = (1.0, 4.0, 16.0, 64.0, 256.0)
TUNED_PENALTIES = (16.0, 256.0, 1024.0, 4096.0, 16384.0)  # of heads on vectors that learnt
FOLDS = 5
APART = 4  # one text of so many
FLOOR = 0.4  # share of right answers, exactly right also of levels
LEAST = 40  # labelled texts that a head is fitted on, at least

Floats = npt.NDArray[np.float64]
Targets = npt.NDArray[np.int64]
Row = Mapping[str, Any]  # `text`, a label by each dimension's name; perhaps `weight`, `group`


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What became of one dimension on the texts kept apart."""

    on: bool
    why_off: str
    fitted_on: int
    student: Score
    majority: Score
    shape: Score
    over_majority: Score
    over_shape: Score
    ece: float | None
    ece_before: float | None  # with the head's temperature for all families
    temperature: float
    calibration: Mapping[str, Calibration]  # by family
    families: Mapping[str, Score]  # share of right answers, over all texts
    languages: Mapping[str, Score]
    constant: Mapping[str, float]  # by family: share that the most frequent label is right in
    floor: float
    abstains: Mapping[str, str]  # by family or language: why


@dataclass(frozen=True)
class _Read:
    """Features of texts; and, where the vectors learnt from labels, those by vectors that did so without each fold."""

    features: Floats
    without: Sequence[Floats]
    groups: npt.NDArray[np.int64]

    def of(self, kept: npt.NDArray[np.intp]) -> _Read:
        without = [found[kept] for found in self.without]
        return _Read(self.features[kept], without, self.groups[kept])

    def shape(self) -> _Read:
        """Without the vectors: nothing of this learns from labels."""
        return _Read(self.features[:, -SIZE:], [], self.groups)

    @property
    def folds(self) -> npt.NDArray[np.int64]:
        """Those that the vectors learnt without; else of these texts alone, as even as can be."""
        if self.without:
            return self.groups % FOLDS
        return np.asarray(np.unique(self.groups, return_inverse=True)[1] % FOLDS)


@dataclass(frozen=True)
class _Fitted:
    head: Head
    unseen: Floats  # scores of the texts it was fitted on, each by a head without it


def kept_apart(row: Row) -> bool:
    """Whether a text is of the quarter that heads are measured on."""
    return hashlib.sha256(_group(row).encode()).digest()[0] % APART == 0


def fitted_on(rows: Sequence[Row]) -> list[Row]:
    """The rows that heads are fitted on."""
    return [row for row in rows if not kept_apart(row)]


def unrelated(rows: Sequence[Row], more: Sequence[Row]) -> list[Row]:
    """Those of `more` of which no text of the group, nor the same text, is among the rows that are kept apart."""
    apart = [row for row in rows if kept_apart(row)]
    groups, texts = {_group(row) for row in apart}, {row["text"] for row in apart}
    return [row for row in more if _group(row) not in groups and row["text"] not in texts]


def train(
    base: Student,
    rows: Sequence[Row],
    languages: Sequence[str | None],
    dimensions: Sequence[Dimension],
    more: Sequence[Row] = (),
    *,
    tune: bool = False,
) -> tuple[Student, dict[str, Measured]]:
    """A student with the vectors of another and heads for these dimensions; and what was measured. `languages` are the
    labels of `rows`, of the 119. ValueError for a label that a dimension has not.
    """
    more = unrelated(rows, more)
    apart = np.array([kept_apart(row) for row in rows] + [False] * len(more), bool)
    spoken = [*languages, *[None] * len(more)]
    weights = np.array([float(row.get("weight") or 1) for row in [*rows, *more]])
    own = np.arange(len(weights)) < len(rows)
    labels = [_labels(dimension, [*rows, *more], weights) for dimension in dimensions]
    for dimension, has, *_ in labels:
        if int((has & own & ~apart).sum()) < LEAST:
            raise ValueError(
                f"{dimension.name}: {int((has & own & ~apart).sum())} labelled texts to fit on; it takes {LEAST}"
            )
    groups = _groups([*rows, *more])
    texts = [row["text"] for row in [*rows, *more]]
    students = _tuned(base, texts, labels, ~apart, groups) if tune else [base]
    raw = [_unscaled(student, texts) for student in students]
    mean, spread = raw[0].mean(axis=0), np.maximum(raw[0].std(axis=0), 1e-6)
    scaled = [(one - mean) / spread for one in raw]
    read = _Read(scaled[0], scaled[1:], groups)
    measured, heads, floors, temperatures = {}, {}, {}, {}
    for dimension, has, targets, _ in labels:
        found, head = _measure(dimension, read, targets, has, apart, own, weights, spoken)
        measured[dimension.name] = found
        if found.on:
            heads[dimension.name], floors[dimension.name] = head, dict(found.abstains)
            temperatures[dimension.name] = own_temperatures(found.calibration)
    student = students[0]._replace(
        mean=mean,
        spread=spread,
        dimensions={d.name: d for d in dimensions if d.name in heads},
        heads=heads,
        floors=floors,
        temperatures=temperatures,
    )
    return student, measured


def _group(row: Row) -> str:
    """The name of a text's group; one without a group is alone with its equals."""
    group = row.get("group")
    return row["text"] if group in (None, "") else str(group)


def _groups(rows: Sequence[Row]) -> npt.NDArray[np.int64]:
    """The number of each text's group, in their order."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(_group(row), len(numbers)) for row in rows], np.int64)


def _labels(dimension: Dimension, rows: Sequence[Row], weights: Floats) -> tuning.Labels:
    labels = [row.get(dimension.name) for row in rows]
    for label in labels:
        dimension.check(label)
    has = np.array([label is not None for label in labels])
    return tuning.Labels(dimension, has, targets_of(dimension, labels), weights)


def _tuned(
    base: Student,
    texts: Sequence[str],
    labels: Sequence[tuning.Labels],
    kept: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
) -> list[Student]:
    """One with vectors that learnt from the texts that are kept; then for each fold one that did so without it."""
    if not isinstance(base.reader, Vectors):
        raise ValueError("an encoder is not tuned: leave one of --encoder and --tune out")
    bags = tuning.read(base.reader, texts)
    students = []
    for rows in (kept, *(kept & (groups % FOLDS != fold) for fold in range(FOLDS))):
        reader = tuning.tuned(bags.where(rows), [one.where(rows) for one in labels])
        students.append(untaught(reader))
    return students


def targets_of(dimension: Dimension, labels: Sequence[Any]) -> Targets:
    """Places of labels, or for multi-label ones a row of 0 and 1; where there is no label 0."""
    if dimension.kind == "multi":
        return np.array(
            [[int(value in (label or ())) for value in dimension.labels] for label in labels],
            np.int64,
        )
    return np.array([0 if label is None else dimension.place(label) for label in labels], np.int64)


def _unscaled(base: Student, texts: Sequence[str]) -> Floats:
    return np.asarray(base.features(texts) * base.spread + base.mean, np.float64)


def _measure(
    dimension: Dimension,
    read: _Read,
    targets: Targets,
    has: npt.NDArray[np.bool_],
    apart: npt.NDArray[np.bool_],
    own: npt.NDArray[np.bool_],
    weights: Floats,
    languages: Sequence[str | None],
) -> tuple[Measured, Head]:
    fitted, test = np.flatnonzero(has & ~apart), np.flatnonzero(has & apart)
    features, seen = read.features, read.of(fitted)
    rest = targets[fitted], weights[fitted], own[fitted]
    full, plain = _fit(dimension, seen, *rest), _fit(dimension, seen.shape(), *rest)
    mine = fitted[own[fitted]]
    every, count = np.concatenate([mine, test]), len(mine)
    gold, spoken = targets[every], [languages[n] for n in every]
    families = family_of(spoken)
    found = np.concatenate([full.unseen[own[fitted]], full.head.scores(features[test])])
    calibration = calibrate(
        dimension.kind,
        full.head.temperature,
        Judged(found[:count], gold[:count], families[:count]),
        Judged(found[count:], gold[count:], families[count:]),
    )
    at = temperatures_of(full.head, own_temperatures(calibration), families)
    judged = probabilities_of(dimension.kind, found, at)
    majority = _majority(dimension, targets[mine])
    answers = [
        _answers(dimension, judged[count:]),
        np.tile(majority, (len(test), 1))
        if dimension.kind == "multi"
        else np.full(len(test), majority),
        _answers(dimension, plain.head.probabilities(features[test, -SIZE:])),
    ]
    scores = [_score(dimension, targets[test], answer) for answer in answers]
    over = [_over(dimension, targets[test], answers[0], answer) for answer in answers[1:]]
    lower = [score.low is not None and score.low > 0 for score in over]
    why = (
        ""
        if all(lower)
        else f"not better than {'its shape' if lower[0] else 'the majority'} by the interval"
    )
    right = _right(dimension, gold, _answers(dimension, judged))
    by_family = _shares(right, families)
    by_language = _shares(right, [label or NO_FAMILY for label in spoken])
    always = np.tile(majority, (len(every), 1)) if dimension.kind == "multi" else majority
    constant = _shares(_right(dimension, gold, np.asarray(always)), families)
    measured = Measured(
        on=not why,
        why_off=why,
        fitted_on=len(fitted),
        student=scores[0],
        majority=scores[1],
        shape=scores[2],
        over_majority=over[0],
        over_shape=over[1],
        ece=ece(dimension.kind, judged[count:], targets[test]),
        ece_before=ece(dimension.kind, full.head.probabilities(features[test]), targets[test]),
        temperature=full.head.temperature,
        calibration=calibration,
        families=by_family,
        languages=by_language,
        constant={family: score.value or 0.0 for family, score in constant.items()},
        floor=FLOOR,
        abstains={
            name: f"{name}: right in {score.high:.2f} at most, floor {FLOOR:.2f}"
            for name, score in {**by_language, **by_family}.items()
            if score.high is not None and score.high < FLOOR
        },
    )
    return measured, full.head


def _fit(
    dimension: Dimension, read: _Read, y: Targets, weights: Floats, own: npt.NDArray[np.bool_]
) -> _Fitted:
    """The head of the penalty that explains unseen texts of ours best, with its temperature."""
    kind, values, fold = dimension.kind, len(dimension.values), read.folds
    without = read.without or [read.features] * FOLDS
    best: tuple[float, Floats, float] | None = None
    for penalty in TUNED_PENALTIES if read.without else PENALTIES:
        unseen = np.zeros((len(y), values - (kind == "ordinal")))
        for k, x in enumerate(without):
            out = fold == k
            head = fit(kind, x[~out], y[~out], values, penalty, weights[~out])
            unseen[out] = head.scores(x[out])
        loss = negative_log_likelihood(kind, probabilities_of(kind, unseen[own], 1.0), y[own])
        if best is None or loss < best[0]:
            best = loss, unseen, penalty
    assert best is not None
    loss, unseen, penalty = best
    whole = fit(kind, read.features, y, values, penalty, weights)
    temperature = temperature_of(kind, unseen[own], y[own])
    return _Fitted(replace(whole, temperature=temperature), unseen)


def _answers(dimension: Dimension, probabilities: Floats) -> npt.NDArray[Any]:
    return probabilities > 0.5 if dimension.kind == "multi" else probabilities.argmax(axis=1)


def _majority(dimension: Dimension, targets: Targets) -> Any:
    if dimension.kind == "multi":
        return targets.mean(axis=0) > 0.5
    return int(np.bincount(targets, minlength=len(dimension.values)).argmax())


def _score(dimension: Dimension, gold: Targets, found: npt.NDArray[Any]) -> Score:
    if dimension.kind == "multi":
        return micro_f1(gold > 0, np.asarray(found, bool))
    measure = MEASURES[dimension.kind][MAIN[dimension.kind]]
    return scored(confusion(gold.tolist(), found.tolist(), len(dimension.values)), measure)


def _over(
    dimension: Dimension, gold: Targets, one: npt.NDArray[Any], other: npt.NDArray[Any]
) -> Score:
    if dimension.kind == "multi":
        return better_micro_f1(gold > 0, np.asarray(one, bool), np.asarray(other, bool))
    measure = _zero_where_constant(MEASURES[dimension.kind][MAIN[dimension.kind]])
    return better(gold.tolist(), one.tolist(), other.tolist(), len(dimension.values), measure)


def _zero_where_constant(measure: Any) -> Any:
    """An answer that is always the same has a kappa of 0, not none."""
    return lambda matrices: np.nan_to_num(measure(matrices), nan=0.0)


def _right(dimension: Dimension, gold: Targets, found: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if dimension.kind == "multi":
        return np.asarray((np.asarray(found, bool) == (gold > 0)).all(axis=1))
    return np.asarray(found == gold)


def _shares(right: npt.NDArray[np.bool_], groups: Sequence[str]) -> dict[str, Score]:
    """Share of right answers by group."""
    texts = Counter(groups)
    hits = Counter(group for group, hit in zip(groups, right, strict=True) if hit)
    return {group: share(hits[group], texts[group]) for group in sorted(texts)}
