"""Whether the names of a text are those of its source.

In scripts with case a name is a word with a capital that the two texts do not also write without one. In scripts
without case nothing marks a name, so every word of NAME_LETTERS letters or more that was exchanged or lost counts:
refinement has no reason to do either. A name counts as changed where

- it was lost or added, or exchanged for an unlike word;
- it was exchanged for a like word (`Iran`, `Iraq`) although it still stands elsewhere in the answer: a slip that was
  repaired does not live on;
- two words (names, or words or numbers of any kind) stand in each other's place.

Words that only stood twice in a row (`the the`) may lose one.
"""

from __future__ import annotations

import unicodedata

from corpus.guards import Verdict
from synth.text.alignment import Alignment, Change, Tokens, align, tokens

VERSION = 1

NAME_LETTERS = 3  # letters and marks of a word in a script without case
WIDE_LETTERS = 2  # the same in Han, kana and Hangul
FOREIGN_SHARE = 0.0  # of the answer's names that the source need not have, in synthesis


def names(source: str, answer: str) -> Verdict:
    """For refinement: each name stands where it stood, and no other does."""
    found = align(source, answer)
    changed = _swapped(found) or _exchanged(found) or _slipped(found)
    return Verdict(guard="names", passed=changed is None, detail=(changed or "")[:200])


def names_grounded(source: str, answer: str, allowed: float = FOREIGN_SHARE) -> Verdict:
    """For synthesis: at most the share `allowed` of the answer's names is not in the source.

    Only what marks a name counts: a capital inside a sentence, a run of katakana. Other names in scripts without case
    are not seen.
    """
    ours, theirs = tokens(source), tokens(answer)
    known, lower = set(ours.keys), {raw for raw in [*ours.raw, *theirs.raw] if raw.islower()}
    found = [
        place
        for place, raw in enumerate(theirs.raw)
        if (_capital(raw) and raw.lower() not in lower and not _opens(theirs, place))
        or _is_katakana(raw)
    ]
    foreign = [theirs.raw[place] for place in found if theirs.keys[place] not in known]
    passed = len(foreign) <= allowed * len(found)
    return Verdict(guard="names", passed=passed, detail=", ".join(foreign)[:200])


def _swapped(found: Alignment) -> str | None:
    """Two words of which each became the other, or a word that was lost in one place and added in another."""
    became = {(found.source.keys[i], found.answer.keys[j]) for i, j in found.repairs}
    for change in found.changes:
        lost = "".join(found.source.keys[i] for i in change.lost)
        added = "".join(found.answer.keys[j] for j in change.added)
        became.add((lost, added))
    for lost, added in sorted(became):
        if max(len(lost), len(added)) > 1 and lost != added and (added, lost) in became:
            return (
                f"{lost or added} moved" if not (lost and added) else f"{lost} and {added} swapped"
            )
    return None


def _exchanged(found: Alignment) -> str | None:
    lower = _written_small(found)
    for change in found.changes:
        if _is_doubled(found, change):
            continue
        lost = [place for place in change.lost if _may_be_name(found.source, place, lower)]
        added = [place for place in change.added if _may_be_name(found.answer, place, lower)]
        if lost or added:
            before = " ".join(found.source.raw[i] for i in change.lost)
            return f"{before} became {' '.join(found.answer.raw[j] for j in change.added)}"
    return None


def _slipped(found: Alignment) -> str | None:
    """A like word, where what was exchanged is no slip."""
    lower = _written_small(found)
    for i, j in found.repairs:
        if found.answer.counts[found.source.keys[i]] and _may_be_name(found.source, i, lower):
            return f"{found.source.raw[i]} became {found.answer.raw[j]}"
    return None


def _written_small(found: Alignment) -> set[str]:
    return {raw for raw in [*found.source.raw, *found.answer.raw] if raw.islower()}


def _is_doubled(found: Alignment, change: Change) -> bool:
    """Whether the lost words stand before or after them again."""
    if change.added or not change.lost:
        return False
    keys, first, last = found.source.keys, change.lost[0], change.lost[-1] + 1
    size = last - first
    if size != len(change.lost):
        return False
    gone = keys[first:last]
    return gone in (keys[max(0, first - size) : first], keys[last : last + size])


def _may_be_name(found: Tokens, place: int, lower: set[str]) -> bool:
    raw = found.raw[place]
    letters = [c for c in raw if c.isalpha()]
    if not letters:
        return False
    if any(_has_case(c) for c in letters):
        return _capital(raw) and (raw.lower() not in lower or not _opens(found, place))
    return len(found.keys[place]) >= (WIDE_LETTERS if _is_wide(letters[0]) else NAME_LETTERS)


def _capital(raw: str) -> bool:
    first = next((c for c in raw if c.isalpha()), "a")
    return _has_case(first) and first.lower() != first


def _has_case(char: str) -> bool:
    """Georgian has capitals in Unicode, but writes no name with them."""
    return char.lower() != char.upper() and not "\u10a0" <= char <= "\u10ff"


def _opens(found: Tokens, place: int) -> bool:
    """Whether a word opens a sentence, a line, a cell or a quotation."""
    before = found.text[max(0, found.starts[place] - 6) : found.starts[place]].rstrip(" \t")
    return not before or not (before[-1].isalnum() or before[-1] in ",;-–'’&/")


def _is_katakana(raw: str) -> bool:
    return len(raw) >= 3 and all("\u30a0" <= c <= "\u30ff" for c in raw)


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"
