"""Two hashes of the text, so that equal documents meet in a join.

| column | type | meaning |
|---|---|---|
| `content_hash` | binary[16] | BLAKE2b-128 of the exact UTF-8 bytes |
| `folded_hash` | binary[16] | of the text in lower case, no punctuation, single spaces |

Folding keeps letters, marks, numbers and symbols (a program and its negation differ); a text of
nothing but punctuation and white space folds to "", and has the hash of "". Case is folded code
point by code point, as in `corpus.hashes`. Never null.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from annotators.annotator import Step, sidecar, sidecar_schema
from corpus import characters as ch
from corpus.compiled import compiled
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 2
BYTES = 16
_F_SPACE, _F_PUNCTUATION = ch.SPACE, ch.PUNCTUATION
SCHEMA = sidecar_schema(
    pa.field("content_hash", pa.binary(BYTES), nullable=False),
    pa.field("folded_hash", pa.binary(BYTES), nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to set."""


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def step(config: Config) -> Step:
    return annotate


def annotate(documents: pa.Table) -> pa.Table:
    """The sidecar of these documents."""
    data, offsets = text_bytes(documents)
    pieces = [folded(data, offsets[lo : hi + 1]) for lo, hi in batches(offsets)]
    columns = {
        "content_hash": pa.array(_digests(data, offsets), pa.binary(BYTES)),
        "folded_hash": pa.array(
            [digest for piece in pieces for digest in _digests(*piece)], pa.binary(BYTES)
        ),
    }
    return sidecar(documents, SCHEMA, columns)


def folded(data: Bytes, offsets: Offsets) -> tuple[Bytes, Offsets]:
    """`(data, offsets)` of the texts in lower case, without punctuation, every run of white space
    one space, none at the ends.
    """
    return _folded(data, offsets, ch.table(), ch.lower_table())


def _digests(data: Bytes, offsets: Offsets) -> list[bytes]:
    return [
        hashlib.blake2b(data[start:end].data, digest_size=BYTES).digest()
        for start, end in itertools.pairwise(offsets.tolist())
    ]


@compiled
def _folded(
    data: Bytes, offsets: Offsets, flags: ch.Flags, lower: ch.Flags
) -> tuple[Bytes, Offsets]:
    out = np.empty(2 * (offsets[-1] - offsets[0]), np.uint8)  # lower case may need a byte more
    bounds = np.zeros(len(offsets), np.int64)
    n = 0
    for d in range(len(offsets) - 1):
        i, end, first, gap = offsets[d], offsets[d + 1], n, False
        while i < end:
            byte = data[i]
            size = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            point = np.uint32(byte if size == 1 else byte & (0x7F >> size))
            for j in range(i + 1, min(i + size, end)):
                point = (point << np.uint32(6)) | np.uint32(data[j] & 0x3F)
            i += size
            flag = flags[point]
            if flag & (_F_SPACE | _F_PUNCTUATION):
                gap = gap or flag & _F_SPACE != 0
                continue
            if gap and n > first:
                out[n] = 0x20
                n += 1
            gap = False
            n = _put(out, n, lower[point])
        bounds[d + 1] = n
    return out[:n].copy(), bounds


@compiled
def _put(out: Bytes, n: int, point: np.uint32) -> int:
    """Write a code point as UTF-8; where it ends."""
    if point < 0x80:
        out[n] = point
        return n + 1
    size = 2 if point < 0x800 else 3 if point < 0x10000 else 4
    for k in range(size - 1, 0, -1):
        out[n + k] = 0x80 | (point & 0x3F)
        point >>= np.uint32(6)
    out[n] = ((0xF00 >> size) & 0xFF) | point
    return n + size
