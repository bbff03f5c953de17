"""HTML pages: one document per file, its main text.

Failed: `too_large`, `truncated` (compressed data), `no_main_text` (a page of menus, or of nothing
that can be told apart), and those of the child process (`cpu_limit`, `memory_limit`, `time_limit`,
`crash`, `parse`). Skipped: `empty`, `binary`. Metadata, where known: `title`, `language` (as
declared), `charset` where it is not UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.charset import is_binary
from corpus.html import MainText, main_text
from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits
from corpus.normalise import without_surrogates
from corpus.readers.fields import failed
from corpus.readers.files import Damaged, InputFile, open_input, read_whole, with_compression
from corpus.readers.record import Failed, Record, Skipped

VERSION = 2
SUFFIXES = with_compression(".html", ".htm", ".xhtml")


@dataclass(frozen=True, kw_only=True)
class HtmlOptions:
    """Options of the reader `html`."""

    charset: str | None = (
        None  # of all pages, where they are not UTF-8; None: what each declares, or a detector
    )


def read(
    files: Sequence[InputFile], options: HtmlOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """One record per page."""
    with Guarded(main_text, limits) as extract:
        for file in files:
            yield _read_file(file, options, limits.max_bytes, extract)


def _read_file(
    file: InputFile, options: HtmlOptions, max_bytes: int, extract: Guarded
) -> Record | Failed | Skipped:
    try:
        with open_input(file) as stream:
            data = read_whole(stream, max_bytes)
    except Damaged as error:
        return Failed(path=file.path, index=0, reason="truncated", detail=str(error))
    if data is None:
        return Failed(path=file.path, index=0, reason="too_large", detail=f"over {max_bytes} bytes")
    return page_record(data, file.path, 0, extract, charset=options.charset)


def page_record(
    data: bytes,
    path: str,
    index: int,
    extract: Guarded,
    *,
    url: str | None = None,
    charset: str | None = None,
) -> Record | Failed | Skipped:
    """The record of one page, wherever it came from."""
    if not data.strip():
        return Skipped(path=path, index=index, reason="empty")
    if is_binary(data):
        return Skipped(path=path, index=index, reason="binary")
    try:
        page: MainText = extract(data, url, charset)
    except (LimitExceeded, GuardedError) as error:
        return failed(path, index, error)
    if not page.text.strip():
        return Failed(
            path=path, index=index, reason="no_main_text", detail=f"{len(data)} bytes of HTML"
        )
    return Record(
        path=path,
        index=index,
        text=without_surrogates(page.text),
        provenance=page.provenance,
        date=page.date,
        metadata=_metadata(page, url),
    )


def _metadata(page: MainText, url: str | None) -> dict[str, Any]:
    known = {"title": page.title, "language": page.language, "url": url}
    if page.charset != "utf-8":
        known["charset"] = page.charset
    return {key: without_surrogates(value) for key, value in known.items() if value}
