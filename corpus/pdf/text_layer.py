"""The text layer of PDF pages, and their pixels, with PyMuPDF. PyMuPDF is AGPL: nothing else of ours imports it.

`read_pages` gives of each: text in reading order (`corpus.pdf.layout`), the features of
`corpus.pdf.trust` and the arm: `text`, `blank` (nothing drawn), `untrusted` (waits for a model: a
picture, or text that is garbled), `failed` (cannot be parsed). Where MuPDF's text is garbled, that
of pdfium is taken if it is not. Text is in logical order; of Arabic ligatures, which MuPDF gives
back to front, the letters are turned. A line that crosses the edge of the page is read whole, and so
are the lines that follow it below the edge: typesetters let long commands and tables run over, and
half a line is worth less than a whole one. What else lies off the page (printers' marks) is not read.

`render` draws one page, for OCR and models, with pdfium where MuPDF cannot; `png` makes a file of it.

Parses in this process: call it through `corpus.limits.Guarded`. Raises `Unreadable`: `not_pdf`,
`broken_pdf`, `encrypted`, `too_many_pages`, `no_pages`.
"""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pymupdf
import pypdfium2
from numpy.typing import NDArray

from corpus.limits import Unreadable
from corpus.normalise import normalise
from corpus.pdf.layout import Line, page_text
from corpus.pdf.pages import PageText, PdfPart
from corpus.pdf.trust import arm_of, is_garbled, text_features

DPI = 200  # of a rendered page ...
MAX_SIDE = 2600  # ... whose longer side is at most this many pixels
_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_CLIP  # no text that a path hides
_EVERYWHERE = pymupdf.INFINITE_RECT()
_RTL_SCRIPTS = ("R", "AL")
_VISIBLE = 16 | 32  # a span's char_flags: filled, stroked
_MONO = 8  # a span's flags
_ERRORS = (RuntimeError, ValueError, IndexError)  # of PyMuPDF on broken pages

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)


def read_pages(
    data: bytes, passwords: Sequence[str], max_pages: int, start: int, stop: int
) -> PdfPart:
    """The pages from `start` up to `stop`, as far as there are."""
    try:
        with _open(data, passwords) as document:
            _check_count(document.page_count, max_pages)
            return _part(document, data, passwords, start, stop)
    except Unreadable as error:
        if error.reason not in ("broken_pdf", "no_pages"):
            raise
        return _second_opinion(data, passwords, max_pages, start, stop, error)


def render(
    data: bytes, passwords: Sequence[str], number: int, max_side: int = MAX_SIDE
) -> NDArray[np.uint8]:
    """The page as grey pixels, as a viewer shows it."""
    try:
        with _open(data, passwords) as document:
            page = document[number]
            scale = _scale(page.rect.width, page.rect.height, max_side)
            pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY)
            rows = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.stride)
            return rows[:, : pixels.width].copy()
    except (*_ERRORS, Unreadable):
        with pypdfium2.PdfDocument(data, password=next(iter(passwords), None)) as document:
            page = document[number]
            width, height = page.get_size()
            bitmap = page.render(scale=_scale(width, height, max_side), grayscale=True)
            return np.array(bitmap.to_numpy(), np.uint8).reshape(bitmap.height, bitmap.width)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Grey pixels as a PNG file."""
    height, width = pixels.shape
    picture = pymupdf.Pixmap(pymupdf.csGRAY, width, height, pixels.tobytes(), 0)
    data: bytes = picture.tobytes("png")
    return data


def plain_text(data: bytes, number: int) -> str:
    """A page's text as PyMuPDF gives it, without any repair of ours; pages are counted from 0."""
    with _open(data, ()) as document:
        return str(document[number].get_text())


def _scale(width: float, height: float, max_side: int) -> float:
    return min(DPI / 72, max_side / max(width, height, 1.0))


def _check_count(count: int, max_pages: int) -> None:
    if not count:
        raise Unreadable("no_pages", "a PDF without pages")
    if count > max_pages:
        raise Unreadable("too_many_pages", f"{count} pages, the limit is {max_pages}")


def _part(
    document: pymupdf.Document, data: bytes, passwords: Sequence[str], start: int, stop: int
) -> PdfPart:
    metadata = document.metadata or {}
    stop = min(stop, document.page_count)
    return PdfPart(
        count=document.page_count,
        title=normalise(" ".join((metadata.get("title") or "").split())),
        created=_date(metadata.get("creationDate") or ""),
        pages=tuple(_page(document, number, data, passwords) for number in range(start, stop)),
    )


def _second_opinion(
    data: bytes, passwords: Sequence[str], max_pages: int, start: int, stop: int, error: Unreadable
) -> PdfPart:
    """pdfium's pages of a document in which MuPDF finds none."""
    try:
        with pypdfium2.PdfDocument(data, password=next(iter(passwords), None)) as document:
            count = len(document)
    except pypdfium2.PdfiumError:
        raise error from None
    _check_count(count, max_pages)
    numbers = range(start, min(stop, count))
    return PdfPart(
        count=count,
        title="",
        created="",
        pages=tuple(_other_page(data, passwords, n, str(error)) for n in numbers),
    )


def _open(data: bytes, passwords: Sequence[str]) -> pymupdf.Document:
    if b"%PDF" not in data[:4096] and b"startxref" not in data[-4096:]:
        raise Unreadable("not_pdf", f"it starts with {data[:16]!r}")
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
        if document.needs_pass and not any(
            document.authenticate(password) for password in passwords
        ):
            raise Unreadable("encrypted", "it needs a password")
        _ = document.page_count
    except _ERRORS as error:
        raise Unreadable("broken_pdf", str(error)) from error
    return document


def _page(
    document: pymupdf.Document, number: int, data: bytes, passwords: Sequence[str]
) -> PageText:
    try:
        page = document[number]
        text, invisible = _text(page)
        features: dict[str, Any] = {
            "reader": "mupdf",
            **text_features(text),
            "invisible_share": invisible,
        }
        features |= {
            "image_share": _image_share(page),
            "fonts_without_unicode": _fonts_without_unicode(document, number),
        }
        if not features["n_chars"]:
            features["uniform"] = _is_uniform(page)
    except _ERRORS as error:
        return _other_page(data, passwords, number, str(error))
    if features["garbled_share"] > 0 and arm_of(features) == "untrusted":
        text, features = _second_reading(data, passwords, number, text, features)
    return _page_text(number, text, features)


def _page_text(number: int, text: str, features: Mapping[str, Any]) -> PageText:
    arm = arm_of(features)
    if arm == "text":
        return PageText(number=number, arm=arm, text=_final(text), features=features)
    return PageText(number=number, arm=arm, text="", features=features, layer=_marked(text))


def _second_reading(
    data: bytes, passwords: Sequence[str], number: int, text: str, features: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """pdfium's text of the page, where it is less garbled."""
    other = _pdfium_text(data, passwords, number)
    found = text_features(other or "")
    better = (
        found["garbled_share"] < features["garbled_share"]
        and found["n_chars"] >= 0.5 * features["n_chars"]
    )
    return (
        (other, {**features, **found, "reader": "pdfium"}) if other and better else (text, features)
    )


def _other_page(data: bytes, passwords: Sequence[str], number: int, error: str) -> PageText:
    """The page as pdfium reads it, after MuPDF failed on it."""
    text = _pdfium_text(data, passwords, number)
    if not text or not text.strip():
        return PageText(number=number, arm="failed", text="", features={"error": error[:200]})
    features = {
        "reader": "pdfium",
        **text_features(text),
        "invisible_share": 0.0,
        "image_share": 0.0,
    }
    return _page_text(number, text, features)


def _pdfium_text(data: bytes, passwords: Sequence[str], number: int) -> str | None:
    try:
        with pypdfium2.PdfDocument(data, password=next(iter(passwords), None)) as document:
            text: str = document[number].get_textpage().get_text_bounded()
    except (pypdfium2.PdfiumError, UnicodeDecodeError, IndexError):
        return None
    return (
        text.replace("\r\n", "\n").replace("\ufffe\n", "").replace("\ufffe", "")
    )  # U+FFFE: a hyphen at a line end


def _text(page: pymupdf.Page) -> tuple[str, float]:
    """The text in reading order, and the share of characters that are drawn invisible."""
    blocks = _blocks(page, "dict")
    spans = [span for block in blocks for line in block["lines"] for span in line["spans"]]
    if any(_has_rtl(span["text"]) for span in spans):
        blocks = _with_ligatures_turned(_blocks(page, "rawdict"))
    total = sum(len(span["text"]) for span in spans)
    invisible = sum(len(span["text"]) for span in spans if not _is_visible(span))
    return _laid_out(blocks), round(invisible / total, 4) if total else 0.0


def _is_visible(span: Mapping[str, Any]) -> bool:
    drawn = span.get("char_flags", _VISIBLE) & _VISIBLE
    return bool(drawn and span.get("alpha", 255))


def _blocks(page: pymupdf.Page, kind: str) -> list[dict[str, Any]]:
    """MuPDF's blocks of lines, without the lines that lie off the page."""
    blocks: list[dict[str, Any]] = page.get_text(kind, clip=_EVERYWHERE, flags=_FLAGS)["blocks"]
    area = page.rect * page.derotation_matrix  # boxes are those of the page before it is turned
    bottom = _bottom(blocks, area)
    for block in blocks:
        block["lines"] = [line for line in block["lines"] if _is_on(line["bbox"], area, bottom)]
    return blocks


def _bottom(blocks: Sequence[Mapping[str, Any]], page: pymupdf.Rect) -> float:
    """The y down to which text belongs to the page: its lower edge, or the end of the lines that
    run over it, each within its own height of the one before."""
    boxes = sorted(
        (line["bbox"] for block in blocks for line in block["lines"]), key=lambda box: float(box[1])
    )
    reach = 0.0
    for x0, y0, x1, y1 in boxes:
        if x1 <= page.x0 or x0 >= page.x1 or y1 <= page.y0:
            continue
        if y0 >= page.y1 and y0 - reach > y1 - y0:
            break
        reach = max(reach, y1)
    return max(reach, page.y1)


def _is_on(box: Sequence[float], page: pymupdf.Rect, bottom: float) -> bool:
    x0, y0, x1, y1 = box
    return x1 > page.x0 and x0 < page.x1 and y1 > page.y0 and y0 < bottom


def _laid_out(blocks: Iterable[Mapping[str, Any]]) -> str:
    """Lines of the page's main direction in reading order, then those of the others."""
    by_direction: dict[tuple[int, int], list[Line]] = {}
    for number, block in enumerate(blocks):
        for line in block["lines"]:
            direction = (round(line["dir"][0]), round(line["dir"][1]))
            by_direction.setdefault(direction, []).append(_line(line, direction, number))
    ordered = sorted(
        by_direction.values(), key=lambda lines: -sum(len(line.text) for line in lines)
    )
    return "\n\n".join(text for lines in ordered if (text := page_text(lines)))


def _line(line: Mapping[str, Any], direction: tuple[int, int], block: int) -> Line:
    x0, y0, x1, y1 = line["bbox"]
    dx, dy = direction if direction != (0, 0) else (1, 0)
    along = [x * dx + y * dy for x in (x0, x1) for y in (y0, y1)]
    down = [y * dx - x * dy for x in (x0, x1) for y in (y0, y1)]
    spans = line["spans"]
    return Line(
        x0=min(along),
        x1=max(along),
        y0=min(down),
        y1=max(down),
        text="".join(span["text"] for span in spans),
        block=block,
        mono=bool(spans) and all(span["flags"] & _MONO or "Mono" in span["font"] for span in spans),
    )


def _has_rtl(text: str) -> bool:
    return not text.isascii() and any(
        unicodedata.bidirectional(char) in _RTL_SCRIPTS for char in text
    )


def _with_ligatures_turned(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks of `rawdict` as those of `dict`, with the letters of each right-to-left ligature
    in logical order."""
    for block in blocks:
        for line in block["lines"]:
            for span in line["spans"]:
                span["text"] = turned(
                    [(char["c"], char["bbox"][2] - char["bbox"][0]) for char in span["chars"]]
                )
    return blocks


def turned(chars: Sequence[tuple[str, float]]) -> str:
    """Characters with their widths, in MuPDF's order. One glyph that stands for several letters has
    its width at the one that MuPDF puts last, and the others, without width, before it: they are
    turned around."""
    result: list[str] = []
    group: list[str] = []
    for char, width in chars:
        is_letter = unicodedata.bidirectional(char) in _RTL_SCRIPTS and not unicodedata.combining(
            char
        )
        if is_letter and abs(width) < 0.01:
            group.append(char)
            continue
        result += [char, *reversed(group)] if is_letter else [*group, char]
        group = []
    return "".join(result + group)


def _image_share(page: pymupdf.Page) -> float:
    """The share of the page that images cover, on a grid of 32 x 32."""
    area = page.rect
    boxes = [pymupdf.Rect(image["bbox"]) & area for image in page.get_image_info()]
    boxes = [box for box in boxes if not box.is_empty]
    if not boxes or area.is_empty:
        return 0.0
    covered: set[tuple[int, int]] = set()
    for box in boxes[:500]:
        columns = range(
            int(32 * (box.x0 - area.x0) / area.width), int(32 * (box.x1 - area.x0) / area.width)
        )
        rows = range(
            int(32 * (box.y0 - area.y0) / area.height), int(32 * (box.y1 - area.y0) / area.height)
        )
        covered.update((column, row) for column in columns for row in rows)
    return round(len(covered) / 1024, 4)


def _fonts_without_unicode(document: pymupdf.Document, number: int) -> int:
    fonts = [(font[0], font[2]) for font in document.get_page_fonts(number)]
    return sum(
        kind in ("Type0", "Type3") and document.xref_get_key(xref, "ToUnicode")[0] == "null"
        for xref, kind in fonts
    )


def _is_uniform(page: pymupdf.Page) -> bool:
    scale = min(200 / max(page.rect.width, page.rect.height, 1), 1.0)
    return bool(
        page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY).is_unicolor
    )


def _final(text: str) -> str:
    """In normal form, without the few glyphs that have no character."""
    garbled = {ord(char): None for char in set(text) - {"\n", "\t"} if is_garbled(char)}
    return normalise(text.translate(garbled) if garbled else text)


def _marked(text: str) -> str:
    """In normal form, with a mark for each glyph that has no character."""
    garbled = {ord(char): "\ufffd" for char in set(text) - {"\n", "\t"} if is_garbled(char)}
    return normalise(text.translate(garbled) if garbled else text)


def _date(created: str) -> str:
    """`D:20240131120000+01'00'` as `2024-01-31`."""
    digits = created.removeprefix("D:")[:8]
    if (
        len(digits) == 8
        and digits.isascii()
        and digits.isdigit()
        and "01" <= digits[4:6] <= "12"
        and "01" <= digits[6:] <= "31"
    ):
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return ""
