"""Parquet, streamed by row batches: one record per row, `index` is the row's number from 0.

Failed: `parquet` (no Parquet, or broken: one for the rest of the file), and those of
`corpus.readers.fields`. A column that the file does not have is a `missing_field` of every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.limits import Limits
from corpus.readers.fields import FieldOptions, RowReader, row_reader
from corpus.readers.files import InputFile, open_raw
from corpus.readers.record import Failed, Record, Skipped

VERSION = 2
SUFFIXES = (".parquet", ".pq")
_ROWS = 256  # of a batch


@dataclass(frozen=True, kw_only=True)
class ParquetOptions(FieldOptions):
    """Options of the reader `parquet`: those of `FieldOptions`."""


def read(
    files: Sequence[InputFile], options: ParquetOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """The records of Parquet files."""
    with row_reader(options, limits, f"parquet/{VERSION}") as rows:
        for file in files:
            yield from _read_file(file, options, rows)


def _read_file(
    file: InputFile, options: FieldOptions, rows: RowReader
) -> Iterator[Record | Failed | Skipped]:
    index = 0
    with open_raw(file) as stream:
        if not stream.peek(1):
            return
        try:
            table = pq.ParquetFile(stream, pre_buffer=False)
            wanted = [name for name in table.schema_arrow.names if _is_wanted(name, options)]
            for batch in table.iter_batches(_ROWS, columns=wanted, use_threads=False):
                for row in batch.to_pylist():
                    yield rows.record(row, file.path, index, table.schema_arrow.names)
                    index += 1
        except (pa.ArrowException, UnicodeDecodeError, OverflowError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the file system's; Arrow's own has no number
            yield Failed(path=file.path, index=index, reason="parquet", detail=str(error)[:500])


def _is_wanted(name: str, options: FieldOptions) -> bool:
    return any(column == name or column.startswith(f"{name}.") for column in options.columns)
