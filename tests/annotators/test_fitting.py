"""Heads find what made the data, their gradients are right, and their probabilities are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from annotators import fitting
from annotators.fitting import fit, negative_log_likelihood, temperature_of
from annotators.heads import Head, probabilities_of

RNG = np.random.default_rng(4)
X = RNG.normal(size=(4000, 5))
W = np.array([1.5, -1.0, 0.0, 0.5, 0.0])


def noise(*size: int) -> np.ndarray:
    return RNG.logistic(size=size)


@pytest.mark.parametrize("kind", ["nominal", "ordinal", "multi"])
def test_gradients(kind: str) -> None:
    x, values, rows = X[:50], 4, 1 if kind == "ordinal" else 4
    y = RNG.integers(0, 2, (50, 4)) if kind == "multi" else RNG.integers(0, 4, 50)
    size = rows * 5 + (3 if kind == "ordinal" else values)
    args = (x, y, rows, 0.3, RNG.uniform(0.5, 2, 50))
    loss = fitting._LOSSES[kind]
    at = RNG.normal(size=size) * 0.3
    error = check_grad(lambda f: loss(f, *args)[0], lambda f: loss(f, *args)[1], at)
    assert error < 1e-3


def test_an_ordinal_head_finds_weights_and_thresholds() -> None:
    y = np.digitize(X @ W + noise(4000), [-1.0, 0.5, 2.0])
    head = fit("ordinal", X, y, 4, penalty=1e-3)
    assert head.weights[0] == pytest.approx(W, abs=0.15)
    assert head.biases == pytest.approx([-1.0, 0.5, 2.0], abs=0.15)
    found = head.probabilities(X)
    assert found.sum(axis=1) == pytest.approx(1)
    assert found.mean(axis=0) == pytest.approx(np.bincount(y) / 4000, abs=0.02)


def test_thresholds_rise_though_a_level_has_no_text() -> None:
    y = np.where(X[:, 0] > 0, 3, 0)
    head = fit("ordinal", X, y, 4, penalty=1.0)
    assert (np.diff(head.biases) > 0).all()
    assert (head.probabilities(X) >= 0).all()


def test_a_nominal_head_finds_the_values() -> None:
    true = RNG.normal(size=(3, 5)) * 2
    y = (X @ true.T + RNG.gumbel(size=(4000, 3))).argmax(axis=1)
    head = fit("nominal", X, y, 3, penalty=1e-3)
    centred = head.weights - head.weights.mean(axis=0)
    assert centred == pytest.approx(true - true.mean(axis=0), abs=0.25)


def test_a_multi_label_head_has_one_logistic_each() -> None:
    y = np.stack([X @ W + noise(4000) > 0, X @ -W + noise(4000) > 2], axis=1).astype(int)
    head = fit("multi", X, y, 2, penalty=1e-3)
    assert head.weights[0] == pytest.approx(W, abs=0.2)
    assert head.weights[1] == pytest.approx(-W, abs=0.25)
    assert head.biases == pytest.approx([0, -2], abs=0.2)


def test_weights_of_texts_are_as_repeating_them() -> None:
    y = (X[:, 0] + noise(4000) > 0).astype(int)
    twice = np.concatenate([X, X[:1000]]), np.concatenate([y, y[:1000]])
    sure = np.where(np.arange(4000) < 1000, 2.0, 1.0)
    one = fit("nominal", X, y, 2, 1.0, sure)
    two = fit("nominal", *twice, 2, 1.0)
    assert one.weights == pytest.approx(two.weights, abs=1e-3)


def test_a_temperature_undoes_what_makes_a_head_too_sure() -> None:
    y = np.digitize(X @ W + noise(4000), [0.0])
    head = fit("nominal", X, y, 2, penalty=1e-3)
    sure = Head(kind="nominal", weights=head.weights * 3, biases=head.biases * 3)
    scores = sure.scores(X)
    found = temperature_of("nominal", scores, y)
    assert found == pytest.approx(3, rel=0.05)
    mended, before = (
        negative_log_likelihood("nominal", probabilities_of("nominal", scores, at), y)
        for at in (found, 1.0)
    )
    assert mended < before


def test_ordinal_probabilities_by_hand() -> None:
    head = Head(kind="ordinal", weights=np.array([[1.0]]), biases=np.array([0.0, np.log(3)]))
    # score 0: above the first threshold 1/2, above the second 1 / (1 + 3)
    assert head.probabilities(np.zeros((1, 1)))[0] == pytest.approx([0.5, 0.25, 0.25])
