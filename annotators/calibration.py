"""A temperature for each family of languages, and how far a head's sureness is from the share of right answers there.

A head has one temperature, set on texts of all languages. A family of `LEAST` texts or more gets one of its own where
that explains its texts better: set on four fifths of them and tried on the last, in turn, it must lower the negative
log likelihood beside the head's by the whole of the paired interval (a bootstrap over texts). Others keep the head's.
All this is on texts that the heads had not seen; what is reported is measured on others, which no temperature was set
on either.

The interval takes texts for independent, which translations of one page are not. Each family and dimension has its own
interval, so one in forty that gains nothing gets a temperature all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from annotators.evaluation import Score, calibration_error, error_by_chance, mean
from annotators.fitting import Targets, losses, temperature_of
from annotators.heads import Floats, probabilities_of
from annotators.taxonomy import Kind

LEAST = 60  # texts of a family that may get a temperature of its own
FOLDS = 5


class Judged(NamedTuple):
    """Texts, the scores that heads gave them which had not seen them, their labels, and families of languages."""

    scores: Floats
    targets: Targets
    families: Sequence[str]

    def of(self, family: str) -> Judged:
        mine = np.array([one == family for one in self.families], bool)
        return Judged(self.scores[mine], self.targets[mine], [family] * int(mine.sum()))


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Of a family: the temperature that holds there, and what it does on the texts kept apart."""

    own: bool
    temperature: float
    set_on: int  # texts
    gain: Score | None  # of one of its own, nats a text by cross-validation; null of too few texts
    apart: int  # texts, which the following is of
    ece_before: float | None  # with the head's temperature
    ece: float | None
    ece_by_chance: float | None  # of as many answers, each right as often as it is sure
    gain_apart: Score  # nats a text


def calibrate(
    kind: Kind, temperature: float, unseen: Judged, apart: Judged
) -> dict[str, Calibration]:
    """By family, beside a head's temperature: set on texts that were not seen, and measured on those kept apart."""
    return {
        family: _family(kind, temperature, unseen.of(family), apart.of(family))
        for family in sorted({*unseen.families, *apart.families})
    }


def own_temperatures(found: Mapping[str, Calibration]) -> dict[str, float]:
    """Of the families that have one."""
    return {family: one.temperature for family, one in found.items() if one.own}


def _family(kind: Kind, temperature: float, unseen: Judged, apart: Judged) -> Calibration:
    gain, now, size = None, temperature, len(unseen.families)
    if size >= LEAST:
        gain = mean(_gains(kind, temperature, unseen, _of_the_others(kind, unseen)))
    own = gain is not None and gain.low is not None and gain.low > 0
    if own:
        now = temperature_of(kind, unseen.scores, unseen.targets)
    before, after = (probabilities_of(kind, apart.scores, at) for at in (temperature, now))
    return Calibration(
        own=own,
        temperature=now,
        set_on=size,
        gain=gain,
        apart=len(apart.families),
        ece_before=ece(kind, before, apart.targets),
        ece=ece(kind, after, apart.targets),
        ece_by_chance=error_by_chance(_sure(kind, after).tolist()),
        gain_apart=mean(_gains(kind, temperature, apart, now)),
    )


def _of_the_others(kind: Kind, one: Judged) -> Floats:
    """For each text, the temperature that was set on the other folds."""
    fold, found = np.arange(len(one.scores)) % FOLDS, np.empty(len(one.scores))
    for k in range(FOLDS):
        found[fold == k] = temperature_of(kind, one.scores[fold != k], one.targets[fold != k])
    return found


def _gains(kind: Kind, before: float, one: Judged, after: float | Floats) -> Floats:
    """By how many nats each text is more likely."""
    old, new = (probabilities_of(kind, one.scores, at) for at in (before, after))
    return losses(kind, old, one.targets) - losses(kind, new, one.targets)


def ece(kind: Kind, probabilities: Floats, targets: Targets) -> float | None:
    """The calibration error; of multi-label answers over all pairs of text and value."""
    if kind == "multi":
        right = ((probabilities > 0.5) == (targets > 0)).ravel()
    else:
        right = probabilities.argmax(axis=1) == targets
    return calibration_error(_sure(kind, probabilities).tolist(), right.tolist())


def _sure(kind: Kind, probabilities: Floats) -> Floats:
    if kind == "multi":
        return np.asarray(np.maximum(probabilities, 1 - probabilities).ravel())
    return np.asarray(probabilities.max(axis=1))
