"""Normalisation of prose: one canonical form for text that reads the same.

In this order: lone surrogates become U+FFFD; line ends (CR LF, CR, NEL, U+2028, U+2029, vertical
tab, form feed) become a line feed; byte order marks, NUL and the other control characters of C0 and
C1 but tab and line feed are removed, as are Unicode's noncharacters; mojibake is repaired per line
with ftfy, and only in lines that show it; NFC. Idempotent. Never for code: there a form feed or a
decomposed letter in a string is content.

C1 controls are removed after mojibake is repaired, since they are how most of it looks. Lines are
repaired one by one, so that the normal form of a text is that of its lines; a document that is
joined from normal lines stays normal.
"""

from __future__ import annotations

import re
import unicodedata

import ftfy
from ftfy.badness import is_bad

VERSION = 1

_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\u0085\u2028\u2029]")
_LINE_ENDS_BUT_NEL = re.compile("\r\n?|[\x0b\x0c\u2028\u2029]")  # U+0085 is part of much mojibake
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr((plane << 16) + low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
    + "]"
)
_C0 = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufeff]")
_MAX_LINE = (
    100_000  # characters; a longer line is data, and ftfy's search is not linear on all input
)
_ROUNDS = 4  # a repair that uncovers another: seen at most 2 deep


def normalise(text: str) -> str:
    """The normal form of `text`."""
    if text.isascii():
        return _CONTROLS.sub("", _LINE_ENDS.sub("\n", text)) if _needs_cleaning(text) else text
    for _ in range(_ROUNDS):
        before = text
        text = _once(text)
        if text == before:
            break
    return text


def without_surrogates(text: str) -> str:
    """The text with lone surrogates replaced, so that UTF-8 can hold it."""
    return (
        text if text.isascii() or not _SURROGATES.search(text) else _SURROGATES.sub("\ufffd", text)
    )


def _needs_cleaning(text: str) -> bool:
    return bool(_CONTROLS.search(text) or _LINE_ENDS.search(text))


def _once(text: str) -> str:
    text = _C0.sub("", without_surrogates(text))
    if is_bad(text):
        text = "\n".join(_repaired(line) for line in _LINE_ENDS_BUT_NEL.sub("\n", text).split("\n"))
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", text)


def _repaired(line: str) -> str:
    if line.isascii() or len(line) > _MAX_LINE or not is_bad(line):
        return line
    return ftfy.fix_encoding(line)
