"""Whether each number of an answer is given or worked out: in the source, or the result of a step that holds.

A step (`synth.math.arithmetic`) hands on what is known: where its one side is a sum of known numbers, the numbers of
the other side are known from then on, in whatever order the steps stand. FACTORS may stand in such a sum without
being given, for halves, hours and percent; PLAIN are known everywhere.
"""

from __future__ import annotations

from collections.abc import Set

from corpus.guards import Verdict
from corpus.numerals import numbers
from synth.math.arithmetic import is_sum, sides_that_hold
from synth.text.grounding import numbers_grounded

VERSION = 1
PLAIN = frozenset(("0", "1", "2"))
FACTORS = frozenset(map(str, (*range(11), 12, 24, 60, 100, 365, 1000, 3600)))


def numbers_derived(source: str, answer: str) -> Verdict:
    """No number comes from nowhere."""
    known = {*numbers(source), *numbers(source, spaced=True), *PLAIN}
    open_ = [
        (set(numbers(one)), set(numbers(other)))
        for left, right in sides_that_hold(answer)
        for one, other in ((left, right), (right, left))
        if is_sum(one)
    ]
    while reached := [step for step in open_ if step[0] <= known | FACTORS]:
        known = known.union(*(one | other for one, other in reached))
        open_ = [step for step in open_ if step not in reached]
    return numbers_grounded(source, answer, known | _priced(known))


def _priced(known: Set[str]) -> set[str]:
    """Decimals without the zero that they end in, and with one: 8.4 is 8.40."""
    decimals = [value for value in known if "." in value]
    return {f"{value}0" for value in decimals} | {value.removesuffix("0") for value in decimals}
