"""Web archives: WARC and WET, plain or compressed, and the older ARC. `index` is the number of the
record in the file.

Responses and resources that hold HTML give their main text, those that hold plain text and the
conversion records of WET give their text. `date` is that of the capture. Metadata, where known:
`url`, `title`, `published`, `language`, `charset`, `truncated` (why the crawler cut the page).

Failed: `truncated` (the file is broken from here on: one for the rest), `too_large`, and those of
`corpus.readers.html`. Skipped: `record_type` (requests, revisits, metadata ...), `http_status` (not
200), `no_http`, `media_type` (images, PDFs ...), `empty`, `binary`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from corpus.charset import decode, is_binary
from corpus.html import main_text
from corpus.limits import Guarded, Limits
from corpus.normalise import without_surrogates
from corpus.readers.archive import Capture, captures
from corpus.readers.files import Damaged, InputFile, open_input, with_compression
from corpus.readers.html import page_record
from corpus.readers.http import BodyTooLarge, media_type, parse_response
from corpus.readers.record import Failed, Record, Skipped

VERSION = 2
SUFFIXES = (
    *with_compression(".warc", ".wet", ".arc"),
    ".bad",
)  # ".warc.gz.bad": how people mark a broken one
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_TEXT = frozenset({"text/plain", "text/markdown"})
_TYPES = frozenset({"response", "resource", "conversion"})


@dataclass(frozen=True, kw_only=True)
class WarcOptions:
    """Options of the reader `warc`."""

    statuses: tuple[int, ...] = (200,)  # of HTTP responses that are read

    def __post_init__(self) -> None:
        if isinstance(self.statuses, list):
            object.__setattr__(self, "statuses", tuple(self.statuses))


def read(
    files: Sequence[InputFile], options: WarcOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """The records of web archives."""
    with Guarded(main_text, limits) as extract:
        for file in files:
            yield from _read_file(file, options, limits.max_bytes, extract)


def _read_file(
    file: InputFile, options: WarcOptions, max_bytes: int, extract: Guarded
) -> Iterator[Record | Failed | Skipped]:
    index = 0
    with open_input(file) as stream:
        try:
            for capture in captures(stream, max_bytes):
                yield _Reading(file.path, index, options, max_bytes, extract).outcome(capture)
                index += 1
        except Damaged as error:
            yield Failed(path=file.path, index=index, reason="truncated", detail=str(error))


@dataclass(frozen=True)
class _Reading:
    """One record being read."""

    path: str
    index: int
    options: WarcOptions
    max_bytes: int
    extract: Guarded

    def outcome(self, capture: Capture) -> Record | Failed | Skipped:
        if capture.type not in _TYPES:
            return self._skipped("record_type")
        if capture.block is None:
            return self._too_large()
        if capture.type != "response":
            return self._document(capture, capture.block, media_type(capture.content_type), None)
        try:
            response = parse_response(capture.block, self.max_bytes)
        except BodyTooLarge:
            return self._too_large()
        if response is None:
            return self._skipped("no_http")
        if response.status not in self.options.statuses:
            return self._skipped("http_status")
        return self._document(capture, response.body, response.media_type, response.charset)

    def _document(
        self, capture: Capture, body: bytes, media: str, charset: str | None
    ) -> Record | Failed | Skipped:
        media = media or _sniffed(body)
        if media in _HTML:
            result = page_record(
                body, self.path, self.index, self.extract, url=capture.uri, charset=charset
            )
        elif media in _TEXT:
            result = self._text(body, charset)
        else:
            return self._skipped("media_type")
        return _with_capture(result, capture) if isinstance(result, Record) else result

    def _text(self, body: bytes, charset: str | None) -> Record | Skipped:
        if is_binary(body):
            return self._skipped("binary")
        text, used = decode(body, charset)
        if not text.strip():
            return self._skipped("empty")
        metadata = {} if used == "utf-8" else {"charset": used}
        return Record(
            path=self.path,
            index=self.index,
            text=text,
            provenance=f"warc/{VERSION}",
            metadata=metadata,
        )

    def _skipped(self, reason: str) -> Skipped:
        return Skipped(path=self.path, index=self.index, reason=reason)

    def _too_large(self) -> Failed:
        return Failed(
            path=self.path,
            index=self.index,
            reason="too_large",
            detail=f"over {self.max_bytes} bytes",
        )


def _with_capture(record: Record, capture: Capture) -> Record:
    metadata: dict[str, Any] = dict(record.metadata)
    metadata |= {"url": capture.uri, "published": record.date, "truncated": capture.truncated}
    metadata["language"] = record.metadata.get("language") or capture.language
    known = {key: without_surrogates(value) for key, value in metadata.items() if value}
    return replace(record, date=capture.date, metadata=known)


def _sniffed(body: bytes) -> str:
    head = body[:1024].lower()
    return "text/html" if b"<html" in head or b"<!doctype html" in head else ""
