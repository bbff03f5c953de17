r"""One way to write mathematics: LaTeX, plain text and Unicode become the same tokens.

`clean` takes off what only decides how an answer looks: boxes, dollar signs, `\left`, spacing, fonts,
thousands separators, a full stop at the end. `tokens` cuts what remains. Nothing here knows what an
expression means, and nothing is evaluated. No errors; an unclosed `\text{` is ordinary characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from synth.math.units import is_unit

VERSION = 1

_CHARACTERS = {
    "−": "-", "–": "-", "‒": "-", "＝": "=", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ",
    "÷": r"\div ", "π": r"\pi ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ",
    "≠": r"\ne ", "±": r"\pm ", "∓": r"\mp ", "∪": r"\cup ", "∩": r"\cap ", "∅": r"\emptyset ", "∈": r"\in ",
    "°": r"^\circ ", "º": r"^\circ ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "∖": r"\setminus ", "⁄": "/",
    "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "λ": r"\lambda ", "φ": r"\phi ",
    "∠": r"\angle ", "′": "'", "’": "'", "“": '"', "”": '"', "，": ",", "（": "(", "）": ")", "：": ":",
    "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
    "⅛": r"\frac{1}{8}", "⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}", "⅕": r"\frac{1}{5}",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ",
}  # fmt: skip
_CHARACTER = re.compile("|".join(map(re.escape, _CHARACTERS)))
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_RULES = (
    (r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|biggl?|biggr|displaystyle|textstyle|limits)(?![a-zA-Z])", ""),
    (r"(?<=\d)(?:(?<!\\)\\[,;:! ]|\{,\}|~)+(?=\d{3})", ""),
    (r"\\(?:quad|qquad|thinspace|space)(?![a-zA-Z])|(?<!\\)\\[,;:!> ]|~", " "),
    (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
    (r"\\[dt]binom(?![a-zA-Z])", r"\\binom"),
    (r"\\(?:leqslant|leq)(?![a-zA-Z])|<=|=<", r"\\le "),
    (r"\\(?:geqslant|geq)(?![a-zA-Z])|>=", r"\\ge "),
    (r"\\neq(?![a-zA-Z])|\\not\s*=|!=", r"\\ne "),
    (r"\\lt(?![a-zA-Z])", "<"),
    (r"\\gt(?![a-zA-Z])", ">"),
    (r"\\[lr]?vert(?![a-zA-Z])|\\mid(?![a-zA-Z])", "|"),
    (r"\\(?:varnothing|empty)(?![a-zA-Z])", r"\\emptyset "),
    (r"\\(?:backslash|smallsetminus)(?![a-zA-Z])", r"\\setminus "),
    (r"\\(?:R|reals|Reals)(?![a-zA-Z])|\\mathbb\s*R(?![a-zA-Z])", r"\\mathbb{R}"),
    (r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![a-zA-Z])|\\deg(?![a-zA-Z])", r"\\degree "),
    (r"\\lbrace(?![a-zA-Z])|\\lbrack(?![a-zA-Z])", r"\\{"),
    (r"\\rbrace(?![a-zA-Z])", r"\\}"),
    (r"\\(?:ne)(?=[^a-zA-Z])", r"\\ne "),
    (r"\\%", "%"),
    (r"\\dots|\\ldots|\\cdots", "..."),
    (r"\\(?:textbf|textit|textrm|textsf|texttt|mathrm|mathbf|mathit|mathsf|mbox|hbox|operatorname\*?|rm|bf|emph|"
     r"boldsymbol|bm|textup|textnormal)\s*(?=\{)", r"\\text"),
    (r"\*\*(?=[^*]*\S)", "^"),
    (r"\{\s*([^{}]{1,40}?)\s*\\choose\s*([^{}]{1,40}?)\s*\}", r"\\binom{\1}{\2}"),
    (r"\\(?:vec|hat|overrightarrow)\s*\{\s*([a-zA-Z])\s*\}", r"\\text{\1}"),
    (r"(\\text\s*\{[^{}]*\^\s*)\{([^{}]*)\}", r"\1\2"),
    (r"\\begin\{cases\}(.*)\\end\{cases\}", r"\1"),
    (r"\bP\(\s*(\d+)\s*,\s*(\d+)\s*\)", r"\\frac{\1!}{(\1-\2)!}"),
    (r"(?:\\text\s*\{\s*)?\bis (?:greater|more) than\b(?:\s*\})?", ">"),
    (r"(?:\\text\s*\{\s*)?\bis less than\b(?:\s*\})?", "<"),
    (r"(?:\\text\s*\{\s*)?\bis at least\b(?:\s*\})?", r"\\ge "),
    (r"(?:\\text\s*\{\s*)?\bis at most\b(?:\s*\})?", r"\\le "),
    (r"^(?:\\text\s*\{\s*)?(?:negative|minus)\b\s*\}?\s*(?=\d)", "-"),
    (r"^(?:all )?(?:the )?real numbers except (.{1,100})$", r"\\mathbb{R} \\setminus \\{\1\\}"),
    (r"(?<=\d)\s*\^?\s*\{?\s*(?:\\text\s*\{)?(?:st|nd|rd|th)\b\s*\}{0,2}$", ""),
    (r"\\text\s*\{\s*(?=\d|\.\d|\\\$)([^{}]*)\}", r" \1 "),
    (r"\\text\s*\{\\?\$\s*\}", r"\\$"),
    (r"\\frac\s*\{\\text\s*\{([a-z ]+)\}\}\s*\{\\text\s*\{([a-z ]+)\}\}", r"\\text{\1/\2}"),
    (r"(?:\{\s*\})?[\^_]\{?(\d+)\}?\s*C\s*_\s*\{?(\d+)\}?|\bC\(\s*(\d+)\s*,\s*(\d+)\s*\)", r"\\binom{\1\3}{\2\4}"),
    (r"^\s*(?:\\approx|(?:about|approximately|roughly|exactly|around)\b)", ""),
    (r"√\s*(\d+(?:\.\d+)?|[a-zA-Z])", r"\\sqrt{\1}"),
    (r"√", r"\\sqrt "),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), to) for pattern, to in _RULES)
_EMPHASIS = re.compile(r"\s*\*\*(?!\*)(.+?)\*\*\s*", re.DOTALL)
_WRAPPED = re.compile(
    r"\s*(?:\$\$(?P<a>[^$]*)\$\$|(?<!\\)\$(?P<b>[^$]*)(?<!\\)\$|\\\((?P<c>.*)\\\)|\\\[(?P<d>.*)\\\])\s*[.,;]?\s*",
    re.DOTALL,
)
_BOXED = re.compile(r"\s*\\(?:boxed|fbox)\s*\{(.*)\}\s*\.?\s*", re.DOTALL)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)")
_SPACED = re.compile(r"(?<![\d.,/^_ ])[1-9]\d{0,2}(?: \d{3})+(?![\d,/])")

TEXT, NUMBER, NAME, COMMAND, SIGN = "text", "number", "name", "command", "sign"
BEGIN, END, SPACE = "begin", "end", "space"
_NAMES = {
    *("sqrt", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"),
    *("ln", "log", "lg", "exp", "pi", "theta", "alpha", "beta", "gamma", "lambda", "phi", "max", "min"),
    *("gcd", "lcm", "det", "pm"),
}  # fmt: skip
_SYNONYMS = {
    "infinity": "infty", "inf": "infty", "oo": "infty", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "abs": "abs", "union": "cup", "cosec": "csc",
}  # fmt: skip
_WORDS = {"or", "and", "to", "is", "no", "of", "rad", "percent"}
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|\\text\s*\{(?P<text>[^{}]*)\}"
    r"|\\begin\s*\{(?P<begin>[a-zA-Z]+)\*?\}(?:(?<=array\})\{[^{}]*\})?"
    r"|\\end\s*\{(?P<end>[a-zA-Z]+)\*?\}"
    r"|(?P<number>\d+\.?\d*[eE][+-]?\d+(?![\w.])|\d+\.\d+|\d+\.(?!\d)(?=\s|$|[,)}\]]|\\(?:overline|dot|bar))|\.\d+|\d+)"
    r"|\\(?P<command>[a-zA-Z]+)"
    r"|(?P<escaped>\\.)"
    r"|(?P<word>[a-zA-Z]+)"
    r"|(?P<sign>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer. `spaced`: white space came before it."""

    kind: str
    text: str
    spaced: bool = False

    def __str__(self) -> str:
        return self.text


def clean(text: str) -> str:
    """The answer without what only decides how it looks."""
    text = _unwrapped(text.strip())
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+", lambda m: f"^{{{m[0].translate(_SUPERSCRIPTS)}}}", text)
    text = _CHARACTER.sub(lambda m: _CHARACTERS[m[0]], text)
    for pattern, to in _COMPILED:
        text = pattern.sub(to, text)
    if "\\\\" in text and "\\begin" not in text:  # lines of a system of equations
        text = text.strip().removesuffix("\\\\").replace("\\\\", ",").replace("&", "")
    text = _without_separators(text)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"(?<!\.)\.\Z", "", text).strip() if not text.endswith("..") else text


def _unwrapped(text: str) -> str:
    """Without boxes, emphasis and the marks of mathematics around all of it, or around each of its parts."""
    while True:
        match = _WRAPPED.fullmatch(text) or _BOXED.fullmatch(text) or _EMPHASIS.fullmatch(text)
        if match is None or (match.re is _BOXED and not _balanced(match[1])):
            break
        text = next(part for part in match.groups() if part is not None).strip()
    unescaped = re.findall(r"(?<!\\)\$", text)
    if len(unescaped) >= 2 and len(unescaped) % 2 == 0:
        text = re.sub(r"(?<!\\)\$", " ", text)
    return text


def _balanced(text: str) -> bool:
    depth = 0
    for character in re.sub(r"\\.", "", text):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _without_separators(text: str) -> str:
    """Numbers without thousands separators. Inside brackets a comma separates, unless a group opens with a 0."""
    text = _SPACED.sub(lambda m: m[0].replace(" ", ""), text)

    def joined(match: re.Match[str]) -> str:
        before = re.sub(r"\\text\s*\{[^{}]*\}", "", text[: match.start()])
        depth = sum(before.count(c) for c in "([{") - sum(before.count(c) for c in ")]}")
        is_number = (
            depth <= 0 or ",0" in match[0] or re.search(r"\A\{\d{1,3}(?:,\d{3})+\}", match[0])
        )
        return match[0].replace(",", "") if is_number else match[0]

    return _THOUSANDS.sub(joined, text)


def tokens(text: str) -> list[Token]:
    """The pieces of a cleaned answer."""
    found: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(text):
        kind, content = str(match.lastgroup), match[match.lastgroup or 0]
        if kind == SPACE:
            spaced = True
            continue
        found += _of(kind, content, spaced)
        spaced = False
    return found


def _of(kind: str, content: str, spaced: bool) -> list[Token]:
    if kind == "escaped":
        return [Token(SIGN, content, spaced)]
    if kind == TEXT:
        return [Token(TEXT, content.strip(), spaced)] if content.strip() else []
    if kind != "word":
        return [Token(kind, content, spaced)]
    if content in _NAMES:
        return [Token(COMMAND, content, spaced)]
    if content.lower() in _SYNONYMS:
        return [Token(COMMAND, _SYNONYMS[content.lower()], spaced)]
    if len(content) > 4 or content.lower() in _WORDS or (len(content) > 1 and is_unit(content)):
        return [Token(TEXT, content, spaced)]
    if len(content) > 2 and _is_word(content.lower()):
        return [Token(TEXT, content, spaced)]
    return [Token(NAME, letter, spaced and k == 0) for k, letter in enumerate(content)]


def _is_word(letters: str) -> bool:
    """Whether three or four letters are a word: variables are written in the order of the alphabet."""
    in_order = all(a < b for a, b in pairwise(letters))
    return not in_order and len(set(letters)) > 1 and re.search("[aeiouy]", letters) is not None
