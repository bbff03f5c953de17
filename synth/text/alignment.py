"""Which words of an answer are which words of its source, and what was changed between them.

Words are those of `corpus.segment`, compared in NFKC without case, marks of format, hyphens or the script of digits;
a word that a line end cuts is whole again where the answer has it whole. Equal words are matched by `matching`.
What is left are changes:

- a **repair** is a word that became a like one (an edit distance of at most a quarter of its letters, and of one at
  least, a transposition being one edit), or words that differ only in where they are cut;
- anything else is a **change**: words lost, words added, or both.

Lines of **furniture** (running heads, page numbers) may go: the first and last line of the source, those that stand in
it twice but for their digits, and those without a letter, if short and gone whole.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa

from corpus.numerals import ascii_digits
from corpus.segment import WORD, words
from synth.text.matching import Gap, blocks, gaps

_FUZZY = 400  # pairs of words of one change that are compared letter by letter
_RESPELT = 200  # letters of a gap that are compared one by one
_APART = 8  # letters for each slip among them
FURNITURE_CHARACTERS = 100
FURNISHED_LINES = 3  # of a page on which the first and last line may be furniture
FURNITURE_SHARE = 0.5  # of such a line's words that the answer has not; it has others by chance
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The words of a text as written and as compared, and where they start (in characters)."""

    text: str
    raw: list[str]
    keys: list[str]
    starts: list[int]

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(self.keys)

    @cached_property
    def lines(self) -> list[int]:
        """The line of each word."""
        ends = [match.start() for match in re.finditer("\n", self.text)]
        return [bisect_left(ends, start) for start in self.starts]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Words lost from the source and words added in the answer, as places in their tokens."""

    lost: tuple[int, ...]
    added: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """What became of the source's words."""

    source: Tokens  # without furniture; words that a line end cuts are whole
    answer: Tokens
    changes: list[Change]  # in order; without repairs
    repairs: list[tuple[int, int]]  # pairs of like words
    furniture: frozenset[int]  # lines of the source that are furniture and gone


@lru_cache(maxsize=4)
def align(source: str, answer: str) -> Alignment:
    """The alignment of two texts; the last ones are kept, as several guards ask for the same."""
    ours, theirs = tokens(source), tokens(answer)
    changes, repairs = _compare(ours, theirs)
    furniture = _furniture(ours, changes)
    kept = _joined(_without(ours, furniture), theirs)
    if len(kept.keys) < len(ours.keys):
        changes, repairs = _compare(kept, theirs)
    return Alignment(
        source=kept, answer=theirs, changes=changes, repairs=repairs, furniture=furniture
    )


def without_furniture(source: str, answer: str) -> str:
    """The source without the lines of furniture that the answer left out."""
    gone = align(source, answer).furniture
    return "\n".join(line for n, line in enumerate(source.split("\n")) if n not in gone)


def _compare(ours: Tokens, theirs: Tokens) -> tuple[list[Change], list[tuple[int, int]]]:
    changes: list[Change] = []
    repairs: list[tuple[int, int]] = []
    for gap in gaps(blocks(ours.keys, theirs.keys), len(ours.keys), len(theirs.keys)):
        _judge(ours, theirs, gap, changes, repairs)
    return changes, repairs


def tokens(text: str) -> Tokens:
    """The words of a text; what has no letter or digit is none."""
    text = _SURROGATES.sub("\ufffd", text)
    found = words(pa.table({"text": pa.array([text], pa.large_string())}))
    data = text.encode()
    is_word = (found.kinds & WORD) != 0
    starts, ends = found.starts[is_word].tolist(), found.ends[is_word].tolist()
    first = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80
    place = (np.cumsum(first) - 1).tolist()
    keys: dict[str, str] = {}
    kept: list[tuple[str, str, int]] = []
    for start, end in zip(starts, ends, strict=True):
        raw = data[start:end].decode()
        key = keys.get(raw)
        if key is None:
            key = keys[raw] = _key(raw)
        if key:
            kept.append((raw, key, place[start]))
    return Tokens(
        text=text,
        raw=[raw for raw, _, _ in kept],
        keys=[key for _, key, _ in kept],
        starts=[start for _, _, start in kept],
    )


def _key(raw: str) -> str:
    plain = unicodedata.normalize("NFKC", ascii_digits(raw)).casefold()
    if plain.isalnum():
        return plain.replace("\u0640", "")
    return "".join(c for c in plain if c.isalnum() or unicodedata.category(c)[0] == "M").replace(
        "\u0640", ""
    )


# ---------------------------------------------------------------- like words


def _judge(
    ours: Tokens, theirs: Tokens, gap: Gap, changes: list[Change], repairs: list[tuple[int, int]]
) -> None:
    """Part a gap into pairs of like words and what is left between them."""
    if _respelt(ours, theirs, gap):
        return
    for i0, i1, j0, j1, pair in _pieces(ours.keys, theirs.keys, gap):
        if (i0 < i1 or j0 < j1) and not _respelt(ours, theirs, (i0, i1, j0, j1)):
            lost, added = "".join(ours.keys[i0:i1]), "".join(theirs.keys[j0:j1])
            if i1 - i0 == j1 - j0 == 1 and _like(lost, added):
                repairs.append((i0, j0))
            elif not (len(lost) + len(added) == 1 and _like(lost, added)):
                changes.append(Change(lost=tuple(range(i0, i1)), added=tuple(range(j0, j1))))
        if pair is not None:
            repairs.append(pair)


def _respelt(ours: Tokens, theirs: Tokens, gap: Gap) -> bool:
    """Whether words are the same letters cut elsewhere, but for single slips well apart."""
    i0, i1, j0, j1 = gap
    lost, added = "".join(ours.keys[i0:i1]), "".join(theirs.keys[j0:j1])
    if lost == added:
        return True
    longest = max(len(lost), len(added))
    if i1 - i0 == j1 - j0 or not (lost and added) or longest > _RESPELT:
        return False
    if _digits(lost) != _digits(added) or abs(len(lost) - len(added)) > 1 + longest // _APART:
        return False
    slips: list[list[int]] = []
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, lost, added, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if slips and a0 - slips[-1][1] < 3:
            slips[-1][1::2] = [a1, b1]
        else:
            slips.append([a0, a1, b0, b1])
    few = len(slips) <= 1 + longest // _APART
    return few and all(_edits(lost[a0:a1], added[b0:b1]) <= 1 for a0, a1, b0, b1 in slips)


def _pieces(
    a: Sequence[str], b: Sequence[str], gap: Gap
) -> Iterator[tuple[int, int, int, int, tuple[int, int] | None]]:
    """Gaps between the pairs of like words, and the pair that ends each."""
    a0, a1, b0, b1 = gap
    i, j = a0, b0
    if (a1 - a0) + (b1 - b0) > 2 and (a1 - a0) * (b1 - b0) <= _FUZZY:
        for p, q in _like_pairs(a[a0:a1], b[b0:b1]):
            yield i, a0 + p, j, b0 + q, (a0 + p, b0 + q)
            i, j = a0 + p + 1, b0 + q + 1
    yield i, a1, j, b1, None


def _like_pairs(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """The longest common subsequence of like words."""
    length = np.zeros((len(a) + 1, len(b) + 1), np.int32)
    like = [[len(x) > 1 < len(y) and _like(x, y) for y in b] for x in a]
    for p in range(len(a) - 1, -1, -1):
        for q in range(len(b) - 1, -1, -1):
            best = max(length[p + 1, q], length[p, q + 1])
            length[p, q] = max(best, length[p + 1, q + 1] + 1) if like[p][q] else best
    found, p, q = [], 0, 0
    while p < len(a) and q < len(b):
        if like[p][q] and length[p, q] == length[p + 1, q + 1] + 1:
            found.append((p, q))
            p, q = p + 1, q + 1
        elif length[p + 1, q] >= length[p, q + 1]:
            p += 1
        else:
            q += 1
    return found


@lru_cache(maxsize=4096)
def _like(a: str, b: str) -> bool:
    """The same word but for a slip: equal, or few edits apart, digits never being slips."""
    if a == b:
        return True
    longest = max(len(a), len(b))
    most = max(1, longest // 4)
    if abs(len(a) - len(b)) > most or longest > 80 or _digits(a) != _digits(b):
        return False
    return _edits(a, b) <= most


def _digits(key: str) -> str:
    return "".join(c for c in key if c.isdecimal())


def _edits(a: str, b: str) -> int:
    """Edit distance with transpositions of neighbours (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        two, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 < j and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, two[j - 2] + 1)
            row.append(cost)
    return row[-1]


# ---------------------------------------------------------------- furniture


def _furniture(ours: Tokens, changes: list[Change]) -> frozenset[int]:
    """Lines of the source that are furniture and of which no word is left."""
    lost = Counter(ours.lines[place] for change in changes for place in change.lost)
    if not lost:
        return frozenset()
    total = Counter(ours.lines)
    lines = ours.text.split("\n")
    shapes = Counter(re.sub(r"\d+", "0", line.strip()) for line in lines)
    filled = [n for n, line in enumerate(lines) if line.strip()]
    ends = {filled[0], filled[-1]} if len(filled) >= FURNISHED_LINES else set()
    return frozenset(
        n
        for n, count in lost.items()
        if (count == total[n] or (total[n] >= 4 and count >= FURNITURE_SHARE * total[n]))
        and len(lines[n]) <= FURNITURE_CHARACTERS
        and (
            n in ends
            or shapes[re.sub(r"\d+", "0", lines[n].strip())] > 1
            or not any(c.isalpha() for c in lines[n])
        )
    )


def _without(ours: Tokens, furniture: frozenset[int]) -> Tokens:
    """The words that are not of these lines."""
    if not furniture:
        return ours
    kept = [n for n, line in enumerate(ours.lines) if line not in furniture]
    return Tokens(
        text=ours.text,
        raw=[ours.raw[n] for n in kept],
        keys=[ours.keys[n] for n in kept],
        starts=[ours.starts[n] for n in kept],
    )


def _joined(ours: Tokens, theirs: Tokens) -> Tokens:
    """The words, with those made whole that a line end cuts and the answer has whole."""
    raw: list[str] = []
    keys: list[str] = []
    starts: list[int] = []
    line = -1
    for n, key in enumerate(ours.keys):
        if keys and ours.lines[n] != line and keys[-1] + key in theirs.counts:
            raw[-1], keys[-1] = raw[-1].rstrip("-\u00ad") + ours.raw[n], keys[-1] + key
        else:
            raw.append(ours.raw[n])
            keys.append(key)
            starts.append(ours.starts[n])
        line = ours.lines[n]
    return Tokens(text=ours.text, raw=raw, keys=keys, starts=starts)
