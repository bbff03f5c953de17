"""Repeated lines, paragraphs and n-grams of a text, as counts for `annotators.statistics`.

The measures of Rae et al., "Scaling Language Models" (Gopher), arXiv 2112.11446, table A1, as
datatrove 0.10 computes them. Elements are compared by 64-bit hashes in an open-addressing table
that is as large as the document needs. Cost: nine passes over the words (one per n) and three over
the bytes.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from corpus import characters as ch
from corpus.compiled import compiled
from corpus.hashes import Hashes
from corpus.texts import Bytes, Offsets

Counts: TypeAlias = npt.NDArray[np.int64]

TOP_GRAMS = (2, 3, 4)
DUPLICATE_GRAMS = (5, 6, 7, 8, 9, 10)

# The columns of the array that `repeated_lines` returns.
LINES, DUP_LINES, DUP_LINE_CHARS = 0, 1, 2  # of re.split("\n+", text)
PARAGRAPHS, DUP_PARAGRAPHS, DUP_PARAGRAPH_CHARS = 3, 4, 5  # of re.split("\n{2,}", text.strip())
DUP_FILLED_LINE_CHARS = 6  # of the lines of text.split("\n") that are not blank
LINE_COLUMNS = 7

_F_INSIDE, _F_SPACE = ch.INSIDE, ch.SPACE
_BASE = 0x9E3779B97F4A7C15


def repeated_lines(data: Bytes, flags: ch.Flags, offsets: Offsets) -> Counts:
    """One row per text: elements, repeated elements and their characters, as the columns above
    say.
    """
    counts = np.zeros((len(offsets) - 1, LINE_COLUMNS), np.int64)
    _repeated_lines(data, flags, offsets, counts)
    return counts


def repeated_n_grams(hashes: Hashes, lengths: npt.NDArray[np.int32], offsets: Offsets) -> Counts:
    """One row per text; characters in the most frequent 2..4-gram, and in repeated 5..10-grams.

    `hashes` and `lengths` (in characters) are those of all tokens, punctuation included.
    """
    columns = len(TOP_GRAMS) + len(DUPLICATE_GRAMS)
    counts = np.zeros((len(offsets) - 1, columns), np.int64)
    _repeated_n_grams(
        hashes, lengths, offsets, np.array(TOP_GRAMS), np.array(DUPLICATE_GRAMS), counts
    )
    return counts


@compiled
def _mix(h: np.uint64) -> np.uint64:
    """Every bit of the result depends on every bit of h; never 0, which marks a free slot."""
    h ^= h >> np.uint64(32)
    h *= np.uint64(0xD6E8FEB86659FD93)
    h ^= h >> np.uint64(32)
    h *= np.uint64(0xD6E8FEB86659FD93)
    return (h ^ (h >> np.uint64(32))) | np.uint64(1 << 63)


@compiled
def _slot(table: Hashes, mask: np.uint64, key: np.uint64) -> np.int64:
    """Where `key` is, or the free slot where it belongs."""
    slot = key & mask
    while table[slot] != 0 and table[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@compiled
def _capacity(elements: int) -> int:
    """A power of two, at least twice the number of elements."""
    size = 8
    while size < 2 * elements:
        size *= 2
    return size


@compiled
def _element(
    data: Bytes, flags: ch.Flags, start: int, end: int, table: Hashes, mask: np.uint64
) -> tuple[int, bool]:
    """`(characters, seen before)` of one element; it is remembered."""
    h, chars = np.uint64(end - start), 0
    for i in range(start, end):
        h = (h ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
        chars += not flags[i] & _F_INSIDE
    key = _mix(h)
    slot = _slot(table, mask, key)
    seen = table[slot] == key
    table[slot] = key
    return chars, seen


@compiled
def _repeated_lines(data: Bytes, flags: ch.Flags, offsets: Offsets, counts: Counts) -> None:
    table = np.zeros(8, np.uint64)
    for d in range(len(offsets) - 1):
        start, stop = offsets[d], offsets[d + 1]
        newlines = 0
        for i in range(start, stop):
            newlines += data[i] == 10
        size = _capacity(newlines + 1)
        if size > len(table):
            table = np.zeros(size, np.uint64)
        mask = np.uint64(size - 1)
        row = counts[d]
        table[:size] = 0
        row[0], row[1], row[2] = _split(data, flags, start, stop, 1, table, mask)
        first, last = start, stop
        while first < last and flags[first] & (_F_SPACE | _F_INSIDE):
            first += 1
        while last > first:
            i = last - 1
            while i > first and flags[i] & _F_INSIDE:
                i -= 1
            if not flags[i] & _F_SPACE:
                break
            last = i
        table[:size] = 0
        row[3], row[4], row[5] = _split(data, flags, first, last, 2, table, mask)
        table[:size] = 0
        row[6] = _filled_lines(data, flags, start, stop, table, mask)


@compiled
def _split(
    data: Bytes, flags: ch.Flags, start: int, stop: int, least: int, table: Hashes, mask: np.uint64
) -> tuple[int, int, int]:
    """`(elements, repeated, their characters)` between runs of at least `least` newlines."""
    elements = repeated = repeated_chars = 0
    i = start
    while True:
        end, after = stop, stop + 1
        while i < stop:
            if data[i] == 10:
                j = i
                while j < stop and data[j] == 10:
                    j += 1
                if j - i >= least:
                    end, after = i, j
                    break
                i = j
            else:
                i += 1
        chars, seen = _element(data, flags, start, end, table, mask)
        elements += 1
        if seen:
            repeated += 1
            repeated_chars += chars
        if after > stop:
            return elements, repeated, repeated_chars
        start = i = after


@compiled
def _filled_lines(
    data: Bytes, flags: ch.Flags, start: int, stop: int, table: Hashes, mask: np.uint64
) -> int:
    """Characters in repeated lines of text.split("\\n"), blank lines aside."""
    repeated_chars, filled = 0, False
    for i in range(start, stop + 1):
        if i == stop or data[i] == 10:
            if filled:
                chars, seen = _element(data, flags, start, i, table, mask)
                repeated_chars += chars if seen else 0
            start, filled = i + 1, False
        elif not flags[i] & (_F_SPACE | _F_INSIDE):
            filled = True
    return repeated_chars


@compiled
def _repeated_n_grams(
    hashes: Hashes,
    lengths: npt.NDArray[np.int32],
    offsets: Offsets,
    tops: Counts,
    duplicates: Counts,
    counts: Counts,
) -> None:
    most = 0
    for d in range(len(offsets) - 1):
        most = max(most, offsets[d + 1] - offsets[d])
    size = _capacity(most)
    table = np.zeros(size, np.uint64)
    seen = np.zeros(size, np.int32)
    prefix = np.zeros(most + 1, np.uint64)
    chars = np.zeros(most + 1, np.int64)
    for d in range(len(offsets) - 1):
        first, n_words = offsets[d], offsets[d + 1] - offsets[d]
        for k in range(n_words):
            prefix[k + 1] = prefix[k] * np.uint64(_BASE) + hashes[first + k]
            chars[k + 1] = chars[k] + lengths[first + k]
        mask = np.uint64(_capacity(n_words) - 1)
        for column in range(len(tops)):
            counts[d, column] = _top(prefix, chars, n_words, tops[column], table, seen, mask)
        for column in range(len(duplicates)):
            found = _duplicates(prefix, chars, n_words, duplicates[column], table, mask)
            counts[d, len(tops) + column] = found


@compiled
def _gram(prefix: Hashes, k: int, n: int, power: np.uint64) -> np.uint64:
    """The hash of words k to k + n; `power` is _BASE to the n."""
    return _mix(prefix[k + n] - prefix[k] * power)


@compiled
def _power(n: int) -> np.uint64:
    power = np.uint64(1)
    for _ in range(n):
        power *= np.uint64(_BASE)
    return power


@compiled
def _top(
    prefix: Hashes,
    chars: Counts,
    n_words: int,
    n: int,
    table: Hashes,
    seen: npt.NDArray[np.int32],
    mask: np.uint64,
) -> int:
    """Length of the most frequent n-gram (the first of equals) with spaces, times its count."""
    table[: mask + 1] = 0
    seen[: mask + 1] = 0
    power = _power(n)
    best = 0
    for k in range(n_words - n + 1):
        key = _gram(prefix, k, n, power)
        slot = _slot(table, mask, key)
        table[slot] = key
        seen[slot] += 1
        best = max(best, seen[slot])
    for k in range(n_words - n + 1):
        if seen[_slot(table, mask, _gram(prefix, k, n, power))] == best:
            return int(best * (chars[k + n] - chars[k] + n - 1))
    return 0


@compiled
def _duplicates(
    prefix: Hashes, chars: Counts, n_words: int, n: int, table: Hashes, mask: np.uint64
) -> int:
    """Characters in n-grams that occurred before; these do not overlap each other."""
    table[: mask + 1] = 0
    power = _power(n)
    total, k = 0, 0
    while k < n_words - n + 1:
        key = _gram(prefix, k, n, power)
        slot = _slot(table, mask, key)
        if table[slot] == key:
            total += chars[k + n] - chars[k]
            k += n
        else:
            table[slot] = key
            k += 1
    return total
