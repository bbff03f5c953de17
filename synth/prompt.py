"""Prompts are files: `synth/prompts/<name>.md`, with the parts `# system` and `# user`, filled in by Jinja.

They are in English, whatever language they ask for; `{{ seed.text }}` is the document's text, `{{ seed.name }}` the
name of its language, `{{ seed.target_name }}` that of the language to write in. An unknown variable is an error, and
nothing of a document is ever run as a template.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from synth.recipe import Recipe, Seed

_PART = re.compile(r"^# (system|user)\n", re.MULTILINE)


def render(recipe: Recipe, seed: Seed) -> list[dict[str, str]]:
    """The messages of one request."""
    return [
        {"role": role, "content": template.render(seed=seed).strip()}
        for role, template in _parts(recipe.name)
    ]


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
def _parts(name: str) -> tuple[tuple[str, Template], ...]:
    pieces = _PART.split(_content(name))
    if pieces[0].strip() or len(pieces) < 3:
        raise ValueError(f"synth/prompts/{name}.md: begin with `# system` or `# user`")
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    pairs = zip(pieces[1::2], pieces[2::2], strict=True)
    return tuple((role, environment.from_string(text)) for role, text in pairs)
