"""Which runs of words two texts share, in order: a patience diff whose time is linear but for a sort.

Runs that are unique on both sides anchor the match, long ones first; gaps between anchors are matched again by shorter
runs, and small gaps at last by a longest common subsequence, under a budget for the whole text. A gap over the budget
has nothing in common.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

RUNS = (8, 3, 1)  # lengths of the anchors
CELLS = 4_000  # of the table of one small gap
BUDGET = 4_000_000  # cells over all gaps

Block = tuple[int, int, int]  # place in the source, place in the answer, words
Gap = tuple[int, int, int, int]  # from and to in the source, from and to in the answer


def blocks(a: Sequence[str], b: Sequence[str]) -> list[Block]:
    """Runs of equal words, in order in both."""
    found: list[Block] = []
    budget = BUDGET
    pending: list[tuple[Gap, int]] = [((0, len(a), 0, len(b)), 0)]
    while pending:
        (a0, a1, b0, b1), level = pending.pop()
        while a0 < a1 and b0 < b1 and a[a0] == b[b0]:
            found.append((a0, b0, 1))
            a0, b0 = a0 + 1, b0 + 1
        while a0 < a1 and b0 < b1 and a[a1 - 1] == b[b1 - 1]:
            a1, b1 = a1 - 1, b1 - 1
            found.append((a1, b1, 1))
        cells = (a1 - a0) * (b1 - b0)
        if not cells:
            continue
        if level == len(RUNS):
            if cells <= CELLS and cells <= budget:
                budget -= cells
                found += _subsequence(a, b, (a0, a1, b0, b1))
            continue
        anchors = _anchors(a, b, (a0, a1, b0, b1), RUNS[level])
        found += anchors
        pending += [
            ((a0 + i0, a0 + i1, b0 + j0, b0 + j1), level + 1)
            for i0, i1, j0, j1 in gaps(
                [(i - a0, j - b0, n) for i, j, n in anchors], a1 - a0, b1 - b0
            )
        ]
    return sorted(found)


def _subsequence(a: Sequence[str], b: Sequence[str], gap: Gap) -> list[Block]:
    a0, a1, b0, b1 = gap
    matcher = SequenceMatcher(None, a[a0:a1], b[b0:b1], autojunk=False)
    return [(a0 + i, b0 + j, n) for i, j, n in matcher.get_matching_blocks() if n]


def _anchors(a: Sequence[str], b: Sequence[str], gap: Gap, size: int) -> list[Block]:
    """The longest chain of runs of `size` words that are unique on both sides of the gap."""
    a0, a1, b0, b1 = gap
    ours, theirs = _unique(a, a0, a1, size), _unique(b, b0, b1, size)
    pairs = sorted((ours[run], theirs[run]) for run in ours.keys() & theirs.keys())
    found: list[Block] = []
    for i, j in _increasing(pairs):
        if found:
            i0, j0, n = found[-1]
            if i - i0 == j - j0 and i <= i0 + n:
                found[-1] = (i0, j0, i + size - i0)
                continue
            if i < i0 + n or j < j0 + n:
                continue
        found.append((i, j, size))
    return found


def _unique(words: Sequence[str], start: int, end: int, size: int) -> dict[tuple[str, ...], int]:
    seen: dict[tuple[str, ...], int] = {}
    for place in range(start, end - size + 1):
        run = tuple(words[place : place + size])
        seen[run] = -1 if run in seen else place
    return {run: place for run, place in seen.items() if place >= 0}


def _increasing(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose second places increase too (patience sorting)."""
    tops: list[int] = []
    piles: list[int] = []
    before = [-1] * len(pairs)
    for n, (_, j) in enumerate(pairs):
        pile = bisect_left(tops, j)
        before[n] = piles[pile - 1] if pile else -1
        tops[pile : pile + 1] = [j]
        piles[pile : pile + 1] = [n]
    chain, n = [], piles[-1] if piles else -1
    while n >= 0:
        chain.append(pairs[n])
        n = before[n]
    return chain[::-1]


def gaps(found: list[Block], n_a: int, n_b: int) -> Iterator[Gap]:
    """What lies between blocks."""
    i = j = 0
    for a, b, n in [*found, (n_a, n_b, 0)]:
        if i < a or j < b:
            yield i, a, j, b
        i, j = a + n, b + n
