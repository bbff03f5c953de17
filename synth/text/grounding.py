"""Guards that compare a model's answer with the text that it was made from.

| for refinement | for synthesis | what is looked at |
|---|---|---|
| `numbers` | `numbers_grounded` | numbers in any script's digits (`corpus.numerals`) |
| `names` | `names_grounded` | names (`synth.text.names`) |
| `formulas` | | LaTeX and plain formulas (`synth.text.notation`) |
| `urls` | `urls_grounded` | addresses, e-mail, paths, identifiers of code |
| `length_ratio` | | characters that are not white space |
| `language` | `language` | script, and labels where the caller has them |
| `invention`, `dropped` | `overlap` | text without support in the other |

Refinement repairs: what it may change is in `synth.text.alignment`. All give a `Verdict` that names what was found. The
constants were set on real text in 27 languages by `benchmarks/bench_guards.py`, on the half of the documents that its
figures leave out.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from itertools import pairwise

import numpy as np

from corpus.guards import Verdict, length_against, verdict
from corpus.numerals import ascii_digits, placed_numbers
from corpus.numerals import numbers as numbers_of
from corpus.scripts import SCRIPTS, resolve, script_counts
from synth.text.alignment import align, without_furniture
from synth.text.names import names, names_grounded
from synth.text.notation import formulas, urls, urls_grounded

__all__ = [
    "REFINED",
    "dropped",
    "formulas",
    "invention",
    "language",
    "length_ratio",
    "names",
    "names_grounded",
    "numbers",
    "numbers_grounded",
    "overlap",
    "pieces",
    "script_shares",
    "support",
    "urls",
    "urls_grounded",
]

VERSION = 1

LENGTH_LOW, LENGTH_HIGH = 0.7, 1.3  # of a refined text over its source

SCRIPT_SHARE = 0.1  # of the answer's letters that may be of scripts that the source hardly has
PIECE = 200  # characters, enough for an identifier
SCRIPT_KNOWN = 0.02  # share of the source's letters from which on it has a script

PASSAGE_LETTERS = 20  # of words added or lost close together that make an invented or dropped passage; wide ones are 2
PASSAGE_GAP = 2  # words of the other text that may lie inside such a passage

GRAM = 6  # letters of a run whose support is looked for
GRAM_WIDE = 3  # the same in Han, kana and Hangul
SUPPORT_LOW, SUPPORT_HIGH = (
    0.15,
    0.9,
)  # share of an answer's runs that its source has, for synthesis

_LETTERS_ONLY = re.compile(r"[\W_\d]+")
_MARKER = re.compile(
    r"^[ \t>#*|\-–•(\[（]{0,8}((?:[^\W\d_]{1,20}[ \t]?){0,2})[(\[（]?(\d{1,3})(?:[.)\]:：、．）|*\t]|\s|$)",
    re.MULTILINE,
)


# ---------------------------------------------------------------- numbers


def numbers(source: str, answer: str) -> Verdict:
    """For refinement: the numbers are those of the source, each as often; those of furniture that is gone may go."""
    kept = without_furniture(source, answer)
    found = None
    for spaced in (False, True):
        ours = Counter(numbers_of(kept, spaced=spaced))
        theirs = Counter(numbers_of(answer, spaced=spaced))
        if ours == theirs:
            return verdict("numbers", None)
        found = found or f"lost {_listed(ours - theirs)}; added {_listed(theirs - ours)}"
    return verdict("numbers", found)


def numbers_grounded(source: str, answer: str, known: Collection[str] = ()) -> Verdict:
    """For synthesis: each number of the answer is in the source or among the `known`, or counts a list."""
    known = {*known, *numbers_of(source), *numbers_of(source, spaced=True)}
    text = ascii_digits(answer)
    markers = _markers(text)
    foreign = Counter(
        value
        for place, value in placed_numbers(text)
        if value not in known and place not in markers
    )
    return verdict("numbers", f"not in the source: {_listed(foreign)}" if foreign else None)


def _markers(text: str) -> set[int]:
    """Places of the numbers that count a list: at a line's start, 1 or one more than before with the same label."""
    last: dict[str, int] = {}
    found = set()
    for match in _MARKER.finditer(text):
        label, number = match[1].strip().casefold(), int(match[2])
        if number == 1 or last.get(label) in (number - 1, number):
            last[label] = number
            found.add(match.start(2))
    return found


def _listed(values: Counter[str]) -> str:
    return ", ".join(sorted(values.elements())[:8]) or "none"


# ---------------------------------------------------------------- length, language


def length_ratio(
    source: str, answer: str, low: float = LENGTH_LOW, high: float = LENGTH_HIGH
) -> Verdict:
    """The answer is about as long as its source."""
    found = length_against(answer, source, low, high)
    return Verdict(guard="length_ratio", passed=found.passed, detail=found.detail)


def language(
    source: str, answer: str, expected: Collection[str] = (), found: Collection[str] = ()
) -> Verdict:
    """The answer is in the language of its source: no script that the source hardly has, and no other label.

    `expected` and `found` are the labels that the caller's identifier gives to the `pieces` of source and answer, where
    it is sure; without them only the scripts speak.
    """
    others = sorted(set(found) - set(expected))
    if expected and others:
        return verdict("language", f"{', '.join(others)} instead of {', '.join(sorted(expected))}")
    ours, theirs = script_shares(source), script_shares(answer)
    if ours.sum() and not theirs.sum():
        return verdict("language", "no letters")
    foreign = np.where(ours < SCRIPT_KNOWN, theirs, 0)
    if foreign.sum() > SCRIPT_SHARE and ours.sum():
        return verdict("language", f"{foreign.max():.0%} {SCRIPTS[int(foreign.argmax())]}")
    return verdict("language", None)


def pieces(text: str) -> list[str]:
    """The text in equal pieces of PIECE to twice PIECE characters, of which each can be given a label."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    count = max(1, len(text) // PIECE)
    bounds = [len(text) * n // count for n in range(count + 1)]
    return [text[start:end] for start, end in pairwise(bounds)]


def script_shares(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Share of each of SCRIPTS among the letters; zeros where there are none."""
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    counts = resolve(script_counts(data, np.array([0, len(data)], np.int64)))[0].astype(np.float64)
    shares: np.ndarray[tuple[int], np.dtype[np.float64]] = counts / max(counts.sum(), 1)
    return shares


# ---------------------------------------------------------------- text without support


def invention(source: str, answer: str, letters: int = PASSAGE_LETTERS) -> Verdict:
    """For refinement: no passage was added."""
    found = align(source, answer)
    added = [place for change in found.changes for place in change.added]
    return verdict("invention", _passage(found.answer.raw, added, letters))


def dropped(source: str, answer: str, letters: int = PASSAGE_LETTERS) -> Verdict:
    """For refinement: no passage was lost but for furniture."""
    found = align(source, answer)
    lost = [place for change in found.changes for place in change.lost]
    return verdict("dropped", _passage(found.source.raw, lost, letters))


def _passage(raw: list[str], places: list[int], letters: int) -> str | None:
    """The first words close together that have so many letters."""
    places = sorted(places)
    run: list[int] = []
    for place, following in zip(places, [*places[1:], None], strict=False):
        run.append(place)
        if following is None or following - place > PASSAGE_GAP + 1:
            if sum(_weight(raw[n]) for n in run) >= letters:
                return " ".join(raw[n] for n in run)
            run = []
    return None


def _weight(word: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in word if c.isalnum())


def overlap(
    source: str, answer: str, low: float = SUPPORT_LOW, high: float = SUPPORT_HIGH
) -> Verdict:
    """For synthesis: the answer is made from its source (support of at least `low`) and no copy (at most `high`)."""
    share = support(source, answer)
    if share is None:
        return verdict("overlap", "no letters")
    return verdict("overlap", None if low <= share <= high else f"support {share:.2f}")


def support(source: str, answer: str) -> float | None:
    """Share of the answer's different runs of letters that the source has; None for too short an answer."""
    theirs = _grams(answer)
    return len(theirs & _grams(source)) / len(theirs) if theirs else None


def _grams(text: str) -> set[str]:
    letters = _LETTERS_ONLY.sub("", text.casefold())
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in letters[:2000])
    size = GRAM_WIDE if 2 * wide > len(letters[:2000]) else GRAM
    return {letters[n : n + size] for n in range(len(letters) - size + 1)}


REFINED: dict[str, Callable[[str, str], Verdict]] = {
    "numbers": numbers,
    "names": names,
    "formulas": formulas,
    "urls": urls,
    "length_ratio": length_ratio,
    "language": language,
    "invention": invention,
    "dropped": dropped,
}  # the guards of refinement by name
