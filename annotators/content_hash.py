"""Two hashes of the text, so that equal documents meet in a join.

| column | type | meaning |
|---|---|---|
| `content_hash` | binary[16] | BLAKE2b-128 of the exact UTF-8 bytes |
| `folded_hash` | binary[16] | of the text in lower case, no punctuation, single spaces |

Folding keeps letters, marks, numbers and symbols (a program and its negation differ); a text of
nothing but punctuation and white space folds to "", and has the hash of "". Never null.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from annotators.annotator import Step, sidecar, sidecar_schema

VERSION = 1
BYTES = 16
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
    texts = pa.chunked_array(documents.column("text").chunks, documents.column("text").type)
    columns = {
        "content_hash": _hashes(texts.cast(pa.large_binary())),
        "folded_hash": _hashes(folded(texts).cast(pa.large_binary())),
    }
    return sidecar(documents, SCHEMA, columns)


def folded(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lower case, punctuation dropped, every run of white space one space, none at the ends."""
    series = pl.Series("text", pl.from_arrow(texts), dtype=pl.String)
    plain = (
        series.str.to_lowercase()
        .str.replace_all(r"\p{P}+", "")
        .str.replace_all(r"[\s\x1c-\x1f]+", " ")
        .str.strip_chars(" ")
    )
    return pa.chunked_array([plain.to_arrow()]).cast(pa.large_string())


def _hashes(values: pa.ChunkedArray) -> pa.Array:
    digests = (
        hashlib.blake2b(memoryview(value.as_buffer()), digest_size=BYTES).digest()
        for chunk in values.chunks
        for value in chunk
    )
    return pa.array(digests, pa.binary(BYTES))
