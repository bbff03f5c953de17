"""How raw files become records: one reader per format, named in `READERS`.

A reader yields `Record`, `Failed` and `Skipped` in file order and never raises for bad content:
damage is a `Failed` with a reason. A missing or unreadable file is an `OSError`. Records stream;
what is held is one record, bounded by `limits.max_bytes`. To add a reader, write a module with
`VERSION`, an options class and `read`, and name it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from corpus.limits import Limits
from corpus.readers import html, jsonl, parquet, pdf, source_tree, text, warc
from corpus.readers.files import InputFile
from corpus.readers.record import Failed, Page, Record, Skipped

__all__ = ["READERS", "Failed", "InputFile", "Page", "Reader", "Record", "Skipped"]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What the rest of the system knows of a reader."""

    options: type  # frozen dataclass; the plan's `options:` are its arguments
    read: Callable[[Sequence[InputFile], Any, Limits], Iterator[Record | Failed | Skipped]]
    suffixes: tuple[str, ...]  # lower case; which files of a folder it takes; "" is every file
    unit: Literal["file", "folder"] = "file"  # "folder": all files of one top-level folder at once
    version: int = 1  # raised when its output changes; part of the fingerprint
    libraries: tuple[str, ...] = ()  # distributions whose version matters
    assets: Callable[[Any], Mapping[str, str]] | None = None  # what else decides, by the options
    recognise: Callable[[InputFile], bool] | None = None  # for suffixes that do not decide


READERS: Mapping[str, Reader] = {
    "jsonl": Reader(
        options=jsonl.JsonlOptions,
        read=jsonl.read,
        suffixes=jsonl.SUFFIXES,
        version=jsonl.VERSION,
        libraries=("ftfy", "lxml", "resiliparse", "trafilatura"),
    ),
    "parquet": Reader(
        options=parquet.ParquetOptions,
        read=parquet.read,
        suffixes=parquet.SUFFIXES,
        version=parquet.VERSION,
        libraries=("ftfy", "lxml", "resiliparse", "trafilatura"),
    ),
    "text": Reader(
        options=text.TextOptions,
        read=text.read,
        suffixes=text.SUFFIXES,
        version=text.VERSION,
        libraries=("ftfy", "resiliparse"),
    ),
    "html": Reader(
        options=html.HtmlOptions,
        read=html.read,
        suffixes=html.SUFFIXES,
        version=html.VERSION,
        libraries=("ftfy", "lxml", "resiliparse", "trafilatura"),
    ),
    "warc": Reader(
        options=warc.WarcOptions,
        read=warc.read,
        suffixes=warc.SUFFIXES,
        version=warc.VERSION,
        libraries=("brotli", "ftfy", "lxml", "resiliparse", "trafilatura"),
    ),
    "pdf": Reader(
        options=pdf.PdfOptions,
        read=pdf.read,
        suffixes=pdf.SUFFIXES,
        version=pdf.VERSION,
        libraries=("ftfy", "pymupdf", "pypdfium2"),
        assets=pdf.assets,
    ),
    "source_tree": Reader(
        options=source_tree.SourceTreeOptions,
        read=source_tree.read,
        suffixes=source_tree.SUFFIXES,
        unit="folder",
        version=source_tree.VERSION,
        libraries=("resiliparse",),
    ),
}
