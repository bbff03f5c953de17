"""Recipes that say what a document says in another form: tables in sentences, passages in another language."""

from __future__ import annotations

from collections.abc import Sequence

from corpus.guards import Verdict
from synth.recipe import Recipe, Seed
from synth.recipes.knowledge import PROSE, grounded, prose
from synth.text.tables import in_sentences
from synth.text.translation import length_band, untranslated

# No annotator knows a table; these lines have numbers and end without a full stop.
TABULAR = (
    "n_lines >= 5 AND digit_ratio >= 0.03 AND line_punct_ratio <= 0.6 "
    "AND language IS NOT NULL AND kind <> 'code'"
)


def said_in_sentences(seed: Seed, text: str) -> Sequence[Verdict]:
    """The table of the seed, in sentences, with its numbers where they belong."""
    return (*in_sentences(seed.text, text), *grounded(seed, text))


def explained_elsewhere(seed: Seed, text: str) -> Sequence[Verdict]:
    """Numbers and addresses of the seed, about its length, and not its own words."""
    return (
        *grounded(seed, text),
        untranslated(seed.text, text),
        length_band(seed.text, text),
    )


TABLE_TO_TEXT = Recipe(
    name="table_to_text",
    version=1,
    role="general",
    seeds=TABULAR,
    characters=(100, 3000),
    max_tokens=1024,
    temperatures=(0.3, 0.6, 0.9),
    parse=prose,
    verify=said_in_sentences,
    literature="table-to-text generation: ToTTo, arXiv 2004.14373",
)
CROSS_LANGUAGE = Recipe(
    name="cross_language",
    version=1,
    role="general",
    seeds=f"{PROSE} AND kind <> 'code'",
    characters=(300, 3000),
    max_tokens=2048,
    temperatures=(0.3, 0.6, 0.9),
    parse=prose,
    verify=explained_elsewhere,
    language="target",
    literature="pre-training text translated from English, arXiv 2502.13252; web text rephrased in several languages, "
    "arXiv 2410.20796",
)
