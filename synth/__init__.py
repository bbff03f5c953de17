"""Recipes for synthetic text: prompts, parsing, verification. `synth.recipes` is their table; a prompt is a file of
`synth/prompts/`.
"""

from synth.recipe import Recipe
from synth.recipes import RECIPES

__all__ = ["RECIPES", "Recipe"]
