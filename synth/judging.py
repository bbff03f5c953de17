"""What becomes of an answer: read by the recipe's parser, then held against every guard.

Guards that need the answer alone, and the one that looks for the prompt's own words, are the same for all recipes; a
recipe adds those that compare with the seed. A pure function: it can be run again with new guards, without a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from corpus import enclosures, guards, normalise, numerals, refusals
from corpus.guards import ALONE, Judged, Verdict, prompt_leak, truncated
from synth.prompt import instructions
from synth.recipe import Recipe, Seed, Unparsable
from synth.text import grounding, names, notation

VERSION = 1
VERSIONS = {  # of all that decides what is accepted, besides a recipe's own
    module.__name__: module.VERSION
    for module in (enclosures, guards, normalise, numerals, refusals, grounding, names, notation)
} | {__name__: VERSION}


def judged(recipe: Recipe, seed: Seed, response: Mapping[str, Any], identify: Any = None) -> Judged:
    """What becomes of a row of `corpus.calls.RESPONSES`: an error of the engine is a rejection like any other."""
    if response["error"] is not None:
        return Judged.failed(*response["error"].partition(": ")[::2])
    return judge(recipe, seed, response["text"], response["finish_reason"])


def judge(recipe: Recipe, seed: Seed, answer: str, finish_reason: str) -> Judged:
    """Parse and verify one answer; all verdicts up to the first stage that fails: cut off, form, guards."""
    whole = truncated(finish_reason)
    if not whole.passed:
        return Judged(text=None, verdicts=(whole,))
    try:
        text = recipe.parse(answer).strip()
    except Unparsable as error:
        form = Verdict(guard="form", passed=False, detail=str(error))
        return Judged(text=None, verdicts=(whole, form))
    verdicts = (
        whole,
        Verdict(guard="form", passed=True),
        *(guard(text) for guard in ALONE.values()),
        prompt_leak(text, instructions(recipe, seed), seed.text),
        *recipe.verify(seed, text),
    )
    passed = all(verdict.passed for verdict in verdicts)
    return Judged(text=text if passed else None, verdicts=verdicts)


def chosen(recipe: Recipe, seed: Seed, judged: Sequence[Judged]) -> list[Judged]:
    """What becomes of several answers to one question."""
    return list(judged)
