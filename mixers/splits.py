"""The persistent split by groups: no duplicate, no parent and no neighbour in a repository straddles it.

A group is a connected component over links between documents: its duplicate cluster, its parents, its repository.
Where a group goes is a hash of its key; where any member already went decides first:

| the group holds | new and train members | validation (or target) members |
|---|---|---|
| a document that is in validation or targets | `held_out` | stay |
| a document that is in train | `train` | - |
| only new documents | `validation` with probability `validation`, `targets` with `targets`, else `train` | |

Columns of the sidecar: `id`, `split` (string), `group` (uint64, the key).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from corpus.document import ID
from corpus.randomness import hash64, uniform

VERSION = 1
TRAIN, VALIDATION, TARGETS, HELD_OUT = "train", "validation", "targets", "held_out"
NEVER_TRAIN = [VALIDATION, TARGETS]
SCHEMA = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("group", pa.uint64(), nullable=False),
    ]
)


def link(kind: str, name: str | bytes) -> int:
    """The virtual vertex (a negative int64) that all documents with this cluster, parent or repository share."""
    text = name.hex() if isinstance(name, bytes) else name
    return -1 - (hash64("link", kind, text) >> 1)


def assign(documents: pl.DataFrame, seed: int, validation: float, targets: float) -> pl.DataFrame:
    """The split of each document.

    `documents`: group (uint64), previous (string, null for a new document), kept_out and trained (bool: whether any
    member of the group was in validation or targets, or in train, before). Returns `documents` with `split`.
    """
    draw = uniform(documents["group"].to_numpy().reshape(-1, 1), seed, "split")
    drawn = np.where(
        draw < validation, VALIDATION, np.where(draw < validation + targets, TARGETS, TRAIN)
    )
    return (
        documents.with_columns(drawn=pl.Series(drawn, dtype=pl.String))
        .with_columns(
            split=pl.when(pl.col("previous").is_in(NEVER_TRAIN))
            .then("previous")
            .when("kept_out")
            .then(pl.lit(HELD_OUT))
            .when(pl.col("previous") == HELD_OUT)
            .then(pl.lit(HELD_OUT))
            .when("trained")
            .then(pl.lit(TRAIN))
            .otherwise("drawn")
        )
        .drop("drawn")
    )


def own_group(id_words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The group key of documents that are linked with nothing: the first word of the id."""
    return id_words[:, 0]
