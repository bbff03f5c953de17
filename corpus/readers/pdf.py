"""PDF files: one document per file, from the text layer of its pages, or by OCR.

A Record has the text of all pages with arm `text` or `ocr`, joined (`corpus.pdf.assembly`), and all
pages. Metadata: `page_ends`, `n_pages`, and `title` where known; `date` is the date of creation. The
provenance names the OCR engine where it read a page. A file with pages that wait for a model and none
with text is Failed `no_text_layer`, with its pages.

Pages are read in the child process by tens; a page that exceeds a limit or crashes the parser is
`failed` and the others are read, up to `MAX_BAD_PAGES`. A page whose text layer is missing or not to
be trusted then goes to OCR (`corpus.pdf.ocr`), alone, in a child process of its own, under
`ocr_cpu_seconds` instead of `limits.cpu_seconds`. One that exceeds a limit there stays `untrusted`,
with the reason in `ocr_error`, as does one that OCR is not sure of; after `MAX_BAD_PAGES` errors no
further page of the document is tried (`given_up`).

Failed: `not_pdf`, `broken_pdf`, `encrypted`, `no_pages`, `too_many_pages`, `no_text_layer`,
`too_large`, `truncated` (compressed data), and those of the child process. Skipped: `empty` (no
bytes), `blank` (all pages are).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits
from corpus.normalise import without_surrogates
from corpus.pdf.assembly import assemble
from corpus.pdf.ocr import Ocr
from corpus.pdf.ocr_engines import identity
from corpus.pdf.pages import PROVENANCE, PageText, PdfPart
from corpus.readers.fields import failed
from corpus.readers.files import Damaged, InputFile, open_input, read_whole, with_compression
from corpus.readers.record import Failed, Page, Record, Skipped

VERSION = 3
SUFFIXES = with_compression(".pdf")
MAX_BAD_PAGES = 5  # then the document is given up
_CHUNK = 32  # pages of one call


@dataclass(frozen=True, kw_only=True)
class PdfOptions:
    """Options of the reader `pdf`."""

    passwords: tuple[str, ...] = ()  # tried on encrypted files
    ocr: Literal["none", "rapidocr", "tesseract"] = "rapidocr"
    ocr_languages: tuple[str, ...] = ()  # of the pages that OCR reads; none: what the engine takes
    ocr_cpu_seconds: float = 120  # of one page

    def __post_init__(self) -> None:
        for name in ("passwords", "ocr_languages"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.ocr_cpu_seconds <= 0:
            raise ValueError(f"ocr_cpu_seconds is {self.ocr_cpu_seconds}: give a number above 0")
        _ = self.settings

    @property
    def settings(self) -> Ocr | None:
        """What the OCR arm is to do, None where there is none."""
        return (
            None
            if self.ocr == "none"
            else Ocr(engine=self.ocr, languages=tuple(self.ocr_languages))
        )


def assets(options: PdfOptions) -> Mapping[str, str]:
    """What else decides the text: the OCR engine's versions and data. ValueError where it is not
    installed."""
    return {} if options.ocr == "none" else identity(options.ocr, options.ocr_languages)


def read(
    files: Sequence[InputFile], options: PdfOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """One record per file."""
    for_ocr = replace(limits, cpu_seconds=options.ocr_cpu_seconds)
    with Guarded(_read_pages, limits) as parser, Guarded(_ocr_page, for_ocr) as ocr:
        for file in files:
            yield _read_file(file, options, limits, parser, ocr)


def _read_pages(*args: Any) -> PdfPart:
    """In the child process, which alone loads the parsers."""
    from corpus.pdf.text_layer import read_pages

    return read_pages(*args)


def _ocr_page(
    data: bytes, passwords: tuple[str, ...], number: int, settings: Ocr
) -> tuple[str, str, dict[str, Any]]:
    """In the child process, which alone loads the engine."""
    from corpus.pdf.ocr import read_page
    from corpus.pdf.text_layer import render

    return read_page(render(data, passwords, number), settings)


def _read_file(
    file: InputFile, options: PdfOptions, limits: Limits, parser: Guarded, ocr: Guarded
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
    document = _Document(data, options, limits.max_pages, parser, ocr)
    try:
        info = document.part(0, 0)
        pages = tuple(document.pages(info.count))
    except (LimitExceeded, GuardedError) as error:
        return failed(file.path, 0, error)
    return _record(file.path, info, pages)


class _Document:
    """One PDF, read chunk by chunk in the child process; some pages then by OCR, one by one."""

    def __init__(
        self, data: bytes, options: PdfOptions, max_pages: int, parser: Guarded, ocr: Guarded
    ) -> None:
        self._data, self._options, self._max_pages = data, options, max_pages
        self._parser, self._ocr = parser, ocr
        self._bad = self._bad_for_ocr = 0

    def part(self, start: int, stop: int) -> PdfPart:
        part: PdfPart = self._parser(
            self._data, self._options.passwords, self._max_pages, start, stop
        )
        return part

    def pages(self, count: int) -> Iterator[Page]:
        """All pages."""
        settings = self._options.settings
        for page in self._with_text_layer(count):
            yield self._reread(page, settings) if settings and page.arm == "untrusted" else page

    def _with_text_layer(self, count: int) -> Iterator[Page]:
        """A chunk that fails is read page by page."""
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

    def _reread(self, page: Page, settings: Ocr) -> Page:
        """The page by OCR."""
        if self._bad_for_ocr >= MAX_BAD_PAGES:
            return replace(page, features={**page.features, "ocr_error": "given_up"})
        try:
            arm, text, found = self._ocr(self._data, self._options.passwords, page.number, settings)
        except (LimitExceeded, GuardedError) as error:
            self._bad_for_ocr += 1
            reason = failed("", 0, error).reason
            return replace(page, features={**page.features, "ocr_error": reason})
        return replace(page, arm=arm, text=text, features={**page.features, **found})


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
        provenance="+".join([PROVENANCE, *_engines(pages)]),
        date=info.created or None,
        metadata=metadata,
        pages=pages,
    )


def _engines(pages: Sequence[Page]) -> list[str]:
    return sorted({str(page.features["ocr"]) for page in pages if page.arm == "ocr"})
