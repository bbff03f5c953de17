"""Recipes for mathematics: problems, worked solutions on which independent samples agree, and conversations.

What `math_problem` made can be the seeds of `math_solution`: its four solutions of a problem are read and checked one
by one, then the first whose answer leads the others stands, with the problem before it. An answer that was turned
down before (cut off, a wrong step) counts as a sample that gave none, so that two of four have to say the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from corpus.guards import Verdict, verdict
from corpus.numerals import numbers
from synth.math.arithmetic import arithmetic, steps
from synth.math.derivation import numbers_derived
from synth.math.final_answers import final_answer
from synth.math.verify import Mathematics
from synth.recipe import Choice, Recipe, Seed, Unparsable
from synth.recipes.knowledge import PROSE, prose
from synth.text.dialogue import dialogue
from synth.text.grounding import overlap, urls_grounded

SAMPLES = 4
WORKED = 30  # characters of a solution: with fewer it is an answer alone
RELATED = 0.05  # support: a conversation about formulas has many words of its own
_LABEL = re.compile(r"^\W{0,4}(?:problem|question|exercise)\W{0,3}:\W{0,3}\s*", re.IGNORECASE)
_FORMULA = re.compile(r"[$=≤≥√]|\\[a-z(\[]")
_ASKS = re.compile("[?？؟]")
_PARTS = re.compile(r"^[ \t]*(?:\(?([b-h]|[2-9])[.)]|(?:problem|question)\s+[2-9]\b)", re.I | re.M)


# ---------------------------------------------------------------- problems


def problem(answer: str) -> str:
    """The problem alone, without a label before it."""
    text = _LABEL.sub("", prose(answer)).strip(" *")
    if not text:
        raise Unparsable("no problem")
    return text


def is_open_problem(seed: Seed, text: str) -> Sequence[Verdict]:
    """One mathematical question without its answer, and no copy. Its numbers and words may be its own."""
    return (
        _open(text),
        verdict("single", _several(text)),
        verdict("mathematical", None if _quantities(text) else "no number and no formula"),
        urls_grounded(seed.text, text),
        overlap(seed.text, text, low=0.0),
    )


def _open(text: str) -> Verdict:
    """No answer is announced and none is worked out."""
    told = final_answer(text)
    if told is None and steps(text).checked:
        told = "a step is worked out"
    return verdict("problem_open", told)


def _several(text: str) -> str | None:
    if len(_ASKS.findall(text)) > 1:
        return "more than one question"
    part = _PARTS.search(text)
    return None if part is None else f"parts: {part[0].strip()}"


def _quantities(text: str) -> bool:
    return bool(numbers(text) or _FORMULA.search(text))


# ---------------------------------------------------------------- solutions


def solution(answer: str) -> str:
    """A worked solution that announces its final answer."""
    text = prose(answer)
    if final_answer(text) is None:
        raise Unparsable(r"no final answer: neither `\boxed{…}` nor a phrase that announces it")
    if len("".join(text.split())) < WORKED:
        raise Unparsable("an answer without its working")
    return text


def is_sound(seed: Seed, text: str) -> Sequence[Verdict]:
    """The seed is a problem that is still open, and no step is wrong."""
    return (_open(seed.text), arithmetic(text))


def agreed(seed: Seed, solutions: Sequence[str]) -> Choice:
    """The first solution with the answer on which the samples agree; none where they do not."""
    missing = [""] * (SAMPLES - len(solutions))
    found = _mathematics().verify(seed.text, [*solutions, *missing])
    failed = next((verdict for verdict in found.verdicts if not verdict.passed), None)
    if failed is None:
        return Choice(kept=found.chosen, verdict=verdict("redundant", "another sample was kept"))
    return Choice(kept=None, verdict=verdict("agreement", f"{failed.guard}: {failed.detail}"))


def below_its_problem(seed: Seed, text: str) -> str:
    """The problem, then its solution."""
    return f"{seed.text.strip()}\n\n{text}"


@cache
def _mathematics() -> Mathematics:
    """One child process that compares answers, for as long as this process lives."""
    return Mathematics()


# ---------------------------------------------------------------- conversations


def is_worked_through(seed: Seed, text: str) -> Sequence[Verdict]:
    """The numbers are the seed's or are worked out, and no step is wrong."""
    return (
        arithmetic(text),
        numbers_derived(seed.text, text),
        urls_grounded(seed.text, text),
        overlap(seed.text, text, low=RELATED),
    )


MATH_PROBLEM = Recipe(
    name="math_problem",
    version=1,
    role="math",
    seeds=f"{PROSE} AND digit_ratio >= 0.01 AND kind <> 'code'",
    characters=(300, 3000),
    max_tokens=512,
    parse=problem,
    verify=is_open_problem,
    literature="problems out of documents: MAmmoTH2, arXiv 2405.03548; new problems from seeds: MathGenie, "
    "arXiv 2402.16352; OpenMathInstruct-2, arXiv 2410.01560",
)
MATH_SOLUTION = Recipe(
    name="math_solution",
    version=1,
    role="math",
    seeds="n_words <= 300 AND kind <> 'code'",
    characters=(20, 3000),
    max_tokens=2048,
    parse=solution,
    verify=is_sound,
    samples=SAMPLES,
    choose=agreed,
    compose=below_its_problem,
    literature="several samples that agree: self-consistency, arXiv 2203.11171; OpenMathInstruct-2, arXiv 2410.01560",
)
MATH_DIALOGUE = Recipe(
    name="math_dialogue",
    version=1,
    role="math",
    seeds="n_words >= 60 AND language IS NOT NULL AND (kind = 'math' OR digit_ratio >= 0.03) AND kind <> 'code'",
    characters=(200, 3000),
    max_tokens=2048,
    parse=dialogue,
    verify=is_worked_through,
    literature="mathematical text as conversations: MIND, arXiv 2410.12881",
)
