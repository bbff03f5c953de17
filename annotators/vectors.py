"""Vectors of words and of n-grams of characters, from which the first tier of the student reads a text.

What is read of a text is the mean of the vectors of its words and of their n-grams, at length 1, after small letters
and without ASCII's punctuation, of windows spread evenly over it. The vectors are bytes, with a scale per column. How
they were trained so that translations lie near each other stands in `annotators.models.student.vectors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from annotators import language
from annotators.fasttext_model import Network, bags, network, sums
from corpus.compiled import compiled
from corpus.texts import Bytes, Offsets, string_bytes, text_bytes

WINDOWS = language.Config(windows=8, window_bytes=512)

Floats = npt.NDArray[np.floating]


class Vectors(NamedTuple):
    """The vectors, and the network that looks them up."""

    words: Sequence[bytes]
    rows: npt.NDArray[np.int8]
    grams: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    sizes: tuple[int, int]  # characters of the shortest and the longest n-grams
    network: Network

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return int(self.grams.shape[1])

    def read(self, data: Bytes, offsets: Offsets) -> Floats:
        """(texts, size), each row of length 1, or 0 where nothing is known."""
        whole = self.summed(data, offsets)
        length = np.linalg.norm(whole, axis=1, keepdims=True)
        return np.asarray(whole / np.maximum(length, 1e-9))

    def summed(self, data: Bytes, offsets: Offsets) -> Floats:
        """(texts, size): what is added up of each text."""
        text, ends, owner = language.windows(data, offsets, WINDOWS)
        whole = np.zeros((len(offsets) - 1, self.size), np.float32)
        np.add.at(whole, owner, sums(self.network, *_small(text, ends)))
        return whole

    def bags(self, data: Bytes, offsets: Offsets) -> tuple[Offsets, Offsets]:
        """Whose vectors these are, the words' numbers before those of n-grams; with where those of each text end."""
        text, ends, owner = language.windows(data, offsets, WINDOWS)
        found, stops = bags(self.network, *_small(text, ends))
        return found, stops[np.searchsorted(owner, np.arange(len(offsets)))]


def stored(
    words: Sequence[bytes],
    rows: npt.NDArray[np.int8],
    grams: npt.NDArray[np.int8],
    scales: npt.NDArray[np.float32],
    sizes: tuple[int, int],
) -> Vectors:
    """Vectors that are bytes already."""
    looked_up = network(words, rows * scales, grams * scales, *sizes)
    return Vectors(words, rows, grams, scales, sizes, looked_up)


def quantised(
    words: Sequence[bytes], rows: Floats, grams: Floats, sizes: tuple[int, int]
) -> Vectors:
    """Vectors as bytes, to half a step of each column's scale."""
    scales = np.maximum(np.abs(rows).max(axis=0), np.abs(grams).max(axis=0)) / 127
    scales = scales.astype(np.float32)
    kept = [np.round(array / scales).astype(np.int8) for array in (rows, grams)]
    return stored(words, kept[0], kept[1], scales, sizes)


def folded(texts: Sequence[str]) -> tuple[Bytes, Offsets]:
    """Texts as their words are looked up: small letters, and spaces for ASCII's punctuation."""
    return _small(*text_bytes(pa.table({"text": pa.array(texts, pa.large_string())})))


def _small(text: Bytes, ends: Offsets) -> tuple[Bytes, Offsets]:
    column = pa.LargeStringArray.from_buffers(
        len(ends) - 1, pa.py_buffer(np.ascontiguousarray(ends)), pa.py_buffer(text)
    )
    small = pl.from_arrow(column).str.to_lowercase().to_arrow()  # type: ignore[union-attr]
    data, offsets = string_bytes(pa.chunked_array([small]))
    plain = data[offsets[0] : offsets[-1]].copy()
    _without_punctuation(plain)
    return plain, offsets - offsets[0]


@compiled
def _without_punctuation(data: Bytes) -> None:
    for i in range(len(data)):
        byte = data[i]
        if byte < 0x80 and not (97 <= byte <= 122 or 48 <= byte <= 57):
            data[i] = 0x20
