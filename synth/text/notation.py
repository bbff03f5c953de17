"""Whether the formulas, addresses and identifiers of a text are those of its source.

A formula is LaTeX between its marks, or a run of numbers, variables and operators with an operator that prose does not
use; the two compare, white space, braces and dollars apart. An address is one of the web, of mail or of a file; an
identifier is a word as programs write them (`read_page`, `readPage`, `std::sort`, `os.path.join`, `--dry-run`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from corpus.guards import Verdict, verdict
from synth.text.alignment import without_furniture

VERSION = 1

_TEX = re.compile(
    r"(?<!\\)\$\$(.{1,2000}?)(?<!\\)\$\$|(?<![\\$\w])\$([^$\n]{1,400}?)(?<![\\ ])\$(?!\d)"
    r"|\\\[(.{1,2000}?)\\\]|\\\((.{1,2000}?)\\\)"
    r"|\\begin\{(?:equation|align|gather|eqnarray|math|displaymath)\*?\}(.{1,2000}?)\\end\{",
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


def formulas(source: str, answer: str) -> Verdict:
    """For refinement: the formulas are those of the source but for layout and for LaTeX or plain characters."""
    source = without_furniture(source, answer)
    ours, theirs = Counter(_formulas(source)), Counter(_formulas(answer))
    lost = [found for found in ours - theirs if found not in _squeezed_formula(answer)]
    added = [found for found in theirs - ours if found not in _squeezed_formula(source)]
    return verdict("formulas", f"lost {lost[:3]}; added {added[:3]}" if lost or added else None)


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
        operand = word.strip(",;:.")  # marks that stray, or have a space before them, are repaired
        if not operand and word != "|":
            continue
        if _OPERAND.match(operand) and not (between and operand.isalpha()) and "===" not in operand:
            run.append(_DASH.sub("-", operand) if _DASH.fullmatch(operand) else operand)
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
        unicodedata.normalize("NFKC", text) for text in (without_furniture(source, answer), answer)
    )
    ours, theirs = _addresses(source), _addresses(answer)
    lost = _missing(ours - theirs, source, answer)
    added = _missing(theirs - ours, answer, source)
    return verdict("urls", f"lost {lost[:3]}; added {added[:3]}" if lost or added else None)


def urls_grounded(source: str, answer: str) -> Verdict:
    """For synthesis: each address, path and e-mail of the answer is in the source; identifiers may be new."""
    known = _addresses(source)
    foreign = sorted(found for found in _addresses(answer, identifiers=False) if found not in known)
    return verdict("urls", f"not in the source: {foreign[:3]}" if foreign else None)


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
