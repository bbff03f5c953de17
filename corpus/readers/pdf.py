"""PDF files: one document per file, from the text layer of its pages.

A Record has the text of all pages with arm `text`, joined (`corpus.pdf.assembly`), and all pages.
Metadata: `page_ends`, `n_pages`, and `title` where known; `date` is the date of creation. A file
with pages that wait for a model and none with text is Failed `no_text_layer`, with its pages. Pages
are read in the child process by tens; a page that exceeds a limit or crashes the parser is `failed`
and the others are read, up to `MAX_BAD_PAGES`.

Failed: `not_pdf`, `broken_pdf`, `encrypted`, `no_pages`, `too_many_pages`, `no_text_layer`,
`too_large`, `truncated` (compressed data), and those of the child process. Skipped: `empty` (no
bytes), `blank` (all pages are).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits
from corpus.normalise import without_surrogates
from corpus.pdf.assembly import assemble
from corpus.pdf.pages import PROVENANCE, PageText, PdfPart
from corpus.readers.fields import failed
from corpus.readers.files import Damaged, InputFile, open_input, read_whole, with_compression
from corpus.readers.record import Failed, Page, Record, Skipped

VERSION = 2
SUFFIXES = with_compression(".pdf")
MAX_BAD_PAGES = 5  # then the document is given up
_CHUNK = 32  # pages of one call


@dataclass(frozen=True, kw_only=True)
class PdfOptions:
    """Options of the reader `pdf`."""

    passwords: tuple[str, ...] = ()  # tried on encrypted files

    def __post_init__(self) -> None:
        if isinstance(self.passwords, list):
            object.__setattr__(self, "passwords", tuple(self.passwords))


def read(
    files: Sequence[InputFile], options: PdfOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """One record per file."""
    with Guarded(_read_pages, limits) as guarded:
        for file in files:
            yield _read_file(file, options, limits, guarded)


def _read_pages(*args: Any) -> PdfPart:
    """In the child process, which alone loads the parsers."""
    from corpus.pdf.text_layer import read_pages

    return read_pages(*args)


def _read_file(
    file: InputFile, options: PdfOptions, limits: Limits, guarded: Guarded
) -> Record | Failed | Skipped:
    try:
        with open_input(file) as stream:
            data = read_whole(stream, limits.max_bytes)
    except Damaged as error:
        return Failed(path=file.path, index=0, reason="truncated", detail=str(error))
    if data is None:
        return Failed(
            path=file.path, index=0, reason="too_large", detail=f"over {limits.max_bytes} bytes"
        )
    if not data:
        return Skipped(path=file.path, index=0, reason="empty")
    document = _Document(data, options.passwords, limits.max_pages, guarded)
    try:
        info = document.part(0, 0)
        pages = tuple(document.pages(info.count))
    except (LimitExceeded, GuardedError) as error:
        return failed(file.path, 0, error)
    return _record(file.path, info, pages)


class _Document:
    """One PDF, read chunk by chunk in the child process."""

    def __init__(
        self, data: bytes, passwords: tuple[str, ...], max_pages: int, guarded: Guarded
    ) -> None:
        self._data, self._passwords, self._max_pages, self._guarded = (
            data,
            passwords,
            max_pages,
            guarded,
        )
        self._bad = 0

    def part(self, start: int, stop: int) -> PdfPart:
        part: PdfPart = self._guarded(self._data, self._passwords, self._max_pages, start, stop)
        return part

    def pages(self, count: int) -> Iterator[Page]:
        """All pages; a chunk that fails is read page by page."""
        for start in range(0, count, _CHUNK):
            stop = min(start + _CHUNK, count)
            try:
                yield from map(_page, self.part(start, stop).pages)
            except (LimitExceeded, GuardedError):
                for number in range(start, stop):
                    yield self._single(number)

    def _single(self, number: int) -> Page:
        try:
            return _page(self.part(number, number + 1).pages[0])
        except (LimitExceeded, GuardedError) as error:
            self._bad += 1
            if self._bad > MAX_BAD_PAGES:
                raise
            return Page(
                number=number,
                arm="failed",
                text="",
                features={"error": failed("", 0, error).reason},
            )


def _page(page: PageText) -> Page:
    return Page(number=page.number, arm=page.arm, text=page.text, features=page.features)


def _record(path: str, info: PdfPart, pages: tuple[Page, ...]) -> Record | Failed | Skipped:
    arms = {page.arm for page in pages}
    text, ends = assemble([page.text for page in pages])
    if not text.strip():
        if arms == {"blank"}:
            return Skipped(path=path, index=0, reason="blank")
        reason = "no_text_layer" if "untrusted" in arms or "text" in arms else "broken_pdf"
        return Failed(
            path=path,
            index=0,
            reason=reason,
            detail=f"{len(pages)} pages, {sorted(arms)}",
            pages=pages,
        )
    metadata: dict[str, Any] = {"page_ends": list(ends), "n_pages": len(pages)}
    if info.title:
        metadata["title"] = without_surrogates(info.title)
    return Record(
        path=path,
        index=0,
        text=text,
        provenance=PROVENANCE,
        date=info.created or None,
        metadata=metadata,
        pages=pages,
    )
