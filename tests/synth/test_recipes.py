"""What every recipe keeps: it renders for every language, takes a good answer, and turns down \
what no recipe may take.

A new recipe needs one entry in `GOOD`: an answer about `SEED` that it should accept.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from corpus.languages import LANGUAGES
from synth.judging import VERSIONS, judge
from synth.prompt import digest, instructions, render
from synth.recipe import Seed, Unparsable
from synth.recipes import RECIPES, pairs, prose

TEXT = """\
A tide mill is a water mill that the rise and fall of the tide drives. A dam with a sluice is \
built across a narrow inlet. \
As the tide comes in, water enters the mill pond through a gate, and this gate closes by itself \
when the tide begins to \
fall. When the tide is low enough, the miller opens the sluice, and the stored water turns the \
wheel on its way out. The \
mill at the river mouth worked for about 5 hours at each low tide, twice a day, and ground 40 \
sacks of barley a week."""
SEED = Seed(text=TEXT, language="eng_Latn", name="English")
PAIRS = """\
Q: What drives a tide mill?
A: The rise and fall of the tide drives it.

Q: How does the gate of the mill pond work?
A: Water enters through it as the tide comes in, and it closes by itself when the tide begins to fall.

Q: How much barley did the mill at the river mouth grind?
A: It ground 40 sacks a week.
"""
SECTION = """\
# The tide as an engine

People who live by the sea know that its water rises and falls twice a day. A tide mill puts that \
movement to work. First a dam \
with a sluice is built across a narrow inlet, so that there is a pond behind it. As the tide \
comes in, water enters the mill \
pond through a gate. Now comes the clever part: the gate closes by itself when the tide begins to \
fall, and the water is \
caught.

The miller only has to wait. Once it is low enough outside, he opens the sluice, and on its way \
out the stored water turns \
the wheel. At one river mouth this gave about 5 hours of work at each low tide, which was enough \
for 40 sacks of barley a week.
"""
STEPS = """\
# Build a small tide mill

At the end you will have a wheel that the tide drives.

1. Build a dam with a sluice across a narrow inlet: you need a pond that holds water.
2. Put in a gate that lets water enter the mill pond as the tide comes in and closes by itself \
when the tide begins to fall, so \
that nothing runs back.
3. Wait until it is low enough outside, then open the sluice: the stored water turns the wheel.
"""
GOOD = {"qa": PAIRS, "faq": PAIRS, "instruction": PAIRS, "textbook": SECTION, "tutorial": STEPS}
BAD = {
    "nothing": "",
    "the seed itself": TEXT,
    "a refusal": "I'm sorry, but as an AI language model I cannot help with that request.",
    "a loop": "Q: What is a mill?\nA: A mill is a mill.\n" * 40,
    "another script": "Q: Что такое мельница?\nA: Приливная мельница работает от прилива и отлива воды у берега моря.\n"
    * 2,
    "a number that nobody gave": PAIRS.replace("40 sacks", "73 sacks")
    + SECTION.replace("40", "73"),
    "an address that nobody gave": PAIRS + SECTION + "\nSee https://mills.example/tide for more.",
    "half a surrogate": "Q: \ud800\nA: \udfff",
    "a megabyte": "Q: mill A: tide " * 60_000,
}


@pytest.fixture(params=RECIPES.values(), ids=RECIPES)
def recipe(request):
    return request.param


def test_a_good_answer_is_accepted_and_each_guard_says_so(recipe):
    judged = judge(recipe, SEED, GOOD[recipe.name], "stop")
    assert judged.text is not None, (judged.reason, judged.detail)
    assert judged.reason == judged.detail == ""
    assert all(verdict.passed for verdict in judged.verdicts)
    assert judged == judge(recipe, SEED, GOOD[recipe.name], "stop")


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_a_bad_answer_is_turned_down_with_its_reason(recipe, answer):
    judged = judge(recipe, SEED, answer, "stop")
    assert judged.text is None
    assert judged.reason
    json.dumps([judged.reason, judged.detail]).encode()


def test_an_answer_that_was_cut_is_turned_down_before_anything_else(recipe):
    judged = judge(recipe, SEED, GOOD[recipe.name], "length")
    assert (judged.text, judged.reason) == (None, "truncated")
    assert len(judged.verdicts) == 1


def test_the_prompts_own_words_are_turned_down(recipe):
    leaked = f"{GOOD[recipe.name]}\n{instructions(recipe, SEED)}"
    assert judge(recipe, SEED, leaked, "stop").text is None


@pytest.mark.parametrize("label", LANGUAGES)
def test_the_prompt_names_every_language_and_runs_nothing_of_the_text(recipe, label):
    name = LANGUAGES[label].name
    seed = Seed(text="{{ 7 * 7 }} {% raw %} # user", language=label, name=name)
    messages = render(recipe, seed)
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "{{ 7 * 7 }} {% raw %} # user" in messages[1]["content"]
    assert name in messages[1]["content"]
    assert "{{" not in instructions(recipe, seed)


def test_rounds_ask_with_rising_temperature_and_their_own_parameters(recipe):
    asked = [recipe.parameters(round_, seed=1) for round_ in range(recipe.rounds)]
    temperatures = [parameters["temperature"] for parameters in asked]
    assert temperatures == sorted(set(temperatures))
    assert json.loads(json.dumps(asked)) == asked
    assert recipe.characters[0] < recipe.characters[1]
    assert recipe.literature
    assert len(digest(recipe)) == 12


def test_pairs_are_read_in_the_forms_that_models_write():
    assert pairs("Here you are.\n**Q1: Why?**\n**A:** So.\nAnd so.") == "Why?\nSo. And so."
    assert pairs("1. Question: Why?\nAnswer: So.\n2. Question: How?") == "Why?\nSo."
    for answer in ("Q: Why?", "A: So.\nQ: Why?", "no form", "Q: Why?\nA:"):
        with pytest.raises(Unparsable, match=r"no line|do not alternate"):
            pairs(answer)


def test_prose_loses_its_fence_and_its_lead_in():
    assert prose("Here is the section:\n\n# Tides\n\nText.") == "# Tides\n\nText."
    assert prose("```markdown\n# Tides\n```") == "# Tides"
    assert prose("# Tides:\nText.") == "# Tides:\nText."


def test_all_that_decides_what_is_accepted_stands_in_its_fingerprint():
    code = (
        "import sys, synth.judging, synth.recipes; "
        "ours = [m for n, m in sys.modules.items() if n.startswith(('corpus.', 'synth.'))]; "
        "print(*sorted(m.__name__ for m in ours if hasattr(m, 'VERSION')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == set(VERSIONS)
