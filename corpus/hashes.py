"""64-bit hashes of words, and of the sequences that they form.

`word_hashes` can fold case code point by code point (`corpus.characters.lower_table`), so that
`The` and `the` are one word; `n_gram_hashes` hashes every run of n words inside each document.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from corpus.characters import lower_table
from corpus.compiled import compiled
from corpus.segment import Words
from corpus.texts import Bytes, Offsets

Hashes = npt.NDArray[np.uint64]


def word_hashes(data: Bytes, offsets: Offsets, words: Words, *, fold: bool) -> Hashes:
    """The hash of each token, in lower case if `fold`; `words` are those of the texts in `data`."""
    lower = lower_table() if fold else _same_table()
    return _word_hashes(data, offsets, words.offsets, words.starts, words.ends, lower)


def n_gram_hashes(hashes: Hashes, offsets: Offsets, n: int) -> tuple[Hashes, Offsets]:
    """`(hashes, offsets)` of each document's n-grams; a document of 1 to n - 1 words is one
    n-gram.
    """
    return _n_grams(hashes, offsets, n)


@cache
def _same_table() -> npt.NDArray[np.uint32]:
    return np.arange(0x110000, dtype=np.uint32)


@compiled
def _mix(h: np.uint64) -> np.uint64:
    """The finaliser of splitmix64."""
    h ^= h >> np.uint64(30)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(27)
    h *= np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@compiled
def _word_hashes(
    data: Bytes,
    offsets: Offsets,
    word_offsets: Offsets,
    starts: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int32],
    lower: npt.NDArray[np.uint32],
) -> Hashes:
    out = np.empty(len(starts), np.uint64)
    for document in range(len(word_offsets) - 1):
        base = offsets[document]
        for w in range(word_offsets[document], word_offsets[document + 1]):
            h = np.uint64(0xCBF29CE484222325)
            i, end = base + starts[w], base + ends[w]
            while i < end:
                byte = data[i]
                if byte < 0x80:
                    point = np.uint32(byte)
                    i += 1
                else:
                    length = 2 if byte < 0xE0 else (3 if byte < 0xF0 else 4)
                    point = np.uint32(byte & (0x7F >> length))
                    for j in range(i + 1, min(i + length, end)):
                        point = (point << np.uint32(6)) | np.uint32(data[j] & 0x3F)
                    i += length
                folded = np.uint64(lower[min(point, np.uint32(0x10FFFF))])
                h = (h ^ folded) * np.uint64(0x100000001B3)
            out[w] = _mix(h)
    return out


@compiled
def _n_grams(hashes: Hashes, offsets: Offsets, n: int) -> tuple[Hashes, Offsets]:
    documents = len(offsets) - 1
    out_offsets = np.zeros(documents + 1, np.int64)
    for d in range(documents):
        count = offsets[d + 1] - offsets[d]
        out_offsets[d + 1] = out_offsets[d] + (max(count - n + 1, 1) if count else 0)
    out = np.empty(out_offsets[documents], np.uint64)
    for d in range(documents):
        size = min(n, offsets[d + 1] - offsets[d])
        for k in range(out_offsets[d + 1] - out_offsets[d]):
            h = np.uint64(size)
            for j in range(size):
                word = hashes[offsets[d] + k + j]
                h = _mix(h * np.uint64(0x9E3779B97F4A7C15) + word)
            out[out_offsets[d] + k] = h
    return out, out_offsets
