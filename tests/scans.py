"""Scanned PDFs whose pages carry their number as a pattern of squares, and a scripted reader of such pages.

A page is a picture: a black square in the upper left corner, beside it the number in `BITS` black or white squares,
below it bars that look like lines. `read` finds the corner, says by how much the page is to be turned where it is not
the upper left one, and else answers with `text_of(number)`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

BITS = 16
CELL = 10  # points
WIDTH, HEIGHT = 240, 320
BLANK = 1 << BITS  # the number of a page with nothing but specks
WORDS = [
    *("harbour", "lantern", "meadow", "copper", "ladder", "winter", "barley", "ferry", "stone"),
    *("orchard", "rope", "candle", "river", "basket", "mill", "window", "saddle", "kettle"),
    *("bridge", "pepper", "anchor", "forest", "needle", "bell", "garden", "ribbon", "salt"),
]


def text_of(number: int) -> str:
    """What stands on a page: no two pages have the same."""
    digest = hashlib.sha256(str(number).encode()).digest()
    words = [WORDS[byte % len(WORDS)] for byte in digest]
    return f"Page {number} tells of the {' and the '.join(words)}."


def scan(path: Path, numbers: Sequence[int], *, turned: Sequence[int] = ()) -> None:
    """A PDF of these pages; those in `turned` lie on their side, turned clockwise by a quarter."""
    pages = [
        Image.fromarray(picture(number)).rotate(-90 if number in turned else 0, expand=True)
        for number in numbers
    ]
    pages[0].save(path, "PDF", save_all=True, append_images=pages[1:], resolution=72)


def picture(number: int) -> np.ndarray:
    """The page as grey pixels, one per point."""
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    if number == BLANK:
        page[::97, ::89] = 0
        return page
    page[: 2 * CELL, : 2 * CELL] = 0
    for bit in range(BITS):
        if number >> bit & 1:
            left = (3 + bit) * CELL
            page[:CELL, left : left + CELL] = 0
    page[60:-20:12, 20:-20] = 90
    return page


def read(png: bytes) -> str:
    """What a model that reads well answers."""
    page = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    corners = [page[:9, :9], page[:9, -9:], page[-9:, -9:], page[-9:, :9]]
    dark = [int(corner.mean() < 100) for corner in corners]
    if not any(dark):
        return "rotation: 0\nblank"
    if not dark[0]:
        return f"rotation: {(360 - 90 * dark.index(1)) % 360}\n"
    cell = page.shape[1] * CELL / WIDTH
    middles = [int((3.5 + bit) * cell) for bit in range(BITS)]
    number = sum((page[int(cell / 2), at] < 128) << bit for bit, at in enumerate(middles))
    return f"rotation: 0\n{text_of(int(number))}"
