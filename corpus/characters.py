"""What every code point is: one table of flags, and one pass that looks it up for a whole text.

`flags(data)` decodes UTF-8 once and gives one uint32 per *byte*: the flags of the character that
begins there, or `INSIDE` for the following bytes of a character. Kernels read these and never
decode.

The classes are those of the measures that we follow: Python's `str` methods, datatrove 0.10's
PUNCTUATION_SET and TERMINAL_PUNCTUATION (Unicode's Sentence_Terminal, in essence), and the
character groups of spaCy's tokeniser. Categories are those of `unicodedata.unidata_version`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt
import regex

from corpus.compiled import compiled
from corpus.texts import Bytes

INSIDE = 1 << 0  # not the first byte of a character
SPACE = 1 << 1  # str.isspace
LINE_END = 1 << 2  # str.splitlines ends a line here
ALPHA = 1 << 3  # str.isalpha
WORD = 1 << 4  # a letter, mark or number: category L, M or N
DIGIT = 1 << 5  # str.isdecimal
UPPER = 1 << 6  # str.isupper
LOWER = 1 << 7  # str.islower
PUNCTUATION = 1 << 8  # category P
SYMBOL = 1 << 9  # in datatrove's PUNCTUATION_SET: a word of only these is no word to Gopher
TERMINAL = 1 << 10  # ends a sentence, in any script
DICTIONARY = 1 << 11  # of a script written without spaces, for ICU to segment
PREFIX = 1 << 12  # splits off the beginning of a word
SUFFIX = 1 << 13  # splits off the end of a word
ICON = 1 << 14  # category So, emoji: a token of its own wherever it stands
HYPHEN = 1 << 15  # - – — ~
QUOTE = 1 << 16
CURRENCY = 1 << 17
BEFORE_STOP = 1 << 18  # what a full stop splits off behind: digits, lower case, quotes, % ² - + …
ASCII_DIGIT = 1 << 19
HOST = 1 << 20  # may begin and end a label of a host name
CASE_LOWER = 1 << 21  # letter that is not upper case
CASE_UPPER = 1 << 22  # letter that is not lower case
SPLITS = 1 << 23  # a chunk without any such character is one word

_SPLITTING = PREFIX | SUFFIX | ICON | HYPHEN | QUOTE | CURRENCY | ASCII_DIGIT

Flags = npt.NDArray[np.uint32]

_SIZE = 0x110000
_ASSIGNED = (range(0x32400), range(0xE0000, 0xE0200))  # the rest is unassigned or private use

_QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"
_POINTS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_BREAKS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"

_TERMINAL = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736
17D4-17D6 17D9-17DA 1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F
203C-203D 2047-2049 2E2E 2E3C 2E53-2E54 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F
A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59
10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239
1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944 11946
11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44
16E98 1BC9F 1DA88
"""
_SYMBOLS = """
0-8 B-1F 21-2F 3A-40 5B-60 7B-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA 3001-3002
3008-300D 3010-3011 FF01 FF05 FF08-FF09 FF0C FF0E FF11 FF1A-FF1B FF1F FF5E
"""
_DICTIONARY = regex.compile(
    r"(?=[\p{L}\p{M}\p{N}])"
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc\uff70]"
)


@cache
def table() -> Flags:
    """The flags of every code point; 4 MB, built in a tenth of a second on first use."""
    flags = np.zeros(_SIZE, np.uint32)
    for points in _ASSIGNED:
        flags[points.start : points.stop] = [_unicode_flags(chr(point)) for point in points]
        _mark(flags, _dictionary_points(points), DICTIONARY)
    _mark(flags, _ranges(_TERMINAL), TERMINAL)
    _mark(flags, [*_ranges(_TERMINAL), *_ranges(_SYMBOLS)], SYMBOL)
    _mark(flags, map(ord, _BREAKS), LINE_END)
    _mark(flags, map(ord, _QUOTES), QUOTE | PREFIX | SUFFIX | BEFORE_STOP)
    _mark(flags, map(ord, _POINTS), PREFIX | SUFFIX | BEFORE_STOP)
    _mark(flags, map(ord, "§%=—–"), PREFIX)
    _mark(flags, map(ord, "—–"), SUFFIX)
    _mark(flags, map(ord, "-–—~"), HYPHEN)
    _mark(flags, map(ord, "%²-+|"), BEFORE_STOP)
    _mark(flags, [*map(ord, "$£€¥฿﷼"), *range(0x20A0, 0x20C0)], CURRENCY | PREFIX)
    _mark(flags, range(0x30, 0x3A), ASCII_DIGIT | BEFORE_STOP)
    _mark(flags, range(0xA1, 0xD800), HOST)
    _mark(flags, range(0xE000, 0x10000), HOST)
    for letters in (range(0x30, 0x3A), range(0x41, 0x5B), range(0x61, 0x7B)):
        _mark(flags, letters, HOST)
    _mark(flags, map(ord, ".+/=^"), SPLITS)
    flags[(flags & _SPLITTING) != 0] |= np.uint32(SPLITS)
    return flags


def _unicode_flags(char: str) -> int:
    category = unicodedata.category(char)
    found = 0
    if category[0] in "LMN":
        found |= WORD
        if category == "Nd":
            found |= DIGIT
    elif category[0] == "P":
        found |= PUNCTUATION
    elif category == "So":
        found |= ICON | PREFIX | SUFFIX
    if char.isalpha():
        upper, lower = char.isupper(), char.islower()
        found |= ALPHA | (0 if upper else CASE_LOWER | BEFORE_STOP) | (0 if lower else CASE_UPPER)
    if char.isupper():
        found |= UPPER
    if char.islower():
        found |= LOWER
    if char.isspace():
        found |= SPACE
    return found


def _dictionary_points(points: range) -> list[int]:
    """Letters, marks and digits of the scripts written without spaces."""
    chars = "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    return [ord(match[0]) for match in _DICTIONARY.finditer(chars)]


def _ranges(text: str) -> list[int]:
    """The code points of `21 2E 61D-61F`."""
    points: list[int] = []
    for item in text.split():
        first, _, last = item.partition("-")
        points.extend(range(int(first, 16), int(last or first, 16) + 1))
    return points


def _mark(flags: Flags, points: Iterable[int], flag: int) -> None:
    flags[list(points)] |= np.uint32(flag)


@cache
def lower_table() -> npt.NDArray[np.uint32]:
    """Each code point in lower case; itself where lower case is several characters."""
    lower = np.arange(_SIZE, dtype=np.uint32)
    for point in range(0x1F000):
        small = chr(point).lower()
        if len(small) == 1:
            lower[point] = ord(small)
    return lower


def flags(data: Bytes) -> Flags:
    """One entry per byte of this UTF-8 text: the flags of its character, or `INSIDE`."""
    return _flags(data, table())


@compiled
def _flags(data: Bytes, table: Flags) -> Flags:
    n = len(data)
    out = np.empty(n, np.uint32)
    i = 0
    while i < n:
        byte = data[i]
        if byte < 0x80:
            out[i] = table[byte]
            i += 1
            continue
        length = 2 if byte < 0xE0 else (3 if byte < 0xF0 else 4)
        point = np.uint32(byte & (0x7F >> length))
        end = min(i + length, n)
        for j in range(i + 1, end):
            point = (point << np.uint32(6)) | np.uint32(data[j] & 0x3F)
            out[j] = INSIDE
        out[i] = table[min(point, np.uint32(0x10FFFF))]
        i = end
    return out
