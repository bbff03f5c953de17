"""The prompts of recipes: `synth/prompts/<name>.md`, of the form that `corpus.prompts` reads.

They are in English, whatever language they ask for; `{{ seed.text }}` is the document's text, `{{ seed.name }}` the
name of its language, `{{ seed.target_name }}` that of the language to write in.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.resources import files

from corpus.prompts import Parts, filled, parts
from synth.recipe import Recipe, Seed


def render(recipe: Recipe, seed: Seed) -> list[dict[str, str]]:
    """The messages of one request."""
    return filled(_parts(recipe.name), seed=seed)


def instructions(recipe: Recipe, seed: Seed) -> str:
    """What the prompt says besides the seed's text: none of it may stand in an answer."""
    blank = replace(seed, text="")
    return "\n".join(message["content"] for message in render(recipe, blank))


def digest(recipe: Recipe) -> str:
    """12 hex digits of the prompt file: a changed prompt is another question."""
    return hashlib.sha256(_content(recipe.name).encode()).hexdigest()[:12]


def _content(name: str) -> str:
    return (files("synth") / "prompts" / f"{name}.md").read_text(encoding="utf-8")


@cache
def _parts(name: str) -> Parts:
    return parts(_content(name), f"synth/prompts/{name}.md")
