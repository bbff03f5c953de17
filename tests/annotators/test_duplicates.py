"""From shared bands to verified clusters: chains are refused, the canonical is the first in order."""

import hashlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators import duplicates
from annotators.duplicates import resolve, star_edges

SCHEMA = {
    "key": pl.UInt64,
    "exact": pl.Boolean,
    "vertex": pl.Int64,
    "priority": pl.Int32,
    "n_tokens": pl.Int32,
    "id": pl.Binary,
}


def bucket_rows(rows: list[tuple]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_the_first_in_canonical_order_is_the_centre_of_the_star():
    rows = bucket_rows(
        [
            (7, False, 1, 0, 50, b"c"),
            (7, False, 2, 1, 10, b"b"),  # the highest priority
            (7, False, 3, 0, 90, b"a"),
            (8, False, 4, 0, 5, b"d"),  # alone in its bucket
        ]
    )
    stars = star_edges(rows, max_bucket=10)
    assert sorted(stars.edges.rows()) == [(2, 1), (2, 3)]
    assert stars.capped == 0


def test_a_large_bucket_is_capped_but_never_one_of_equal_texts():
    near = [(7, False, n, 0, 10, bytes([n])) for n in range(5)]
    exact = [(9, True, n, 0, 10, bytes([n])) for n in range(5)]
    stars = star_edges(bucket_rows(near + exact), max_bucket=3)
    assert stars.capped == 2
    assert sorted(stars.edges.rows()) == [(0, 1), (0, 2), (0, 3), (0, 4)]


def members(
    signatures: list[list[int]], texts: list[str] | None = None, component: int = 1
) -> pl.DataFrame:
    count = len(signatures)
    texts = texts or [str(n) for n in range(count)]
    return pl.DataFrame(
        {
            "component": [component] * count,
            "vertex": list(range(count)),
            "priority": [0] * count,
            "n_tokens": [100 - n for n in range(count)],
            "id": [bytes([n]) for n in range(count)],
            "content_hash": [hashlib.md5(t.encode()).digest() for t in texts],
            "signature": [np.array(s, dtype=np.uint32).tobytes() for s in signatures],
            "sketch": [b""] * count,
        }
    )


def test_a_member_that_does_not_resemble_the_canonical_is_clustered_with_its_likes():
    # 0 and 1 agree in 3 of 4 rows, 2 and 3 in all, but 0 and 2 in none: a chain would have joined them
    got = resolve(
        members([[1, 2, 3, 4], [1, 2, 3, 9], [5, 6, 7, 8], [5, 6, 7, 8], [0, 0, 0, 0]]), 0.75
    )
    by_vertex = {r["vertex"]: r for r in got.iter_rows(named=True)}
    assert [by_vertex[v]["cluster_id"] for v in range(5)] == [b"\0", b"\0", b"\2", b"\2", b"\4"]
    assert [by_vertex[v]["cluster_size"] for v in range(5)] == [2, 2, 2, 2, 1]
    assert [by_vertex[v]["cluster_rank"] for v in range(5)] == [0, 1, 0, 1, 0]
    assert [by_vertex[v]["similarity"] for v in range(5)] == [1, 0.75, 1, 1, 1]


def test_equal_texts_are_believed_whatever_their_signatures():
    got = resolve(members([[1, 1], [2, 2]], texts=["same", "same"]), 0.9)
    assert got["cluster_size"].to_list() == [2, 2]
    assert got["similarity"].to_list() == [1, 1]


def test_components_do_not_mix_and_row_order_does_not_matter():
    table = pl.concat(
        [
            members([[1, 2], [1, 2]]),
            members([[1, 2], [1, 2]], component=2).with_columns(pl.col("vertex") + 10),
        ]
    )
    straight = resolve(table, 0.5).sort("vertex")
    assert straight["cluster_size"].to_list() == [2, 2, 2, 2]
    assert resolve(table[::-1], 0.5).sort("vertex").equals(straight)


def plain_leaders(signatures: list[list[int]], texts: list[str], threshold: float) -> list[int]:
    """The definition: the first that waits leads, and takes all that agree with it; then the next."""
    leader = list(range(len(signatures)))
    waiting = list(range(len(signatures)))
    while waiting:
        first, *others = waiting
        waiting = []
        for other in others:
            agreeing = sum(map(int.__eq__, signatures[first], signatures[other]))
            share = np.float32(agreeing) / np.float32(len(signatures[first]))
            if texts[first] == texts[other] or share >= np.float32(threshold):
                leader[other] = first
            else:
                waiting.append(other)
    return leader


@given(
    st.integers(1, 40).flatmap(
        lambda size: st.lists(
            st.lists(st.integers(0, 2), min_size=size, max_size=size), min_size=1, max_size=30
        )
    ),
    st.sampled_from([0.3, 0.5, 0.7, 0.75, 0.9, 1.0]),
    st.integers(1, 30),
)
def test_leaders_are_those_of_the_definition(signatures, threshold, different_texts):
    texts = [str(n % different_texts) for n in range(len(signatures))]
    got = resolve(members(signatures, texts), threshold).sort("vertex")
    leaders = plain_leaders(signatures, texts, threshold)
    assert got["cluster_id"].to_list() == [bytes([n]) for n in leaders]


def chain(count: int) -> pl.DataFrame:
    """Each shares three of four minima with the next, two with the one after that, and so on to none."""
    one = members([[1, 2, 3, 4]])
    rows = [np.arange(n, n + 4, dtype=np.uint32) for n in range(count)]
    turned = [
        np.roll(row, n).tobytes() for n, row in enumerate(rows)
    ]  # equal minima in equal places
    return pl.concat([one] * count).with_columns(
        vertex=pl.int_range(count),
        n_tokens=pl.int_range(count, 0, -1, dtype=pl.Int64),
        id=pl.Series([n.to_bytes(16, "big") for n in range(count)]),
        content_hash=pl.Series([n.to_bytes(16, "big") for n in range(count)]),
        signature=pl.Series(turned),
    )


def test_a_long_chain_is_cut_up_to_its_end_and_its_length_is_seen():
    got = resolve(chain(5_000), 0.75).sort("vertex")
    assert got["cluster_size"].unique().to_list() == [2]  # 2,500 leaders
    assert got["component_size"].unique().to_list() == [5_000]
    assert got["component_id"].unique().to_list() == [bytes(16)]


def test_a_component_beyond_all_measure_is_given_up_and_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(duplicates, "MAX_COMPARED", 30)
    got = resolve(chain(20), 0.75).sort("vertex")
    assert got["cluster_size"].to_list() == [2] * 4 + [1] * 16  # after 19 + 17 pairs it stops
    assert got["component_size"].unique().to_list() == [20]


def sketch(*values: int) -> bytes:
    return np.array(values, dtype="<u4").tobytes()


def test_near_the_threshold_the_sketch_decides_and_tells_the_similarity():
    # the signatures agree in 3 of 4 minima, the estimate is the threshold itself
    table = members([[1, 2, 3, 4], [1, 2, 3, 5]])
    alike = table.with_columns(sketch=pl.Series([sketch(1, 2, 3, 4, 5), sketch(1, 2, 3, 4)]))
    unlike = table.with_columns(sketch=pl.Series([sketch(1, 2, 3), sketch(1, 2, 4)]))
    assert resolve(alike, 0.75)["cluster_size"].to_list() == [2, 2]
    assert resolve(alike, 0.75)["similarity"].to_list() == [1, pytest.approx(0.8)]
    assert resolve(unlike, 0.75)["cluster_size"].to_list() == [1, 1]


def test_far_from_the_threshold_the_signature_decides():
    rows = [list(range(400)), [*range(396), 1000, 1001, 1002, 1003]]
    table = members(rows).with_columns(sketch=pl.Series([sketch(1), sketch(2)]))
    assert resolve(table, 0.75)["cluster_size"].to_list() == [2, 2]
