"""Guards that compare a model's answer with the text that it was made from.

| for refinement | for synthesis | what is looked at |
|---|---|---|
| `numbers` | `numbers_grounded` | numbers in any script's digits (`corpus.numerals`) |
| `names` | `names_grounded` | names (`synth.names`) |
| `formulas` | | LaTeX and plain formulas |
| `urls` | `urls_grounded` | addresses, e-mail, paths, identifiers of code |
| `length_ratio` | | characters that are not white space |
| `language` | `language` | script, and labels where the caller has them |
| `invention`, `dropped` | `overlap` | text without support in the other |

Refinement repairs: what it may change is in `synth.alignment`. All give a `Verdict` that names what was found. The
constants were set on real text in 26 languages by `benchmarks/bench_guards.py`, on the half of the documents that its
figures leave out.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import pairwise

import numpy as np

from corpus.guards import Verdict, length_against
from corpus.numerals import ascii_digits, placed_numbers
from corpus.numerals import numbers as numbers_of
from corpus.scripts import SCRIPTS, resolve, script_counts
from synth.alignment import align
from synth.names import names, names_grounded

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

_URL = re.compile(
    r"[a-z][a-z0-9+.-]{1,15}://[^\s<>\"'`|\\^{}（）。，、」「]+|\bwww\.[^\s<>\"'`|（）。，、]+",
    re.IGNORECASE,
)
_NAME = "A-Za-z0-9_\u00c0-\u024f\u0370-\u052f-"  # of a mail box or host; Han and Thai stand beside one without a space
_EMAIL = re.compile(rf"[.+{_NAME}]{{1,64}}@[{_NAME}]{{1,63}}(?:\.[{_NAME}]{{1,63}}){{1,8}}")
_DOMAIN = re.compile(
    r"(?<![\w@./-])(?:[a-z0-9-]{1,63}\.){1,5}(?:com|org|net|edu|gov|int|info|io|eu)\b(?:/[^\s<>\"'|]*)?"
)
_PATH = re.compile(
    r"(?<![\w/.:<])(?:~|\.{1,2})?(?:/[\w.+@~-]{1,255}){2,40}/?|\b[A-Z]:\\[\w.\\-]+", re.ASCII
)
_IDENTIFIER = re.compile(
    r"(?<!\w)(?=\w{0,80}[A-Za-z])[A-Za-z0-9]{0,60}_[A-Za-z0-9_]+(?:\(\))?"
    r"|(?<![\w.])[a-z]{1,40}[A-Z][A-Za-z0-9]{0,60}|(?<!\w)--[a-z][a-z0-9-]{1,60}"
    r"|(?<![\w.])[A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){2,10}|(?<![\w.])[A-Za-z_]\w{0,60}(?:::[A-Za-z_]\w{0,60}){1,8}",
    re.ASCII,
)
_TRAILING = ".,;:!?)]}>»”’\"'*_"

_TEX = re.compile(
    r"(?<!\\)\$\$(.+?)(?<!\\)\$\$|(?<![\\$\w])\$([^$\n]{1,400}?)(?<![\\ ])\$(?!\d)|\\\[(.+?)\\\]|\\\((.+?)\\\)"
    r"|\\begin\{(?:equation|align|gather|eqnarray|math|displaymath)\*?\}(.+?)\\end\{",
    re.DOTALL,
)
_COMMANDS = {
    "times": "×",
    "cdot": "·",
    "leq": "≤",
    "le": "≤",
    "geq": "≥",
    "ge": "≥",
    "neq": "≠",
    "ne": "≠",
    "approx": "≈",
    "pm": "±",
    "div": "÷",
    "sum": "∑",
    "int": "∫",
    "sqrt": "√",
    "infty": "∞",
    "pi": "π",
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "theta": "θ",
    "lambda": "λ",
    "mu": "μ",
    "sigma": "σ",
    "to": "→",
    "rightarrow": "→",
    "in": "∈",
    "left": "",
    "right": "",
    "quad": "",
    "mathrm": "",
}
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_LAYOUT = re.compile(r"[\s{}^_$&\\]|nonumber")
_RELATION = re.compile(r"[=≤≥≠≈≡∈⊂⊆→⇒±×÷∑∫√∂∞]")
_OPERAND = re.compile(
    r"^[(\[{]*(?:[-+−]?[\d.,]+%?|[\d.,+\-−*/^()<>=$€£%×÷·]+|[A-Za-zα-ω][\d₀-₉²³'′]{0,3}|[-+−*/^=<>≤≥≠≈≡∈→×÷±·]+"
    r"|(?=\S{0,80}[=≤≥≠≈×÷±^√∑∫])(?:(?![A-Za-z]{4})\S){1,80}|\S{0,40}(?:\d[*/+=]|[*/+=]\d)\S{0,40})[)\]},;:.]*$"
)

_DASH = re.compile("[-–—−]{1,3}")
UNITS = 3  # words that may stand between two operands of a plain formula

_LETTERS_ONLY = re.compile(r"[\W_\d]+")
_MARKER = re.compile(
    r"^[ \t>#*|\-–•(\[（]{0,8}((?:[^\W\d_]{1,20}[ \t]?){0,2})[(\[（]?(\d{1,3})(?:[.)\]:：、．）|*\t]|\s|$)",
    re.MULTILINE,
)


# ---------------------------------------------------------------- numbers


def numbers(source: str, answer: str) -> Verdict:
    """For refinement: the numbers are those of the source, each as often; those of furniture that is gone may go."""
    kept = _without_furniture(source, answer)
    found = None
    for spaced in (False, True):
        ours = Counter(numbers_of(kept, spaced=spaced))
        theirs = Counter(numbers_of(answer, spaced=spaced))
        if ours == theirs:
            return _verdict("numbers", None)
        found = found or f"lost {_listed(ours - theirs)}; added {_listed(theirs - ours)}"
    return _verdict("numbers", found)


def _without_furniture(source: str, answer: str) -> str:
    gone = align(source, answer).furniture
    return "\n".join(line for n, line in enumerate(source.split("\n")) if n not in gone)


def numbers_grounded(source: str, answer: str) -> Verdict:
    """For synthesis: each number of the answer is in the source, or counts a list."""
    known = set(numbers_of(source)) | set(numbers_of(source, spaced=True))
    text = ascii_digits(answer)
    markers = _markers(text)
    foreign = Counter(
        value
        for place, value in placed_numbers(text)
        if value not in known and place not in markers
    )
    return _verdict("numbers", f"not in the source: {_listed(foreign)}" if foreign else None)


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


# ---------------------------------------------------------------- formulas, addresses, identifiers


def formulas(source: str, answer: str) -> Verdict:
    """For refinement: the formulas are those of the source but for layout and for LaTeX or plain characters."""
    source = _without_furniture(source, answer)
    ours, theirs = Counter(_formulas(source)), Counter(_formulas(answer))
    lost = [found for found in ours - theirs if found not in _squeezed_formula(answer)]
    added = [found for found in theirs - ours if found not in _squeezed_formula(source)]
    return _verdict("formulas", f"lost {lost[:3]}; added {added[:3]}" if lost or added else None)


def _formulas(text: str) -> Iterator[str]:
    for match in _TEX.finditer(text):
        found = _squeezed_formula(next(group for group in match.groups() if group is not None))
        if found:
            yield found
    yield from _plain_formulas(_TEX.sub(" | ", text))


def _plain_formulas(text: str) -> Iterator[str]:
    """Runs of operands and operators with an operator that prose does not use; units may stand between them (`3 rolls +
    4 rolls = 7 rolls`).
    """
    run: list[str] = []
    between = 0
    for word in [*text.split(), *["|"] * (UNITS + 1)]:
        if _OPERAND.match(word) and not (between and word.isalpha()):
            run.append(_DASH.sub("-", word) if _DASH.fullmatch(word) else word)
            between = 0
            continue
        between += 1
        if between > UNITS:
            found = _squeezed_formula(" ".join(run)).strip(".,;:()-")
            if len(found) >= 3 and _RELATION.search(found):
                yield found
            run = []


def _squeezed_formula(text: str) -> str:
    text = _COMMAND.sub(lambda match: _COMMANDS.get(match[1], match[1]), text)
    return _LAYOUT.sub("", unicodedata.normalize("NFKC", text))


def urls(source: str, answer: str) -> Verdict:
    """For refinement: addresses, e-mail, paths and identifiers are those of the source. One that a line end cuts may be
    made whole.
    """
    source, answer = (
        unicodedata.normalize("NFKC", text) for text in (_without_furniture(source, answer), answer)
    )
    ours, theirs = _addresses(source), _addresses(answer)
    lost = _missing(ours - theirs, source, answer)
    added = _missing(theirs - ours, answer, source)
    return _verdict("urls", f"lost {lost[:3]}; added {added[:3]}" if lost or added else None)


def urls_grounded(source: str, answer: str) -> Verdict:
    """For synthesis: each address, path and e-mail of the answer is in the source; identifiers may be new."""
    known = _addresses(source)
    foreign = sorted(found for found in _addresses(answer, identifiers=False) if found not in known)
    return _verdict("urls", f"not in the source: {foreign[:3]}" if foreign else None)


def _addresses(text: str, *, identifiers: bool = True) -> set[str]:
    found: set[str] = set()
    for pattern in (_URL, _EMAIL, _DOMAIN, _PATH, *([_IDENTIFIER] if identifiers else [])):
        found.update(match[0].rstrip(_TRAILING) for match in pattern.finditer(text))
        text = pattern.sub(" ", text)
    return {address for address in found if len(address) > 2}


def _missing(addresses: set[str], there: str, other: str) -> list[str]:
    """Those that the other text has not even with its line ends closed up. Whole words only, unless a line end cuts
    the address.
    """
    if not addresses:
        return []
    closed = re.sub(r"[-\u00ad]?\s*\n\s*", "", other)
    joined = re.sub(r"\s*\n\s*", "", other)
    missing = []
    for address in sorted(addresses)[:200]:
        plain = re.escape(address)
        whole = rf"(?<![\w/]){plain}(?![\w/])"
        cut = re.search(rf"{plain}[-.\u00ad]?\s*\n|\n\s*{plain}", there)
        pattern = plain.removesuffix(r"\-") if cut else whole
        texts = (text for text in (other, joined, closed) if address.rstrip("-") in text)
        if not any(re.search(pattern, text) for text in texts):
            missing.append(address)
    return missing


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
        return _verdict("language", f"{', '.join(others)} instead of {', '.join(sorted(expected))}")
    ours, theirs = _script_shares(source), _script_shares(answer)
    if ours.sum() and not theirs.sum():
        return _verdict("language", "no letters")
    foreign = np.where(ours < SCRIPT_KNOWN, theirs, 0)
    if foreign.sum() > SCRIPT_SHARE and ours.sum():
        return _verdict("language", f"{foreign.max():.0%} {SCRIPTS[int(foreign.argmax())]}")
    return _verdict("language", None)


def pieces(text: str) -> list[str]:
    """The text in equal pieces of PIECE to twice PIECE characters, of which each can be given a label."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    count = max(1, len(text) // PIECE)
    bounds = [len(text) * n // count for n in range(count + 1)]
    return [text[start:end] for start, end in pairwise(bounds)]


def _script_shares(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    counts = resolve(script_counts(data, np.array([0, len(data)], np.int64)))[0].astype(np.float64)
    shares: np.ndarray[tuple[int], np.dtype[np.float64]] = counts / max(counts.sum(), 1)
    return shares


# ---------------------------------------------------------------- text without support


def invention(source: str, answer: str, letters: int = PASSAGE_LETTERS) -> Verdict:
    """For refinement: no passage was added."""
    found = align(source, answer)
    added = [place for change in found.changes for place in change.added]
    return _verdict("invention", _passage(found.answer.raw, added, letters))


def dropped(source: str, answer: str, letters: int = PASSAGE_LETTERS) -> Verdict:
    """For refinement: no passage was lost but for furniture."""
    found = align(source, answer)
    lost = [place for change in found.changes for place in change.lost]
    return _verdict("dropped", _passage(found.source.raw, lost, letters))


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
        return _verdict("overlap", "no letters")
    return _verdict("overlap", None if low <= share <= high else f"support {share:.2f}")


def support(source: str, answer: str) -> float | None:
    """Share of the answer's different runs of letters that the source has; None for too short an answer."""
    theirs = _grams(answer)
    return len(theirs & _grams(source)) / len(theirs) if theirs else None


def _grams(text: str) -> set[str]:
    letters = _LETTERS_ONLY.sub("", text.casefold())
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in letters[:2000])
    size = GRAM_WIDE if 2 * wide > len(letters[:2000]) else GRAM
    return {letters[n : n + size] for n in range(len(letters) - size + 1)}


def _verdict(guard: str, found: str | None) -> Verdict:
    detail = re.sub("[\ud800-\udfff]", "\ufffd", (found or "")[:200])
    return Verdict(guard=guard, passed=found is None, detail=detail)


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
