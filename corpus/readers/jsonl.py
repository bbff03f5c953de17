"""JSON lines, plain or compressed: one record per line, `index` is the line's number from 0.

Blank lines are no records. Failed: `json` (no JSON object), `encoding` (not UTF-8), `too_large` (a
line over `limits.max_bytes`), `truncated` (compressed data that is broken or ends early: one for
the rest of the file), and those of `corpus.readers.fields`.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corpus.limits import Limits
from corpus.readers.fields import FieldOptions, RowReader, row_reader
from corpus.readers.files import Damaged, InputFile, open_input, with_compression
from corpus.readers.record import Failed, Record, Skipped

VERSION = 2
SUFFIXES = with_compression(".jsonl", ".ndjson")


@dataclass(frozen=True, kw_only=True)
class JsonlOptions(FieldOptions):
    """Options of the reader `jsonl`: those of `FieldOptions`."""


def read(
    files: Sequence[InputFile], options: JsonlOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """The records of JSON-lines files."""
    with row_reader(options, limits, f"jsonl/{VERSION}") as rows:
        for file in files:
            yield from _read_file(file, rows, limits.max_bytes)


def _read_file(
    file: InputFile, rows: RowReader, max_bytes: int
) -> Iterator[Record | Failed | Skipped]:
    index = 0
    with open_input(file) as stream:
        try:
            for index, line in _lines(stream, max_bytes):
                if line is None:
                    yield Failed(
                        path=file.path,
                        index=index,
                        reason="too_large",
                        detail=f"a line over {max_bytes} bytes",
                    )
                elif line.strip():
                    yield _record(line, rows, file.path, index)
                index += 1
        except Damaged as error:
            yield Failed(path=file.path, index=index, reason="truncated", detail=str(error))


def _record(line: bytes, rows: RowReader, path: str, index: int) -> Record | Failed | Skipped:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Failed(path=path, index=index, reason="encoding", detail=str(error))
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError also for integers of thousands of digits
        return Failed(path=path, index=index, reason="json", detail=str(error))
    if not isinstance(row, dict):
        return Failed(
            path=path, index=index, reason="json", detail=f"{type(row).__name__}, not an object"
        )
    return rows.record(row, path, index)


def _lines(stream: io.BufferedReader, max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long, of which no more than `max_bytes` is held."""
    index = 0
    while line := stream.readline(max_bytes + 1):
        if index == 0:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) <= max_bytes or line.endswith(b"\n"):
            yield index, line
        else:
            while line and not line.endswith(b"\n"):
                line = stream.readline(1 << 20)
            yield index, None
        index += 1
