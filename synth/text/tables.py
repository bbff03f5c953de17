"""Whether sentences say what a table says: nothing of the table's form, most of its cells, numbers in their rows.

A table is Markdown (a row of heads, a line of dashes, rows) or lines of as many tabs. All give a `Verdict`; the table
of the seed is looked at, whatever else stands in it.

| guard | passed when |
|---|---|
| `table` | the seed has a table, and the answer none |
| `sentences` | more than half of the answer's lines are sentences and no items of a list |
| `cells` | the answer has at least COVERED of the table's cells |
| `rows` | a sentence that names rows has no number that stands in other rows only |

A cell with numbers is there when its numbers are; another one when the beginnings of its words are, so that an
inflected word counts. A row is named by its first cell. Two numbers of rows that one sentence names can still change
places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from corpus.guards import Verdict, verdict
from corpus.numerals import numbers

VERSION = 1
COVERED = 0.5
NAME_LETTERS = 3  # of a first cell that names its row
UNMARKED_LINE = 30  # characters of a line that counts as a sentence in a script without full stops

_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*")
_ITEM = re.compile(r"[ \t]*(?:[-*+•–]|\d{1,3}[.)])\s")
_ENDS = re.compile(r"[.!?…。！？।॥۔؟።։။།៕](?:[\"'”’»)*」』\]]*)$")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？।۔؟።։။])|\n+")
_UNMARKED = re.compile("[\u0e00-\u0eff]")  # Thai and Lao
_WORD = re.compile(r"[^\W\d_]+")

Row = tuple[str, ...]


def tables(text: str) -> list[list[Row]]:
    """The tables of a text, each as its rows of cells, heads first."""
    lines = text.splitlines()
    return [*_markdown(lines), *_tabbed(lines)]


def in_sentences(seed: str, answer: str) -> Sequence[Verdict]:
    """The verdicts of all guards."""
    found = tables(seed)
    if not found:
        return (verdict("table", "the seed has none"),)
    left = bool(tables(answer)) or "<table" in answer.lower()
    return (
        verdict("table", "the answer has one" if left else None),
        verdict("sentences", _unfinished(answer)),
        verdict("cells", _uncovered(found, answer)),
        verdict("rows", _misplaced(seed, found, answer)),
    )


# ---------------------------------------------------------------- tables


def _markdown(lines: list[str]) -> list[list[Row]]:
    found = []
    for place in range(1, len(lines)):
        if "-" in lines[place] and "|" in lines[place - 1] and _RULE.fullmatch(lines[place]):
            end = place + 1
            while end < len(lines) and "|" in lines[end]:
                end += 1
            rows = [_cells(line) for line in [lines[place - 1], *lines[place + 1 : end]]]
            if len(rows) > 1:
                found.append(rows)
    return found


def _cells(line: str) -> Row:
    inside = line.strip().removeprefix("|").removesuffix("|")
    return tuple(cell.strip(" \t*`") for cell in re.split(r"(?<!\\)\|", inside))


def _tabbed(lines: list[str]) -> list[list[Row]]:
    """Two lines or more with as many tabs inside them."""
    runs = (
        (tabs, list(run)) for tabs, run in groupby(lines, lambda line: line.strip().count("\t"))
    )
    return [
        [tuple(cell.strip() for cell in line.strip().split("\t")) for line in run]
        for tabs, run in runs
        if tabs and len(run) > 1
    ]


# ---------------------------------------------------------------- guards


def _unfinished(answer: str) -> str | None:
    lines = [line for line in answer.splitlines() if line.strip()]
    whole = sum(not _ITEM.match(line) and _is_sentence(line.strip()) for line in lines)
    return None if 2 * whole > len(lines) else f"{whole} of {len(lines)} lines are sentences"


def _is_sentence(line: str) -> bool:
    return bool(_ENDS.search(line)) or (len(line) >= UNMARKED_LINE and bool(_UNMARKED.search(line)))


def _uncovered(found: list[list[Row]], answer: str) -> str | None:
    cells = [
        cell for cell in dict.fromkeys(_all_cells(found)) if _WORD.search(cell) or numbers(cell)
    ]
    said = _Said(answer)
    missing = [cell for cell in cells if not said.has(cell)]
    if len(missing) <= (1 - COVERED) * len(cells):
        return None
    return f"{len(cells) - len(missing)} of {len(cells)} cells; not {', '.join(missing[:5])}"


def _all_cells(found: list[list[Row]]) -> Iterable[str]:
    return (cell for rows in found for row in rows for cell in row)


class _Said:
    """The letters and numbers of a text, to look for cells in."""

    def __init__(self, text: str) -> None:
        self.letters = text.casefold()
        self.numbers = {*numbers(text), *numbers(text, spaced=True)}

    def has(self, cell: str) -> bool:
        """Whether the text says what the cell says."""
        values = numbers(cell)
        if values:
            return self.numbers.issuperset(values) or cell.casefold() in self.letters
        return all(_stem(word) in self.letters for word in _WORD.findall(cell.casefold()))


def _stem(word: str) -> str:
    return word[: max(NAME_LETTERS, 2 * len(word) // 3)]


def _misplaced(seed: str, found: list[list[Row]], answer: str) -> str | None:
    rows = [row for table in found for row in table[1:]]
    anywhere = _outside(seed, rows)
    for sentence in _SENTENCE.split(answer):
        said = _Said(sentence)
        named = [row for row in rows if _names(row) and said.has(row[0])]
        if not named:
            continue
        theirs = {value for row in named for cell in row for value in numbers(cell)}
        others = {value for row in rows for cell in row for value in numbers(cell)}
        wrong = (said.numbers & others) - theirs - anywhere
        if wrong:
            return f"{', '.join(sorted(wrong))} with {named[0][0]}: {sentence.strip()}"
    return None


def _names(row: Row) -> bool:
    return not numbers(row[0]) and len("".join(_WORD.findall(row[0]))) >= NAME_LETTERS - 1


def _outside(seed: str, rows: list[Row]) -> set[str]:
    """Numbers that the seed has in the heads or beside its tables."""
    inside = {"\t".join(row) for row in rows}
    lines = [line for line in seed.splitlines() if "\t".join(_split(line)) not in inside]
    return set(numbers("\n".join(lines)))


def _split(line: str) -> Row:
    return _cells(line) if "|" in line else tuple(c.strip() for c in line.strip().split("\t"))
