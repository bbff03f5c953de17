"""Linear heads over one vector of features: one per dimension of the taxonomy.

| kind | head | probabilities |
|---|---|---|
| nominal | a row of weights per value | softmax |
| ordinal | one row of weights, and rising thresholds between the levels | of falling between two thresholds |
| multi | a row of weights per value | one logistic each |

A temperature divides the scores; above 1 it makes a head less sure (Guo et al., arXiv 1706.04599). A head has one, and
others may be given for each text.
`annotators.fitting` finds a head's weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from annotators.taxonomy import Kind

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Head:
    """Weights (rows, features) and biases: (rows,), of an ordinal head the thresholds (values - 1,)."""

    kind: Kind
    weights: Floats
    biases: Floats
    temperature: float = 1.0

    def probabilities(
        self, features: npt.NDArray[np.floating], temperatures: Floats | None = None
    ) -> Floats:
        """(texts, values), at a temperature for each text, by default the head's own."""
        at = self.temperature if temperatures is None else temperatures
        return probabilities_of(self.kind, self.scores(features), at)

    def scores(self, features: npt.NDArray[np.floating]) -> Floats:
        """(texts, biases), from which probabilities are made."""
        # not `@`, which rounds by where a text stands among others
        found = np.einsum("tf,vf->tv", features, self.weights)
        if self.kind == "ordinal":  # of being above each threshold
            return np.asarray(found - self.biases)
        return np.asarray(found + self.biases)


# ---------------------------------------------------------------- probabilities


def probabilities_of(kind: Kind, scores: Floats, temperatures: float | Floats) -> Floats:
    """(texts, values) from a head's scores, at one temperature or at one for each text."""
    return _PROBABILITIES[kind](scores / np.reshape(temperatures, (-1, 1)))


def _logistic(scores: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -500, 500))))


def softmax(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of each row."""
    found = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _between(above: Floats) -> Floats:
    """Of each level, from the scores of being above each threshold."""
    over = _logistic(above)
    ones, zeros = np.ones((len(over), 1)), np.zeros((len(over), 1))
    return np.asarray(-np.diff(np.hstack([ones, over, zeros]), axis=1))


_PROBABILITIES: dict[Kind, Callable[[Floats], Floats]] = {
    "nominal": softmax,
    "ordinal": _between,
    "multi": _logistic,
}
