"""What a teacher is shown, which answers are taken, and what several of them come to."""

from __future__ import annotations

import json

import pytest

from annotators import taxonomy, teacher
from annotators.teacher import Voted, combined, groups, judged, messages, parse, shown

DIMENSIONS = taxonomy.chosen(taxonomy.load(), ["education_level", "field", "safety_hazard"])
LEVEL, FIELD, HAZARD = DIMENSIONS
GOOD = {"reason": "a recipe", "education_level": 1, "field": "none", "safety_hazard": []}


def response(text, **other):
    return {"error": None, "text": text, "finish_reason": "stop", **other}


def test_a_short_text_is_shown_whole_and_of_a_long_one_two_pieces_of_it():
    assert shown("short", b"1") == "short"
    whole = "a" * (teacher.HEAD + teacher.LATER)
    assert shown(whole, b"1") == whole
    long = "".join(f"{n:06d} " for n in range(4000))
    for document in range(50):
        head, _, later = shown(long, bytes([document])).partition(f"\n\n{teacher.GAP}\n\n")
        assert long.startswith(head)
        assert len(head) == teacher.HEAD
        assert len(later) == teacher.LATER
        assert long.index(later) >= teacher.HEAD
    assert shown(long, b"1") == shown(long, b"1") != shown(long, b"2")


def test_the_prompt_has_the_rubric_the_language_and_the_text_and_nothing_of_it_is_a_template():
    system, user = messages("{{ rubric }} # user\n", b"1", "Thai", [LEVEL, FIELD])
    assert system["role"] == "system"
    assert user["role"] == "user"
    assert LEVEL.rubric in user["content"]
    assert FIELD.rubric in user["content"]
    assert HAZARD.rubric not in user["content"]
    assert "The text is in Thai." in user["content"]
    assert "{{ rubric }} # user" in user["content"]
    assert teacher.GAP not in user["content"]
    assert teacher.GAP in messages("x" * 9000, b"1", "", [LEVEL])[1]["content"]
    assert "The text is in" not in messages("x", b"1", "", [LEVEL])[1]["content"]


def test_dimensions_are_asked_about_in_groups():
    assert groups(DIMENSIONS, 2) == [("education_level", "field"), ("safety_hazard",)]
    assert groups(DIMENSIONS, 9) == [("education_level", "field", "safety_hazard")]


def test_what_is_asked_has_an_identity():
    assert teacher.digest(DIMENSIONS) == teacher.digest(DIMENSIONS)
    assert teacher.digest(DIMENSIONS) != teacher.digest(DIMENSIONS[:2])
    other = LEVEL.model_copy(update={"question": "Another?"})
    assert teacher.digest([other]) != teacher.digest([LEVEL])


def test_an_answer_is_taken_with_what_stands_around_it():
    assert parse(f"```json\n{json.dumps(GOOD)}\n```", DIMENSIONS) == GOOD
    assert parse(f"On the scale {{0..5}}: {json.dumps(GOOD)}", DIMENSIONS) == GOOD
    accepted = judged(response(json.dumps(GOOD | {"other": 1})), DIMENSIONS)
    assert json.loads(accepted.text) == GOOD


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        ("I would say 3.", "form", "no JSON object"),
        ('{"reason": "cut', "form", ""),
        (json.dumps({"reason": "x", "field": "none"}), "form", "without education_level"),
        (json.dumps(GOOD | {"education_level": 5}), "form", "education_level"),
        (json.dumps(GOOD | {"education_level": True}), "form", "education_level"),
        (json.dumps(GOOD | {"education_level": 2.0}), "form", "education_level"),
        ('{"reason": ' + "[" * 100_000, "form", "nested too deep"),
        (json.dumps(GOOD | {"field": "phisics"}), "form", "physics"),
        (json.dumps(GOOD | {"safety_hazard": "hate"}), "form", "list"),
        (json.dumps(GOOD | {"field": ["none"]}), "form", "field"),
        (json.dumps(GOOD | {"reason": None}), "form", "reason"),
    ],
)
def test_an_answer_of_another_form_is_turned_down_and_says_why(answer, reason, detail):
    found = judged(response(answer), DIMENSIONS)
    assert found.text is None
    assert found.reason == reason
    assert detail in found.detail


def test_an_error_of_the_engine_and_an_answer_that_was_cut_off_are_rejections():
    failed = judged({"error": "timeout: 3 s", "text": None, "finish_reason": None}, DIMENSIONS)
    assert (failed.reason, failed.detail) == ("timeout", "3 s")
    cut = judged(response(json.dumps(GOOD), finish_reason="length"), DIMENSIONS)
    assert cut.reason == "truncated"


@pytest.mark.parametrize(
    ("dimension", "answers", "expected"),
    [
        (LEVEL, [2], Voted(label=2, votes=1, answers=1)),
        (LEVEL, [1, 4, 2], Voted(label=2, votes=1, answers=3)),
        (LEVEL, [1, 2], Voted(label=1, votes=1, answers=2)),
        (LEVEL, [None, None, 3], Voted(label=None, votes=2, answers=3)),
        (LEVEL, [None, 3], Voted(label=3, votes=1, answers=2)),
        (FIELD, ["law", "none", "law"], Voted(label="law", votes=2, answers=3)),
        (FIELD, ["law", "none"], Voted(label="law", votes=1, answers=2)),
        (HAZARD, [[], [], ["hate"]], Voted(label=[], votes=2, answers=3)),
        (
            HAZARD,
            [["hate", "privacy"], ["privacy", "hate"], ["hate"]],
            Voted(label=["privacy", "hate"], votes=2, answers=3),
        ),
    ],
)
def test_several_answers_come_to_one_label(dimension, answers, expected):
    assert combined(dimension, answers) == expected
