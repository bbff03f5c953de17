"""Conversations as models write them, and what is no conversation."""

from __future__ import annotations

import pytest

from synth.recipe import Unparsable
from synth.text.dialogue import dialogue

PLAIN = "Ada: How many?\n\nBen: Four.\n\nAda: Why?\n\nBen: It is 2 * 2 = 4."


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        f"Here is the conversation:\n\n{PLAIN}",
        PLAIN.replace("\n\n", "\n"),
        PLAIN.replace("Ada:", "**Ada:**").replace("Ben:", "**Ben**:"),
        PLAIN.replace("Ada:", "- Ada:").replace("Ben:", "- Ben:"),
    ],
    ids=["plain", "lead-in", "lines", "bold", "list"],
)
def test_turns_are_read_in_the_forms_that_models_write(answer):
    assert dialogue(answer) == PLAIN


def test_lines_without_a_speaker_go_on():
    said = "Ada: First.\n4 + 4 = 8\nNote: it is even.\nBen: Yes.\nAda: Then?\nBen: Halve it."
    assert dialogue(said).split("\n\n")[0] == "Ada: First.\n4 + 4 = 8\nNote: it is even."


def test_speakers_of_any_script():
    chinese = "老师：四乘二是多少？\n学生：八。\n老师：对。\n学生：谢谢。"
    assert dialogue(chinese) == chinese.replace("\n", "\n\n")
    french = "Le professeur : combien ?\nL'élève : huit.\nLe professeur : oui.\nL'élève : merci."
    assert dialogue(french).startswith("Le professeur: combien ?\n\nL'élève: huit.")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Ada: One.\n\nAda: Two.\n\nAda: Three.\n\nAda: Four.", "no two speakers"),
        ("No form at all.", "no two speakers"),
        ("Ada: One.\nBen: Two.\nAda: Three.", "no two speakers"),
        ("Ada: One.\nAda: Two.\nBen: Three.\nBen: Four.", "Ada speaks twice"),
        ("Ada: One.\nBen: Two.\nAda:\nBen: Four.", "says nothing"),
        (PLAIN + "\n\nCyd: I see.\n\nCyd: Bye.", "more than two speakers: Ada, Ben, Cyd"),
    ],
)
def test_what_is_no_conversation_of_two(answer, why):
    with pytest.raises(Unparsable, match=why):
        dialogue(answer)
