"""Recipes for synthetic text: prompts, parsing, verification. The dict names them; a prompt stands in
`synth/prompts/`.
"""

from synth.recipe import Recipe
from synth.recipes import QA, TEXTBOOK

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (QA, TEXTBOOK)}

__all__ = ["RECIPES", "Recipe"]
