"""Plain text: one document per file (`.txt`, `.md`, `.rst`), in UTF-8 or whatever a detector makes
of it.

Failed: `too_large`, `truncated` (compressed data). Skipped: `binary`, `empty`. Metadata: `charset`
where it is not UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corpus.charset import decode, is_binary
from corpus.limits import Limits
from corpus.readers.files import Damaged, InputFile, open_input, read_whole, with_compression
from corpus.readers.record import Failed, Record, Skipped

VERSION = 1
SUFFIXES = with_compression(".txt", ".text", ".md", ".markdown", ".rst")


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """Options of the reader `text`."""

    charset: str | None = None  # tried after UTF-8 and before the detector
    code: bool = False  # the files are source code: never normalised


def read(
    files: Sequence[InputFile], options: TextOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """One record per file."""
    for file in files:
        yield _read_file(file, options, limits.max_bytes)


def _read_file(file: InputFile, options: TextOptions, max_bytes: int) -> Record | Failed | Skipped:
    try:
        with open_input(file) as stream:
            data = read_whole(stream, max_bytes)
    except Damaged as error:
        return Failed(path=file.path, index=0, reason="truncated", detail=str(error))
    if data is None:
        return Failed(path=file.path, index=0, reason="too_large", detail=f"over {max_bytes} bytes")
    if is_binary(data):
        return Skipped(path=file.path, index=0, reason="binary")
    text, charset = decode(data, options.charset)
    if not text.strip():
        return Skipped(path=file.path, index=0, reason="empty")
    metadata = {} if charset == "utf-8" else {"charset": charset}
    return Record(
        path=file.path,
        index=0,
        text=text,
        provenance=f"text/{VERSION}",
        code=options.code,
        metadata=metadata,
    )
