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

With `vl` such pages are for a model, and OCR is what is left where that fails: `drafts` gives what the
text layer has of each file, and `finish` makes a record of a draft whose pages have been read since
(`workflows.steps.transcribe`).

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
from corpus.pdf.vl import TEMPERATURES
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
    vl: bool = False  # pages without a text layer that can be trusted go to the plan's model `vl`
    vl_rounds: int = len(TEMPERATURES)  # how often a page is asked about at most

    def __post_init__(self) -> None:
        for name in ("passwords", "ocr_languages"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if not 1 <= self.vl_rounds <= len(TEMPERATURES):
            raise ValueError(f"vl_rounds is {self.vl_rounds}: give 1 to {len(TEMPERATURES)}")
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


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A PDF as its text layer has it: pages with the arm `untrusted` wait."""

    path: str
    title: str
    created: str  # ISO 8601 date, or ""
    pages: tuple[Page, ...]


def read(
    files: Sequence[InputFile], options: PdfOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """One record per file."""
    with Guarded(_read_pages, limits) as parser, PageReader(options, limits) as ocr:
        for file in files:
            found = _drafted(file, options, limits, parser)
            if not isinstance(found, tuple):
                yield found
                continue
            draft, data = found
            ocr.begin(data)
            pages = tuple(ocr(page) if page.arm == "untrusted" else page for page in draft.pages)
            yield finish(replace(draft, pages=pages))


def drafts(
    files: Sequence[InputFile], options: PdfOptions, limits: Limits
) -> Iterator[Draft | Failed | Skipped]:
    """What the text layer has of each file."""
    with Guarded(_read_pages, limits) as parser:
        for file in files:
            found = _drafted(file, options, limits, parser)
            yield found[0] if isinstance(found, tuple) else found


class PageReader:
    """Reads pages by OCR, in a child process of its own. Use it as a context manager."""

    def __init__(self, options: PdfOptions, limits: Limits) -> None:
        self._settings, self._passwords = options.settings, options.passwords
        self._ocr = Guarded(_ocr_page, replace(limits, cpu_seconds=options.ocr_cpu_seconds))
        self._data, self._bad = b"", 0

    def __enter__(self) -> PageReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._ocr.close()

    def begin(self, data: bytes) -> None:
        """The pages that follow are of this file."""
        self._data, self._bad = data, 0

    def __call__(self, page: Page) -> Page:
        """The page by OCR; as it is where there is none, or where it fails."""
        if self._settings is None:
            return page
        if self._bad >= MAX_BAD_PAGES:
            return replace(page, features={**page.features, "ocr_error": "given_up"})
        try:
            arm, text, found = self._ocr(self._data, self._passwords, page.number, self._settings)
        except (LimitExceeded, GuardedError) as error:
            self._bad += 1
            reason = failed("", 0, error).reason
            return replace(page, features={**page.features, "ocr_error": reason})
        return replace(page, arm=arm, text=text, features={**page.features, **found})


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


def _drafted(
    file: InputFile, options: PdfOptions, limits: Limits, parser: Guarded
) -> tuple[Draft, bytes] | Failed | Skipped:
    """The draft of a file, with its bytes."""
    data = content(file, limits)
    if isinstance(data, Failed):
        return data
    if not data:
        return Skipped(path=file.path, index=0, reason="empty")
    document = _Document(data, options, limits.max_pages, parser)
    try:
        info = document.part(0, 0)
        pages = tuple(document.pages(info.count))
    except (LimitExceeded, GuardedError) as error:
        return failed(file.path, 0, error)
    title = without_surrogates(info.title)
    return Draft(path=file.path, title=title, created=info.created, pages=pages), data


def content(file: InputFile, limits: Limits) -> bytes | Failed:
    """The bytes of a file."""
    try:
        with open_input(file) as stream:
            data = read_whole(stream, limits.max_bytes)
    except Damaged as error:
        return Failed(path=file.path, index=0, reason="truncated", detail=str(error))
    if data is None:
        detail = f"over {limits.max_bytes} bytes"
        return Failed(path=file.path, index=0, reason="too_large", detail=detail)
    return data


class _Document:
    """One PDF, read chunk by chunk in the child process."""

    def __init__(self, data: bytes, options: PdfOptions, max_pages: int, parser: Guarded) -> None:
        self._data, self._options, self._max_pages = data, options, max_pages
        self._parser, self._bad = parser, 0

    def part(self, start: int, stop: int) -> PdfPart:
        part: PdfPart = self._parser(
            self._data, self._options.passwords, self._max_pages, start, stop
        )
        return part

    def pages(self, count: int) -> Iterator[Page]:
        """All pages. A chunk that fails is read page by page."""
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


def finish(draft: Draft) -> Record | Failed | Skipped:
    """The record of a file whose pages have been read."""
    path, pages = draft.path, draft.pages
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
    if draft.title:
        metadata["title"] = draft.title
    return Record(
        path=path,
        index=0,
        text=text,
        provenance="+".join([PROVENANCE, *_engines(pages)]),
        date=draft.created or None,
        metadata=metadata,
        pages=pages,
    )


def _engines(pages: Sequence[Page]) -> list[str]:
    by_ocr = {str(page.features["ocr"]) for page in pages if page.arm == "ocr"}
    return sorted(by_ocr | {str(page.features["model"]) for page in pages if page.arm == "vl"})
