"""A two-pass exchange through the lake: many writers, many readers, no shuffle service.

A map task writes one file: eight bytes, then the rows of each partition as an Arrow IPC stream, and behind these where
each begins, as `count + 1` little-endian 64-bit offsets (never 0, so that lost blocks are seen). A reduce task fetches
its two offsets and then its own bytes from the files of all map tasks, many at a time where the store can. The rows of
a partition arrive in the order of the files, whatever order these were written in, so that what follows is
deterministic and both passes resume like any other step.

Cost: one write and one read of the data, and 2 x maps x partitions small reads, with nothing held or listed beyond one
partition. Exchange files are not Parquet: a file of a thousand row groups has a footer that every reader would parse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus import storage
from corpus.errors import CorruptPartError
from corpus.lake import File, Folder

SUFFIX = ".exchange"
_MAGIC = b"exchange"
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
_OFFSET = np.dtype("<u8")
Take = Callable[[npt.NDArray[np.int64]], pa.Table]


def write_partitioned(
    folder: Folder, key: str, take: Take, partitions: npt.NDArray[np.int64], count: int
) -> File:
    """Write rows by their partition, 0 to `count - 1`; within one they keep their order.

    `take(indices)` gives the rows at these indices of `partitions`; it is called for one partition after another, so
    that no second copy of all rows is held.
    """
    order = np.argsort(partitions, kind="stable")
    bounds = np.searchsorted(partitions[order], np.arange(count + 1))
    name = f"part-{key}{SUFFIX}"
    sink = storage.Sink(folder.file_uri(name))
    sink.write(_MAGIC)
    offsets = np.full(count + 1, sink.bytes, _OFFSET)
    for partition in np.flatnonzero(np.diff(bounds)):
        start, stop = bounds[partition : partition + 2]
        sink.write(_stream(take(order[start:stop])))
        offsets[partition + 1 :] = sink.bytes
    sink.write(offsets.tobytes())
    sink.close()
    return File(name=name, rows=len(partitions), bytes=sink.bytes, sha256=sink.sha256)


def read_partition(
    folder: Folder, files: Iterable[File], partition: int, count: int
) -> pa.Table | None:
    """The rows of one partition of `count` from all files, in their order; None if there are none."""
    files = list(files)
    uris = [folder.file_uri(file.name) for file in files]
    places = [file.bytes - _OFFSET.itemsize * (count + 1 - partition) for file in files]
    try:
        pairs = storage.get_ranges(uris, places, [place + 2 * _OFFSET.itemsize for place in places])
        bounds = [_bounds(pair, file) for pair, file in zip(pairs, files, strict=True)]
        filled = [k for k, (start, stop) in enumerate(bounds) if stop > start]
        blobs = storage.get_ranges([uris[k] for k in filled], *_columns(bounds, filled))
        tables = [pa.ipc.open_stream(blob).read_all() for blob in blobs]
    except (FileNotFoundError, ValueError, pa.ArrowException) as error:
        raise CorruptPartError(
            f"the exchange in {folder.uri} cannot be read ({error}); remove this folder to have it made again"
        ) from error
    return pa.concat_tables(tables) if tables else None


def _columns(bounds: list[list[int]], chosen: list[int]) -> tuple[list[int], list[int]]:
    return [bounds[k][0] for k in chosen], [bounds[k][1] for k in chosen]


def _bounds(pair: bytes, file: File) -> list[int]:
    start, stop = np.frombuffer(pair, _OFFSET).tolist()
    if not len(_MAGIC) <= start <= stop < file.bytes:
        raise ValueError(f"{file.name} has impossible offsets {start}, {stop}")
    return [start, stop]


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
        writer.write_table(table)
    return sink.getvalue()
