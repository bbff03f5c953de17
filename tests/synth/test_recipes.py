"""What every recipe keeps: it renders for every language, takes a good answer, and turns down \
what no recipe may take.

A new recipe needs one entry in `GOOD`: an answer about `SEED` that it should accept. One that \
starts from something else than prose, or writes in another language, has a seed in `SEEDS`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.languages import LANGUAGES
from mixers.selection import compile_expression
from synth.code.sandbox import isolation
from synth.judging import VERSIONS, judge
from synth.math.verify import OF_CHILD
from synth.prompt import digest, instructions, render
from synth.recipe import Seed, Unparsable
from synth.recipes import RECIPES, pairs, prose
from workflows import measures
from workflows.steps.select import rule_columns

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
TABLE = """\
Barley ground at three tide mills, in sacks a week:

| Mill | River | Sacks |
|---|---|---|
| Old Wharf | Tarn | 40 |
| Reedham | Ousel | 55 |
| Long Reach | Tarn | 32 |
"""
SENTENCES = """\
Of the three mills, two stand on the Tarn. Old Wharf ground 40 sacks of barley a week, and Long Reach, also on the Tarn,
ground 32.

The busiest was Reedham on the Ousel, where 55 sacks were ground each week.
"""
FRENCH = """\
Un moulin à marée tire sa force du mouvement de la mer. On barre une anse étroite par une digue \
munie d'une vanne. Quand la mer monte, l'eau remplit le bassin par une porte qui se ferme seule \
dès que le niveau baisse. Le meunier attend que la mer soit assez basse, puis il ouvre la vanne : \
l'eau retenue s'écoule et fait tourner la roue. À l'embouchure d'une rivière, un tel moulin \
travaillait environ 5 heures à chaque basse mer, deux fois par jour, et donnait 40 sacs d'orge \
moulue par semaine.
"""
PROBLEM = """\
A tide mill works for 5 hours at each low tide, and there are two low tides a day. In each hour it grinds 3 sacks of
barley. The miller has 210 sacks in store and receives no more. After how many days is the store empty?"""
SOLVED = """\
In a day the mill works at two low tides, which is 2 * 5 = 10 hours. In that time it grinds \
10 * 3 = 30 sacks. The store is empty after 210 / 30 = 7 days.

The answer is \\boxed{7}.
"""
TALK = """\
Teacher: The mill at the river mouth worked for about 5 hours at each low tide, twice a day. \
How many hours of work is that in a week?

Student: Each day has two low tides, so I get 2 * 5 = 10 hours a day. A week has seven days, and 7 * 10 = 70 hours.

Teacher: Good. It ground 40 sacks of barley in that time. How long did it need for one sack?

Student: I divide the hours by the sacks: 70 / 40 = 1.75 hours, which is 1.75 * 60 = 105 minutes.
"""
OLD_CODE = """\
def tideHours(levels, sill):
    # count hours with the water below the sill
    n = 0
    for i in range(len(levels)):
        if levels[i] < sill:
            n = n + 1
    return n

def longest_tide(levels, sill):
    best = 0
    run = 0
    for i in range(len(levels)):
        if levels[i] < sill:
            run = run + 1
            if run > best: best = run
        else:
            run = 0
    return best
"""
PROGRAM = """\
```python
def longest_tide(levels: list[float], sill: float) -> int:
    \"\"\"Most hours in a row with the water below the sill.

    Raises ValueError for a negative sill.
    \"\"\"
    if sill < 0:
        raise ValueError(f"sill is {sill}")
    best = run = 0
    for level in levels:
        run = run + 1 if level < sill else 0
        best = max(best, run)
    return best
```

```python
from solution import longest_tide

assert longest_tide([], 2.0) == 0
assert longest_tide([1.0, 1.5, 3.0, 1.0], 2.0) == 2
assert longest_tide([3.0, 1.0, 1.0, 1.0], 2.0) == 3
assert longest_tide([2.0, 2.0], 2.0) == 0
assert longest_tide([0.0], 0.0) == 0
try:
    longest_tide([1.0], -1.0)
except ValueError:
    pass
else:
    raise AssertionError("no error")
```
"""
SEEDS = {
    "table_to_text": Seed(text=TABLE, language="eng_Latn", name="English"),
    "cross_language": replace(SEED, target="fra_Latn", target_name="French"),
    "math_solution": Seed(text=PROBLEM, language="eng_Latn", name="English"),
    "code_rewrite": Seed(text=OLD_CODE, language=""),
}
GOOD = {
    "qa": PAIRS,
    "faq": PAIRS,
    "instruction": PAIRS,
    "textbook": SECTION,
    "tutorial": STEPS,
    "table_to_text": SENTENCES,
    "cross_language": FRENCH,
    "math_problem": PROBLEM,
    "math_solution": SOLVED,
    "math_dialogue": TALK,
    "code_snippet": PROGRAM,
    "code_rewrite": PROGRAM,
}
BAD = {
    "nothing": "",
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
    if request.param.role == "code" and not isolation().full:
        pytest.skip(f"no isolation here: {isolation().missing}")
    return request.param


@pytest.fixture
def seed(recipe):
    return SEEDS.get(recipe.name, SEED)


def test_a_good_answer_is_accepted_and_each_guard_says_so(recipe, seed):
    judged = judge(recipe, seed, GOOD[recipe.name], "stop")
    assert judged.text is not None, (judged.reason, judged.detail)
    assert judged.text == recipe.compose(seed, judged.parsed)
    assert judged.reason == judged.detail == ""
    assert all(verdict.passed for verdict in judged.verdicts)
    assert judged.text == judge(recipe, seed, GOOD[recipe.name], "stop").text


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_a_bad_answer_is_turned_down_with_its_reason(recipe, seed, answer):
    turned_down(recipe, seed, answer)


@pytest.mark.parametrize("name", [name for name in GOOD if not name.startswith("code")])
@given(st.text(max_size=300), st.integers(0, 400))
@settings(max_examples=20)
def test_no_answer_raises(name, noise, place):
    """A good answer with anything put into it is accepted or turned down."""
    good = GOOD[name]
    found = judge(RECIPES[name], SEEDS.get(name, SEED), good[:place] + noise + good[place:], "stop")
    assert (found.text is None) == bool(found.reason)


def test_the_seed_itself_is_turned_down(recipe, seed):
    turned_down(recipe, seed, seed.text)


def turned_down(recipe, seed, answer):
    judged = judge(recipe, seed, answer, "stop")
    assert judged.text is judged.parsed is None
    assert judged.reason
    json.dumps([judged.reason, judged.detail]).encode()


def test_an_answer_that_was_cut_is_turned_down_before_anything_else(recipe, seed):
    judged = judge(recipe, seed, GOOD[recipe.name], "length")
    assert (judged.text, judged.reason) == (None, "truncated")
    assert len(judged.verdicts) == 1


def test_the_prompts_own_words_reach_no_document(recipe, seed):
    good = judge(recipe, seed, GOOD[recipe.name], "stop")
    asked = instructions(recipe, seed).replace("```", "")
    assert judge(recipe, seed, f"{GOOD[recipe.name]}\n{asked}", "stop").text in (None, good.text)
    comment = asked.replace("\n", "\n# ")
    inside = GOOD[recipe.name].replace("    best = run", f"    # {comment}\n    best = run")
    if recipe.role == "code":
        assert judge(recipe, seed, inside, "stop").reason == "prompt_leak"
    else:
        assert judge(recipe, seed, f"{GOOD[recipe.name]}\n{asked}", "stop").text is None


@pytest.mark.parametrize("label", LANGUAGES)
def test_the_prompt_names_every_language_and_runs_nothing_of_the_text(recipe, label):
    name, text = LANGUAGES[label].name, "{{ 7 * 7 }} {% raw %} # user"
    of_target = recipe.language == "target"
    seed = Seed(text=text, language="eng_Latn", name="English", target=label, target_name=name)
    if not of_target:
        seed = Seed(text=text, language=label, name=name)
    messages = render(recipe, seed)
    assert [message["role"] for message in messages] == ["system", "user"]
    assert text in messages[1]["content"]
    assert name in messages[1]["content"] or recipe.language == "any"
    assert "{{" not in instructions(recipe, seed)


def test_no_language_is_named_where_none_is_known(recipe):
    seed = Seed(text="A text.", language="", target="fra_Latn", target_name="French")
    assert all("None" not in message["content"] for message in render(recipe, seed))


def test_seeds_are_a_condition_on_what_annotators_measure(recipe):
    measured = {key: measures.fields(key, {}) for key in ("language", "statistics", "source_code")}
    compile_expression(recipe.seeds, rule_columns(measured), recipe.name)


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
    assert {*done.stdout.split(), *OF_CHILD, "sympy"} == set(VERSIONS)
