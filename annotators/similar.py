"""Which of similar languages a text is in, where a classifier of hundreds leaves them in doubt.

A classifier of all languages hears subjects along with the language, which drowns what tells Bosnian
from Croatian, or Hindi from Awadhi. So each set of similar languages has a naive Bayes of its own over n-grams of
characters, from the same sentences translated into all of the set: what differs there is the language alone. Its
log-likelihoods, by `WEIGHT`, are added to the classifier's log-probabilities; what the set has in all stays as it is.
Of the languages that are hardly written beside the others of their set (`RARE`) a text is less likely beforehand: else
the few Hindi sentences that are taken for Awadhi may be most of what is called Awadhi.

The file (`annotators.models.language.similar` makes it) has for each set its labels and a table of int8, a row per
hashed n-gram and a column per label, in steps of `STEP`.

Discriminating between similar languages: Zampieri et al., "A Report on the DSL Shared Task 2014".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from annotators.fasttext_model import Floats, Network, network, sums
from annotators.heads import softmax
from corpus.texts import Bytes, Offsets

SHORTEST, LONGEST = 1, 5  # characters of an n-gram; words have "<" before and ">" after
STEP = 0.15  # of a log-likelihood
WEIGHT = 0.1  # n-grams of a text are far from independent; annotators/models/language/README.md
RARE = frozenset(("awa_Deva", "bho_Deva", "hne_Deva", "lim_Latn", "mag_Deva", "mai_Deva"))
ODDS = 0.1  # of a rare language beside another, before a text is seen
LEAST = 0.01  # of a window's probability: a set with less is left as it is


class Similar:
    """The sets of a file, of which all members are among `labels`."""

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        with np.load(path) as file:
            found = [
                (name.split("/")[1], file[name]) for name in file.files if name.startswith("labels")
            ]
            self._sets = [
                (
                    np.array([labels.index(str(label)) for label in members]),
                    np.log([ODDS if label in RARE else 1 for label in members]),
                    table(file[f"weights/{name}"] * STEP),
                )
                for name, members in found
            ]

    def settle(self, probabilities: Floats, text: Bytes, ends: Offsets) -> None:
        """Share out anew, in place, what each set has of each window: (windows, labels)."""
        for places, prior, net in self._sets:
            rows = np.flatnonzero(probabilities[:, places].sum(axis=1) >= LEAST)
            if not len(rows):
                continue
            own = probabilities[np.ix_(rows, places)]
            with np.errstate(divide="ignore"):  # what its script rules out stays out
                scores = np.log(own) + prior + WEIGHT * sums(net, *_windows(text, ends, rows))
            probabilities[np.ix_(rows, places)] = softmax(scores) * own.sum(axis=1, keepdims=True)


def table(weights: Floats) -> Network:
    """N-grams by hash to a row of `weights`: (buckets, labels)."""
    weights = np.ascontiguousarray(weights, np.float32)
    return network((), np.zeros((0, weights.shape[1]), np.float32), weights, SHORTEST, LONGEST)


def _windows(text: Bytes, ends: Offsets, rows: npt.NDArray[np.int64]) -> tuple[Bytes, Offsets]:
    """Some of the windows, side by side."""
    sizes = np.diff(ends)
    chosen = np.zeros(len(sizes), bool)
    chosen[rows] = True
    return text[: ends[-1]][np.repeat(chosen, sizes)], np.r_[0, np.cumsum(sizes[rows])]
