"""From the drawn copies of one bucket to the rows of a shard.

A shard row is one sequence:

| column | type | meaning |
|---|---|---|
| `input_ids` | fixed_size_list<uint32>[seq_len] | tokens; the tail is padded with `<|endoftext|>` |
| `n_tokens` | int32 | tokens that are not padding |
| `cu_seqlens` | list<int32> | cumulative segment boundaries, from 0 to `n_tokens` |
| `document_ids` | list<binary[16]> | one per segment |
| `document_offsets` | list<int32> | token offset of the segment in its document |
| `copies` | list<int16> | which copy of the document this is, from 0 |

`<|endoftext|>` stands after each document, as its last token. Beside each shard lies its origins file, row for row:
`parts` list<int32> and `rows` list<int32>, the documents part and row that each segment came from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.compiled import compiled
from corpus.document import ID
from corpus.randomness import id_words, keyed
from corpus.tokenizer import END_OF_TEXT
from mixers.packing import best_fit, cut

VERSION = 1
ORIGINS = pa.schema(
    [pa.field("parts", pa.list_(pa.int32())), pa.field("rows", pa.list_(pa.int32()))]
)
COPIES = pa.schema(
    [  # what travels through the exchange: one row per copy of a document
        pa.field("id", ID, nullable=False),
        pa.field("copy", pa.int16(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("input_ids", pa.large_list(pa.uint32()), nullable=False),
    ]
)


class Pieces(NamedTuple):
    """The pieces of a bucket, in shard order: sequence by sequence, segment by segment."""

    document: npt.NDArray[np.int64]  # row of the copies table
    start: npt.NDArray[np.int64]  # token offset in the document
    length: npt.NDArray[np.int64]  # tokens, `<|endoftext|>` included where the piece is the last
    sequence: npt.NDArray[np.int64]  # 0, 0, 1, 2, 2, 2 …


def schema(seq_len: int) -> pa.Schema:
    """The columns of a shard with sequences of this length."""
    return pa.schema(
        [
            pa.field("input_ids", pa.list_(pa.uint32(), seq_len), nullable=False),
            pa.field("n_tokens", pa.int32(), nullable=False),
            pa.field("cu_seqlens", pa.list_(pa.int32()), nullable=False),
            pa.field("document_ids", pa.list_(ID), nullable=False),
            pa.field("document_offsets", pa.list_(pa.int32()), nullable=False),
            pa.field("copies", pa.list_(pa.int16()), nullable=False),
        ]
    )


def bucket_of(
    ids: npt.NDArray[np.uint8], copies: npt.ArrayLike, seed: int, stage: str, buckets: int
) -> npt.NDArray[np.int64]:
    """The bucket of each copy: a hash of id, copy and seed, so that copies fall far apart."""
    place = keyed(id_words(ids), seed, f"shuffle:{stage}", copies)
    return ((place >> np.uint64(32)) * np.uint64(buckets) >> np.uint64(32)).astype(np.int64)


def arrange(
    copies: pa.Table,
    *,
    seed: int,
    stage: str,
    seq_len: int,
    balanced: bool,
    paragraph_ends: npt.NDArray[np.bool_],
) -> Pieces:
    """Cut, pack and shuffle the copies of a bucket, whatever order they come in."""
    ids = ids_of(copies)
    copy = copies.column("copy").to_numpy()
    key = keyed(id_words(ids), seed, f"order:{stage}", copy)
    offsets, tokens = flat(copies.column("input_ids"))
    document, start, length = _cut_all(offsets, tokens, seq_len, paragraph_ends, balanced=balanced)
    order_key = keyed(key[document].reshape(-1, 1), seed, f"piece:{stage}", start)
    sequence = best_fit(length, seq_len, order_key)
    return _shuffled(document, start, length, sequence, order_key)


def rows(
    copies: pa.Table, pieces: Pieces, seq_len: int, at_once: int
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """(shard rows, origins rows), at most `at_once` sequences at a time."""
    total = int(pieces.sequence[-1]) + 1 if len(pieces.sequence) else 0
    bounds = np.searchsorted(pieces.sequence, np.arange(0, total + at_once, at_once))
    for first, last in itertools.pairwise(bounds):
        chosen = Pieces(*(column[first:last] for column in pieces))
        yield _tables(copies, chosen, seq_len)


def ids_of(table: pa.Table, column: str = "id") -> npt.NDArray[np.uint8]:
    """(n, 16) id bytes of a table."""
    array = table.column(column).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], ID)
    data = np.frombuffer(array.buffers()[1] or b"", dtype=np.uint8)
    return data[array.offset * 16 : (array.offset + len(array)) * 16].reshape(-1, 16)


def flat(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Offsets and values of a list column, without copying where it has one chunk."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    offsets = array.offsets.to_numpy().astype(np.int64)
    return offsets, array.values.to_numpy()


def _cut_all(
    offsets: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.uint32],
    seq_len: int,
    paragraph_ends: npt.NDArray[np.bool_],
    *,
    balanced: bool,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(document, start, length) of all pieces. Only documents that do not fit are looked at one by one."""
    lengths = np.diff(offsets) + 1
    whole = np.flatnonzero(lengths <= seq_len)
    document, start, length = [whole], [np.zeros_like(whole)], [lengths[whole]]
    for index in np.flatnonzero(lengths > seq_len):
        ends = paragraph_ends[tokens[offsets[index] : offsets[index + 1]]]
        pieces = np.array(
            cut(int(lengths[index]), seq_len, ends, balanced=balanced), dtype=np.int64
        )
        document.append(np.full(len(pieces), index))
        start.append(pieces[:, 0])
        length.append(pieces[:, 1])
    return np.concatenate(document), np.concatenate(start), np.concatenate(length)


def _shuffled(
    document: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    sequence: npt.NDArray[np.int64],
    key: npt.NDArray[np.uint64],
) -> Pieces:
    """Sequences in the order of their smallest piece key, segments within one in the order of theirs."""
    if len(sequence) == 0:
        return Pieces(document, start, length, sequence)
    smallest = np.full(int(sequence.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, sequence, key)
    place = np.empty(len(smallest), dtype=np.int64)
    place[np.argsort(smallest, kind="stable")] = np.arange(len(smallest))
    position = place[sequence]
    order = np.lexsort((start, document, key, position))
    return Pieces(document[order], start[order], length[order], position[order])


def _tables(copies: pa.Table, pieces: Pieces, seq_len: int) -> tuple[pa.Table, pa.Table]:
    first = int(pieces.sequence[0])
    count = int(pieces.sequence[-1]) + 1 - first
    offsets, tokens = flat(copies.column("input_ids"))
    local = pieces.sequence - first
    segment_offsets = np.searchsorted(local, np.arange(count + 1)).astype(np.int32)
    ends = np.cumsum(pieces.length)
    before = np.concatenate([[0], ends])[segment_offsets]  # tokens before each sequence
    input_ids = np.full((count, seq_len), END_OF_TEXT, dtype=np.uint32)
    _copy_tokens(
        input_ids, tokens, offsets, *pieces[:3], local, ends - pieces.length - before[local]
    )
    chosen = copies.select(["id", "copy", "part", "row"]).take(pa.array(pieces.document))
    cumulative = np.insert(ends - before[local], segment_offsets[:-1], 0)
    shard = pa.table(
        [
            pa.FixedSizeListArray.from_arrays(pa.array(input_ids.ravel()), seq_len),
            pa.array(np.diff(before).astype(np.int32)),
            _lists(
                segment_offsets + np.arange(count + 1, dtype=np.int32),
                pa.array(cumulative, pa.int32()),
            ),
            _lists(segment_offsets, _one(chosen.column("id"))),
            _lists(segment_offsets, pa.array(pieces.start.astype(np.int32))),
            _lists(segment_offsets, _one(chosen.column("copy"))),
        ],
        schema=schema(seq_len),
    )
    origins = [_lists(segment_offsets, _one(chosen.column(name))) for name in ("part", "row")]
    return shard, pa.table(origins, schema=ORIGINS)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _lists(offsets: npt.NDArray[np.int32], values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


@compiled
def _copy_tokens(
    out: npt.NDArray[np.uint32],
    tokens: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    document: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    sequence: npt.NDArray[np.int64],
    position: npt.NDArray[np.int64],
) -> None:
    """Copy each piece to its place. `out` is full of `<|endoftext|>`, the token behind a document's last."""
    for index in range(len(document)):
        begin = offsets[document[index]] + start[index]
        count = min(length[index], offsets[document[index] + 1] - begin)
        for step in range(count):
            out[sequence[index], position[index] + step] = tokens[begin + step]
