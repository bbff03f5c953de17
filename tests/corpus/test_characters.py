"""The table of code points, against Python's own classes and datatrove's sets."""

from __future__ import annotations

import numpy as np
from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION
from hypothesis import given
from hypothesis import strategies as st

from corpus import characters as ch


def test_flags_are_those_of_str() -> None:
    table = ch.table()
    for point in [*range(0x3000), *range(0x4E00, 0x4F00), *range(0x1F600, 0x1F650)]:
        char, flag = chr(point), int(table[point])
        assert bool(flag & ch.SPACE) == char.isspace(), hex(point)
        assert bool(flag & ch.ALPHA) == char.isalpha(), hex(point)
        assert bool(flag & ch.DIGIT) == char.isdecimal(), hex(point)
        assert bool(flag & ch.UPPER) == char.isupper(), hex(point)
        assert bool(flag & ch.LINE_END) == (len(f"a{char}b".splitlines()) == 2), hex(point)


def test_punctuation_is_datatroves() -> None:
    table = ch.table()
    assert {chr(k) for k in np.flatnonzero(table & ch.SYMBOL)} == PUNCTUATION_SET
    assert {chr(k) for k in np.flatnonzero(table & ch.TERMINAL)} == TERMINAL_PUNCTUATION


@given(st.text())
def test_one_flag_per_byte(text: str) -> None:
    data = np.frombuffer(text.encode(), np.uint8)
    found, at = ch.flags(data), 0
    for char in text:
        size = len(char.encode())
        assert found[at] == ch.table()[ord(char)]
        assert all(found[at + 1 : at + size] == ch.INSIDE)
        at += size
    assert at == len(found)
