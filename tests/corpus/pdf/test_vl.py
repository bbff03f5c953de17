"""What a model's answer about a page is worth: the line about the page, in many forms, and every guard."""

from __future__ import annotations

import pytest

from corpus.pdf import vl
from corpus.pdf.vl import agreement, judge, judge_page, parse

TEXT = (
    "The mill stands at the end of the lane. Its wheel was taken down in 1911, and the pond behind it has long since "
    "silted up. In winter, when the alders are bare, you can still see where the water ran."
)
RUSSIAN = (
    "Мельница стоит в конце переулка. Колесо сняли в 1911 году, а пруд за ней давно заилился. Зимой, когда ольха стоит "
    "голая, ещё видно, где шла вода."
)
CHINESE = "磨坊在小路的尽头。水轮于一九一一年拆除，后面的池塘早已淤塞。冬天桤木落叶时，还能看见水流过的地方。"
JAPANESE = "水車小屋は小道の突き当たりにある。水車は一九一一年に外され、池は埋まっている。冬にはまだ水の跡が見える。"
HEADER = "rotation: 0, blank: no\n\n"
AROUND = [TEXT] * 3
COUNTED = "\n".join(f"{n} turns of the wheel of the mill at the end of the lane" for n in range(99))


@pytest.mark.parametrize(
    ("answer", "rotation", "blank", "text"),
    [
        ("rotation: 0, blank: no\n\n# Mills\n\nOne.", 0, False, "# Mills\n\nOne."),
        ("rotation: 90, blank: no", 90, False, ""),
        ("Rotation: 180; Blank: No", 180, False, ""),
        ("**rotation:** 270, **blank:** no\n", 270, False, ""),
        ("rotation: -90, blank: no", 270, False, ""),
        ("rotation: 360, blank: no\n\nOne.", 0, False, "One."),
        ("rotation: 45, blank: no\n\nOne.", 0, False, "One."),
        ("Rotation: 90 degrees counterclockwise, blank: no", 270, False, ""),
        ("Rotation: 90° clockwise\nBlank: no\n\nOne.", 90, False, "One."),
        ("rotation: 0\nblank: no\n\nOne.", 0, False, "One."),
        ("rotation: none\nblank: false\nOne.", 0, False, "One."),
        ("rotation: 0, blank: yes", 0, True, ""),
        ("blank: yes", 0, True, ""),
        ("rotation: 0 (upright), blank: no\n\nOne (1).", 0, False, "One (1)."),
        ("rotation: 0, blank: no One.", 0, False, "One."),
        ("```markdown\nrotation: 0, blank: no\n\nOne.\n```", 0, False, "One."),
        ("```\nrotation: 0, blank: no\n\nOne.\n```", 0, False, "One."),
        ("rotation: 0, blank: no\n```markdown\nOne.\n```", 0, False, "One."),
        ("rotation: 0, blank: no\n\n```\nx = 1\n```", 0, False, "```\nx = 1\n```"),
        ('{"rotation": 90, "blank": false}', 90, False, ""),
        (
            "---\nprimary_language: en\nis_rotation_valid: False\nrotation_correction: 90\nis_table: False\n---\n",
            90,
            False,
            "",
        ),
        ("---\nprimary_language: en\nrotation_correction: 0\n---\nOne.", 0, False, "One."),
        ("One.", 0, False, "One."),
        ("The rotation: 90 turns a day.", 0, False, "The rotation: 90 turns a day."),
        (
            "rotation: 0, blank: no\n\nrotation: 90\nblank: yes",
            0,
            False,
            "rotation: 90\nblank: yes",
        ),
        ("", 0, False, ""),
    ],
)
def test_the_line_about_the_page_is_read_leniently(answer, rotation, blank, text):
    found = parse(answer)
    assert (found.rotation, found.blank, found.text) == (rotation, blank, text)


@pytest.mark.parametrize(
    ("answer", "finish", "known", "reason"),
    [
        (HEADER + TEXT, "stop", {}, ""),
        (TEXT, "stop", {"neighbours": AROUND, "layer_text": TEXT * 2, "ink": 0.05}, ""),
        (HEADER + TEXT, "length", {}, "truncated"),
        ("rotation: 90, blank: no\n\n" + TEXT, "stop", {}, "rotation"),
        ("rotation: 270, blank: no\n\n" + "la " * 500, "length", {}, "rotation"),
        ("rotation: to the left, I think, blank: no\n\n" + TEXT, "stop", {}, "header"),
        ("", "stop", {}, "empty"),
        (HEADER, "stop", {}, "empty"),
        (HEADER + "The wheel was taken down.\n" * 3, "stop", {}, "repeated_lines"),
        (HEADER + "The wheel was taken down. " * 5, "stop", {}, "repeated_sentences"),
        (HEADER + "The mi" + "l" * 30, "stop", {}, "character_run"),
        (HEADER + COUNTED, "stop", {}, "gzip_ratio"),
        ("I'm sorry, but I can't help with that.", "stop", {}, "refusal"),
        (HEADER + "| a | b |\n|---|---|\n| 1 |", "stop", {}, "unclosed"),
        (HEADER + "<table><tr><td>mill</td></tr>", "stop", {}, "unclosed"),
        (HEADER + vl.USER.splitlines()[-1], "stop", {}, "prompt_leak"),
        (HEADER + TEXT, "stop", {"ink": 0.0001}, "ink"),
        (HEADER + TEXT, "stop", {"layer_text": TEXT * 4}, "length_against"),
        (HEADER + TEXT * 4, "stop", {"layer_text": "A mill. " * 34}, "length_against"),
        (HEADER + TEXT, "stop", {"layer_text": "A stamp."}, ""),
        (HEADER + TEXT, "stop", {"layer_text": "\ufffd" * 230}, ""),
        (HEADER + RUSSIAN, "stop", {"neighbours": AROUND}, "language"),
        (HEADER + RUSSIAN, "stop", {}, ""),
        ("rotation: 0, blank: yes", "stop", {"ink": 0.001}, ""),
        ("rotation: 0, blank: yes", "stop", {"ink": 0.03}, "blank"),
        ("rotation: 0, blank: yes\n\nA mill.", "stop", {"ink": 0.0}, "blank"),
    ],
)
def test_each_guard_turns_its_kind_away(answer, finish, known, reason):
    found = judge_page(answer, finish, **known)
    assert found.reason == reason
    assert (found.text is None) == bool(reason)


def test_the_text_is_in_normal_form_and_a_blank_page_has_none():
    found = judge_page(HEADER + "Cafe\u0301\r\n\n", "stop")
    assert found.text == "Café"
    assert judge_page("rotation: 0, blank: yes", "stop", ink=0.0).text == ""


def test_a_rotation_is_told_in_degrees():
    assert judge_page("rotation: -90, blank: no", "stop").detail == "270"


@pytest.mark.parametrize(
    ("text", "around", "passed"),
    [
        (TEXT, AROUND, True),
        (RUSSIAN, AROUND, False),
        (CHINESE, AROUND, False),
        (TEXT, [CHINESE * 5], False),
        (RUSSIAN, [TEXT, RUSSIAN] * 2, True),  # facing pages
        (RUSSIAN, [TEXT, TEXT, TEXT, RUSSIAN], False),
        (RUSSIAN, [TEXT[:100]], True),  # too few letters around
        ("Рис. 7", AROUND, True),  # too few of its own
        (f"{TEXT} {RUSSIAN}", [RUSSIAN] * 3, True),
        ("\\frac{\\alpha}{\\beta} \\sqrt{\\gamma} <td>" * 9 + RUSSIAN, [RUSSIAN] * 3, True),
        (CHINESE * 2, [JAPANESE * 5], True),  # Han is one script
    ],
)
def test_a_page_is_in_a_script_of_those_around(text, around, passed):
    assert agreement(text, around).passed == passed


def test_an_error_of_the_engine_is_a_rejection():
    row = {"text": None, "finish_reason": None, "error": "timeout: nothing within 3 s"}
    found = judge(row, ink=0.1)
    assert (found.reason, found.detail) == ("timeout", "nothing within 3 s")


def test_the_ladder():
    asked = [vl.parameters(round_, 7) for round_ in range(len(vl.TEMPERATURES))]
    assert [one["temperature"] for one in asked] == [0.1, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9, 1.0]
    assert {one["seed"] for one in asked} == {7}
    assert vl.PROMPT.endswith(f"/{vl.SIDE}")
