"""Figures by hand and beside scipy's; intervals that hold what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from annotators import evaluation as e
from annotators.evaluation import (
    better,
    better_micro_f1,
    calibration_error,
    confusion,
    error_by_chance,
    mean,
    micro_f1,
    scored,
    share,
)

RNG = np.random.default_rng(8)


def one(measure, matrix) -> float:
    return float(measure(np.array(matrix, float)[None])[0])


def test_confusion_leaves_out_what_has_no_label() -> None:
    matrix = confusion([0, 0, 1, 2, -1, 1], [0, 1, 1, 2, 2, -1], 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_nominal_by_hand() -> None:
    matrix = [[3, 1, 0], [0, 2, 0], [0, 0, 0]]  # the third value is nowhere
    assert one(e.accuracy, matrix) == pytest.approx(5 / 6)
    assert one(e.macro_f1, matrix) == pytest.approx((6 / 7 + 4 / 5) / 2)


def test_kappa_by_hand() -> None:
    # gold 0 0 1 2, found 0 1 1 2: squared differences 0 1 0 0, by chance: rows 2 1 1, columns 1 2 1
    # chance = sum over cells of row * column / 4 * distance**2 = (2*2*1 + 2*1*4 + 1*1*1 + 1*1*1 + 1*1*4 + 1*2*1) / 4
    matrix = confusion([0, 0, 1, 2], [0, 1, 1, 2], 3)
    assert one(e.kappa, matrix) == pytest.approx(1 - 1 / (20 / 4))


def test_spearman_is_scipys() -> None:
    gold, found = RNG.integers(0, 5, 300), RNG.integers(0, 5, 300)
    found = np.where(RNG.random(300) < 0.6, gold, found)
    matrix = confusion(gold, found, 5)
    assert one(e.spearman, matrix) == pytest.approx(spearmanr(gold, found).statistic)


def test_one_value_only_is_no_figure() -> None:
    matrix = confusion([1, 1, 1], [1, 1, 1], 3)
    assert scored(matrix, e.kappa).value is None
    assert scored(matrix, e.accuracy).value == 1
    assert scored(confusion([1], [1], 3), e.accuracy) == e.Score(
        value=None, low=None, high=None, texts=1
    )


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        right = rng.random(100) < 0.7
        score = scored(confusion(np.ones(100, int), right.astype(int), 2), e.accuracy, seed)
        assert score.value == pytest.approx(right.mean())
        held += score.low <= 0.7 <= score.high
    assert 178 <= held <= 198  # 0.95 of 200, as near as 3 standard errors


def test_micro_f1_by_hand() -> None:
    gold = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], bool)
    found = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]], bool)
    score = micro_f1(gold, found)
    assert score.value == pytest.approx(2 * 2 / (3 + 3))
    assert score.low <= score.value <= score.high


def test_multi_label_answers_are_compared_over_texts_not_over_values() -> None:
    gold = RNG.random((100, 1)) < 0.5
    one = np.where(RNG.random((100, 1)) < 0.85, gold, ~gold)
    other = np.where(RNG.random((100, 1)) < 0.8, gold, ~gold)
    once = better_micro_f1(gold, one, other)
    assert once.value == pytest.approx(micro_f1(gold, one).value - micro_f1(gold, other).value)
    often = better_micro_f1(*(np.repeat(side, 12, axis=1) for side in (gold, one, other)))
    assert often == once  # nothing more is known
    same = better_micro_f1(gold, one, one)
    assert (same.value, same.low, same.high, same.texts) == (0, 0, 0, 100)
    nothing = np.zeros((3, 2), bool)
    assert better_micro_f1(nothing, nothing, nothing).value == 0


def test_calibration_error_by_hand() -> None:
    # 0.95 0.95 right, wrong: gap 0.45 on half; 0.55 0.55 right, wrong: gap 0.05 on half
    sure, right = [0.95, 0.95, 0.55, 0.55], [True, False, True, False]
    assert calibration_error(sure, right) == pytest.approx(0.45 / 2 + 0.05 / 2)
    assert calibration_error([], []) is None
    assert calibration_error([1.0], [True]) == 0


def test_error_by_chance_is_what_sure_answers_have() -> None:
    sure = RNG.uniform(0.2, 1, 60)
    drawn = [calibration_error(sure, RNG.random(60) < sure) for _ in range(500)]
    assert error_by_chance(sure) == pytest.approx(np.mean(drawn), rel=0.1)
    assert error_by_chance([0.5] * 4) == pytest.approx(np.sqrt(2 / np.pi) * 1 / 4)
    assert error_by_chance([1.0] * 4) == 0
    assert error_by_chance([]) is None


def test_a_share_has_an_interval_at_its_ends_too() -> None:
    none, half, every = share(0, 10), share(5, 10), share(10, 10)
    assert (none.value, none.low, none.high) == (0, 0, pytest.approx(0.278, abs=1e-3))
    assert (half.low, half.high) == (
        pytest.approx(0.237, abs=1e-3),
        pytest.approx(0.763, abs=1e-3),
    )
    assert (every.value, every.low, every.high) == (1, pytest.approx(0.722, abs=1e-3), 1)
    assert share(1, 1).low < 0.25
    assert share(0, 0).value is None


def test_a_mean_has_the_interval_of_its_standard_error() -> None:
    values = RNG.normal(size=400) + 3
    found = mean(values)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(4 * values.std() / 20, rel=0.1)
    assert mean(values[:1]).value is None


def test_better_is_paired() -> None:
    gold = RNG.integers(0, 3, 400)
    good = np.where(RNG.random(400) < 0.8, gold, 0)
    worse = np.where(RNG.random(400) < 0.25, (good + 1) % 3, good)
    score = better(gold, good, worse, 3, e.accuracy)
    assert score.value == pytest.approx((good == gold).mean() - (worse == gold).mean())
    assert 0 < score.low < score.value < score.high
    same = better(gold, good, good, 3, e.macro_f1)
    assert (same.low, same.high) == (0, 0)
