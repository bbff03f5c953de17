"""Tables in sentences and passages in another language, judged as a whole."""

from __future__ import annotations

import pytest

from synth.judging import judge
from synth.recipe import Seed
from synth.recipes.rewriting import CROSS_LANGUAGE, TABLE_TO_TEXT

TABLE = Seed(
    text="| Well | Depth | Found |\n|---|---|---|\n| Market | 18 m | 1642 |\n| Castle | 61 m | 1203 |\n"
    "| Orchard | 9 m | 1871 |\n",
    language="eng_Latn",
    name="English",
)
TOLD = (
    "The well at the market is 18 m deep and was found in 1642. Far older is the castle well of 1203, which goes "
    "down 61 m. The one in the orchard has a depth of only 9 m and dates from 1871."
)
PASSAGE = Seed(
    text="The castle well goes down 61 metres. Two men who walked in a wheel drew the water, and a full bucket took "
    "them 25 minutes. The town's page www.wells.example/castle shows the wheel.",
    language="eng_Latn",
    name="English",
    target="deu_Latn",
    target_name="German",
)
GERMAN = (
    "Der Brunnen der Burg ist 61 Meter tief. Das Wasser förderten zwei Männer, die in einem Rad gingen; für einen "
    "vollen Eimer brauchten sie 25 Minuten. Das Rad zeigt die Stadt auf www.wells.example/castle."
)


def reason(recipe, seed, answer):
    return judge(recipe, seed, answer, "stop").reason


@pytest.mark.parametrize(
    ("old", "new", "guard"),
    [
        ("", "", ""),
        ("18 m deep", "81 m deep", "numbers"),
        ("down 61 m", "down 18 m", "rows"),
        (TOLD, f"{TOLD}\n\n{TABLE.text}", "table"),
        (". ", "\n- ", "sentences"),
        ("The one in the orchard", "The one in the orchard (www.wells.example/map)", "urls"),
        (TOLD, "The well at the market is 18 m deep.", "cells"),
        ("The well at the market", "Колодец на рынке очень старый, как и замок", "language"),
    ],
)
def test_a_table_in_sentences(old, new, guard):
    assert old in TOLD
    assert reason(TABLE_TO_TEXT, TABLE, TOLD.replace(old, new) if old else TOLD) == guard


def test_a_seed_without_a_table_makes_nothing():
    assert reason(TABLE_TO_TEXT, PASSAGE, PASSAGE.text) == "table"


@pytest.mark.parametrize(
    ("old", "new", "guard"),
    [
        ("", "", ""),
        ("61 Meter", "16 Meter", "numbers"),
        ("castle.", "tower.", "urls"),
        (GERMAN, PASSAGE.text, "untranslated"),
        (GERMAN, "Der Brunnen der Burg ist 61 Meter tief.", "length_band"),
        (GERMAN, "Колодец замка глубиной 61 метр; ведро поднимали 25 минут.", "language"),
    ],
)
def test_a_passage_in_another_language(old, new, guard):
    assert old in GERMAN
    assert reason(CROSS_LANGUAGE, PASSAGE, GERMAN.replace(old, new) if old else GERMAN) == guard
