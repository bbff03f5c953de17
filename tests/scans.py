"""Scans that a scripted model can read: pages that are pictures, each with its number in a pattern of squares.

`PATTERN` x `PATTERN` squares; the one at the top left is black and those in the other corners are white, which tells
how the page lies; the squares within are the bits of its number. `read_page` answers as a model would, as a function of
the picture alone: with the text of that number, or a line that says how the page lies, or that it is blank.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pymupdf

PATTERN = 8
SIDE = 72  # points
NEVER = 30_000  # pages from this number on are answered with a loop
_WORDS = """
mill wheel pond lane water bridge keeper ledger winter garden harbour lantern orchard quarry
signal tower village willow barn chapel ferry gate hedge island kettle ladder meadow needle oven
plough river saddle timber valley wagon anchor basket candle drawer engine fiddle goose hammer
iron jacket kitchen letter mirror number ocean pepper quilt rope slate thread umbrella vessel
window yard old narrow wooden silent broken early distant patient heavy green stands carries
follows opens leaves reaches repairs remembers paints counts crosses lifts borrows measures
returns
"""


def scan(path: Path, numbers: Sequence[int | None], turns: Sequence[int] = ()) -> Path:
    """A PDF with a page for each number, turned clockwise by its degrees; None is a page with a few specks."""
    document = pymupdf.open()
    for place, number in enumerate(numbers):
        pixels = _specks() if number is None else pattern(number)
        pixels = np.rot90(pixels, -(turns[place] if place < len(turns) else 0) // 90)
        add_picture(document, np.repeat(np.repeat(pixels, 10, 0), 10, 1))
    document.set_metadata({})
    path.write_bytes(document.tobytes(deflate=True, no_new_id=True))
    return path


def add_picture(document: pymupdf.Document, pixels: np.ndarray) -> None:
    """A page that is nothing but these grey pixels."""
    height, width = pixels.shape
    picture = pymupdf.Pixmap(pymupdf.csGRAY, width, height, pixels.astype(np.uint8).tobytes(), 0)
    page = document.new_page(width=SIDE * width / height, height=SIDE)
    page.insert_image(page.rect, pixmap=picture)


def pattern(number: int) -> np.ndarray:
    """The squares of a number, one pixel each."""
    squares = np.full((PATTERN, PATTERN), 255, np.uint8)
    squares[0, 0] = 0
    bits = [(number >> bit) & 1 for bit in range((PATTERN - 2) ** 2)]
    squares[1:-1, 1:-1][np.array(bits, bool).reshape(PATTERN - 2, PATTERN - 2)] = 0
    return squares


def read_page(png: bytes) -> str:
    """The scripted model."""
    picture = pymupdf.Pixmap(png)
    rows = np.frombuffer(picture.samples, np.uint8).reshape(picture.height, picture.stride)
    height, width = picture.height // PATTERN, picture.width // PATTERN
    squares = rows[height // 2 :: height, width // 2 :: width][:PATTERN, :PATTERN] < 128
    corners = [squares[0, 0], squares[-1, 0], squares[-1, -1], squares[0, -1]]
    if sum(corners) != 1:
        return "rotation: 0, blank: yes"
    turn = 90 * corners.index(True)
    if turn:
        return f"rotation: {turn}, blank: no"
    number = sum(1 << bit for bit, black in enumerate(squares[1:-1, 1:-1].ravel()) if black)
    text = text_of(number) if number < NEVER else "on it goes and on and on\n" * 40
    return f"rotation: 0, blank: no\n\n{text}"


def text_of(number: int) -> str:
    """What stands on a page: two paragraphs that no other page has."""
    draw = random.Random(number)
    paragraphs = []
    for _ in range(2):
        sentences = [
            " ".join(draw.choices(_WORDS.split(), k=draw.randint(7, 12))) for _ in range(4)
        ]
        sentences[0] += f" {number} of {draw.randint(1000, 9999)}"
        paragraphs.append(" ".join(f"{sentence.capitalize()}." for sentence in sentences))
    return "\n\n".join(paragraphs)


def _specks() -> np.ndarray:
    pixels = np.full((PATTERN * 10, PATTERN * 10), 255, np.uint8)
    pixels[31, 40:43] = 0
    return pixels
