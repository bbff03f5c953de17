"""What is checked of a model's answer: each guard looks for one kind of error and says what it found.

A guard is a function that gives a `Verdict`. It never raises for a bad answer, changes nothing and decides nothing: an
answer is accepted by those who asked, when the verdicts that they require have passed.

Here are the guards that look at an answer alone, for pages, refinement and recipes alike; those that compare it with
the text that it was made from are in `synth.text.grounding`. The constants were set on real text in 27 languages by
`benchmarks/bench_guards.py`, on the half of the documents that its figures leave out. All take time linear in the
answer.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from corpus.enclosures import left_open
from corpus.refusals import refusing

VERSION = 1

LINES = 3  # times a line may not stand within NEAR_LINES lines
NEAR_LINES = 6
LINE_LETTERS = 12  # of a line that counts: a shorter one is a cell, a bracket, "return"
SENTENCES = 5  # times a sentence may not stand in an answer
SENTENCE_LETTERS = 12
CHARACTERS = 16  # times a character or a group of up to four may not stand in a row
RULE_CHARACTERS = 200  # the same for what draws lines: leaders of a contents page, rules, frames
CYCLE_LETTERS = 8  # of a passage that an answer may not end in SENTENCES times
TAIL = 4_000  # characters of the end in which such a passage is looked for

WINDOW = (
    2_000  # characters that are compressed at once, so that the ratio does not grow with length
)
LEAST_WINDOW = 400  # characters; of less no ratio is taken
GZIP_LOW = 1.1  # bytes over compressed bytes: real windows have 1.24 and more, random bytes 1
GZIP_HIGH = (
    9.0  # real windows have 2 to 4 where letters take a byte or two, up to 8 where they take three
)

LEAK_LETTERS = 30  # letters and digits in a row that an answer may not share with the prompt
LEAK_WIDE = 14  # the same where one is a syllable or a word: Han, kana, Hangul

_RULES = frozenset(" \t-=_.·•…*#~|+—–─━═:<>/\\^,、。")
_RUN = re.compile(r"(\S)\1{14,}|(\S.{1,3}?)\2{14,}")
_SENTENCE_END = re.compile(r"[.!?؟։…]+[\"'”’»)]*(?=\s|$)|[。！？।॥۔።။៕]+[”’）」』]*|\n+")
_TEMPLATE = re.compile(
    r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|</?think>|<(?:start|end)_of_turn>|^(?:system|user|assistant)\n",
    re.MULTILINE,
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_WIDE = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one guard found."""

    guard: str  # its name, stable: it is counted, and stands in tables as the reason of a rejection
    passed: bool
    detail: str = ""  # for people: the words, numbers or line that it is about


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of one answer: the document's text, or the verdict that rejected it."""

    text: str | None
    verdicts: tuple[Verdict, ...]
    parsed: str | None = None  # what was judged, where the text has more

    @classmethod
    def failed(cls, guard: str, detail: str) -> Judged:
        """A rejection for one reason."""
        return cls(text=None, verdicts=(Verdict(guard=guard, passed=False, detail=detail),))

    @classmethod
    def of_error(cls, error: str) -> Judged:
        """What an engine's error comes to: a stable word, and details behind `: `."""
        word, _, detail = error.partition(": ")
        return cls.failed(word, detail)

    @property
    def reason(self) -> str:
        """The first guard that failed; "" for an accepted answer."""
        return next((verdict.guard for verdict in self.verdicts if not verdict.passed), "")

    @property
    def detail(self) -> str:
        """What that guard found."""
        return next((verdict.detail for verdict in self.verdicts if not verdict.passed), "")


def verdict(guard: str, found: str | None) -> Verdict:
    """Passed where nothing was found. The detail is a text that can be stored."""
    detail = _SURROGATES.sub("\ufffd", (found or "")[:200])
    return Verdict(guard=guard, passed=found is None, detail=detail)


def empty(answer: str) -> Verdict:
    """Nothing was said: no letter, digit or symbol."""
    said = any(unicodedata.category(c)[0] in "LNS" for c in answer)
    return verdict("empty", None if said else "no letter or number")


def truncated(finish_reason: str | None) -> Verdict:
    """The engine stopped at the token limit, or did not say why it stopped."""
    ended = finish_reason in ("stop", "eos", "stop_sequence", "end_turn", "tool_calls")
    return verdict("truncated", None if ended else f"finish reason {finish_reason}")


def repeated_lines(answer: str) -> Verdict:
    """One line LINES times within NEAR_LINES lines that are not blank."""
    near: deque[str] = deque(maxlen=NEAR_LINES)
    for line in answer.split("\n"):
        said = _letters(line)
        if not said:
            continue
        near.append(said)
        if _weight(said) >= LINE_LETTERS and near.count(said) >= LINES:
            return verdict("repeated_lines", line.strip())
    return verdict("repeated_lines", None)


def repeated_sentences(answer: str) -> Verdict:
    """One sentence SENTENCES times anywhere, or an end that is one passage SENTENCES times."""
    counts = Counter(_letters(sentence) for sentence in _SENTENCE_END.split(answer))
    for sentence, count in counts.items():
        if count >= SENTENCES and _weight(sentence) >= SENTENCE_LETTERS:
            return verdict("repeated_sentences", f"{count} times {sentence}")
    return verdict("repeated_sentences", _cycle(_letters(answer[-TAIL:])))


def character_run(answer: str) -> Verdict:
    """A character, or a group of two to four, CHARACTERS times in a row."""
    for match in _RUN.finditer(answer):
        unit = match[1] or match[2]
        most = RULE_CHARACTERS if _RULES.issuperset(unit) else CHARACTERS
        if len(match[0]) // len(unit) >= most:
            return verdict("character_run", f"{len(match[0]) // len(unit)} times {unit}")
    return verdict("character_run", None)


def gzip_ratio(answer: str, low: float = GZIP_LOW, high: float = GZIP_HIGH) -> Verdict:
    """How well each window compresses: loops do too well, noise does not."""
    for start in range(0, len(answer), WINDOW):
        window = re.sub(r"([-=_.·*#~| ─])\1{3,}", r"\1", answer[start : start + WINDOW])
        if len(window) < LEAST_WINDOW:
            continue
        data = window.encode("utf-8", "replace")
        ratio = len(data) / len(zlib.compress(data, 6))
        if not low <= ratio <= high:
            return verdict("gzip_ratio", f"{ratio:.2f} at {start}: {window[:40]}")
    return verdict("gzip_ratio", None)


def refusal(answer: str) -> Verdict:
    """A short answer that declines, or speaks of being a model."""
    return verdict("refusal", refusing(answer))


def prompt_leak(answer: str, instructions: str, source: str = "") -> Verdict:
    """The answer repeats a passage of the instructions that the source does not have, or a mark of the chat template.

    `instructions` is the rendered prompt without the source text.
    """
    mark = _TEMPLATE.search(answer)
    if mark is not None and mark[0] not in source:
        return verdict("prompt_leak", mark[0].strip())
    asked, said = _letters(instructions), _letters(answer)
    size = LEAK_WIDE if _is_wide(asked) else LEAK_LETTERS
    known = _runs(asked, size)
    if not known:
        return verdict("prompt_leak", None)
    known -= _runs(_letters(source), size)
    leaked = (said[n : n + size] for n in range(len(said) - size + 1))
    return verdict("prompt_leak", next((run for run in leaked if run in known), None))


def unclosed(answer: str) -> Verdict:
    """A table, code fence, formula or LaTeX environment that is opened and not closed."""
    return verdict("unclosed", left_open(answer))


def length_against(answer: str, reference: str, low: float, high: float) -> Verdict:
    """Characters other than white space, over those of a text that should be about as long."""
    ratio = _length(answer) / max(_length(reference), 1)
    return verdict("length_against", None if low <= ratio <= high else f"ratio {ratio:.2f}")


ALONE: dict[str, Callable[[str], Verdict]] = {
    "empty": empty,
    "repeated_lines": repeated_lines,
    "repeated_sentences": repeated_sentences,
    "character_run": character_run,
    "gzip_ratio": gzip_ratio,
    "refusal": refusal,
    "unclosed": unclosed,
}  # the guards that need nothing but the answer


# ---------------------------------------------------------------- helpers


def _letters(text: str) -> str:
    """Letters, marks and digits alone, without case."""
    return "".join(c for c in text.casefold() if c.isalnum() or unicodedata.category(c)[0] == "M")


def _weight(letters: str) -> int:
    """Letters, one that is a syllable or a word counted for two."""
    return len(letters) + len(_WIDE.findall(letters))


def _is_wide(letters: str) -> bool:
    return 2 * len(_WIDE.findall(letters)) > len(letters)


def _length(text: str) -> int:
    return sum(map(len, text.split()))


def _runs(letters: str, size: int) -> set[str]:
    return {letters[n : n + size] for n in range(len(letters) - size + 1)}


def _cycle(letters: str) -> str | None:
    """The passage that a text's end repeats SENTENCES times, by the failure function of Knuth, Morris and Pratt on
    the text turned round.
    """
    for length, period in _periods(letters[::-1]):
        if period >= CYCLE_LETTERS and length >= SENTENCES * period:
            passage = letters[-period:]
            if len(set(passage)) > 2:
                return f"ends in {length // period} times {passage}"
    return None


def _periods(text: str) -> Iterator[tuple[int, int]]:
    """For each prefix its length and its smallest period."""
    border = [0] * (len(text) + 1)
    k = 0
    for n in range(1, len(text)):
        while k and text[n] != text[k]:
            k = border[k]
        k += text[n] == text[k]
        border[n + 1] = k
        yield n + 1, n + 1 - k
