"""Find the weights of heads from labels, and the temperature that makes them as sure as they are right.

Nominal heads are multinomial logistic regressions, multi-label ones a logistic regression per value, ordinal ones the
proportional-odds model (McCullagh 1980, J. R. Stat. Soc. B 42). The penalised likelihood is convex for all three, so
L-BFGS finds its one maximum. A head is fitted on few texts: the caller chooses the penalty, and features should be of
about unit variance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.sparse import csr_array
from scipy.special import expit, log_expit, log_softmax

from annotators.heads import Floats, Head, probabilities_of
from annotators.taxonomy import Kind

Targets = npt.NDArray[
    np.int64
]  # nominal, ordinal: (texts,) places; multi: (texts, values) of 0 and 1
ITERATIONS = 300  # at most
_LEAST = 1e-12  # of a probability, before its logarithm


def fit(
    kind: Kind,
    features: npt.NDArray[np.floating] | csr_array,
    targets: Targets,
    values: int,
    penalty: float,
    weights: Floats | None = None,
    iterations: int = ITERATIONS,
) -> Head:
    """The head of `values` values that best explains `targets`; `weights` of the texts, by default 1 each. Features may
    be sparse.
    """
    sure = np.ones(len(targets)) if weights is None else weights
    loss, size = _LOSSES[kind], features.shape[1]
    rows = 1 if kind == "ordinal" else values
    start = np.zeros(rows * size + (values - 1 if kind == "ordinal" else values))
    if kind == "ordinal":
        start[size:] = _thresholds_of(np.linspace(-1, 1, values - 1))
    found = minimize(
        loss,
        start,
        args=(features.astype(np.float64), targets, rows, penalty, sure),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations},
    ).x
    biases = found[rows * size :]
    if kind == "ordinal":
        biases = np.cumsum(np.concatenate([biases[:1], np.exp(biases[1:])]))
    return Head(kind=kind, weights=found[: rows * size].reshape(rows, size), biases=biases)


def temperature_of(kind: Kind, scores: Floats, targets: Targets) -> float:
    """The one that makes these texts the most likely; their scores are of heads that were not fitted on them."""

    def loss(log_temperature: float) -> float:
        found = probabilities_of(kind, scores, float(np.exp(log_temperature)))
        return negative_log_likelihood(kind, found, targets)

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 3), method="bounded").x))


def negative_log_likelihood(kind: Kind, probabilities: Floats, targets: Targets) -> float:
    """Mean over the texts, in nats."""
    return float(losses(kind, probabilities, targets).mean())


def losses(kind: Kind, probabilities: Floats, targets: Targets) -> Floats:
    """The negative log likelihood of each text, in nats."""
    found = np.clip(probabilities, _LEAST, 1 - _LEAST)
    if kind == "multi":
        each = np.where(targets > 0, np.log(found), np.log1p(-found))
        return np.asarray(-each.sum(axis=1))
    return np.asarray(-np.log(found[np.arange(len(found)), targets]))


# ---------------------------------------------------------------- losses: value and gradient


def _nominal(
    flat: Floats, x: Floats, y: Targets, rows: int, penalty: float, sure: Floats
) -> tuple[float, Floats]:
    w, b = flat[: rows * x.shape[1]].reshape(rows, -1), flat[rows * x.shape[1] :]
    logs = log_softmax(x @ w.T + b, axis=1)
    delta = np.exp(logs)
    delta[np.arange(len(y)), y] -= 1
    delta *= sure[:, None]
    value = -(sure * logs[np.arange(len(y)), y]).sum() + penalty / 2 * (w**2).sum()
    return float(value), np.concatenate([(delta.T @ x + penalty * w).ravel(), delta.sum(axis=0)])


def _multi(
    flat: Floats, x: Floats, y: Targets, rows: int, penalty: float, sure: Floats
) -> tuple[float, Floats]:
    w, b = flat[: rows * x.shape[1]].reshape(rows, -1), flat[rows * x.shape[1] :]
    scores = x @ w.T + b
    delta = (expit(scores) - y) * sure[:, None]
    logs = log_expit(np.where(y > 0, scores, -scores)) * sure[:, None]
    value = -logs.sum() + penalty / 2 * (w**2).sum()
    return float(value), np.concatenate([(delta.T @ x + penalty * w).ravel(), delta.sum(axis=0)])


def _thresholds_of(thresholds: Floats) -> Floats:
    """The first, and the logarithms of the steps: whatever these are, the thresholds rise."""
    return np.concatenate([thresholds[:1], np.log(np.diff(thresholds))])


def _ordinal(
    flat: Floats, x: Floats, y: Targets, rows: int, penalty: float, sure: Floats
) -> tuple[float, Floats]:
    size = x.shape[1]
    w, free = flat[:size], flat[size:]
    steps = np.exp(free[1:])
    thresholds = np.cumsum(np.concatenate([free[:1], steps]))
    score = x @ w
    count = len(thresholds)
    upper = np.where(y > 0, expit(score - thresholds[np.maximum(y - 1, 0)]), 1.0)
    lower = np.where(y < count, expit(score - thresholds[np.minimum(y, count - 1)]), 0.0)
    found = np.maximum(upper - lower, _LEAST)
    up, down = upper * (1 - upper) / found * sure, lower * (1 - lower) / found * sure
    value = -(sure * np.log(found)).sum() + penalty / 2 * (w**2).sum()
    of_score = -(up - down)
    of_threshold = np.zeros(count)
    np.add.at(of_threshold, np.maximum(y - 1, 0), np.where(y > 0, up, 0.0))
    np.add.at(of_threshold, np.minimum(y, count - 1), np.where(y < count, -down, 0.0))
    later = np.cumsum(of_threshold[::-1])[::-1]  # a step moves every threshold after it
    return float(value), np.concatenate(
        [x.T @ of_score + penalty * w, later[:1], later[1:] * steps]
    )


_LOSSES = {"nominal": _nominal, "ordinal": _ordinal, "multi": _multi}
