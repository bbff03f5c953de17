"""Numbers learnt from labels, beside those that the vectors have.

The shipped vectors hold across languages, and from a few labels nothing better is learnt. Many labels can say of every
word and n-gram what it speaks for. So for each dimension a head is fitted to the bags themselves: a text is what
`Vectors` adds up of it, each word and n-gram counted by how rare it is (the logarithm of the inverse share of texts
that have it), divided by the length of the vectors' sum as that is. A head's weights, times that rarity, are more
numbers of each vector, a column for each row of weights. The file, the reader and the one pass over the text stay what
they are; the columns are so small that a text's length stays, too.

`annotators.training` fits the heads that are used on the columns that learnt from all texts, and judges heads on
columns that learnt without the fold: a head learns from what columns say of the very texts that they were fitted on,
and is judged on others, as it is when used.

On one core 83,000 sentences and 7 topics take 70 seconds, and the folds about as much each; the time grows with the
distinct words and n-grams of the texts, and with the values. N-grams that share a bucket of the vectors learn in
`BUCKETS` times as many: that was worth 0.015 of the columns' own macro-F1 (SIB-200, a fifth of the train rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, vstack

from annotators.fitting import Targets, fit
from annotators.taxonomy import Dimension
from annotators.vectors import Vectors, quantised, stored
from corpus.texts import batches, text_bytes

BAG = 30.0  # length of a bag, in the mean: with one of 1 the biases come first, and 30 iterations are too few
PENALTY = 90.0  # this and ITERATIONS: by SIB-200's train rows, a fifth of the sentences kept apart (2026-11-28)
ITERATIONS = 30
BUCKETS = 4  # for each that the vectors have
LEAST = 2  # texts
LENGTH = 0.01  # of the columns' part of a text's vector, in the mean
_BATCH = 1 << 22

Floats = npt.NDArray[np.float64]


class Bags(NamedTuple):
    """Texts as counts (texts, words and buckets), divided by the length of their sum."""

    base: Vectors
    counts: csr_array

    def where(self, kept: npt.NDArray[np.bool_]) -> Bags:
        return Bags(self.base, self.counts[kept])


class Labels(NamedTuple):
    """Of one dimension: which texts have one, and what it is; the weight of each text."""

    dimension: Dimension
    has: npt.NDArray[np.bool_]
    targets: Targets
    weights: Floats

    def where(self, kept: npt.NDArray[np.bool_]) -> Labels:
        return Labels(self.dimension, self.has[kept], self.targets[kept], self.weights[kept])


def read(base: Vectors, texts: Sequence[str]) -> Bags:
    """Texts as the vectors read them, in more buckets."""
    base = spread(base)
    data, offsets = text_bytes(pa.table({"text": pa.array(texts, pa.large_string())}))
    size = len(base.words) + len(base.grams)
    found = [csr_array((0, size), dtype=np.float32)]
    for lo, hi in batches(offsets, _BATCH):
        part = offsets[lo : hi + 1]
        numbers, ends = base.bags(data, part)
        length = np.linalg.norm(base.summed(data, part), axis=1)
        share = np.repeat(1 / np.maximum(length, 1e-9), np.diff(ends)).astype(np.float32)
        counts = csr_array((share, numbers.astype(np.int32), ends), shape=(hi - lo, size))
        counts.sum_duplicates()
        found.append(counts)
    return Bags(base, vstack(found, format="csr"))


def spread(base: Vectors) -> Vectors:
    """The same vectors in more buckets: n-grams that fall together have the same numbers as before, and learn apart."""
    grams = np.tile(base.grams, (BUCKETS, 1))
    return stored(base.words, base.rows, grams, base.scales, base.sizes)


def tuned(bags: Bags, labels: Sequence[Labels]) -> Vectors:
    """The vectors with more numbers: those that were learnt from the labels."""
    columns = np.hstack([_columns(bags, one) for one in labels])
    length = np.linalg.norm(bags.counts @ columns, axis=1).mean()
    columns = columns * (LENGTH / max(length, 1e-9))
    base, words = bags.base, len(bags.base.words)
    given = base.rows * base.scales, base.grams * base.scales
    return quantised(
        base.words,
        np.hstack([given[0], columns[:words]]),
        np.hstack([given[1], columns[words:]]),
        base.sizes,
    )


def _columns(bags: Bags, labels: Labels) -> Floats:
    """(words and buckets, rows of the head): what each adds to the scores."""
    dimension, has = labels.dimension, labels.has
    counts = bags.counts[has]
    texts = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log(len(counts.indptr) / np.maximum(texts, 1))
    rarity[texts < LEAST] = 0
    kept = np.flatnonzero(rarity)
    x = (counts[:, kept]).multiply(rarity[kept]).tocsr()
    x *= BAG / np.sqrt(max(x.multiply(x).sum() / x.shape[0], 1e-9))
    head = fit(
        dimension.kind,
        x,
        labels.targets[has],
        len(dimension.values),
        PENALTY,
        labels.weights[has],
        ITERATIONS,
    )
    columns = np.zeros((counts.shape[1], len(head.weights)))
    columns[kept] = (head.weights * rarity[kept]).T
    return columns
