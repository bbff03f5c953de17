"""The language of an answer, one of several samples, and what a document is composed of."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from annotators import ANNOTATORS
from corpus.guards import Verdict
from synth.judging import Judged, chosen, judge, judged
from synth.recipe import Choice, Recipe, Seed

ENGLISH = (
    "The lighthouse stands on a rock that the sea covers at high water. Its keepers were brought "
    "supplies by boat once a week, and in winter they often waited for a month. Since the lamp was "
    "made automatic, nobody has lived there, and the boat comes only when something is broken."
)
GERMAN = (
    "Der Leuchtturm steht auf einem Felsen, den das Meer bei Hochwasser bedeckt. Die Wärter bekamen "
    "ihre Vorräte einmal in der Woche mit dem Boot, und im Winter warteten sie oft einen Monat. Seit "
    "die Lampe von selbst brennt, wohnt dort niemand mehr, und das Boot kommt nur, wenn etwas kaputt ist."
)
FRENCH = (
    "Le phare se dresse sur un rocher que la mer recouvre à marée haute. Les gardiens recevaient leurs "
    "vivres par bateau une fois par semaine, et l'hiver ils attendaient souvent un mois. Depuis que la "
    "lampe est automatique, personne n'y habite, et le bateau ne vient que si quelque chose est cassé."
)
RUSSIAN = "Маяк стоит на скале, которую море покрывает во время прилива. Теперь там никто не живёт."
SEED = Seed(text=ENGLISH, language="eng_Latn", name="English")
TO_FRENCH = replace(SEED, target="fra_Latn", target_name="French")
RECIPE = Recipe(
    name="qa",
    version=1,
    role="general",
    seeds="true",
    characters=(1, 1000),
    max_tokens=10,
    parse=str.strip,
    verify=lambda seed, text: (),
    literature="ours",
)
OUTVOTED = Verdict(guard="redundant", passed=False, detail="another was kept")


@pytest.fixture(scope="module")
def identify():
    """The language of a piece of text, where lid.176 is sure."""
    annotator = ANNOTATORS["language"]
    step = annotator.step(annotator.config())

    def label(text: str) -> str | None:
        found = step(pa.table({"id": pa.array([bytes(16)], pa.binary(16)), "text": [text]}))
        row = found.to_pylist()[0]
        return row["language"] if (row["language_score"] or 0) >= 0.8 else None

    return label


def reason(seed, text, how, identify=None):
    return judge(replace(RECIPE, language=how), seed, text, "stop", identify).reason


def test_an_answer_is_in_the_language_of_its_seed(identify):
    assert reason(SEED, ENGLISH, "seed", identify) == ""
    assert reason(SEED, GERMAN, "seed", identify) == "language"
    assert reason(SEED, f"{ENGLISH} {FRENCH}", "seed", identify) == "language"
    assert reason(SEED, GERMAN, "seed") == ""  # the scripts alone cannot tell
    assert reason(SEED, RUSSIAN, "seed") == "language"


def test_a_seed_whose_language_is_not_known_speaks_by_its_pieces(identify):
    unknown = Seed(text=GERMAN, language="")
    assert reason(unknown, GERMAN, "seed", identify) == ""
    assert reason(unknown, ENGLISH, "seed", identify) == "language"
    assert reason(unknown, ENGLISH, "seed", lambda piece: None) == ""


def test_an_answer_is_in_the_language_that_it_was_asked_for_in(identify):
    assert reason(TO_FRENCH, FRENCH, "target", identify) == ""
    assert reason(TO_FRENCH, GERMAN, "target", identify) == "language"
    assert reason(TO_FRENCH, f"{FRENCH} {ENGLISH}", "target", identify) == "language"
    assert reason(TO_FRENCH, RUSSIAN, "target") == "language"
    assert reason(TO_FRENCH, GERMAN, "target") == ""


def test_some_recipes_write_in_any_language(identify):
    for text in (ENGLISH, GERMAN, RUSSIAN):
        assert reason(SEED, text, "any", identify) == ""


def test_a_response_is_judged_by_the_same_identifier(identify):
    row = {"error": None, "text": GERMAN, "finish_reason": "stop"}
    assert judged(RECIPE, SEED, row, identify).reason == "language"
    assert judged(RECIPE, SEED, row).text == GERMAN
    failed = judged(RECIPE, SEED, row | {"error": "http: 500: busy"}, identify)
    assert (failed.reason, failed.detail) == ("http", "500: busy")


def test_guards_judge_the_parsed_text_and_the_document_is_composed_of_it():
    seen = []

    def verify(seed, text):
        seen.append(text)
        return ()

    composed = replace(RECIPE, verify=verify, compose=lambda seed, text: f"{seed.name}: {text}")
    found = judge(composed, SEED, f"  {ENGLISH}\n", "stop")
    assert (found.parsed, found.text) == (ENGLISH, f"English: {ENGLISH}")
    assert seen == [ENGLISH]


def test_a_recipes_own_guards_are_asked_last_and_may_leave_out_those_of_prose():
    asked = []
    own = replace(RECIPE, verify=lambda seed, text: asked.append(text) or ())
    loop = "It is the same line again.\n" * 9
    assert judge(own, SEED, loop, "stop").reason == "repeated_lines"
    assert not asked
    assert judge(replace(own, alone=("empty",)), SEED, loop, "stop").reason == ""
    assert len(asked) == 1


# ---------------------------------------------------------------- several samples


def choosing(kept):
    """A recipe that keeps the sample at this place among those that passed, or none."""
    return replace(RECIPE, choose=lambda seed, texts: Choice(kept=kept, verdict=OUTVOTED))


def samples(*texts):
    """None stands for one that was turned down before."""
    failed = Judged.failed("numbers", "12")
    return [failed if t is None else judge(RECIPE, SEED, t, "stop") for t in texts]


def test_one_sample_stays_and_the_others_say_why():
    answers = samples(None, "One.", "Two.", None, "Three.")
    found = chosen(choosing(1), SEED, answers)
    assert [one.text for one in found] == [None, None, "Two.", None, None]
    assert [one.reason for one in found] == ["numbers", "redundant", "", "numbers", "redundant"]
    assert found[1].detail == "another was kept"
    assert found[2] == answers[2]


def test_none_stays_where_none_is_chosen():
    found = chosen(choosing(None), SEED, samples("One.", "Two."))
    assert [one.reason for one in found] == ["redundant", "redundant"]
    assert all(one.text is one.parsed is None for one in found)


def test_the_choice_sees_parsed_texts_and_is_not_asked_about_nothing():
    seen = []

    def choose(seed, texts):
        seen.append(list(texts))
        return Choice(kept=0, verdict=OUTVOTED)

    recipe = replace(RECIPE, choose=choose, compose=lambda seed, text: f"# {text}")
    answers = [judge(recipe, SEED, text, "stop") for text in ("One.", "Two.")]
    assert chosen(recipe, SEED, answers)[0].text == "# One."
    assert seen == [["One.", "Two."]]
    nothing = samples(None, None)
    assert chosen(recipe, SEED, nothing) == nothing
    assert len(seen) == 1


def test_without_a_choice_all_stay():
    answers = samples("One.", None, "Two.")
    assert chosen(RECIPE, SEED, answers) == answers
