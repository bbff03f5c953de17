"""What is done to a PDF in a child process, which alone loads the parsers and OCR engines.

These are called through `corpus.limits.Guarded`, with the file's bytes: a hostile page costs a child, not the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corpus.pdf.ocr import Ocr
from corpus.pdf.pages import PdfPart


def read_part(*args: Any) -> PdfPart:
    """The text layer of some pages (`corpus.pdf.text_layer.read_pages`)."""
    from corpus.pdf.text_layer import read_pages

    return read_pages(*args)


def ocr_page(
    data: bytes, passwords: tuple[str, ...], number: int, settings: Ocr
) -> tuple[str, str, dict[str, Any]]:
    """(arm, text, features) of a page by OCR."""
    from corpus.pdf.ocr import read_page
    from corpus.pdf.text_layer import render

    return read_page(render(data, passwords, number), settings)


def ink_of_pages(
    data: bytes, passwords: tuple[str, ...], numbers: Sequence[int], side: int
) -> list[float]:
    """The share of ink on pages, drawn as a model will see them."""
    from corpus.pdf.ocr import ink
    from corpus.pdf.text_layer import render

    return [ink(render(data, passwords, number, side)) for number in numbers]


def pictures(
    data: bytes, passwords: tuple[str, ...], pages: Sequence[tuple[int, int]], side: int
) -> list[bytes]:
    """PNG files of pages, each turned clockwise by its degrees; the longer side has at most `side` pixels."""
    import numpy as np

    from corpus.pdf.text_layer import png, render

    return [
        png(np.rot90(render(data, passwords, number, side), -turn // 90)) for number, turn in pages
    ]
