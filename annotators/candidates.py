"""Where personal data may stand: one compiled pass over UTF-8 that knows shapes and judges nothing.

| kind | what is marked |
|---|---|
| `AT` | an at sign between two characters that an address may have beside it |
| `NUMBER` | digits with at most three separators between two of them: six digits or more, or three dots |
| `COLONS` | hexadecimal digits and colons, with at least three colons |
| `WORD` | Latin letters and digits as long and as begun as an IBAN, a wallet or an Italian tax code |

`find(data, offsets)` gives document, kind, first character and end of each, as offsets into the document's
text. `plain` puts a text into ASCII character by character, so that offsets stay: the digits of every script
(Unicode's category Nd), wide forms, and the dashes and spaces that stand in numbers.

The pass keeps a fixed number of counters, so its time is linear in the text whatever stands there: some
200 MB/s (AMD EPYC, one core).
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from corpus import characters as ch
from corpus.compiled import compiled
from corpus.texts import Bytes, Offsets

AT, NUMBER, COLONS, WORD = range(4)

Candidates: TypeAlias = npt.NDArray[np.int32]  # rows of document, kind, start, stop
Classes: TypeAlias = npt.NDArray[np.uint8]

LEAST_DIGITS = 6
MOST_SEPARATORS = 3
_WIDE = range(0xFF01, 0xFF5F)  # the forms of ASCII in East Asian typography
_DASHES = "‐‑‒–—―−﹣"
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"

_OTHER, _DIGIT, _LATIN, _LETTER, _SEPARATOR, _DOT, _COLON, _SIGN = range(8)
_HEXADECIMAL = 8  # added to digits and letters


@cache
def _plain_table() -> dict[int, str]:
    digits = np.flatnonzero(ch.table() & ch.DIGIT).tolist()
    found = {point: str(unicodedata.decimal(chr(point))) for point in digits if point > 0x7F}
    found |= {point: chr(point - 0xFEE0) for point in _WIDE}
    return found | {ord(c): "-" for c in _DASHES} | {ord(c): " " for c in _SPACES}


def plain(text: str) -> str:
    """The text with ASCII for what stands for it, character by character."""
    return text if text.isascii() else text.translate(_plain_table())


@cache
def _classes() -> Classes:
    flags = ch.table()
    classes = np.full(len(flags), _OTHER, np.uint8)
    classes[(flags & ch.WORD) != 0] = _LETTER
    classes[ord("_")] = _LETTER
    for point in range(0x80):
        char = chr(point)
        if char.isalpha():
            classes[point] = _LATIN + (_HEXADECIMAL if char in "abcdefABCDEF" else 0)
        elif char.isdigit():
            classes[point] = _DIGIT + _HEXADECIMAL
    classes[[ord(char) for char in " -()/"]] = _SEPARATOR
    classes[ord(".")], classes[ord(":")], classes[ord("@")] = _DOT, _COLON, _SIGN
    for point, char in _plain_table().items():
        classes[point] = classes[ord(char)]
    return classes


def find(data: Bytes, offsets: Offsets) -> Candidates:
    """The candidates of each text, in the order of their ends."""
    return _find(data, offsets, _classes())


@compiled
def _find(data: Bytes, offsets: Offsets, classes: Classes) -> Candidates:
    # the shortest of each kind: a@, 123456 and one more, ::: and one more, AB12 and one more
    room = int((offsets[-1] - offsets[0]) * (1 / 2 + 1 / 7 + 1 / 4 + 1 / 5)) + 4 * len(offsets)
    out = np.empty((room, 4), np.int32)
    n = 0
    for d in range(len(offsets) - 1):
        i, end, at = offsets[d], offsets[d + 1], 0
        digits = dots = gap = number = number_end = 0  # of a NUMBER
        colons = size = 0  # of COLONS
        length = figures = 0  # of a WORD
        head = 0  # which of the first characters of a WORD are digits, as bits; the first itself
        first = np.uint32(0)
        before = _OTHER
        while i <= end:
            point = np.uint32(0)
            kind = _OTHER
            if i < end:
                byte = data[i]
                width = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
                point = np.uint32(byte if width == 1 else byte & (0x7F >> width))
                for j in range(i + 1, min(i + width, end)):
                    point = (point << np.uint32(6)) | np.uint32(data[j] & 0x3F)
                i += width
                kind = classes[min(point, np.uint32(0x10FFFF))]
            else:
                i += 1
            plain_kind = kind & 7
            if plain_kind == _DIGIT:
                if digits == 0:
                    number = at
                digits += 1
                gap = 0
                number_end = at + 1
            elif digits:
                if plain_kind == _DOT and gap == 0:
                    dots += 1
                gap += 1
                if (plain_kind != _SEPARATOR and plain_kind != _DOT) or gap > MOST_SEPARATORS:
                    if digits >= LEAST_DIGITS or dots >= 3:
                        out[n] = d, NUMBER, number, number_end
                        n += 1
                    digits = dots = gap = 0
            if kind & _HEXADECIMAL or plain_kind == _COLON:
                size += 1
                colons += plain_kind == _COLON
            elif size:
                if colons >= 3:
                    out[n] = d, COLONS, at - size, at
                    n += 1
                size = colons = 0
            if plain_kind in (_LATIN, _DIGIT):
                if length == 0:
                    first, head, figures = point, 0, 0
                if plain_kind == _DIGIT:
                    figures += 1
                    head |= 1 << min(length, 8)
                length += 1
            elif length:
                iban = head & 15 == 12 and (length == 4 or 15 <= length <= 34)
                code = length == 16 and head & 63 == 0 and figures >= 2
                wallet = 26 <= length <= 62 and (first == 49 or first == 51 or first | 32 == 98)
                if iban or code or (wallet and figures > 0):
                    out[n] = d, WORD, at - length, at
                    n += 1
                length = 0
            if before == _SIGN and 0 < plain_kind < _SEPARATOR and at > 1:
                out[n] = d, AT, at - 1, at
                n += 1
            touches = 0 < before < _SEPARATOR  # an at sign counts behind a letter or digit
            before = _OTHER if plain_kind == _SIGN and not touches else plain_kind
            at += 1
    return out[:n].copy()
