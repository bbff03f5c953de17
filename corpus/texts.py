"""The text column as numpy arrays, without a copy where Arrow allows it.

`data[offsets[i] : offsets[i + 1]]` are the UTF-8 bytes of document i. A sliced or chunked column
gives the same arrays as a whole one, up to the origin of `offsets`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes: TypeAlias = npt.NDArray[np.uint8]
Offsets: TypeAlias = npt.NDArray[np.int64]


def text_bytes(table: pa.Table) -> tuple[Bytes, Offsets]:
    """`(data, offsets)` of the column `text`; offsets has one entry more than there are rows."""
    return string_bytes(table.column("text"))


def string_bytes(column: pa.ChunkedArray) -> tuple[Bytes, Offsets]:
    """The same for any string column without nulls."""
    whole = pa.chunked_array(column.chunks, column.type).cast(pa.large_string()).combine_chunks()
    array = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    if array.null_count:
        raise ValueError(f"the text of {array.null_count} rows is null; a document always has text")
    _, positions, data = array.buffers()
    if len(array) == 0 or positions is None:
        return np.frombuffer(b"", np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(positions, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), offsets.copy()


BATCH_BYTES = 8 << 20  # of text that kernels hold per-byte flags and tokens for at a time


def batches(offsets: Offsets, size: int = BATCH_BYTES) -> list[tuple[int, int]]:
    """Row ranges of about `size` bytes of text; a longer text is a range of its own."""
    found, lo, rows = [], 0, len(offsets) - 1
    while lo < rows:
        hi = int(np.searchsorted(offsets, offsets[lo] + size, "right")) - 1
        hi = min(max(hi, lo + 1), rows)
        found.append((lo, hi))
        lo = hi
    return found
