"""Which script a text is written in, by counting code points.

Scripts have their ISO 15924 names. Characters of no one script (digits, punctuation, marks that
several share) are not counted. Three names stand for more than one Unicode script, as in the labels
of the 119: `Jpan` is kana with any Han beside it; `Hans` and `Hant` are Han text whose telling
characters (those that GB 2312 has and Big5 has not, or the reverse) are mostly of that kind, and
`Hani` is Han text without any.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import regex

from corpus.compiled import compiled
from corpus.texts import Bytes, Offsets

# Unicode's long name and ISO 15924's code of each script that is told apart.
UNICODE_SCRIPTS = {
    "Latin": "Latn",
    "Cyrillic": "Cyrl",
    "Greek": "Grek",
    "Arabic": "Arab",
    "Hebrew": "Hebr",
    "Devanagari": "Deva",
    "Bengali": "Beng",
    "Gurmukhi": "Guru",
    "Gujarati": "Gujr",
    "Oriya": "Orya",
    "Tamil": "Taml",
    "Telugu": "Telu",
    "Kannada": "Knda",
    "Malayalam": "Mlym",
    "Sinhala": "Sinh",
    "Thai": "Thai",
    "Lao": "Laoo",
    "Khmer": "Khmr",
    "Myanmar": "Mymr",
    "Georgian": "Geor",
    "Armenian": "Armn",
    "Hangul": "Hang",
    "Ethiopic": "Ethi",
    "Tibetan": "Tibt",
    "Mongolian": "Mong",
    "Thaana": "Thaa",
    "Syriac": "Syrc",
    "Tifinagh": "Tfng",
    "Cherokee": "Cher",
    "Canadian_Aboriginal": "Cans",
    "Nko": "Nkoo",
    "Ol_Chiki": "Olck",
    "Meetei_Mayek": "Mtei",
    "Yi": "Yiii",
    "Bopomofo": "Bopo",
    "Javanese": "Java",
    "Balinese": "Bali",
    "Sundanese": "Sund",
    "Coptic": "Copt",
    "Gothic": "Goth",
}
SCRIPTS = (*UNICODE_SCRIPTS.values(), "Jpan", "Hans", "Hant", "Hani")

_JPAN, _HANS, _HANT, _HANI = (SCRIPTS.index(name) for name in ("Jpan", "Hans", "Hant", "Hani"))
_NONE = 255
_KANA_SHARE = 0.05  # of Han and kana together; Chinese that cites a Japanese name stays below

Counts = npt.NDArray[np.int64]


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Index in SCRIPTS of every code point, or 255. Han is simplified, traditional, or either."""
    table = np.full(0x110000, _NONE, np.uint8)
    points = [*range(0xD800), *range(0xE000, 0x32400)]
    chars = "".join(map(chr, points))
    position = np.array(points)
    for index, name in enumerate(UNICODE_SCRIPTS):
        _mark(table, chars, position, rf"\p{{Script={name}}}+", index)
    _mark(table, chars, position, r"[\p{Script=Hiragana}\p{Script=Katakana}]+", _JPAN)
    _mark(table, chars, position, r"\p{Script=Han}+", _HANI)
    for point in np.flatnonzero(table == _HANI):
        simplified, traditional = (_encodes(chr(point), code) for code in ("gb2312", "big5"))
        if simplified != traditional:
            table[point] = _HANS if simplified else _HANT
    return table


def _mark(
    table: npt.NDArray[np.uint8], chars: str, position: Offsets, pattern: str, index: int
) -> None:
    for match in regex.finditer(pattern, chars):
        table[position[match.start() : match.end()]] = index


def _encodes(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def script_counts(data: Bytes, offsets: Offsets) -> Counts:
    """Code points of each of SCRIPTS in each text: an array of texts by scripts."""
    return _count(data, offsets, _table(), len(SCRIPTS))


def resolve(counts: Counts) -> Counts:
    """The counts with Han given to the one name that the text's Han characters bear."""
    found = counts.copy()
    kana = counts[:, _JPAN]
    han = counts[:, [_HANS, _HANT, _HANI]].sum(axis=1)
    simplified = counts[:, _HANS] > counts[:, _HANT]
    traditional = counts[:, _HANT] > counts[:, _HANS]
    japanese = kana > _KANA_SHARE * (kana + han)
    found[:, [_HANS, _HANT, _HANI]] = 0
    for mask, index in (
        (japanese, _JPAN),
        (~japanese & simplified, _HANS),
        (~japanese & traditional, _HANT),
        (~japanese & ~simplified & ~traditional, _HANI),
    ):
        found[mask, index] += han[mask]
    return found


def dominant(resolved: Counts) -> list[str | None]:
    """The most frequent script of each text, null where no character has one; ties by SCRIPTS'
    order.
    """
    best = resolved.argmax(axis=1) if len(resolved) else np.zeros(0, np.int64)
    return [
        SCRIPTS[index] if resolved[row, index] else None for row, index in enumerate(best.tolist())
    ]


@compiled
def _count(data: Bytes, offsets: Offsets, table: npt.NDArray[np.uint8], scripts: int) -> Counts:
    counts = np.zeros((len(offsets) - 1, scripts), np.int64)
    for document in range(len(offsets) - 1):
        i, end = offsets[document], offsets[document + 1]
        while i < end:
            byte = data[i]
            if byte < 0x80:
                if (byte | 0x20) - 97 < 26 and (byte | 0x20) >= 97:
                    counts[document, 0] += 1
                i += 1
                continue
            length = 2 if byte < 0xE0 else (3 if byte < 0xF0 else 4)
            point = np.uint32(byte & (0x7F >> length))
            for j in range(i + 1, min(i + length, end)):
                point = (point << np.uint32(6)) | np.uint32(data[j] & 0x3F)
            script = table[min(point, np.uint32(0x10FFFF))]
            if script < scripts:
                counts[document, script] += 1
            i += length
    return counts
