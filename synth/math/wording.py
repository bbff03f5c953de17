r"""Answers in words: choices, names, yes and no, spelled numbers.

`same_text` decides pairs of which one is words: they are the same when the words are, without case,
articles and punctuation, and items between commas or `and` in any order. A choice is its letter, whatever
stands beside it. It gives None where mathematics has to decide. No errors.
"""

from __future__ import annotations

import re

VERSION = 1

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_SPELLED = {word: k for k, word in enumerate([*_ONES.split(), "seventeen", "eighteen", "nineteen"])}
_TENS = {
    word: 10 * k
    for k, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
_NTH = "first second third fourth fifth sixth seventh eighth ninth tenth"
_ORDINALS = {word: k for k, word in enumerate(_NTH.split(), 1)}
_POWERS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_MEANING = {
    "no solution": r"\emptyset", "no solutions": r"\emptyset", "no real solution": r"\emptyset",
    "no real solutions": r"\emptyset", "there is no solution": r"\emptyset",
    "there are no solutions": r"\emptyset", "empty set": r"\emptyset", "none": r"\emptyset",
    "all real numbers": r"\mathbb{R}", "all reals": r"\mathbb{R}", "real numbers": r"\mathbb{R}",
    "no real roots": r"\emptyset", "no real root": r"\emptyset",
    "all nonnegative real numbers": r"[0, \infty)", "all non-negative real numbers": r"[0, \infty)",
    "all positive real numbers": r"(0, \infty)", "all negative real numbers": r"(-\infty, 0)",
    "infinity": r"\infty", "positive infinity": r"\infty", "negative infinity": r"-\infty",
}  # fmt: skip
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_CHOICE = re.compile(
    r"(?:(?:[Tt]he )?(?:correct )?(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+(?:is\s+)?)?"
    r"\(?\s*([A-Ha-h])\s*(?:\)\s*[.:]?|[.:])?"
)
_CHOICE_OF = re.compile(r"(?:\(([A-H])\)\s*[.:]?|([A-H])[.:)](?=\s))\s*(\S.*)", re.DOTALL)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)\s*(?:([apAP])\.?\s?[mM]\.?)?")
_NO_WORDS = {"pi", "sqrt", "sin", "cos", "tan", "ln", "log", "exp", "infinity", "oo", "inf"}


def same_text(a: str, b: str) -> bool | None:
    """Whether two cleaned answers are the same words; None where neither is words."""
    at, to = _CLOCK.fullmatch(_plain(a)), _CLOCK.fullmatch(_plain(b))
    if at and to and (at[3] or to[3]):
        return (
            at.groups()[:2] == to.groups()[:2]
            and (at[3] or to[3]).lower() == (to[3] or at[3]).lower()
        )
    chosen = _same_choice(_plain(a), _plain(b))
    if chosen is not None:
        return chosen
    if _number(a) is not None or _number(b) is not None or _meaning(a) or _meaning(b):
        return None
    if _has_words(a) and _has_words(b) and _items(a, "$") == _items(b, "$"):
        return True
    if not (is_text(a) or is_text(b)):
        return None
    return _items(a) == _items(b) or "".join(_items(a, "$")) == "".join(_items(b, "$"))


def with_digits(answer: str) -> str:
    """`six dollars` as `6 dollars`."""
    words = answer.split(" ")
    for length in range(min(len(words) - 1, 6), 0, -1):
        number = _number(" ".join(words[:length]))
        if number is not None and words[0].lower() not in _ORDINALS:
            return " ".join([str(number), *words[length:]])
    return answer


def is_text(answer: str) -> bool:
    """Whether a cleaned answer is words only."""
    plain = _plain(answer)
    if (
        _meaning(answer)
        or _number(answer) is not None
        or not re.fullmatch(r"[^\W\d_]+(?:[\s,.'’-]+[^\W\d_]+)*\W?", plain)
    ):
        return False
    words = re.findall(r"[^\W\d_]+", plain)
    return any(len(word) > 2 or word.lower() == "no" for word in words) and not _NO_WORDS & set(
        words
    )


def spelled_out(answer: str) -> str:
    """With numbers that are spelled in words as digits, and known phrases as mathematics."""
    meaning, number = _meaning(answer), _number(answer)
    if meaning:
        return meaning
    if number is not None:
        return str(number)
    chosen = _CHOICE_OF.fullmatch(_plain(answer))
    if chosen and "," not in answer:
        answer = chosen[3]
    return re.sub(
        r"(?<=\d)\s*(?:\\text\s*\{\s*)?(thousand|million|billion|trillion)\b\s*\}?",
        lambda m: rf" \times 10^{{{_POWERS[m[1].lower()]}}} ",
        answer,
        flags=re.IGNORECASE,
    )


def _has_words(answer: str) -> bool:
    """Whether an answer has a word of three letters, and no mathematics but digits."""
    return re.fullmatch(r"[\w\s,.'’-]*[^\W\d_]{3}[\w\s,.'’-]*", _plain(answer)) is not None


def _same_choice(a: str, b: str) -> bool | None:
    left, right = _CHOICE.fullmatch(a), _CHOICE.fullmatch(b)
    of_left, of_right = _CHOICE_OF.fullmatch(a), _CHOICE_OF.fullmatch(b)
    if (left or of_left) and (right or of_right):
        letters = [
            next(letter for letter in match.groups()[:2] if letter)
            for match in (left or of_left, right or of_right)
            if match
        ]
        return letters[0] == letters[1]
    return None


def _plain(answer: str) -> str:
    return re.sub(r"\s+", " ", _TEXT.sub(r" \1 ", answer)).strip()


def _meaning(answer: str) -> str | None:
    return _MEANING.get(_plain(answer).lower().strip(". "))


def _items(answer: str, between: str = r",|\band\b|\bor\b") -> list[str]:
    """The words, without case, articles and punctuation."""
    plain = re.sub(r"[^\w\s,'-]", "", _plain(answer).casefold())
    plain = re.sub(r"^(?:it is|it's|it|they are)\s+", "", plain)
    plain = plain.replace(",", "") if between == "$" else plain
    parts = re.split(between, plain)
    bare = [re.sub(r"\b(?:the|an?)\b|['’]", "", part).strip(" -") for part in parts]
    return sorted(re.sub(r"\s+", " ", part) for part in bare if part)


def _number(answer: str) -> int | None:
    """The number that is spelled: `twenty-one`, `three hundred five`; None where it is none."""
    words = re.split(r"[\s-]+", _plain(answer).lower().strip(". "))
    if len(words) == 1 and words[0] in _ORDINALS:
        return _ORDINALS[words[0]]
    total, current = 0, 0
    for word in words:
        if word in _SPELLED or word in _TENS:
            current += _SPELLED.get(word, _TENS.get(word, 0))
        elif word == "hundred" and current:
            current *= 100
        elif word in _POWERS and word != "hundred" and current:
            total, current = total + current * 10 ** _POWERS[word], 0
        elif word != "and" or not (current or total):
            return None
    return total + current
