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
threshold is not believed; within four standard errors of the threshold its sketch decides. The members that fail are
clustered among themselves, leader by leader, and stand alone in the end. Chains, which Lee et al. 2021
(arXiv 2107.06499) follow, therefore do not pull a family into one cluster.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from annotators.sketches import SIZE
from corpus.compiled import compiled
from corpus.document import ID

VERSION = 3
# Pairs of one component that are compared, about a minute's work; what is left then stands alone. Only a component
# of 90,000 documents and more can come so far, and `component_size` tells of it.
MAX_COMPARED = 1 << 32
DOUBT = (
    4.0  # standard errors of the signature's estimate around the threshold in which sketches decide
)
Int64s = npt.NDArray[np.int64]
Uint32s = npt.NDArray[np.uint32]

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


class Closeness(NamedTuple):
    """When a member is believed, as the kernel reads it."""

    threshold: float  # Jaccard similarity
    least: int  # minima of a signature that are as much
    doubt: int  # so many more or less, and the sketches decide
    sketch: int  # their size
    most: int  # pairs of one component that are compared


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

    `members`: component, vertex, priority, n_tokens, id, content_hash (binary), signature (binary of uint32), sketch
    (of `annotators.sketches`; b"" leaves the signature alone to decide).
    Returns vertex, cluster_id, cluster_size, cluster_rank, similarity, one row per member, and of the component before
    verification `component_id` (id of its first member in canonical order) and `component_size`: a chain that
    verification cuts up is seen there.
    """
    ordered = members.sort(["component", *CANONICAL], descending=[False, *DESCENDING])
    component = ordered["component"].to_numpy()
    bounds = np.flatnonzero(np.diff(component, prepend=-1, append=-1))
    signatures = _matrix(ordered["signature"])
    hashes = ordered["content_hash"].rank("dense").to_numpy()
    sketches, sketch_offsets = _flat(ordered["sketch"])
    leader = np.arange(len(component))
    similarity = np.ones(len(component), np.float32)
    size = signatures.shape[1]
    doubt = math.ceil(DOUBT * math.sqrt(size * threshold * (1 - threshold)))
    closeness = Closeness(threshold, _least(size, threshold), doubt, SIZE, MAX_COMPARED)
    _follow_leaders(
        bounds, signatures, hashes, sketches, sketch_offsets, closeness, leader, similarity
    )
    return (
        ordered.select("vertex", "id", "component")
        .with_columns(leader=pl.Series(leader), similarity=pl.Series(similarity))
        .with_columns(cluster_id=pl.col("id").gather(pl.Series(leader)))
        .with_columns(
            cluster_size=pl.len().over("leader").cast(pl.Int32),
            cluster_rank=pl.int_range(pl.len()).over("leader").cast(pl.Int32),
            component_id=pl.col("id").first().over("component"),
            component_size=pl.len().over("component").cast(pl.Int32),
        )
        .drop("id", "leader", "component")
    )


def _least(size: int, threshold: float) -> int:
    """The fewest of `size` minima that two documents must share to reach the threshold, as a float32 has it."""
    shares = np.arange(size + 1).astype(np.float32) / np.float32(size)
    return int(np.flatnonzero(shares >= np.float32(threshold))[0])


@compiled
def _follow_leaders(
    bounds: Int64s,
    signatures: Uint32s,
    hashes: Uint32s,
    sketches: Uint32s,
    sketch_offsets: Int64s,
    closeness: Closeness,
    leader: Int64s,
    similarity: npt.NDArray[np.float32],
) -> None:
    """Fill `leader` and the `similarity` to it. `bounds` part components in canonical order."""
    size = signatures.shape[1]
    for number in range(len(bounds) - 1):
        waiting = np.arange(bounds[number], bounds[number + 1])
        count, compared = len(waiting), 0
        while count > 1 and compared < closeness.most:
            first, left = waiting[0], 0
            own = sketches[sketch_offsets[first] : sketch_offsets[first + 1]]
            for place in range(1, count):
                other = waiting[place]
                shared = size
                if hashes[other] != hashes[first]:
                    shared = _shared(signatures[first], signatures[other])
                found, believed = shared / size, shared >= closeness.least
                theirs = sketches[sketch_offsets[other] : sketch_offsets[other + 1]]
                near = shared < size and abs(shared - closeness.least) <= closeness.doubt
                if near and len(own) and len(theirs):
                    found = resemblance(own, theirs, closeness.sketch)
                    believed = found >= closeness.threshold
                if believed:
                    leader[other], similarity[other] = first, found
                else:
                    waiting[left] = other
                    left += 1
            compared += count - 1
            count = left


@compiled
def resemblance(one: Uint32s, other: Uint32s, size: int) -> float:
    """The share of the `size` smallest values of two sorted sketches' union that both have."""
    i = j = taken = both = 0
    while taken < size and (i < len(one) or j < len(other)):
        if j == len(other) or (i < len(one) and one[i] < other[j]):
            i += 1
        elif i == len(one) or other[j] < one[i]:
            j += 1
        else:
            i, j, both = i + 1, j + 1, both + 1
        taken += 1
    return both / taken if taken else 0.0


@compiled
def _shared(one: Uint32s, other: Uint32s) -> int:
    """How many minima are equal; without a branch, which the compiler makes 8 comparisons at once."""
    shared = np.uint32(0)
    for k in range(len(one)):
        shared += np.uint32(one[k] == other[k])
    return int(shared)


def _matrix(signatures: pl.Series) -> npt.NDArray[np.uint32]:
    values = signatures.to_arrow().cast(pa.large_binary())
    data = b"".join(value.as_py() for value in values)
    return np.frombuffer(data, dtype=np.uint32).reshape(len(values), -1)


def _flat(sketches: pl.Series) -> tuple[Uint32s, Int64s]:
    """`(values, offsets)` of sketches."""
    values = sketches.to_list()
    lengths = [len(value) // 4 for value in values]
    return np.frombuffer(b"".join(values), "<u4"), np.concatenate([[0], np.cumsum(lengths)]).astype(
        np.int64
    )
