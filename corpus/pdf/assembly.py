"""Pages to one text: running headers and footers removed, paragraphs and words that a page break
cuts repaired.

A running line is one of the first two or last two paragraphs of a page, short, whose text with
digits masked stands in the same place on at least `MIN_REPEATS` pages within `WINDOW` pages around
it, and on more of them than have it inside: the head of a table now and then comes first on a page.

`page_ends[i]` is the offset in the text, in characters, at which page i ends; what separates two
pages belongs to the later one; a page without text ends where the one before does. Pages must be in
normal form (`corpus.normalise`); then the text is too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from corpus.normalise import normalise
from corpus.pdf.layout import joined

EDGE = 2  # paragraphs at the top and at the bottom that can be running lines
MIN_REPEATS = 3
WINDOW = 8  # pages before and after: headers change with the chapter
MAX_RUNNING = 120  # characters
_DIGITS = re.compile(r"\d+|\b[ivxlc]{1,6}\b", re.IGNORECASE)


def assemble(pages: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The text of all pages, and where each ends."""
    text, ends = _join(without_running_lines(pages), repair=True)
    if (
        normalise(text) != text
    ):  # a repair made something that is not normal: seen on no document so far
        text, ends = _join(pages, repair=False)
    return text, tuple(ends)


def without_running_lines(pages: Sequence[str]) -> list[str]:
    """The pages without headers and footers."""
    paragraphs = [[part for part in re.split(r"\n{2,}", page) if part.strip()] for page in pages]
    keys = [_edge_keys(page) for page in paragraphs]
    positions: dict[tuple[str, int, str], list[int]] = {}
    for number, edges in enumerate(keys):
        for key in set(edges.values()):
            positions.setdefault(key, []).append(number)
    inner = _inside(paragraphs, {text for _, _, text in positions})
    result = []
    for number, page in enumerate(paragraphs):
        running = {
            i
            for i, key in keys[number].items()
            if _near(positions[key], number) >= max(MIN_REPEATS, _near(inner[key[2]], number) + 1)
        }
        kept = [part for i, part in enumerate(page) if i not in running]
        result.append("\n\n".join(kept or page))  # a page of nothing but such lines keeps them
    return result


def _edge_keys(page: Sequence[str]) -> dict[int, tuple[str, int, str]]:
    """For each paragraph at the edge of a page: which edge, how far from it, and its text with
    digits masked."""
    keys = {}
    for place in range(min(EDGE, len(page))):
        for edge, index in (("bottom", len(page) - 1 - place), ("top", place)):
            if len(page[index]) <= MAX_RUNNING:
                keys[index] = (edge, place, _masked(page[index]))
    return keys


def _inside(pages: Sequence[Sequence[str]], texts: Collection[str]) -> dict[str, list[int]]:
    """For each of the texts, the pages in which it is a paragraph that is not at the edge."""
    found: dict[str, list[int]] = {text: [] for text in texts}
    for number, page in enumerate(pages):
        short = {_masked(part) for part in page[EDGE:-EDGE] if len(part) <= MAX_RUNNING}
        for text in short & found.keys():
            found[text].append(number)
    return found


def _masked(paragraph: str) -> str:
    return _DIGITS.sub("#", " ".join(paragraph.split()))


def _near(numbers: Sequence[int], number: int) -> int:
    return sum(abs(other - number) <= WINDOW for other in numbers)


def _join(pages: Sequence[str], *, repair: bool) -> tuple[str, list[int]]:
    parts: list[str] = []
    ends: list[int] = []
    size, last = 0, ""
    for page in pages:
        page = page.strip("\n")
        if page:
            addition = page if not last else _continuation(last, page) if repair else f"\n\n{page}"
            if last and repair and addition is not None and addition.startswith("\0"):
                parts[-1] = parts[-1][:-1]
                size -= 1
                ends = [min(end, size) for end in ends]
                addition = addition[1:]
            parts.append(addition)
            size += len(addition)
            last = page
        ends.append(size)
    return "".join(parts), ends


def _continuation(last: str, page: str) -> str:
    """How `page` goes on after `last`. A leading NUL: the last character before, a hyphen, goes."""
    first = page[0]
    if not first.islower() or (not last[-1].isalpha() and last[-1] not in ",;-\u2010\u00ad"):
        return f"\n\n{page}"
    if "\n" in last[-2:]:
        return f"\n\n{page}"
    tail = last[-100:]
    whole = joined(tail, page[:100])
    if whole.startswith(tail):
        return whole[len(tail) :] + page[100:]
    return "\0" + page
