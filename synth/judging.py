"""What becomes of an answer: read by the recipe's parser, then held against every guard.

Guards that need the answer alone, the one that looks for the prompt's own words, and that of the language are the
same for all recipes; a recipe adds those that compare with the seed, which are asked where the others have passed. A
pure function: it can be run again with new guards, without a model.

An `identify` gives the label of a piece of text (`tha_Thai`) where it is sure, else None. Without one the scripts
alone speak for the language, and German passes for French. Languages that hardly separate (`corpus.languages.GROUPS`)
count as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

from corpus import enclosures, guards, normalise, numerals, refusals
from corpus.guards import ALONE, Judged, Verdict, prompt_leak, truncated
from corpus.languages import GROUPS
from synth.code import style, trust
from synth.code import verify as code
from synth.math import arithmetic, derivation, final_answers
from synth.math import verify as mathematics
from synth.prompt import instructions
from synth.recipe import Recipe, Seed, Unparsable
from synth.text import dialogue, grounding, names, notation, tables, translation

VERSION = 3
VERSIONS: dict[str, int | str] = {  # of all that decides what is accepted, besides a recipe's own
    **{
        module.__name__: module.VERSION
        for module in (
            *(enclosures, guards, normalise, numerals, refusals),
            *(dialogue, grounding, names, notation, tables, translation),
            *(arithmetic, derivation, final_answers, mathematics),
            *(code, style, trust),
        )
    },
    **mathematics.OF_CHILD,
    "sympy": metadata.version("sympy"),
    __name__: VERSION,
}

Identify = Callable[[str], str | None]


def judged(
    recipe: Recipe, seed: Seed, response: Mapping[str, Any], identify: Identify | None = None
) -> Judged:
    """What becomes of a row of `corpus.calls.RESPONSES`: an error of the engine is a rejection like any other."""
    if response["error"] is not None:
        return Judged.of_error(response["error"])
    return judge(recipe, seed, response["text"], response["finish_reason"], identify)


def judge(
    recipe: Recipe, seed: Seed, answer: str, finish_reason: str, identify: Identify | None = None
) -> Judged:
    """Parse and verify one answer; all verdicts up to the first stage that fails: cut off, form, guards of all
    recipes, guards of this one.
    """
    whole = truncated(finish_reason)
    if not whole.passed:
        return Judged(text=None, verdicts=(whole,))
    try:
        text = recipe.parse(answer).strip()
    except Unparsable as error:
        form = Verdict(guard="form", passed=False, detail=str(error))
        return Judged(text=None, verdicts=(whole, form))
    verdicts = [whole, Verdict(guard="form", passed=True)]
    verdicts += [ALONE[name](text) for name in recipe.alone]
    verdicts.append(prompt_leak(text, instructions(recipe, seed), seed.text))
    verdicts += _language(recipe, seed, text, identify)
    if _passed(verdicts):
        verdicts += recipe.verify(seed, text)
    if not _passed(verdicts):
        return Judged(text=None, verdicts=tuple(verdicts))
    return Judged(text=recipe.compose(seed, text), verdicts=tuple(verdicts), parsed=text)


def chosen(recipe: Recipe, seed: Seed, answers: Sequence[Judged]) -> list[Judged]:
    """What becomes of the answers to one question: where the recipe chooses, one at most of those that passed stays."""
    if recipe.choose is None:
        return list(answers)
    passed = [k for k, answer in enumerate(answers) if answer.parsed is not None]
    if not passed:
        return list(answers)
    choice = recipe.choose(seed, [answers[k].parsed or "" for k in passed])
    assert not choice.verdict.passed, f"{recipe.name}: its verdict turns down the others"
    kept = None if choice.kept is None else passed[choice.kept]
    return [
        _turned_down(answer, choice.verdict) if k in passed and k != kept else answer
        for k, answer in enumerate(answers)
    ]


def _turned_down(answer: Judged, verdict: Verdict) -> Judged:
    return Judged(text=None, verdicts=(*answer.verdicts, verdict))


def _passed(verdicts: Sequence[Verdict]) -> bool:
    return all(verdict.passed for verdict in verdicts)


def _language(
    recipe: Recipe, seed: Seed, text: str, identify: Identify | None
) -> Sequence[Verdict]:
    """Whether the answer is in the language that the recipe asks for."""
    if recipe.language == "any":
        return ()
    found = _languages(text, identify)
    if recipe.language == "target":
        return (translation.target_language(text, seed.target, found),)
    expected = (_languages(seed.text, identify) | {GROUPS.get(seed.language, seed.language)}) - {""}
    return (grounding.language(seed.text, text, expected, found),)


def _languages(text: str, identify: Identify | None) -> set[str]:
    """The languages of the pieces of a text, where an identifier is sure: labels, or their group."""
    if identify is None:
        return set()
    labels = filter(None, map(identify, grounding.pieces(text)))
    return {GROUPS.get(label, label) for label in labels}
