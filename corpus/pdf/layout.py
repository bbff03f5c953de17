"""Lines of a page in reading order, as text.

Columns: a vertical gutter that few lines cross, with running text on both sides, splits a region;
the lines that cross it (titles, wide figures' captions) split it into bands, read one after the
other, each column by column. What has no gutter is read from top to bottom. Tables have gutters
too, but their cells do not fill their columns, and stay in rows; where the reader's blocks run
across the gutter, row by row, the sides must be filled as justified text is. Lines of one block are
joined to paragraphs where the upper one is full (no room for the lower one's first word). A hyphen at
its end is dropped with the break, unless it belongs to the word or stands in a path or an address;
before a small letter it joins rows that are not full too, and blocks: no paragraph ends in a word.

Coordinates are points, y downward, already turned so that text runs along x.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

GUTTER = 0.7  # narrowest gutter, in line heights
CROSSING = 0.12  # share of the text height that may cross a gutter
FILLED = 0.55  # a line of running text fills this share of its column ...
RUNNING = 0.5  # ... and this share of the lines in a column must
JUSTIFIED = 0.85  # the same share where blocks run across the gutter
ACROSS = 0.5  # share of the rows with text on both sides in which they do
MIN_ROWS = 3  # of a column
MAX_GAPS = 12  # horizontal gaps that are tried where a region as a whole has no columns
MAX_DEPTH = 6
FULL = 0.05  # a line that ends this near to the edge, of the block's width, is full anyhow
_NO_SPACE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]"
)
_RTL = re.compile(  # blocks that hold all letters of right-to-left scripts
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_BULLET = re.compile(r"(?:[•‣◦▪●○■□–—*·-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s")
_HYPHENS = ("-", "\u2010", "\u00ad")
_CUT = re.compile(r"[^\W\d_][-\u2010\u00ad]\s*$")
_PATH = re.compile(r"(?:^\W*|/\S*)/\S*$")  # "/usr/", "https://", "main/data/", not "and/or"
_AND = frozenset(
    {"and", "or", "und", "oder", "bzw", "et", "ou", "y", "o", "e", "en", "of", "och", "og", "eller"}
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A run of text on one baseline."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    block: int  # the reader's grouping
    mono: bool = False

    @cached_property
    def height(self) -> float:
        return max(self.y1 - self.y0, 1.0)

    @cached_property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2


def page_text(lines: Sequence[Line]) -> str:
    """The text of a page: blocks with a blank line between."""
    lines = [line for line in lines if line.text.strip()]
    if not lines:
        return ""
    rtl = is_rtl("".join(line.text for line in lines))
    words = frozenset(re.findall(r"[\w'’-]+", "\n".join(line.text for line in lines)))
    blocks = list(_blocks(in_order(lines, rtl)))
    text = _block_text(blocks[0], rtl, words)
    for before, block in pairwise(blocks):
        content = _block_text(block, rtl, words)
        is_prose = not before[-1].mono and not block[0].mono
        goes_on = is_prose and _is_cut(text, content)
        text = joined(text, content, words) if goes_on else f"{text}\n\n{content}"
    return text


def is_rtl(text: str) -> bool:
    """Whether most letters run from right to left."""
    if not _RTL.search(text):
        return False
    counts = {True: 0, False: 0}
    for char in text:
        direction = unicodedata.bidirectional(char)
        if direction in ("R", "AL", "L"):
            counts[direction != "L"] += 1
    return counts[True] > counts[False]


def in_order(lines: Sequence[Line], rtl: bool = False, depth: int = 0) -> list[Line]:
    """The lines in reading order."""
    gutter = find_gutter(lines) if depth < MAX_DEPTH else None
    if gutter is None:
        halves = _halves(lines) if depth < MAX_DEPTH else None
        return (
            [line for half in halves for line in in_order(half, rtl, depth + 1)]
            if halves
            else _top_down(lines, rtl)
        )
    order: list[Line] = []
    crossing = sorted(
        (line for line in lines if line.x0 < gutter < line.x1), key=lambda line: line.middle
    )
    rest = [line for line in lines if not line.x0 < gutter < line.x1]
    for wide in (*crossing, None):
        band = [line for line in rest if wide is None or line.middle < wide.middle]
        rest = [line for line in rest if wide is not None and line.middle >= wide.middle]
        sides = [
            [line for line in band if line.x1 <= gutter],
            [line for line in band if line.x1 > gutter],
        ]
        for side in reversed(sides) if rtl else sides:
            order += in_order(side, rtl, depth + 1) if side else []
        order += [wide] if wide else []
    return order


def find_gutter(lines: Sequence[Line]) -> float | None:
    """The x of a vertical gap with running text on both sides, None where there is none."""
    if len(lines) < 2 * MIN_ROWS:
        return None
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    needed = max(GUTTER * median(line.height for line in lines), 3.0)
    limit = CROSSING * (max(line.y1 for line in lines) - min(line.y0 for line in lines))
    best: tuple[float, float] | None = None
    for start, end in _sparse_intervals(lines, limit):
        x = (start + end) / 2
        if end - start < needed or not left + 0.1 * (right - left) < x < right - 0.1 * (
            right - left
        ):
            continue
        if (best is None or end - start > best[0]) and _are_columns(lines, x):
            best = (end - start, x)
    return best[1] if best else None


def _halves(lines: Sequence[Line]) -> tuple[list[Line], list[Line]] | None:
    """The region above and below one of its widest horizontal gaps, if one of the two has
    columns."""
    ordered = sorted(lines, key=lambda line: line.y0)
    gaps, bottom = [], ordered[0].y1
    for index, line in enumerate(ordered[1:], 1):
        if line.y0 > bottom:
            gaps.append((line.y0 - bottom, index))
        bottom = max(bottom, line.y1)
    for _, index in sorted(gaps, key=lambda gap: (-gap[0], gap[1]))[:MAX_GAPS]:
        above, below = ordered[:index], ordered[index:]
        if find_gutter(above) is not None or find_gutter(below) is not None:
            return above, below
    return None


def _sparse_intervals(lines: Sequence[Line], limit: float) -> Iterator[tuple[float, float]]:
    """Intervals of x that are covered by lines of less than `limit` height in all."""
    events = sorted(
        [(line.x0, line.height) for line in lines] + [(line.x1, -line.height) for line in lines]
    )
    covered, start = 0.0, None
    for x, change in events:
        before, covered = covered, covered + change
        if before > limit >= covered:
            start = x
        elif before <= limit < covered and start is not None:
            yield start, x
            start = None


def _are_columns(lines: Sequence[Line], x: float) -> bool:
    sides = [line for line in lines if line.x1 <= x], [line for line in lines if line.x0 >= x]
    if any(len(side) < MIN_ROWS for side in sides):
        return False
    top, bottom = (
        max(min(line.y0 for line in side) for side in sides),
        min(max(line.y1 for line in side) for side in sides),
    )
    heights = [max(line.y1 for line in side) - min(line.y0 for line in side) for side in sides]
    if bottom - top <= 0.3 * min(heights) or not all(_is_running(side, FILLED) for side in sides):
        return False
    return not _is_across(lines, x) or all(_is_running(side, JUSTIFIED) for side in sides)


def _is_across(lines: Sequence[Line], x: float) -> bool:
    """Whether the reader's blocks run across x in most rows, as they do in tables: cells are drawn
    row by row, columns one after the other."""
    both = across = 0
    for row in _rows(sorted(lines, key=lambda line: line.middle)):
        left = {line.block for line in row if line.x1 <= x}
        right = {line.block for line in row if line.x0 >= x}
        both += bool(left and right)
        across += bool(left & right)
    return across > ACROSS * both


def _is_running(side: Sequence[Line], share: float) -> bool:
    """Whether these are lines of running text: enough rows that fill this share of the width."""
    rows = list(_rows(sorted(side, key=lambda line: line.middle)))
    width = max(line.x1 for line in side) - min(line.x0 for line in side)
    filled = [row for row in rows if sum(line.x1 - line.x0 for line in row) >= share * width]
    letters = median(sum(len(line.text) for line in row) for row in rows)
    return len(rows) >= MIN_ROWS and len(filled) >= RUNNING * len(rows) and letters >= 12


def _rows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines that stand on one height, from lines in the order of their blocks."""
    row: list[Line] = []
    for line in lines:
        if row and abs(line.middle - row[0].middle) > 0.5 * min(line.height, row[0].height):
            yield row
            row = []
        row.append(line)
    if row:
        yield row


def _top_down(lines: Sequence[Line], rtl: bool) -> list[Line]:
    """Blocks by their top; small ones at one height along the line."""
    blocks: dict[int, list[Line]] = {}
    for line in lines:
        blocks.setdefault(line.block, []).append(line)
    ordered = sorted(
        blocks.values(),
        key=lambda block: (min(line.y0 for line in block), min(line.x0 for line in block)),
    )
    result: list[Line] = []
    small: list[Line] = []  # blocks of one row, all at one height
    for block in ordered:
        is_small = len(list(_rows(block))) == 1
        if small and (
            not is_small or abs(block[0].middle - small[0].middle) > 0.5 * small[0].height
        ):
            result += sorted(small, key=lambda line: -line.x1 if rtl else line.x0)
            small = []
        if is_small:
            small += block
        else:
            result += block
    return result + sorted(small, key=lambda line: -line.x1 if rtl else line.x0)


def _blocks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Neighbours of one block, and neighbours on one row."""
    block: list[Line] = []
    for line in lines:
        same_row = block and abs(line.middle - block[-1].middle) < 0.3 * line.height
        if block and line.block != block[-1].block and not same_row:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _block_text(lines: Sequence[Line], rtl: bool, words: frozenset[str]) -> str:
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    slack = FULL * (right - left)
    text, room = "", math.inf  # room: what is free behind the last row
    for row in _rows(lines):
        row = sorted(row, key=lambda line: -line.x1 if rtl else line.x0)
        mono = all(line.mono for line in row)
        content = _row_text(row, left, mono)
        if not text:
            text = content
        elif not mono and (
            _is_cut(text, content)
            or (room <= max(slack, _first_word(row)) and not _BULLET.match(content))
        ):
            text = joined(text, content, words)
        else:
            text = f"{text}\n{content}"
        room = row[-1].x0 - left if rtl else right - row[-1].x1
        room = math.inf if mono or _has_cells(row) else room
    return text


def _first_word(row: Sequence[Line]) -> float:
    """The width of the row's first word and a space: a row above with less room is full."""
    text = row[0].text.strip()
    return (len(text.split()[0]) + 1) * (row[0].x1 - row[0].x0) / len(text)


def _row_text(row: Sequence[Line], left: float, mono: bool) -> str:
    text = " ".join(line.text.strip() for line in row)
    if mono and row[0].text and not row[0].text[0].isspace():
        width = (row[0].x1 - row[0].x0) / len(row[0].text)
        return " " * min(round((row[0].x0 - left) / max(width, 1.0)), 60) + text
    return row[0].text.rstrip() if mono and len(row) == 1 else text


def _has_cells(row: Sequence[Line]) -> bool:
    """Whether the row has wide gaps, as rows of tables do."""
    edges = sorted((line.x0, line.x1) for line in row)
    return any(after[0] - before[1] > 2 * row[0].height for before, after in pairwise(edges))


def _is_cut(text: str, following: str) -> bool:
    """Whether a break stands inside a word: a letter and a hyphen before it, a small letter after."""
    return following.lstrip()[:1].islower() and _CUT.search(text[-8:]) is not None


def joined(text: str, following: str, words: frozenset[str] = frozenset()) -> str:
    """Two rows of one paragraph as one. `words` are those of the page: they say whether a hyphen
    belongs to the word."""
    text, following = text.rstrip(), following.lstrip()
    if not text or not following:
        return text + following
    if text.endswith(_HYPHENS) and len(text) > 1 and text[-2].isalpha():
        return _unhyphenated(text, following, words)
    if _NO_SPACE.match(text[-1]) and _NO_SPACE.match(following[0]):
        return text + following
    return f"{text} {following}"


def _unhyphenated(text: str, following: str, words: frozenset[str]) -> str:
    first = re.match(r"[\w'’]*", following)
    second = first[0] if first else ""
    if second.lower() in _AND and text[-1] != "\u00ad":
        return f"{text} {following}"
    if text[-1] != "\u00ad" and _PATH.search(re.findall(r"\S*$", text[-200:])[0]):
        return text + following
    head = re.search(r"[\w'’-]*$", text[:-1])
    compound = f"{head[0] if head else ''}-{second}"
    is_compound = compound.count("-") > 1 or compound in words  # TeX cuts compounds at hyphens only
    if text[-1] != "\u00ad" and (not following[0].islower() or is_compound):
        return text + following
    return text[:-1] + following
