"""The lake: folders of Parquet files that exist only once a manifest entry says so.

A `Folder` is one output of one step, `<table>/<name>@<fingerprint>[/...]` under the root. Inside:

    part-00000-000.parquet          data, invisible until an entry names it
    _manifest/<key>.json            one `Entry` per unit of work, put in place atomically
    _manifest/segment-00000.jsonl   entries, compacted so that listing stays cheap
    _manifest/complete.json         written last: how many keys, and the totals of all counts

A reader asks `entries()`; without its entry a file does not exist. A kill at any moment leaves only
files that nobody refers to, which the next run writes again with the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from corpus import storage
from corpus.errors import CorruptPartError

ROW_GROUP_BYTES = 16 << 20  # of Arrow memory; bounds what a reader of one batch holds
SEGMENT_ENTRIES = 10_000
MANIFEST = "_manifest"
COMPLETE = "complete.json"


class File(BaseModel):
    """One data file of an entry."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: str
    rows: int
    bytes: int
    sha256: str


class Entry(BaseModel):
    """What one unit of work put into a folder: its files, its counts, and notes for later steps."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    key: str
    files: list[File]
    counts: dict[str, int] = Field(default_factory=dict)
    notes: dict[str, Any] = Field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows over all files."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True)
class Folder:
    """One output of one step. `path` is relative to the lake's root."""

    root: str
    path: str

    @cached_property
    def uri(self) -> str:
        """Where the folder lies."""
        return storage.join(self.root, self.path)

    def file_uri(self, name: str) -> str:
        """Where a data file of the folder lies."""
        return storage.join(self.uri, name)

    def commit(self, entry: Entry) -> None:
        """Make the entry, and with it its files, exist."""
        storage.put(self._manifest(f"{entry.key}.json"), entry.model_dump_json().encode())

    def describe(self, content: Mapping[str, Any]) -> None:
        """Leave beside the data what its fingerprint was made of, for people."""
        text = json.dumps(content, indent=1, sort_keys=True, default=str)
        storage.put(self._manifest("fingerprint.txt"), text.encode())

    def entries(self) -> dict[str, Entry]:
        """All committed entries by key, in key order."""
        try:
            contents = self._manifest_contents()
        except FileNotFoundError:  # a run compacted them just now: the segment stands, list again
            contents = self._manifest_contents()
        found = [_parse(line) for content in contents for line in content.splitlines()]
        return {entry.key: entry for entry in sorted(found, key=lambda entry: entry.key)}

    def _manifest_contents(self) -> list[bytes]:
        listing = storage.names(self._manifest(""))
        chosen = [name for name in listing if name.startswith("segment-")] + _single(listing)
        return storage.get_many([self._manifest(name) for name in chosen])

    def compact(self) -> None:
        """Gather single entries into a segment and remove them; harmless if interrupted."""
        listing = storage.names(self._manifest(""))
        single = _single(listing)
        number = sum(name.startswith("segment-") for name in listing)
        for start in range(0, len(single), SEGMENT_ENTRIES):
            chosen = [self._manifest(name) for name in single[start : start + SEGMENT_ENTRIES]]
            content = b"\n".join(storage.get_many(chosen)) + b"\n"
            storage.put(self._manifest(f"segment-{number:05d}.jsonl"), content)
            storage.remove_many(chosen)
            number += 1

    def complete(self, entries: Mapping[str, Entry]) -> None:
        """Declare that nothing is missing. `status` and `report` read only these totals."""
        self.compact()
        totals = {
            "keys": len(entries),
            "files": sum(len(entry.files) for entry in entries.values()),
            "rows": sum(entry.rows for entry in entries.values()),
            "bytes": sum(file.bytes for entry in entries.values() for file in entry.files),
            "counts": add_counts(entry.counts for entry in entries.values()),
        }
        storage.put(self._manifest(COMPLETE), json.dumps(totals, sort_keys=True).encode())

    def totals(self) -> dict[str, Any] | None:
        """The totals of a complete folder, None for one that is not."""
        data = storage.get_or_none(self._manifest(COMPLETE))
        return None if data is None else json.loads(data)

    @property
    def is_complete(self) -> bool:
        """Whether every unit of work of the folder is committed."""
        return self.totals() is not None

    def files(self) -> list[File]:
        """All committed data files, in order."""
        return [file for entry in self.entries().values() for file in entry.files]

    def parts(self) -> list[str]:
        """Names of all committed data files, in order."""
        return [file.name for file in self.files()]

    def _manifest(self, name: str) -> str:
        return storage.join(self.uri, MANIFEST, name) if name else storage.join(self.uri, MANIFEST)


class PartWriter:
    """Writes one Parquet file, in row groups of about `ROW_GROUP_BYTES`; `close` gives its `File`."""

    def __init__(self, folder: Folder, name: str, schema: pa.Schema) -> None:
        self._name = name
        self._schema = schema
        self._sink = storage.Sink(folder.file_uri(name))
        self._writer = pq.ParquetWriter(self._sink, schema, compression="zstd", compression_level=1)
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Append rows; a row group is written once enough of them wait."""
        if table.num_rows == 0:
            return
        self._waiting.append(table.select(self._schema.names).cast(self._schema))
        self._waiting_bytes += table.nbytes
        self.rows += table.num_rows
        if self._waiting_bytes >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """End the row group."""
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
            self._waiting, self._waiting_bytes = [], 0

    def close(self) -> File:
        """Finish the file and say what it holds."""
        self.flush()
        self._writer.close()
        self._sink.close()
        return File(
            name=self._name, rows=self.rows, bytes=self._sink.bytes, sha256=self._sink.sha256
        )


def write_part(folder: Folder, name: str, table: pa.Table) -> File:
    """Write a whole table as one file."""
    writer = PartWriter(folder, name, table.schema)
    writer.write(table)
    return writer.close()


def read_part(folder: Folder, name: str, columns: list[str] | None = None) -> pa.Table:
    """One file as a table. CorruptPartError if it cannot be read."""
    return pa.concat_tables(iter_part(folder, name, columns))


def iter_part(folder: Folder, name: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """One file row group by row group (at least one table, perhaps empty)."""
    uri = folder.file_uri(name)
    try:
        with storage.reading(uri) as source, pq.ParquetFile(source) as file:
            if file.num_row_groups == 0:
                yield file.read(columns=columns)
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=columns)
    except (pa.ArrowInvalid, FileNotFoundError, EOFError) as error:
        raise CorruptPartError(
            f"{uri} is committed but cannot be read ({error}). Put it back from a copy, or remove the "
            f"folder {folder.uri} to have it made again."
        ) from error
    except OSError as error:
        if "parquet" not in str(error).lower() and "thrift" not in str(error).lower():
            raise
        raise CorruptPartError(f"{uri} is damaged ({error}).") from error


def same_ids(left: pa.Table, right: pa.Table, what: str) -> None:
    """Check that two part-aligned tables have the same ids in the same order."""
    if not left.column("id").combine_chunks().equals(right.column("id").combine_chunks()):
        raise CorruptPartError(
            f"{what}: its ids are not those of the documents part. The lake was changed by hand, or "
            "the file is damaged; `tokenmill audit --deep` names the file."
        )


def add_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sum dictionaries of counters."""
    total: dict[str, int] = {}
    for one in counts:
        for name, value in one.items():
            total[name] = total.get(name, 0) + value
    return dict(sorted(total.items()))


def _single(listing: list[str]) -> list[str]:
    return [name for name in listing if name.endswith(".json") and name != COMPLETE]


def _parse(data: bytes) -> Entry:
    return Entry.model_validate_json(data)
