"""A page as the picture that a vision-language model is shown. `draw` runs in the child process."""

from __future__ import annotations

import io
from collections.abc import Sequence

from corpus.pdf.vl import SIDE


def draw(data: bytes, passwords: Sequence[str], number: int, turned: int) -> tuple[bytes, float]:
    """(PNG in grey, its longer side `SIDE` pixels at most, turned clockwise by so many degrees; share of ink)."""
    from PIL import Image

    from corpus.pdf.ocr import ink
    from corpus.pdf.text_layer import render

    pixels = render(data, passwords, number, most=SIDE)
    image = Image.fromarray(pixels)
    if turned:
        image = image.rotate(-turned, expand=True)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), ink(pixels)
