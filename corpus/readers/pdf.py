"""PDF files: one document per file, from the text layer of its pages, by OCR, or by a model.

A Record has the text of all pages with arm `text`, `vl` or `ocr`, joined (`corpus.pdf.assembly`), and
all pages. Metadata: `page_ends`, `n_pages`, and `title` where known; `date` is the date of creation. The
provenance names model and OCR engine where they read a page. A file with pages that nobody could read
and none with text is Failed `no_text_layer`, with its pages.

Pages are read in the child process by tens; a page that exceeds a limit or crashes the parser is
`failed` and the others are read, up to `MAX_BAD_PAGES`. A page whose text layer is missing or not to
be trusted then goes to OCR (`corpus.pdf.ocr`), alone, in a child process of its own, under
`ocr_cpu_seconds` instead of `limits.cpu_seconds`. One that exceeds a limit there stays `untrusted`,
with the reason in `ocr_error`, as does one that OCR is not sure of; after `MAX_BAD_PAGES` errors no
further page of the document is tried (`given_up`).

`read` does all that. With `vl` it is done in two halves, with a model asked between them: `drafts`
gives text layers, and how much ink is on the pages that wait, drawn as a model will see them; `finish`
makes records of drafts and pages. A page that cannot be drawn is not asked (`vl_error`).

Failed: `not_pdf`, `broken_pdf`, `encrypted`, `no_pages`, `too_many_pages`, `no_text_layer`,
`too_large`, `truncated` (compressed data), and those of the child process. Skipped: `empty` (no
bytes), `blank` (all pages are).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits
from corpus.normalise import without_surrogates
from corpus.pdf.assembly import assemble
from corpus.pdf.children import ink_of_pages, ocr_page, read_part
from corpus.pdf.ocr import Ocr
from corpus.pdf.ocr_engines import identity
from corpus.pdf.pages import PROVENANCE, PageText, PdfPart
from corpus.pdf.vl import TEMPERATURES
from corpus.readers.fields import failed
from corpus.readers.files import Damaged, InputFile, open_input, read_whole, with_compression
from corpus.readers.record import Failed, Page, Record, Skipped

VERSION = 4
SUFFIXES = with_compression(".pdf")
MAX_BAD_PAGES = 5  # then the document is given up
WAITING = "untrusted"  # the arm of a page that another arm may read
_CHUNK = 32  # pages of one call
_DRAWN = 8  # the same where they are drawn
_ERRORS = (LimitExceeded, GuardedError)


@dataclass(frozen=True, kw_only=True)
class PdfOptions:
    """Options of the reader `pdf`."""

    passwords: tuple[str, ...] = ()  # tried on encrypted files
    vl: bool = False  # pages without a text layer to trust are asked of the model `vl`, before OCR
    vl_rounds: int = len(TEMPERATURES)  # how often one is asked about at most
    ocr: Literal["none", "rapidocr", "tesseract"] = "rapidocr"
    ocr_languages: tuple[str, ...] = ()  # of the pages that OCR reads; none: what the engine takes
    ocr_cpu_seconds: float = 120  # of one page

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


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A file whose text layers are read, and whose pages that wait are not."""

    path: str
    title: str  # "" where it has none
    created: str  # ISO 8601 date, or ""
    pages: tuple[Page, ...]


def assets(options: PdfOptions) -> Mapping[str, str]:
    """What else decides the text: the OCR engine's versions and data. ValueError where it is not
    installed."""
    return {} if options.ocr == "none" else identity(options.ocr, options.ocr_languages)


def read(
    files: Sequence[InputFile], options: PdfOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """One record per file, with OCR for the pages that wait."""
    with Guarded(read_part, limits) as parser, OcrArm(options, limits) as ocr:
        for file in files:
            data = opened(file, limits)
            draft = _draft(file.path, data, options, limits, parser)
            if isinstance(draft, Draft) and isinstance(data, bytes):
                yield finish(draft, ocr.reread(data, draft.pages))
            elif not isinstance(draft, Draft):
                yield draft


def drafts(
    files: Sequence[InputFile], options: PdfOptions, limits: Limits, side: int
) -> Iterator[Draft | Failed | Skipped]:
    """One draft per file; its pages that wait have `ink`, as drawn with `side` pixels. Those without any are blank."""
    with Guarded(read_part, limits) as parser, Guarded(ink_of_pages, limits) as drawer:
        for file in files:
            data = opened(file, limits)
            draft = _draft(file.path, data, options, limits, parser)
            if isinstance(draft, Draft) and isinstance(data, bytes):
                inks = _inks(data, draft.pages, options.passwords, side, drawer)
                draft = replace(draft, pages=tuple(_inked(page, inks) for page in draft.pages))
            yield draft


def finish(draft: Draft, pages: Sequence[Page]) -> Record | Failed | Skipped:
    """The document that the pages make."""
    arms = {page.arm for page in pages}
    text, ends = assemble([page.text for page in pages])
    if not text.strip():
        if arms == {"blank"}:
            return Skipped(path=draft.path, index=0, reason="blank")
        reason = "no_text_layer" if WAITING in arms or "text" in arms else "broken_pdf"
        return Failed(
            path=draft.path,
            index=0,
            reason=reason,
            detail=f"{len(pages)} pages, {sorted(arms)}",
            pages=tuple(pages),
        )
    metadata: dict[str, Any] = {"page_ends": list(ends), "n_pages": len(pages)}
    if draft.title:
        metadata["title"] = without_surrogates(draft.title)
    return Record(
        path=draft.path,
        index=0,
        text=text,
        provenance="+".join([PROVENANCE, *_engines(pages)]),
        date=draft.created or None,
        metadata=metadata,
        pages=tuple(pages),
    )


def opened(file: InputFile, limits: Limits) -> bytes | Failed | Skipped:
    """The bytes of a file, decompressed."""
    try:
        with open_input(file) as stream:
            data = read_whole(stream, limits.max_bytes)
    except Damaged as error:
        return Failed(path=file.path, index=0, reason="truncated", detail=str(error))
    if data is None:
        return Failed(
            path=file.path, index=0, reason="too_large", detail=f"over {limits.max_bytes} bytes"
        )
    return data or Skipped(path=file.path, index=0, reason="empty")


class OcrArm:
    """Pages that wait, by OCR, each alone in a child process. Use as a context manager."""

    def __init__(self, options: PdfOptions, limits: Limits) -> None:
        self._options = options
        self._guarded = Guarded(ocr_page, replace(limits, cpu_seconds=options.ocr_cpu_seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._guarded.close()

    def reread(self, data: bytes, pages: Iterable[Page]) -> tuple[Page, ...]:
        """The pages of one file, those that wait as far as OCR reads them."""
        settings, found, bad = self._options.settings, [], 0
        for page in pages:
            if settings and page.arm == WAITING:
                page = (
                    self._reread(data, page, settings)
                    if bad < MAX_BAD_PAGES
                    else _noted(page, "ocr_error", "given_up")
                )
                bad += page.features.get("ocr_error", "given_up") != "given_up"
            found.append(page)
        return tuple(found)

    def _reread(self, data: bytes, page: Page, settings: Ocr) -> Page:
        try:
            arm, text, found = self._guarded(data, self._options.passwords, page.number, settings)
        except _ERRORS as error:
            return _noted(page, "ocr_error", failed("", 0, error).reason)
        return replace(page, arm=arm, text=text, features={**page.features, **found})


class _Document:
    """The text layer of one PDF, read chunk by chunk in the child process."""

    def __init__(
        self, data: bytes, options: PdfOptions, max_pages: int, parser: Callable[..., Any]
    ) -> None:
        self._data, self._options, self._max_pages = data, options, max_pages
        self._parser = parser
        self._bad = 0

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
            except _ERRORS:
                for number in range(start, stop):
                    yield self._single(number)

    def _single(self, number: int) -> Page:
        try:
            return _page(self.part(number, number + 1).pages[0])
        except _ERRORS as error:
            self._bad += 1
            if self._bad > MAX_BAD_PAGES:
                raise
            return Page(
                number=number,
                arm="failed",
                text="",
                features={"error": failed("", 0, error).reason},
            )


def _draft(
    path: str,
    data: bytes | Failed | Skipped,
    options: PdfOptions,
    limits: Limits,
    parser: Callable[..., Any],
) -> Draft | Failed | Skipped:
    if not isinstance(data, bytes):
        return data
    document = _Document(data, options, limits.max_pages, parser)
    try:
        info = document.part(0, 0)
        pages = tuple(document.pages(info.count))
    except _ERRORS as error:
        return failed(path, 0, error)
    return Draft(path=path, title=info.title, created=info.created, pages=pages)


def _inks(
    data: bytes,
    pages: Sequence[Page],
    passwords: tuple[str, ...],
    side: int,
    drawer: Callable[..., list[float]],
) -> dict[int, float | str]:
    """The ink of each page that waits, or why it cannot be drawn."""
    numbers = [page.number for page in pages if page.arm == WAITING]
    found: dict[int, float | str] = {}
    for start in range(0, len(numbers), _DRAWN):
        chunk = numbers[start : start + _DRAWN]
        try:
            found |= zip(chunk, drawer(data, passwords, chunk, side), strict=True)
        except _ERRORS:
            for number in chunk:
                found[number] = _ink(data, number, passwords, side, drawer, found)
    return found


def _ink(
    data: bytes,
    number: int,
    passwords: tuple[str, ...],
    side: int,
    drawer: Callable[..., list[float]],
    before: Mapping[int, float | str],
) -> float | str:
    if sum(isinstance(ink, str) for ink in before.values()) >= MAX_BAD_PAGES:
        return "given_up"
    try:
        return drawer(data, passwords, [number], side)[0]
    except _ERRORS as error:
        return failed("", 0, error).reason


def _inked(page: Page, inks: Mapping[int, float | str]) -> Page:
    ink = inks.get(page.number)
    if ink is None:
        return page
    if isinstance(ink, str):
        return _noted(page, "vl_error", ink)
    page = _noted(page, "ink", ink)
    return page if ink else replace(page, arm="blank", layer="")


def _noted(page: Page, feature: str, value: float | str) -> Page:
    return replace(page, features={**page.features, feature: value})


def _page(page: PageText) -> Page:
    return Page(
        number=page.number,
        arm=page.arm,
        text=page.text,
        features=page.features,
        layer=page.layer,
    )


def _engines(pages: Sequence[Page]) -> list[str]:
    """What read a page, beside the text layer: the feature that is called as the arm."""
    return sorted({str(page.features[page.arm]) for page in pages if page.arm in ("ocr", "vl")})
