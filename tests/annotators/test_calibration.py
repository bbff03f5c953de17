"""Families get a temperature of their own where that is surely better, and the error is that of other texts."""

from __future__ import annotations

import numpy as np
import pytest

from annotators.calibration import Judged, calibrate, ece, own_temperatures
from annotators.heads import Floats


def judged(seed: int, sizes: dict[str, tuple[int, float]]) -> Judged:
    """Texts of two values, as likely as a logistic score says; the head says it so many times as loud."""
    rng = np.random.default_rng(seed)
    families = [family for family, (size, _) in sizes.items() for _ in range(size)]
    loud = np.array([times for size, times in sizes.values() for _ in range(size)])
    true = rng.normal(size=len(families)) * 2
    targets = (rng.random(len(families)) < 1 / (1 + np.exp(-true))).astype(np.int64)
    return Judged(both(true * loud), targets, families)


def both(scores: Floats) -> Floats:
    return np.stack([np.zeros(len(scores)), scores], axis=1)


SIZES = {"calm": (400, 1.0), "loud": (400, 3.0), "few": (10, 3.0)}


def test_a_family_that_is_too_sure_gets_a_temperature_and_its_error_falls() -> None:
    found = calibrate("nominal", 1.0, judged(1, SIZES), judged(2, SIZES))
    loud = found["loud"]
    assert loud.own
    assert loud.temperature == pytest.approx(3, rel=0.25)
    assert loud.gain.low > 0
    assert loud.gain_apart.low > 0
    assert loud.ece_before > 0.1
    assert loud.ece < loud.ece_before / 2
    assert (loud.set_on, loud.apart) == (400, 400)
    assert own_temperatures(found) == {"loud": loud.temperature}


def test_a_family_as_sure_as_it_is_right_keeps_the_head_s() -> None:
    calm = calibrate("nominal", 1.0, judged(1, SIZES), judged(2, SIZES))["calm"]
    assert (calm.own, calm.temperature) == (False, 1.0)
    assert calm.gain.low <= 0
    assert calm.ece == calm.ece_before
    assert calm.gain_apart.value == 0


def test_a_family_of_ten_texts_keeps_the_head_s() -> None:
    few = calibrate("nominal", 1.5, judged(1, SIZES), judged(2, SIZES))["few"]
    assert (few.own, few.temperature, few.gain, few.set_on) == (False, 1.5, None, 10)
    assert few.ece == few.ece_before


def test_texts_kept_apart_decide_nothing() -> None:
    unseen = judged(1, SIZES)
    one = calibrate("nominal", 1.0, unseen, judged(2, SIZES))
    other = calibrate("nominal", 1.0, unseen, judged(3, {"loud": (90, 0.2), "new": (4, 1.0)}))
    assert own_temperatures(one) == own_temperatures(other)
    assert one["loud"].ece != other["loud"].ece
    assert (other["calm"].apart, other["calm"].ece) == (0, None)
    assert (other["new"].set_on, other["new"].apart) == (0, 4)


def test_errors_of_each_kind_by_hand() -> None:
    found = np.array([[0.75, 0.25], [0.25, 0.75]])
    # both answers 0.75 sure, one right
    assert ece("nominal", found, np.array([0, 0])) == pytest.approx(0.25)
    # of four pairs, each 0.75 sure, three are right
    assert ece("multi", found, np.array([[1, 0], [1, 1]])) == pytest.approx(0)
