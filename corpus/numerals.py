"""The numbers of a text, each as a canonical string, so that those of two texts compare.

- Decimal digits of every script (Arabic-Indic, Devanagari, Thai, full-width and so on) are read as
  ASCII's; superscripts, circled digits and fractions as the numbers that they show.
- Separators: `1,234.5`, `1.234,5`, `1 234,5` (with any narrow or unbreakable space), `1'234.5` and
  the Indian `12,34,567` give one number each. Three digits after a single separator are a group, so
  `1.234` is `1234`. What is no number by these rules (`12.03.2024`, `1.2.3`) is its parts.
- Chinese numerals of two characters or more: `二〇二四` is `2024`, `三万五千` and `3万5千` are `35000`. A
  single one (`一`) is more often a word, and units without a digit (`千万`) are, so they do not count.

Leading zeros go. Signs, units and number words (`two`, `deux`) are not looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

VERSION = 1

_SPACES = "\u00a0\u2009\u202f"
_NUMBER = re.compile(rf"\d{{1,3}}(?:[{_SPACES}]\d{{3}}(?!\d))+(?:[.,]\d+)?|\d+(?:[.,'’]\d+)*", re.A)
_SPACED = re.compile(
    rf"\d{{1,3}}(?:[ {_SPACES}]\d{{3}}(?!\d))+(?:[.,]\d+)?|\d+(?:[.,'’]\d+)*", re.A
)
_SEPARATOR = re.compile(rf"[.,'’ {_SPACES}]")

_ONES = {c: n for n, row in enumerate(("〇零", *"一二三四五六七八九")) for c in row}
_ONES |= {c: n for n, row in enumerate(("两兩", *"壹贰叁肆伍陆柒捌玖")) for c in row if n}
_ONES |= {"两": 2, "兩": 2}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12}
_HAN = "".join([*_ONES, *_TENS, *_MYRIADS])
_CHINESE = re.compile(
    rf"(?:\d+(?:\.\d+)?[{''.join([*_TENS, *_MYRIADS])}]|[{_HAN}])[\d{_HAN}]*", re.A
)


class _Digits(dict[int, str]):
    """What `str.translate` puts for each code point; filled as characters are met."""

    def __missing__(self, point: int) -> str:
        char = chr(point)
        value = unicodedata.decimal(char, None)
        if value is not None:
            found = str(value)
        elif unicodedata.category(char) == "No" and char.isnumeric():
            shown = unicodedata.normalize("NFKC", char)
            found = f"^{shown}" if shown[0].isdecimal() else char
        else:
            found = {"٫": ".", "٬": ",", "．": ".", "，": ","}.get(char, char)
        self[point] = found
        return found


_DIGITS = _Digits()


def ascii_digits(text: str) -> str:
    """The text with the digits of every script written as ASCII's."""
    return text if text.isascii() else text.translate(_DIGITS)


def numbers(text: str, *, spaced: bool = False) -> list[str]:
    """The numbers in order. `spaced`: an ordinary space may part groups of three too."""
    return [value for _, value in placed_numbers(ascii_digits(text), spaced=spaced)]


def placed_numbers(text: str, *, spaced: bool = False) -> Iterator[tuple[int, str]]:
    """The numbers of a text that `ascii_digits` gave, each with the place where it starts."""
    taken = 0
    chinese = list(_chinese(text))
    for start, end, value in chinese:
        yield from _plain(text, taken, start, spaced)
        yield start, value
        taken = end
    yield from _plain(text, taken, len(text), spaced)


def _plain(text: str, start: int, end: int, spaced: bool) -> Iterator[tuple[int, str]]:
    for match in (_SPACED if spaced else _NUMBER).finditer(text, start, end):
        for value in _canonical(match[0]):
            yield match.start(), value


def _canonical(token: str) -> list[str]:
    """One number, or the parts where the separators do not make one."""
    parts = _SEPARATOR.split(token)
    marks = [" " if mark in _SPACES else mark for mark in _SEPARATOR.findall(token)]
    if not marks:
        return [_stripped(token)]
    if len(marks) == 1 and (len(parts[1]) != 3 or len(parts[0]) > 3 or parts[0] == "0"):
        return (
            [f"{_stripped(parts[0])}.{parts[1]}"]
            if marks[0] in ".,"
            else list(map(_stripped, parts))
        )
    if (
        len(marks) > 1
        and marks[-1] in ".,"
        and marks[-1] not in marks[:-1]
        and _grouped(parts[:-1])
    ):
        return [f"{_stripped(''.join(parts[:-1]))}.{parts[-1]}"]
    if len(set(marks)) == 1 and _grouped(parts):
        return [_stripped("".join(parts))]
    return [_stripped(part) for part in parts]


def _grouped(parts: list[str]) -> bool:
    """Groups of three digits, or the Indian groups of two before a last one of three."""
    if len(parts) == 1:
        return True
    inner = {len(part) for part in parts[1:-1]}
    return 1 <= len(parts[0]) <= 3 and len(parts[-1]) == 3 and len(inner) <= 1 and inner <= {2, 3}


def _stripped(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _chinese(text: str) -> Iterator[tuple[int, int, str]]:
    """`(start, end, value)` of numbers with Chinese numerals in them."""
    if text.isascii():
        return
    for match in _CHINESE.finditer(text):
        value = _chinese_value(match[0])
        if value is not None:
            yield match.start(), match.end(), value


def _chinese_value(run: str) -> str | None:
    """The number that a run of Chinese numerals shows; the run where it is several; None for a word."""
    if len(run) == 1 or not any(c in _ONES or c.isdecimal() for c in run[:1] + run[1:]):
        return None
    if all(c in _ONES for c in run):
        return _stripped("".join(str(_ONES[c]) for c in run))
    total = section = Decimal(0)
    digit: Decimal | None = None
    for piece in re.findall(r"\d+(?:\.\d+)?|\D", run, re.A):
        if piece[0].isdecimal() or piece in _ONES:
            if digit:  # two digits without a unit between them: `二三十`
                return run
            digit = Decimal(piece) if piece[0].isdecimal() else Decimal(_ONES[piece])
        elif piece in _TENS:
            section += (1 if digit is None else digit) * _TENS[piece]
            digit = None
        else:
            total += (section + (digit or 0) or 1) * _MYRIADS[piece]
            section, digit = Decimal(0), None
    return f"{(total + section + (digit or 0)).normalize():f}"
