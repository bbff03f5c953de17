"""Refinement: extracted text repaired by a model, piece by piece, and only where every guard agrees.

A text is cut into pieces of whole blocks: paragraphs, which may be repaired, and what no model may touch: code in
fences, tables, displayed formulas. Neighbouring paragraphs go into one piece of up to `MOST` characters; a longer one
is cut at a line or sentence end. An accepted answer stands in the place of its piece, the original stays where there
is none, and what lies between pieces is kept to the character.

Follows the cleaning of extracted web text by a model under constraints: ProX, arXiv 2409.17115; the guards are those of
`synth.text.grounding`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from corpus.guards import Verdict
from synth.recipe import Recipe, Seed
from synth.text.alignment import tokens
from synth.text.grounding import REFINED

VERSION = 1  # of cutting and merging
MOST = 2000  # characters of a piece
SPARE_TOKENS = 64
LEAST_LETTERS = 40  # of a piece that is worth a question

_FENCE = re.compile(
    r"^[ \t]{0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]{0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_FORMULA = re.compile(
    r"\$\$.{1,4000}?\$\$|\\\[.{1,4000}?\\\]|\\begin\{(\w+\*?)\}.{1,8000}?\\end\{\1\}", re.DOTALL
)
_HTML_TABLE = re.compile(r"<table\b.*?(?:</table>|\Z)", re.DOTALL | re.IGNORECASE)
_ROWS = re.compile(r"(?:^[^\n]*(?:\|[^\n]*\||\t[^\n]*\t)[^\n]*(?:\n|\Z)){2,}", re.MULTILINE)
_BREAK = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r"[.!?…。！？।۔]+[\"'”’»)」』]*\s+|[。！？।]")


def pieces(text: str) -> list[tuple[int, int]]:
    """Spans of the text that a model is asked about, in order and apart."""
    found: list[tuple[int, int]] = []
    start = stop = -1
    for first, last, joins in _paragraphs(text):
        if joins and start >= 0 and last - start <= MOST:
            stop = last
            continue
        found += [(start, stop)] if start >= 0 else []
        start, stop = first, last
    found += [(start, stop)] if start >= 0 else []
    return [(a, b) for a, b in found if _letters(text[a:b]) >= LEAST_LETTERS]


def merged(text: str, repaired: Mapping[tuple[int, int], str]) -> str:
    """The text with repaired pieces in the place of theirs."""
    spans = sorted(repaired)
    ends = [0, *(stop for _, stop in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    kept = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    return "".join(
        part
        for pair in zip(kept, [*(repaired[s] for s in spans), ""], strict=True)
        for part in pair
    )


def most_tokens(piece: str) -> int:
    """What an answer about this piece may have: no tokenizer needs more than a token for two bytes of running text."""
    return min(REFINE.max_tokens, SPARE_TOKENS + len(piece.encode()) // 2)


def changed_words(source: str, answer: str) -> tuple[int, int]:
    """Words of a piece that do not stand in its answer as they were written, and all of its words."""
    ours, theirs = tokens(source).raw, tokens(answer).raw
    kept = SequenceMatcher(a=ours, b=theirs, autojunk=False).get_matching_blocks()
    return len(ours) - sum(block.size for block in kept), len(ours)


def _paragraphs(text: str) -> Iterator[tuple[int, int, bool]]:
    """(start, stop, whether it follows the paragraph before with nothing untouchable between)."""
    end = 0
    for start, stop in [*_untouchable(text), (len(text), len(text))]:
        joins = False
        for first, last in _blocks(text, end, start):
            for a, b in _cut(text, first, last):
                yield a, b, joins
                joins = True
        end = stop


def _untouchable(text: str) -> list[tuple[int, int]]:
    """Code, tables and displayed formulas, in order and apart."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(
        match.span()
        for what in (_FENCE, _HTML_TABLE, _FORMULA, _ROWS)
        for match in what.finditer(text)
    ):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def _blocks(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The paragraphs between two places, without the white space around them."""
    breaks = [match.span() for match in _BREAK.finditer(text, start, stop)]
    for (_, first), (last, _) in pairwise([(start, start), *breaks, (stop, stop)]):
        inner = text[first:last]
        begin = first + len(inner) - len(inner.lstrip())
        end = first + len(inner.rstrip())
        if begin < end:
            yield begin, end


def _cut(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """A paragraph in spans of at most `MOST` characters."""
    while stop - start > MOST:
        end = _place_to_cut(text, start)
        yield start, end
        start = end
    yield start, stop


def _place_to_cut(text: str, start: int) -> int:
    half, most = start + MOST // 2, start + MOST
    line = text.rfind("\n", half, most) + 1
    if line > 0:
        return line
    ends = [match.end() for match in _SENTENCE.finditer(text, half, most)]
    return ends[-1] if ends else text.rfind(" ", half, most) + 1 or most


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _repaired(answer: str) -> str:
    text = answer.strip()
    return text.removeprefix("```text").removeprefix("```").removesuffix("```").strip()


def _kept(seed: Seed, text: str) -> Sequence[Verdict]:
    """All guards of refinement; that of language is the same for all recipes."""
    return [guard(seed.text, text) for name, guard in REFINED.items() if name != "language"]


REFINE = Recipe(
    name="refine",
    version=1,
    role="refine",
    seeds="TRUE",
    characters=(1, MOST),
    max_tokens=2048,
    parse=_repaired,
    verify=_kept,
    temperatures=(0.0, 0.3, 0.7),
    top_p=0.95,
    literature="repair of extracted text: Qwen3 report, arXiv 2505.09388; ProX, arXiv 2409.17115",
)
