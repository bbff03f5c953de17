"""`tokenmill try`: one call of a recipe on one text, with everything that happens to it laid open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.language import identify
from corpus.calls import Call
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.languages import LANGUAGES
from corpus.strict_yaml import unknown
from synth.judging import judged
from synth.prompt import render
from synth.recipes import RECIPES
from workflows import engines
from workflows.engines import Model
from workflows.steps.seeds import shown, span_end


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What was asked, what came, and what became of it."""

    messages: list[dict[str, str]]
    parameters: Mapping[str, Any]
    response: Mapping[str, Any]  # a row of `corpus.calls.RESPONSES`
    judged: Judged


def attempt(
    name: str, path: str, model: Model, *, language: str = "", target: str = "", round_: int = 0
) -> Attempt:
    """Ask once about the beginning of a text file. PlanError for a recipe, file or language that does not exist."""
    if name not in RECIPES:
        raise PlanError(unknown("recipe", name, RECIPES))
    for label in filter(None, (language, target)):
        if label not in LANGUAGES:
            raise PlanError(unknown("language", label, LANGUAGES))
    recipe = RECIPES[name]
    if (recipe.language == "target") != bool(target):
        need = "leave out" if target else "name"
        raise PlanError(f"{name}: {need} --target, the label of the language to write in")
    if not 0 <= round_ < recipe.rounds:
        raise PlanError(f"--round {round_}: {name} has rounds 0 to {recipe.rounds - 1}")
    text = _read(path)
    seed = shown(text[: span_end(text, recipe.characters[1])], language, target)
    messages, parameters = render(recipe, seed), recipe.parameters(round_, seed=0)
    call = Call(id=bytes(16), messages=messages, parameters=parameters, schema=recipe.schema)
    (response,) = engines.ask(model, [call])
    found = judged(recipe, seed, response, identify)
    return Attempt(messages=messages, parameters=parameters, response=response, judged=found)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanError(f"there is no text file {path}") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise PlanError(f"{path} is no UTF-8 text file ({error})") from None
