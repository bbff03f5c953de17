"""MinHash signature and LSH bands of each document, for the search for near-duplicates.

| column | type | meaning |
|---|---|---|
| `signature` | fixed_size_list<uint32>[bands * rows] | minima of the hash functions |
| `bands` | list<uint64>[bands] | hash of each band's rows; one equal band makes a candidate |
| `n_shingles` | int32 | distinct shingles |

Shingles are the runs of `ngram` words (tokens with a letter or number, in lower case, from
`corpus.segment`, so that they are words in every script). A document of fewer words is one shingle
as a whole; one without any word counts its punctuation marks as words. `signature` and `bands` are
null, and `n_shingles` is 0, only for a text of nothing but white space.

Two documents of Jaccard similarity s agree in a row with probability s, and meet in some band with
1 - (1 - s^rows)^bands. Broder 1997, "On the resemblance and containment of documents"; the
parameters (14 bands of 8 rows, 5-grams) are FineWeb's, arXiv 2406.17557. Hash functions are
multiply-shift (Dietzfelbinger 1996) over mixed 64-bit shingle hashes: h(x) = (a x + b) >> 32 with
odd a.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from annotators.annotator import Step, sidecar, sidecar_schema
from corpus.compiled import compiled
from corpus.hashes import Hashes, n_gram_hashes, word_hashes
from corpus.segment import WORD, Words, words
from corpus.texts import Bytes, Offsets, text_bytes

VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Config:
    """Words per shingle, the shape of the LSH, and the seed of the hash functions."""

    ngram: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("ngram", "bands", "rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed is {self.seed}; it must be from 0 to 2**63 - 1")


def schema(config: Config) -> pa.Schema:
    return sidecar_schema(
        pa.field("signature", pa.list_(pa.uint32(), config.bands * config.rows)),
        pa.field("bands", pa.list_(pa.uint64())),
        pa.field("n_shingles", pa.int32(), nullable=False),
    )


def step(config: Config) -> Step:
    factors, terms = hash_functions(config)

    def annotate(documents: pa.Table) -> pa.Table:
        data, offsets = text_bytes(documents)
        shingles, shingle_offsets = shingle_hashes(data, offsets, words(documents), config.ngram)
        signatures, counts = _signatures(shingles, shingle_offsets, factors, terms)
        bands = _bands(signatures, config.bands, config.rows)
        columns = {
            "signature": _fixed_lists(signatures, counts == 0),
            "bands": _lists(bands, counts == 0),
            "n_shingles": counts,
        }
        return sidecar(documents, schema(config), columns)

    return annotate


def hash_functions(config: Config) -> tuple[Hashes, Hashes]:
    """The odd factors and the terms of the `bands * rows` hash functions."""
    draw = np.random.Generator(np.random.PCG64(config.seed))
    size = config.bands * config.rows
    factors = draw.integers(0, 1 << 63, size, np.uint64) * np.uint64(2) + np.uint64(1)
    return factors, draw.integers(0, (1 << 64) - 1, size, np.uint64, endpoint=True)


def shingle_hashes(
    data: Bytes, offsets: Offsets, found: Words, ngram: int
) -> tuple[Hashes, Offsets]:
    """`(hashes, offsets)` of each document's shingles, repeats included."""
    hashes = word_hashes(data, offsets, found, fold=True)
    keep = (found.kinds & WORD) != 0
    counts = np.add.reduceat(np.append(keep, False), found.offsets[:-1]) if len(keep) else None
    lengths = np.diff(found.offsets)
    if counts is not None:
        counts = np.where(lengths == 0, 0, counts)
        keep |= np.repeat(counts == 0, lengths)
        lengths = np.where(counts == 0, lengths, counts)
    return n_gram_hashes(hashes[keep], np.concatenate([[0], lengths]).cumsum(), ngram)


@compiled
def _signatures(
    shingles: Hashes, offsets: Offsets, factors: Hashes, terms: Hashes
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32]]:
    """`(signatures, distinct shingles)` of each document."""
    documents, size = len(offsets) - 1, len(factors)
    signatures = np.full((documents, size), 0xFFFFFFFF, np.uint32)
    counts = np.zeros(documents, np.int32)
    for d in range(documents):
        ordered = np.sort(shingles[offsets[d] : offsets[d + 1]])
        signature = signatures[d]
        for k in range(len(ordered)):
            if k and ordered[k] == ordered[k - 1]:
                continue
            counts[d] += 1
            x = ordered[k]
            for j in range(size):
                value = np.uint32((x * factors[j] + terms[j]) >> np.uint64(32))
                signature[j] = min(signature[j], value)
    return signatures, counts


@compiled
def _bands(signatures: npt.NDArray[np.uint32], bands: int, rows: int) -> Hashes:
    """The hash of each band's rows; the band's number is part of it, so bands never meet each
    other.
    """
    out = np.empty((len(signatures), bands), np.uint64)
    for d in range(len(signatures)):
        for band in range(bands):
            h = np.uint64(0x9E3779B97F4A7C15) * np.uint64(band + 1)
            for row in range(rows):
                h = (h ^ np.uint64(signatures[d, band * rows + row])) * np.uint64(
                    0xBF58476D1CE4E5B9
                )
                h ^= h >> np.uint64(29)
            out[d, band] = h
    return out


def _fixed_lists(values: npt.NDArray[np.uint32], null: npt.NDArray[np.bool_]) -> pa.Array:
    size = values.shape[1]
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), size, mask=pa.array(null))


def _lists(values: Hashes, null: npt.NDArray[np.bool_]) -> pa.Array:
    keep = ~null
    offsets = np.concatenate([[0], np.where(keep, values.shape[1], 0).cumsum()]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(values[keep].ravel()), mask=pa.array(null)
    )
