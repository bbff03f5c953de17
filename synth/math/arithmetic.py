r"""The arithmetic of a worked solution, worked again: `<<48/2=24>>`, and `12 * 4 = 48` in its sentences.

Of a line, each `=` is looked at whose neighbours are sums of written numbers: the longest such end of
what stands before it, the longest such start of what stands after it. What touches a letter, a power or
an unknown command is algebra and is left alone. Numbers are exact fractions; a side that is one decimal
number may be the other rounded or cut at its last place. Annotations in double angle brackets are those
of GSM8K (arXiv 2110.14168).

Nothing raises: a division by zero, or a sum too deep or too large to work out, is a step that fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from corpus.guards import Verdict

VERSION = 1
MAX_STEPS = 1000  # looked at in one solution
MAX_CHARACTERS = 200_000

_ANNOTATION = re.compile(r"<<([^<>\n]{1,300})>>")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+")
_SUM = r"[\d.,$€£+\-*/()% ]"
_IS_PART = re.compile(r"(?:\d and|\b(?:x|of|times|by|plus|minus|half|twice))\s*\Z", re.IGNORECASE)
_ENDS = re.compile(rf"{_SUM}{{1,300}}\Z")
_STARTS = re.compile(rf"{_SUM}{{1,300}}")
_LATEX = (
    (
        re.compile(r"\\[dt]?frac\s*\{([\d.,+\-* ]{1,50})\}\s*\{([\d.,+\-* ]{1,50})\}"),
        r"((\1)/(\2))",
    ),
    (
        re.compile(
            r"\\(?:times|cdot)(?![a-zA-Z])|[×·∙⋅]|(?<=[\d)] )[xX](?= [\d($])|(?<=[\d)])[xX](?=[\d$])"
        ),
        "*",
    ),
    (re.compile(r"\\div(?![a-zA-Z])|÷"), "/"),
    (re.compile(r"[−–]"), "-"),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\\[,;!: ]|\\left|\\right|\{,\}"), ""),
    (re.compile(r"(?<!\$)\$(?![\d.(-])|\*\*|\\\(|\\\)|\\\[|\\\]|&"), " "),
)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The arithmetic that was found in a solution."""

    checked: int
    wrong: tuple[str, ...]  # as written, in order


class _Unreadable(Exception):  # noqa: N818
    """No sum of numbers."""


def arithmetic(solution: str) -> Verdict:
    """Passed when no step is wrong; a solution without steps passes."""
    found = steps(solution)
    detail = "; ".join(found.wrong[:3]) or f"{found.checked} steps hold"
    return Verdict(guard="arithmetic", passed=not found.wrong, detail=detail)


def steps(solution: str) -> Steps:
    """All steps of a solution, annotated ones first."""
    outcomes = [
        (text, _holds(*sides)) for text, sides in _written(solution[:MAX_CHARACTERS])[:MAX_STEPS]
    ]
    decided = [(text, holds) for text, holds in outcomes if holds is not None]
    return Steps(checked=len(decided), wrong=tuple(text for text, holds in decided if not holds))


def sides_that_hold(solution: str) -> list[tuple[str, str]]:
    """Both sides of each step that is right."""
    written = _written(solution[:MAX_CHARACTERS])[:MAX_STEPS]
    return [sides for _, sides in written if _holds(*sides)]


def annotated_steps(solution: str) -> Steps:
    """The steps in double angle brackets only."""
    return steps("\n".join(f"<<{text}>>" for text in _ANNOTATION.findall(solution)))


def is_sum(text: str) -> bool:
    """Whether a side of a step has an operator between numbers."""
    return re.search(r"[\d)%]\s*[-+*/]", text) is not None


def _written(solution: str) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for text in _ANNOTATION.findall(solution):
        left, equals, right = text.rpartition("=")
        if equals:
            found.append((f"<<{text}>>", (left.rpartition("=")[2], right)))
    for line in _ANNOTATION.sub("", solution).split("\n"):
        if "=" in line and len(line) <= 5000:
            found += _of_line(line)
    return found


def _of_line(line: str) -> list[tuple[str, tuple[str, str]]]:
    for pattern, plain in _LATEX:
        line = pattern.sub(plain, line)
    parts = re.split(r"(?<![<>=!:])=(?![=>])", line)
    found = []
    for before, after in pairwise(parts):
        left, right = _end_of(before), _start_of(after)
        if left and right and (is_sum(left) or is_sum(right)):
            found.append((f"{left} = {right}", (left, right)))
    return found


def _end_of(text: str) -> str:
    """The sum that a text ends with; empty where it is part of something else."""
    match = _ENDS.search(text[-300:].rstrip())
    if match is None:
        return ""
    before, found = text.rstrip()[: -len(match[0])], match[0]
    if (before and not found.startswith(" ")) or _IS_PART.search(before):
        return ""  # a part of a word, of `1 and 1/4`, or of `half of 3 * 4`
    found = found.strip()
    if before.endswith((":", ",", ".", ";")) or not before:
        return found
    return "" if found.startswith(("+", "*", "/", "-", ")", "%")) else found


def _start_of(text: str) -> str:
    """The sum that a text starts with, to the end of the sentence."""
    match = _STARTS.match(text)
    if match is None:
        return ""
    found, after = match[0], text[match.end() : match.end() + 1]
    if (after and after in "^!_\\{<>") or (after.isalpha() and not found.endswith((" ", "%"))):
        return ""
    if text[match.end() :].startswith("cent"):
        return ""  # the other side may be dollars
    found = re.sub(r"[.,]\s.*|[.,(\s$]+\Z", "", found, flags=re.DOTALL)
    return "" if found.endswith(("+", "-", "*", "/", "(")) else found.strip()


def _holds(left: str, right: str) -> bool | None:
    """Whether both sides are the same number; None where one is not a sum of numbers."""
    try:
        a, b = _value(left), _value(right)
    except _Unreadable:
        return None
    except (ZeroDivisionError, RecursionError):
        return False
    return a == b or _rounded(a, right) or _rounded(b, left) or _is_percent(a, b, left, right)


def _is_percent(a: Fraction, b: Fraction, left: str, right: str) -> bool:
    """`25 / 100 * 100 = 25%`: the sign on one side only is a unit."""
    return ("%" in left) != ("%" in right) and (a == 100 * b or b == 100 * a)


def _rounded(value: Fraction, written: str) -> bool:
    """Whether `written` is one decimal number, and `value` rounded or cut at its last place."""
    match = re.fullmatch(r"[-$€£ ]*[\d,]*\.(\d+)\s*(%?)", written.strip())
    if match is None:
        return False
    unit = Fraction(1, 10 ** len(match[1])) / (100 if match[2] else 1)
    off = abs(value - _value(written))
    cut = off < unit and abs(value) > abs(_value(written))
    return off <= unit / 2 or cut


def _value(text: str) -> Fraction:
    """A sum of written numbers."""
    tokens = _tokens(text)
    value = _sum(tokens)
    if tokens:
        raise _Unreadable(text)
    return value


def _tokens(text: str) -> list[str]:
    """Reversed, so that the next one is the last."""
    if len(text) > 300:
        raise _Unreadable(text[:50])
    found, place = [], 0
    while place < len(text):
        number = _NUMBER.match(text, place)
        if number:
            found.append(number[0].replace(",", ""))
            place = number.end()
        elif text[place] in " $€£":
            place += 1
        elif text[place] in "+-*/()%":
            found.append(text[place])
            place += 1
        else:
            raise _Unreadable(text)
    return found[::-1]


def _sum(tokens: list[str]) -> Fraction:
    value = _product(tokens)
    while tokens and tokens[-1] in "+-":
        sign = 1 if tokens.pop() == "+" else -1
        value += sign * _product(tokens)
    return value


def _product(tokens: list[str]) -> Fraction:
    value = _number(tokens)
    while tokens and tokens[-1] in ("*", "/", "("):
        operator = "*" if tokens[-1] == "(" else tokens.pop()
        factor = _number(tokens)
        value = value * factor if operator == "*" else value / factor
    return value


def _number(tokens: list[str]) -> Fraction:
    if not tokens:
        raise _Unreadable("ends too early")
    token = tokens.pop()
    if token in "+-":
        return _number(tokens) * (1 if token == "+" else -1)
    if token == "(":
        value = _sum(tokens)
        if not tokens or tokens.pop() != ")":
            raise _Unreadable("unclosed")
    elif token in "*/)%":
        raise _Unreadable(token)
    else:
        value = Fraction(token)
    while tokens and tokens[-1] == "%":
        tokens.pop()
        value /= 100
    return value
