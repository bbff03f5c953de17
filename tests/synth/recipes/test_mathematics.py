"""Problems, solutions and conversations: what each guard takes and turns down."""

from __future__ import annotations

import pytest

from synth.judging import chosen, judge
from synth.recipe import Seed, Unparsable
from synth.recipes import mathematics as m

PASSAGE = Seed(
    text="A ferry crosses the sound 14 times a day and carries 48 cars on each crossing. In summer every second "
    "crossing is full; the ticket for a car costs 12 euros.",
    language="eng_Latn",
    name="English",
)
PROBLEM = (
    "A ferry makes 14 crossings a day with room for 48 cars. Half of the crossings are full, and the "
    "others carry 20 cars. How many cars does it carry in a day?"
)
OPEN = Seed(text=PROBLEM, language="eng_Latn", name="English")


def reason(recipe, seed, answer):
    found = judge(recipe, seed, answer, "stop")
    return found.reason, found.detail


# ---------------------------------------------------------------- problems


def test_a_problem_loses_its_label():
    assert m.problem(f"**Problem:** {PROBLEM}") == PROBLEM
    assert m.problem(f"Here is a problem:\n\n{PROBLEM}\n") == PROBLEM
    with pytest.raises(Unparsable):
        m.problem("Problem: ")


def test_an_open_problem_is_accepted():
    assert reason(m.MATH_PROBLEM, PASSAGE, PROBLEM) == ("", "")


@pytest.mark.parametrize(
    ("answer", "guard"),
    [
        (f"{PROBLEM} The answer is 476.", "problem_open"),
        (f"{PROBLEM}\n\nSolution: first take half.", "problem_open"),
        (f"{PROBLEM} Note that 7 * 48 = 336.", "problem_open"),
        (rf"{PROBLEM} \boxed{{476}}", "problem_open"),
        (f"{PROBLEM} And how many in a week?", "single"),
        (
            f"For the ferry above:\n(a) Find the cars of a day.\n(b) Find those of a week.\n{PROBLEM}",
            "single",
        ),
        ("Why does a ferry that crosses the sound carry cars in summer?", "mathematical"),
        (f"{PROBLEM} See www.ferries.example/cars for more.", "urls"),
        (PASSAGE.text, "overlap"),
    ],
)
def test_what_is_no_open_problem_about_the_passage(answer, guard):
    assert reason(m.MATH_PROBLEM, PASSAGE, answer)[0] == guard


# ---------------------------------------------------------------- solutions


def solved(answer: str, step: str = "7 * 48 = 336") -> str:
    return (
        f"Half of 14 crossings are full, so {step} cars go on those. The other seven carry 7 * 20 = 140. "
        f"Together it carries them all.\n\nThe answer is \\boxed{{{answer}}}."
    )


def kept(*answers: str) -> tuple[list[str], list[str]]:
    """The documents, and the reasons of the others, of one question's samples."""
    judged = [judge(m.MATH_SOLUTION, OPEN, answer, "stop") for answer in answers]
    found = chosen(m.MATH_SOLUTION, OPEN, judged)
    return [one.text for one in found if one.text], [one.reason for one in found]


def test_a_solution_has_working_and_a_final_answer():
    assert m.solution(f"Here is the solution:\n{solved('476')}") == solved("476")
    with pytest.raises(Unparsable, match="no final answer"):
        m.solution(solved("").replace("The answer is", ""))
    with pytest.raises(Unparsable, match="without its working"):
        m.solution(r"\boxed{476}")


def test_a_wrong_step_is_turned_down():
    assert reason(m.MATH_SOLUTION, OPEN, solved("476")) == ("", "")
    wrong = solved("476", "7 * 48 = 326")
    assert reason(m.MATH_SOLUTION, OPEN, wrong) == ("arithmetic", "7 * 48 = 326")


def test_a_seed_that_has_its_answer_is_no_problem():
    told = Seed(text=f"{PROBLEM} The answer is 476.", language="eng_Latn")
    assert reason(m.MATH_SOLUTION, told, solved("476"))[0] == "problem_open"


def test_two_to_one_to_one_agree_and_the_document_has_the_problem():
    texts, reasons = kept(solved("480"), solved("476"), solved("476.0"), solved("500"))
    assert texts == [f"{PROBLEM}\n\n{solved('476')}"]
    assert reasons == ["redundant", "", "redundant", "redundant"]


@pytest.mark.parametrize(
    "answers",
    [
        ("476", "476", "480", "480"),
        ("476", "480", "490", "500"),
        ("476",),
        ("476", "480"),
    ],
    ids=["two to two", "all differ", "one", "one to one"],
)
def test_without_a_leading_answer_none_is_kept(answers):
    texts, reasons = kept(*map(solved, answers))
    assert texts == []
    assert set(reasons) == {"agreement"}


def test_a_sample_that_was_turned_down_does_not_vote():
    wrong = solved("480", "7 * 48 = 340")
    texts, reasons = kept(wrong, wrong, solved("476"), solved("476"))
    assert texts == [f"{PROBLEM}\n\n{solved('476')}"]
    assert reasons == ["arithmetic", "arithmetic", "", "redundant"]
    assert kept(wrong, wrong, wrong, solved("476"))[1] == ["arithmetic"] * 3 + ["agreement"]


def test_answers_may_be_written_in_several_ways():
    assert len(kept(solved(r"\frac{952}{2}"), solved("476"), solved("480"))[0]) == 1


# ---------------------------------------------------------------- conversations

TALK = (
    "Ana: A ferry crosses the sound 14 times a day with 48 cars. How many cars is that?\n\n"
    "Bo: On each crossing 48, so 14 * 48 = 672 cars.\n\n"
    "Ana: And what do they pay, at 12 euros each?\n\n"
    "Bo: That is 672 * 12 = 8064 euros."
)


def test_a_conversation_whose_numbers_are_given_or_worked_out():
    assert reason(m.MATH_DIALOGUE, PASSAGE, TALK) == ("", "")


@pytest.mark.parametrize(
    ("old", "new", "guard"),
    [
        ("14 * 48 = 672", "14 * 48 = 682", "arithmetic"),
        ("so 14 * 48 = 672 cars", "so 672 cars", "numbers"),
        ("12 euros each", "13 euros each", "numbers"),
        ("Bo:", "Ana:", "form"),
        ("\n\nBo: That is", " That is", "form"),
        ("euros.", "euros, says ferries@sound.example.", "urls"),
    ],
)
def test_what_a_conversation_may_not_have(old, new, guard):
    assert old in TALK
    assert reason(m.MATH_DIALOGUE, PASSAGE, TALK.replace(old, new))[0] == guard
