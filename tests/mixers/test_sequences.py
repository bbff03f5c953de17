"""A bucket of copies becomes sequences that hold every token once, traceably, in an order of their own."""

import hashlib
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.tokenizer import END_OF_TEXT, VOCABULARY
from mixers.sequences import COPIES, arrange, bucket_of, ids_of, rows, schema

NO_ENDS = np.zeros(VOCABULARY, dtype=bool)


def copies_of(lengths: list[int], copies: int = 1) -> pa.Table:
    table = [
        {
            "id": hashlib.md5(str(n).encode()).digest(),
            "copy": copy,
            "part": n % 3,
            "row": n,
            "input_ids": [1000 * n + k for k in range(length)],
        }
        for n, length in enumerate(lengths)
        for copy in range(copies)
    ]
    return pa.Table.from_pylist(table, schema=COPIES)


def packed(
    copies: pa.Table, seq_len: int = 16, *, seed: int = 1, at_once: int = 4, balanced: bool = False
):
    pieces = arrange(
        copies, seed=seed, stage="s", seq_len=seq_len, balanced=balanced, paragraph_ends=NO_ENDS
    )
    tables = list(rows(copies, pieces, seq_len, at_once))
    if not tables:
        return [], []
    return tuple(pa.concat_tables(t).to_pylist() for t in zip(*tables, strict=True))


def segments(sequences, origins):
    """(document id, copy, offset, tokens, origin row) of every segment."""
    for sequence, origin in zip(sequences, origins, strict=True):
        bounds = sequence["cu_seqlens"]
        assert bounds[0] == 0
        assert bounds[-1] == sequence["n_tokens"]
        assert sequence["input_ids"][sequence["n_tokens"] :] == [END_OF_TEXT] * (
            16 - sequence["n_tokens"]
        )
        for n, (a, b) in enumerate(itertools.pairwise(bounds)):
            yield (
                sequence["document_ids"][n],
                sequence["copies"][n],
                sequence["document_offsets"][n],
                sequence["input_ids"][a:b],
                origin["rows"][n],
            )


@given(
    st.lists(st.integers(0, 50), max_size=25), st.integers(1, 3), st.integers(1, 9), st.booleans()
)
def test_every_token_of_every_copy_stands_once_and_is_traceable(lengths, copies, at_once, balanced):
    table = copies_of(lengths, copies)
    sequences, origins = packed(table, at_once=at_once, balanced=balanced)
    found: dict[tuple[bytes, int], dict[int, list[int]]] = {}
    for document, copy, offset, tokens, row in segments(sequences, origins):
        assert hashlib.md5(str(row).encode()).digest() == document
        assert offset not in found.setdefault((document, copy), {})
        found[document, copy][offset] = tokens
    for row in table.to_pylist():
        pieces = found.pop((row["id"], row["copy"]))
        whole = [token for offset in sorted(pieces) for token in pieces[offset]]
        assert whole == [*row["input_ids"], END_OF_TEXT]
        assert (
            sorted(pieces)
            == np.cumsum([0, *(len(pieces[o]) for o in sorted(pieces))])[:-1].tolist()
        )
        if len(row["input_ids"]) + 1 <= 16:
            assert len(pieces) == 1  # nothing is cut that fits
    assert not found


def test_the_order_in_which_copies_arrive_does_not_matter():
    table = copies_of([3, 9, 14, 30, 5, 2, 2, 8], copies=2)
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    assert packed(table) == packed(shuffled)
    assert packed(table) != packed(table, seed=2)


def test_the_schema_is_the_documented_one():
    table = copies_of([3])
    pieces = arrange(table, seed=1, stage="s", seq_len=16, balanced=False, paragraph_ends=NO_ENDS)
    shard, _ = next(iter(rows(table, pieces, 16, 4)))
    assert shard.schema == schema(16)
    assert {f.name: str(f.type) for f in shard.schema} == {
        "input_ids": "fixed_size_list<item: uint32>[16]",
        "n_tokens": "int32",
        "cu_seqlens": "list<item: int32>",
        "document_ids": "list<item: fixed_size_binary[16]>",
        "document_offsets": "list<item: int32>",
        "copies": "list<item: int16>",
    }


def test_buckets_are_even_and_copies_fall_apart():
    ids = ids_of(copies_of([1] * 4000))
    first = bucket_of(ids, np.zeros(4000, int), 1, "s", 8)
    second = bucket_of(ids, np.ones(4000, int), 1, "s", 8)
    counts = np.bincount(first, minlength=8)
    assert ((counts - 500.0) ** 2 / 500.0).sum() < 29.9  # chi-square, 7 degrees of freedom, 99.99 %
    assert (first == second).mean() == pytest.approx(1 / 8, abs=0.03)
    assert bucket_of(ids, np.zeros(4000, int), 1, "s", 1).max() == 0
