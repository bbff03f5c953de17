"""The recipes, as a table: what each asks for, of which model, and what its answer must be.

| module | makes |
|---|---|
| `knowledge` | questions and answers, tasks, textbook sections, tutorials |
| `rewriting` | tables in sentences, passages explained in another language |
| `mathematics` | problems, worked solutions on which samples agree, conversations |
| `programs` | Python functions with tests that were run |
"""

from __future__ import annotations

from synth.recipe import Recipe
from synth.recipes.knowledge import FAQ, INSTRUCTION, QA, TEXTBOOK, TUTORIAL, pairs, prose
from synth.recipes.mathematics import MATH_DIALOGUE, MATH_PROBLEM, MATH_SOLUTION
from synth.recipes.programs import CODE_REWRITE, CODE_SNIPPET
from synth.recipes.rewriting import CROSS_LANGUAGE, TABLE_TO_TEXT

__all__ = ["RECIPES", "pairs", "prose"]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *(QA, FAQ, INSTRUCTION, TEXTBOOK, TUTORIAL),
        *(TABLE_TO_TEXT, CROSS_LANGUAGE),
        *(MATH_PROBLEM, MATH_SOLUTION, MATH_DIALOGUE),
        *(CODE_SNIPPET, CODE_REWRITE),
    )
}
