"""What the rules of C4 find in a text, line by line, as counts for `annotators.statistics`.

Raffel et al. 2020, https://jmlr.org/papers/v21/20-074.html, in the form of datatrove 0.10's
C4QualityFilter with its defaults: lines of `str.splitlines`, citations removed, sentences counted
on the lines it keeps. The filter drops a document with a lorem ipsum, a curly bracket, or fewer
than five sentences.

A line without a citation keeps its tokens; one that loses a citation is segmented again.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from corpus import characters as ch
from corpus.compiled import compiled
from corpus.segment import PUNCTUATION, TERMINAL, Words, segment
from corpus.texts import Bytes, Offsets

Counts: TypeAlias = npt.NDArray[np.int64]

MAX_WORD = 1000  # characters
MIN_WORDS = 3
_PHRASES = (
    "lorem ipsum",
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)

# The columns of the array that `c4_counts` returns.
COUNTS = (
    "lines",
    "kept_lines",
    "sentences",
    "lorem_ipsum",
    "curly_bracket",
    "javascript",
    "policy",
)
_LINES, _KEPT, _SENTENCES, _LOREM, _CURLY, _JAVASCRIPT, _POLICY = range(7)

_NEWLINE, _RETURN, _BRACKET, _BRACE = (ord(char) for char in "\n\r[{")

_F_INSIDE, _F_SPACE, _F_LINE_END, _F_DIGIT = ch.INSIDE, ch.SPACE, ch.LINE_END, ch.DIGIT


def c4_counts(data: Bytes, flags: ch.Flags, offsets: Offsets, words: Words) -> Counts:
    """One row per text, one column per entry of COUNTS."""
    counts = np.zeros((len(offsets) - 1, len(COUNTS)), np.int64)
    phrases = np.frombuffer("".join(_PHRASES).encode(), np.uint8)
    bounds = np.cumsum([0, *map(len, _PHRASES)])
    cleaned, cleaned_offsets, owners = _count(
        data, flags, offsets, words.offsets, words.starts, words.kinds, phrases, bounds, counts
    )
    cleaned.flags.writeable = False  # as the buffers of Arrow are: one compiled form of each kernel
    again = segment(cleaned, cleaned_offsets)
    np.add.at(counts[:, _SENTENCES], owners, _sentences(again.offsets, again.kinds))
    return counts


@compiled
def _sentence_count(kinds: npt.NDArray[np.uint8], first: int, last: int) -> int:
    """A sentence ends at its terminal marks and the punctuation that follows them."""
    count, ended = int(first < last), False
    for t in range(first, last):
        if ended and not kinds[t] & (PUNCTUATION | TERMINAL):
            count += 1
            ended = False
        elif kinds[t] & TERMINAL:
            ended = True
    return count


@compiled
def _sentences(offsets: Offsets, kinds: npt.NDArray[np.uint8]) -> Counts:
    out = np.zeros(len(offsets) - 1, np.int64)
    for d in range(len(offsets) - 1):
        out[d] = _sentence_count(kinds, offsets[d], offsets[d + 1])
    return out


@compiled
def _phrase(
    line: Bytes, start: int, end: int, phrases: Bytes, bounds: Counts, first: int, last: int
) -> bool:
    """Whether one of the phrases occurs, whatever its case."""
    for i in range(start, end):
        low = line[i] | np.uint8(0x20)
        if low != 106 and low != 108 and low != 112 and low != 116 and low != 117 and low != 99:
            continue
        for p in range(first, last):
            size = bounds[p + 1] - bounds[p]
            if i + size > end:
                continue
            k = 0
            while k < size:
                byte = line[i + k]
                if 65 <= byte <= 90:
                    byte |= np.uint8(0x20)
                if byte != phrases[bounds[p] + k]:
                    break
                k += 1
            if k == size:
                return True
    return False


@compiled
def _citation(data: Bytes, flags: ch.Flags, i: int, end: int) -> int:
    r"""Bytes of `\[\d*]|\[edit]|\[citation needed]` at i, or 0."""
    j = i + 1
    while j < end and flags[j] & (_F_DIGIT | _F_INSIDE):
        j += 1
    if j < end and data[j] == 93:
        return j + 1 - i
    for word in (b"[edit]", b"[citation needed]"):
        size = len(word)
        if i + size <= end:
            k = 0
            while k < size and data[i + k] == word[k]:
                k += 1
            if k == size:
                return size
    return 0


@compiled
def _clean(data: Bytes, flags: ch.Flags, start: int, end: int, out: Bytes, at: int) -> int:
    """Copy a line without its citations; where the copy ends."""
    i = start
    while i < end:
        size = _citation(data, flags, i, end) if data[i] == 91 else 0
        if size:
            i += size
        else:
            out[at] = data[i]
            at += 1
            i += 1
    return at


@compiled
def _words_of(flags: ch.Flags, start: int, end: int) -> tuple[int, int]:
    """`(words, characters of the longest)` of line.split()."""
    count, longest, size = 0, 0, 0
    for i in range(start, end):
        if flags[i] & _F_SPACE:
            size = 0
        elif not flags[i] & _F_INSIDE:
            size += 1
            count += size == 1
            longest = max(longest, size)
    return count, longest


@compiled
def _ends_well(line: Bytes, start: int, end: int) -> bool:
    """Ends with . ? ! " or ', but not with an ellipsis."""
    if start >= end:
        return False
    last = line[end - 1]
    if last == ord("."):
        return bool(end - start < 3 or line[end - 2] != ord(".") or line[end - 3] != ord("."))
    return bool(last == ord("?") or last == ord("!") or last == ord('"') or last == ord("'"))


@compiled
def _verdict(
    line: Bytes, start: int, end: int, n_words: int, phrases: Bytes, bounds: Counts
) -> int:
    """The column that a line without citations counts in, or -1 for none."""
    if not _ends_well(line, start, end) or n_words < MIN_WORDS:
        return -1
    if _phrase(line, start, end, phrases, bounds, 0, 1):
        return _LOREM
    if _phrase(line, start, end, phrases, bounds, 1, 2):
        return _JAVASCRIPT
    for i in range(start, end):
        if line[i] == _BRACE:
            return _CURLY
    if _phrase(line, start, end, phrases, bounds, 2, len(bounds) - 1):
        return _POLICY
    return _KEPT


@compiled
def _trim(flags: ch.Flags, start: int, end: int) -> tuple[int, int]:
    """The range without white space at its ends."""
    while start < end and flags[start] & (_F_SPACE | _F_INSIDE):
        start += 1
    while end > start:
        last = end - 1
        while last > start and flags[last] & _F_INSIDE:
            last -= 1
        if not flags[last] & _F_SPACE:
            break
        end = last
    return start, end


@compiled
def _line(data: Bytes, flags: ch.Flags, start: int, stop: int) -> tuple[int, int]:
    """Where the line that begins at `start` ends, and where the next one begins."""
    i = start
    while i < stop and not flags[i] & _F_LINE_END:
        i += 1
    after = min(i + 1, stop)
    if after < stop and data[i] == _RETURN and data[after] == _NEWLINE:
        after += 1
    while after < stop and flags[after] & _F_INSIDE:
        after += 1
    return i, after


@compiled
def _has_citation(data: Bytes, flags: ch.Flags, start: int, end: int) -> bool:
    for i in range(start, end):  # noqa: SIM110 (numba has no any())
        if data[i] == _BRACKET and _citation(data, flags, i, end):
            return True
    return False


@compiled
def _count(
    data: Bytes,
    flags: ch.Flags,
    offsets: Offsets,
    word_offsets: Offsets,
    word_starts: npt.NDArray[np.int32],
    kinds: npt.NDArray[np.uint8],
    phrases: Bytes,
    bounds: Counts,
    counts: Counts,
) -> tuple[Bytes, Offsets, Counts]:
    """Fill `counts`; the lines to segment again, their offsets, the text that each is of."""
    brackets = 0
    for i in range(len(data)):
        brackets += data[i] == _BRACKET
    cleaned = np.empty(len(data) if brackets else 0, np.uint8)
    line_ends = np.zeros(brackets + 1, np.int64)
    owners = np.zeros(brackets, np.int64)
    again = 0
    for d in range(len(offsets) - 1):
        row, base = counts[d], offsets[d]
        token, last_token = word_offsets[d], word_offsets[d + 1]
        start, stop = offsets[d], offsets[d + 1]
        while start < stop:
            end, after = _line(data, flags, start, stop)
            first_token = token
            while token < last_token and base + word_starts[token] < end:
                token += 1
            a, b = _trim(flags, start, end)
            start = after
            row[_LINES] += 1
            n_words, longest = _words_of(flags, a, b)
            if longest > MAX_WORD:
                continue
            at = line_ends[again]
            cited = _has_citation(data, flags, a, b)
            if cited:
                cleaned_end = _clean(data, flags, a, b, cleaned, at)
                verdict = _verdict(cleaned, at, cleaned_end, n_words, phrases, bounds)
            else:
                cleaned_end = at
                verdict = _verdict(data, a, b, n_words, phrases, bounds)
            if verdict >= 0:
                row[verdict] += 1
            if verdict == _KEPT and cited:
                owners[again] = d
                again += 1
                line_ends[again] = cleaned_end
            elif verdict == _KEPT:
                row[_SENTENCES] += _sentence_count(kinds, first_token, token)
    size = line_ends[again]
    return cleaned[:size].copy(), line_ends[: again + 1].copy(), owners[:again].copy()
