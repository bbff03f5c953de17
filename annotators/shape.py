"""What a text looks like, in 24 numbers: which kinds of characters it has, and how long its lines and words are.

The student has them beside its words, and a student of these alone is what it is measured against. All are shares of
the bytes, of the lines or of the words, or logarithms, so that texts of any length compare:

| number | meaning |
|---|---|
| 0 to 17 | share of bytes that are `CLASSES`, by their square root (rare ones tell much) |
| 18 | log(1 + bytes) / 10 |
| 19 | log(1 + bytes per line) / 8 |
| 20 | share of lines with fewer than 30 bytes |
| 21 | share of lines that are empty |
| 22 | share of lines that begin with no letter, of ASCII or beyond |
| 23 | bytes per word / 20, at most 2 |
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from corpus.compiled import compiled
from corpus.texts import Bytes, Offsets

CLASSES = (
    *("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " \t", "\n", "."),
    *(",", "!", "?", ":;", "\"'`", "()[]{}", "<>", "=+*/\\|&^%$#@~", "-_"),
)  # then leading bytes of a longer character, its other bytes, and control characters
SIZE = len(CLASSES) + 3 + 6
SHORT_LINE = 30

Floats = npt.NDArray[np.float32]


def shape(data: Bytes, offsets: Offsets) -> Floats:
    """The numbers of each text: (texts, SIZE)."""
    found = np.zeros((len(offsets) - 1, SIZE), np.float32)
    _shape(data, offsets, _table(), found)
    return found


@cache
def _table() -> Bytes:
    table = np.full(256, len(CLASSES) + 2, np.uint8)
    table[0xC0:], table[0x80:0xC0] = len(CLASSES), len(CLASSES) + 1
    for place, characters in enumerate(CLASSES):
        table[[ord(character) for character in characters]] = place
    return table


@compiled
def _shape(data: Bytes, offsets: Offsets, table: Bytes, found: Floats) -> None:
    kinds = found.shape[1] - 6
    for text in range(len(found)):
        start, end = offsets[text], offsets[text + 1]
        if start == end:
            continue
        row = found[text]
        lines, short, empty, odd, words, begin = 0, 0, 0, 0, 0, start
        for i in range(start, end + 1):
            if i < end:
                row[table[data[i]]] += 1
                if data[i] > 32 and (i == start or data[i - 1] <= 32):
                    words += 1
            if i == end or data[i] == 10:
                lines += 1
                short += i - begin < SHORT_LINE
                empty += i == begin
                if i > begin:
                    first = data[begin]
                    odd += first < 0x80 and not 97 <= (first | 0x20) <= 122
                begin = i + 1
        size = np.float32(end - start)
        for kind in range(kinds):
            row[kind] = np.sqrt(row[kind] / size)
        row[kinds] = np.log1p(size) / 10
        row[kinds + 1] = np.log1p(size / lines) / 8
        row[kinds + 2] = short / lines
        row[kinds + 3] = empty / lines
        row[kinds + 4] = odd / lines
        row[kinds + 5] = min(size / max(words, 1) / 20, 2)
