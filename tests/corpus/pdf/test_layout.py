"""Reading order and the joining of lines, on lines laid by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.pdf.layout import Line, find_gutter, in_order, joined, page_text


def line(x: float, y: float, text: str, block: int = 0, width: float | None = None) -> Line:
    wide = 5.0 * len(text) if width is None else width
    return Line(x0=x, y0=y, x1=x + wide, y1=y + 10, text=text, block=block)


COLUMNS = [
    line(x, 100 + 12 * i, f"{name} column row {i} with some words", block, width=200)
    for block, (x, name) in enumerate([(50, "left"), (300, "right")])
    for i in range(5)
]


def test_columns_have_a_gutter() -> None:
    gutter = find_gutter(COLUMNS)
    assert gutter is not None
    assert 250 < gutter < 300
    assert in_order(COLUMNS[5:] + COLUMNS[:5]) == COLUMNS
    assert in_order(COLUMNS, rtl=True) == COLUMNS[5:] + COLUMNS[:5]


def test_wide_lines_part_the_columns() -> None:
    wide = line(50, 124.5, "a heading over both columns", 7, width=450)
    lower = [
        line(x, 140 + 12 * i, f"{name} below row {i} with words", block, width=200)
        for block, (x, name) in enumerate([(50, "left"), (300, "right")], 10)
        for i in range(9)
    ]
    upper = [row for row in COLUMNS if row.y0 < 124]
    assert in_order([*lower, wide, *upper]) == [*upper[:2], *upper[2:], wide, *lower]


def test_cells_are_no_columns() -> None:
    cells = [line(x, 100 + 12 * i, "ab", i) for i in range(6) for x in (50, 200, 350)]
    assert find_gutter(cells) is None


def test_a_table_that_is_drawn_row_by_row_is_no_columns() -> None:
    """The same lines in one block for each column are columns: they fill enough of the width for that."""
    rows = [
        line(x, 100 + 12 * i, f"{name} cell {i} of the table", block, width=width)
        for i, width in enumerate([200, 120, 120, 160, 120, 120])
        for block, (x, name) in enumerate([(50, "left"), (300, "right")])
    ]
    assert find_gutter(rows) is not None
    one_block = [replace(row, block=0) for row in rows]
    assert find_gutter(one_block) is None
    assert in_order(one_block) == one_block
    justified = [replace(row, x1=row.x0 + 200) for row in one_block]
    assert find_gutter(justified) is not None


def test_a_cut_word_joins_rows_and_blocks() -> None:
    rows = [
        line(50, 100, "A wide row of this block, as wide as it is", width=400),
        line(50, 112, "a short row with a har-", width=150),
        line(50, 124, "bour, and one more row with a sai-", width=200),
        line(50, 150, "lor", block=1),
    ]
    text = f"{rows[0].text} a short row with a harbour, and one more row with a sailor"
    assert page_text(rows) == text
    code = [replace(row, mono=True) for row in rows]
    assert page_text(code).split("\n") == [*(row.text for row in rows[:3]), "", "lor"]
    sentence = [rows[0], replace(rows[3], text="Lor")]
    assert page_text(sentence) == f"{rows[0].text}\n\nLor"


def test_full_lines_are_joined_and_short_ones_end() -> None:
    block = [
        line(50, 100, "The first row is full and", width=300),
        line(50, 112, "this one is full to the word and", width=270),
        line(50, 124, "it ends early.", width=150),
        line(50, 136, "A new paragraph", width=290),
    ]
    assert page_text(block) == (
        "The first row is full and this one is full to the word and it ends early.\nA new paragraph"
    )


@pytest.mark.parametrize(
    ("first", "second", "words", "expected"),
    [
        ("a har-", "bour", (), "a harbour"),
        ("a har\u00ad", "bour", (), "a harbour"),
        ("a well-", "known", ("well-known",), "a well-known"),
        ("Anna-", "Lena", (), "Anna-Lena"),
        ("Vor-", "und Nachteile", (), "Vor- und Nachteile"),
        ("one", "two", (), "one two"),
        ("港の", "歴史", (), "港の歴史"),
        ("1990-", "1995", (), "1990- 1995"),
        ("at https://ports.example/har-", "bours/", (), "at https://ports.example/har-bours/"),
        ("(/usr/share/har-", "bours)", (), "(/usr/share/har-bours)"),
        ("ports and/or har-", "bours", (), "ports and/or harbours"),
        ("state-of-the-", "art", (), "state-of-the-art"),
        ("state-of-the-sa\u00ad", "lor", (), "state-of-the-salor"),
        ("", "x", (), "x"),
    ],
)
def test_joined(first: str, second: str, words: tuple[str, ...], expected: str) -> None:
    assert joined(first, second, frozenset(words)) == expected


LINES = st.lists(
    st.builds(
        line,
        st.floats(0, 600),
        st.floats(0, 800),
        st.text("ab -", min_size=1, max_size=40),
        st.integers(0, 5),
    ),
    max_size=60,
)


@given(LINES, st.booleans())
def test_every_line_once(lines: list[Line], rtl: bool) -> None:
    assert sorted(map(id, in_order(lines, rtl))) == sorted(map(id, lines)) if lines else True


@given(LINES)
def test_no_letter_is_lost(lines: list[Line]) -> None:
    letters = sorted(char for row in lines for char in row.text if char.isalpha())
    assert sorted(char for char in page_text(lines) if char.isalpha()) == letters
