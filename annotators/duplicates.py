"""Duplicate clusters: pure functions from shared LSH buckets to verified clusters.

`star_edges` turns buckets (equal text, or an equal MinHash band) into candidate edges, `corpus.components` joins them,
`resolve` verifies every member against its canonical document. Columns of the sidecar:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | document |
| `cluster_id` | binary[16] | id of the cluster's canonical document; its own id when it is alone |
| `cluster_size` | int32 | members, 1 when alone |
| `cluster_rank` | int32 | 0 for the canonical document, then in canonical order |
| `similarity` | float32 | estimated Jaccard similarity to the canonical document; 1 for itself and for equal text |

The canonical order is source priority, then length in tokens, then id. A member whose signature estimates less than the
threshold is not believed: the members that fail are clustered among themselves, leader by leader, and stand alone in
the end. Chains, which Lee et al. 2021 (arXiv 2107.06499) follow, therefore do not pull a family into one cluster.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from corpus.document import ID

VERSION = 1
MAX_LEADERS = 1_000  # per component; what is left then stands alone

SCHEMA = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("cluster_id", ID, nullable=False),
        pa.field("cluster_size", pa.int32(), nullable=False),
        pa.field("cluster_rank", pa.int32(), nullable=False),
        pa.field("similarity", pa.float32(), nullable=False),
    ]
)
CANONICAL = ["priority", "n_tokens", "id"]
DESCENDING = [True, True, False]


class Stars(NamedTuple):
    """Candidate edges from one partition of the buckets."""

    edges: pl.DataFrame  # left, right: int64 vertices
    capped: int  # rows that a bucket's cap left out


def star_edges(rows: pl.DataFrame, max_bucket: int) -> Stars:
    """Link every member of a bucket to its first in canonical order.

    `rows`: key (uint64), exact (bool), vertex, priority, n_tokens, id. A bucket of near duplicates takes its first
    `max_bucket` members; a bucket of equal texts takes all.
    """
    ordered = rows.sort(["key", *CANONICAL], descending=[False, *DESCENDING])
    ranked = ordered.with_columns(
        left=pl.col("vertex").first().over("key"), place=pl.int_range(pl.len()).over("key")
    )
    linked = ranked.filter(pl.col("place") > 0)
    kept = linked.filter(pl.col("exact") | (pl.col("place") < max_bucket))
    edges = kept.select("left", right="vertex").unique(maintain_order=True)
    return Stars(edges, linked.height - kept.height)


def resolve(members: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Verified clusters of whole components.

    `members`: component, vertex, priority, n_tokens, id, content_hash (binary), signature (binary of uint32).
    Returns vertex, cluster_id, cluster_size, cluster_rank, similarity, one row per member.
    """
    ordered = members.sort(["component", *CANONICAL], descending=[False, *DESCENDING])
    component = ordered["component"].to_numpy()
    bounds = [0, *(np.flatnonzero(np.diff(component)) + 1).tolist(), len(component)]
    signatures = _matrix(ordered["signature"])
    hashes = ordered["content_hash"].rank("dense").to_numpy()
    leader = np.arange(len(component))
    similarity = np.ones(len(component), dtype=np.float32)
    for start, stop in itertools.pairwise(bounds):
        _follow_leaders(start, stop, signatures, hashes, threshold, leader, similarity)
    return (
        ordered.select("vertex", "id")
        .with_columns(leader=pl.Series(leader), similarity=pl.Series(similarity))
        .with_columns(cluster_id=pl.col("id").gather(pl.Series(leader)))
        .with_columns(
            cluster_size=pl.len().over("leader").cast(pl.Int32),
            cluster_rank=pl.int_range(pl.len()).over("leader").cast(pl.Int32),
        )
        .drop("id", "leader")
    )


def _follow_leaders(
    start: int,
    stop: int,
    signatures: npt.NDArray[np.uint32],
    hashes: npt.NDArray[np.uint32],
    threshold: float,
    leader: npt.NDArray[np.int64],
    similarity: npt.NDArray[np.float32],
) -> None:
    """Fill `leader` and `similarity` of one component, whose rows are in canonical order."""
    waiting = np.arange(start, stop)
    for _ in range(MAX_LEADERS):
        if len(waiting) == 0:
            return
        first, others = waiting[0], waiting[1:]
        estimate = (signatures[others] == signatures[first]).mean(axis=1, dtype=np.float32)
        estimate = np.where(hashes[others] == hashes[first], np.float32(1), estimate)
        believed = estimate >= threshold
        leader[others[believed]] = first
        similarity[others[believed]] = estimate[believed]
        waiting = others[~believed]


def _matrix(signatures: pl.Series) -> npt.NDArray[np.uint32]:
    values = signatures.to_arrow().cast(pa.large_binary())
    data = b"".join(value.as_py() for value in values)
    return np.frombuffer(data, dtype=np.uint32).reshape(len(values), -1)
