"""A two-pass exchange through the lake: many writers, many readers, no shuffle service.

A map task writes one file whose row groups each hold the rows of one partition; a reduce task opens the
files of all map tasks and reads its own row groups only. The rows of a partition arrive in the order of the
map tasks' keys, whatever order these finished in, so that what follows is deterministic and both passes
resume like any other step. Cost: one write and one read of the data, and maps x partitions small
reads. The maps are groups of a million documents, and single parts in `pack`, whose rows are large.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from corpus import storage
from corpus.lake import File, Folder, PartWriter

PARTITION = "partition"


def write_partitioned(
    folder: Folder, name: str, table: pa.Table, partitions: npt.NDArray[np.int64]
) -> File:
    """Write `table` as one file, a row group per partition number, rows within it in table order."""
    order = np.argsort(partitions, kind="stable")
    sorted_partitions = partitions[order]
    column = pa.array(sorted_partitions.astype(np.int32))
    table = table.take(pa.array(order)).append_column(PARTITION, column)
    bounds = np.flatnonzero(np.diff(sorted_partitions)) + 1
    edges = [0, *bounds.tolist(), table.num_rows]
    writer = PartWriter(folder, name, table.schema, one_group=True)
    for start, stop in itertools.pairwise(edges):
        writer.write(table.slice(start, stop - start))
        writer.flush()
    return writer.close()


def read_partition(folder: Folder, names: Iterable[str], partition: int) -> pa.Table | None:
    """The rows of one partition from all files, in the order of `names`; None if there are none."""
    found = [table for name in names for table in _groups(folder, name, partition)]
    return pa.concat_tables(found).drop_columns([PARTITION]) if found else None


def _groups(folder: Folder, name: str, partition: int) -> list[pa.Table]:
    with storage.reading(folder.file_uri(name)) as source, pq.ParquetFile(source) as file:
        groups = [
            group
            for group in range(file.num_row_groups)
            if _partition_of(file.metadata.row_group(group)) == partition
        ]
        return [file.read_row_groups(groups)] if groups else []


def _partition_of(group: pq.RowGroupMetaData) -> int:
    # nested columns are flattened in Parquet's metadata; the partition is always the last one
    statistics = group.column(group.num_columns - 1).statistics
    return int(statistics.min)
