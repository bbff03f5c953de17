"""datatrove's filters of English text, and the rules on the columns of `annotators.statistics` that say the same.

Thresholds are the defaults of datatrove 0.10; the order of the rules is that in which it looks, so
that the first that drops a document names its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.base_filter import get_filter_result

Row = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Dropped for `reason` where `column` is below `least` or above `most`, or null."""

    reason: str
    column: str
    least: float = float("-inf")
    most: float = float("inf")
    null_drops: bool = False

    def drops(self, row: Row) -> bool:
        value = row[self.column]
        return self.null_drops if value is None else not self.least <= value <= self.most


_GOPHER_QUALITY = (
    Rule("gopher_short_doc", "n_words", least=50),
    Rule("gopher_long_doc", "n_words", most=100_000),
    Rule("gopher_below_avg_threshold", "mean_word_length", least=3),
    Rule("gopher_above_avg_threshold", "mean_word_length", most=10),
    Rule("gopher_too_many_hashes", "hash_ratio", most=0.1),
    Rule("gopher_too_many_ellipsis", "ellipsis_ratio", most=0.1),
    Rule("gopher_too_many_bullets", "bullet_line_ratio", most=0.9),
    Rule("gopher_too_many_end_ellipsis", "ellipsis_line_ratio", most=0.3),
    Rule("gopher_below_alpha_threshold", "alpha_word_ratio", least=0.8),
    Rule("gopher_enough_stop_words", "n_stop_words", least=2),
)
_GOPHER_REPETITION = (
    Rule("empty", "dup_line_char_frac", null_drops=True),
    Rule("dup_para_frac", "dup_para_frac", most=0.3),
    Rule("dup_para_char_frac", "dup_para_char_frac", most=0.2),
    Rule("dup_line_frac", "dup_line_frac", most=0.3),
    Rule("dup_line_char_frac", "dup_line_char_frac", most=0.2),
    *(
        Rule(f"top_{n}_gram", f"top_{n}_gram", most=most)
        for n, most in ((2, 0.2), (3, 0.18), (4, 0.16))
    ),
    *(
        Rule(f"duplicated_{n}_n_grams", f"dup_{n}_gram", most=most)
        for n, most in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    ),
)
_C4 = (
    Rule("lorem_ipsum", "c4_lorem_ipsum", most=0),
    Rule("curly_bracket", "c4_curly_bracket", most=0),
    Rule("too_few_sentences", "c4_sentences", least=5),
)
_FINEWEB = (
    Rule("empty", "line_punct_ratio", null_drops=True),
    Rule("line_punct_ratio", "line_punct_ratio", least=0.12),
    Rule("short_line_ratio", "short_line_ratio", most=0.67),
    Rule("char_dup_ratio", "char_dup_ratio", most=0.01),
    Rule("list_ratio", "new_line_ratio", most=0.3),
)

FILTERS: dict[str, tuple[Callable[[], Any], tuple[Rule, ...]]] = {
    "Gopher quality": (GopherQualityFilter, _GOPHER_QUALITY),
    "Gopher repetition": (GopherRepetitionFilter, _GOPHER_REPETITION),
    "C4 quality": (C4QualityFilter, _C4),
    "FineWeb quality": (FineWebQualityFilter, _FINEWEB),
}


def ours(filter_name: str, row: Row) -> str | None:
    """The reason of the first rule that drops the document, or None."""
    _, rules = FILTERS[filter_name]
    return next((rule.reason for rule in rules if rule.drops(row)), None)


def theirs(judge: Any, text: str) -> tuple[str | None, str]:
    """`(reason or None, the text that is left)` of a filter of datatrove."""
    document = Document(text=text, id="")
    keep, reason = get_filter_result(judge.filter(document))
    return (None if keep else reason), document.text


def columns(filter_name: str, reasons: Sequence[str | None]) -> list[str]:
    """What those reasons look at."""
    _, rules = FILTERS[filter_name]
    return [rule.column for rule in rules if rule.reason in reasons]
