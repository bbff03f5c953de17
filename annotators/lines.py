"""Counts over the characters and lines of a text, for `annotators.statistics`.

One kernel over the bytes and their flags (`corpus.characters`). A line is what each filter of
datatrove calls one: `str.splitlines` for Gopher's bullets and ellipses, `str.split("\\n")` for
FineWeb.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from corpus import characters as ch
from corpus.compiled import compiled
from corpus.texts import Bytes, Offsets

Counts: TypeAlias = npt.NDArray[np.int64]

# The columns of the array that `line_counts` returns.
COUNTS = (
    "chars",
    "letters",
    "digits",
    "upper",
    "spaces",
    "hashes",  # of the character #
    "ellipses",  # "..." or "…"
    "newlines",
    "lines",  # as str.splitlines
    "bullet_lines",  # that begin with • or -, white space aside
    "ellipsis_lines",  # that end with ... or …, white space aside
    "filled_lines",  # of text.split("\n"), with anything but white space
    "punctuated_lines",  # of these, ending with a terminal mark
    "short_lines",  # of these, of at most 30 characters
    "max_line",  # characters in the longest line of text.split("\n")
)
SHORT_LINE = 30

_LETTERS, _DIGITS, _UPPER, _SPACES, _HASHES, _ELLIPSES, _NEWLINES = range(1, 8)
_LINES, _BULLETS, _ELLIPSIS_LINES, _FILLED, _PUNCTUATED, _SHORT, _LONGEST = range(8, 15)
_WIDTH = len(COUNTS)

_F_INSIDE, _F_SPACE, _F_LINE_END, _F_ALPHA = ch.INSIDE, ch.SPACE, ch.LINE_END, ch.ALPHA
_F_DIGIT, _F_UPPER, _F_TERMINAL = ch.DIGIT, ch.UPPER, ch.TERMINAL


def line_counts(data: Bytes, flags: ch.Flags, offsets: Offsets) -> Counts:
    """One row per text, one column per entry of COUNTS."""
    counts = np.zeros((len(offsets) - 1, _WIDTH), np.int64)
    _characters(data, flags, offsets, counts)
    _split_lines(data, flags, offsets, counts)
    _newline_lines(data, flags, offsets, counts)
    return counts


@compiled
def _is_ellipsis(data: Bytes, i: int, end: int) -> bool:
    return i + 3 <= end and data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6


@compiled
def _characters(data: Bytes, flags: ch.Flags, offsets: Offsets, counts: Counts) -> None:
    for d in range(len(offsets) - 1):
        chars = letters = digits = upper = spaces = hashes = ellipses = newlines = dots = 0
        for i in range(offsets[d], offsets[d + 1]):
            flag = flags[i]
            if flag & _F_INSIDE:
                continue
            byte = data[i]
            chars += 1
            letters += (flag & _F_ALPHA) != 0
            digits += (flag & _F_DIGIT) != 0
            upper += (flag & _F_UPPER) != 0
            spaces += (flag & _F_SPACE) != 0
            hashes += byte == 35
            newlines += byte == 10
            if byte == 46:
                dots += 1
                if dots == 3:
                    ellipses += 1
                    dots = 0
            else:
                dots = 0
                if byte == 0xE2 and _is_ellipsis(data, i, offsets[d + 1]):
                    ellipses += 1
        row = counts[d]
        row[0], row[_LETTERS], row[_DIGITS], row[_UPPER] = chars, letters, digits, upper
        row[_SPACES], row[_HASHES], row[_ELLIPSES], row[_NEWLINES] = (
            spaces,
            hashes,
            ellipses,
            newlines,
        )


@compiled
def _stripped(flags: ch.Flags, start: int, end: int) -> tuple[int, int]:
    """The range without white space at its ends."""
    while start < end and flags[start] & (_F_SPACE | _F_INSIDE):
        start += 1
    last = end
    while last > start:
        i = last - 1
        while i > start and flags[i] & _F_INSIDE:
            i -= 1
        if not flags[i] & _F_SPACE:
            break
        last = i
    return start, last


@compiled
def _split_lines(data: Bytes, flags: ch.Flags, offsets: Offsets, counts: Counts) -> None:
    for d in range(len(offsets) - 1):
        row, stop = counts[d], offsets[d + 1]
        start = i = offsets[d]
        while i < stop:
            if not flags[i] & _F_LINE_END and i + 1 < stop:
                i += 1
                continue
            end = i if flags[i] & _F_LINE_END else stop
            a, b = _stripped(flags, start, end)
            row[_LINES] += 1
            if a < b:
                bullet = data[a] == 45
                if a + 3 <= b and data[a] == 0xE2 and data[a + 1] == 0x80 and data[a + 2] == 0xA2:
                    bullet = True
                dots = b - a >= 3 and data[b - 1] == 46 and data[b - 2] == 46 and data[b - 3] == 46
                row[_BULLETS] += bullet
                row[_ELLIPSIS_LINES] += dots or (b - a >= 3 and _is_ellipsis(data, b - 3, b))
            if i + 1 < stop and data[i] == 13 and data[i + 1] == 10:
                i += 1
            i += 1
            while i < stop and flags[i] & _F_INSIDE:
                i += 1
            start = i


@compiled
def _newline_lines(data: Bytes, flags: ch.Flags, offsets: Offsets, counts: Counts) -> None:
    for d in range(len(offsets) - 1):
        row, stop = counts[d], offsets[d + 1]
        chars, filled, last = 0, False, np.uint32(0)
        for i in range(offsets[d], stop + 1):
            if i == stop or data[i] == 10:
                row[_LONGEST] = max(row[_LONGEST], chars)
                if filled:
                    row[_FILLED] += 1
                    row[_PUNCTUATED] += (last & _F_TERMINAL) != 0
                    row[_SHORT] += chars <= SHORT_LINE
                chars, filled, last = 0, False, np.uint32(0)
            elif not flags[i] & _F_INSIDE:
                last = flags[i]
                chars += 1
                filled = filled or not last & _F_SPACE
