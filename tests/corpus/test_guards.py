"""Guards on an answer alone: what they turn away and what they let pass, in several scripts."""

from __future__ import annotations

import time

import pytest

from corpus import guards
from corpus.guards import ALONE, length_against, prompt_leak, truncated

PROMPT = "Repair the broken words of the page below. Keep every number and every name as it is. Write only the text."
PARAGRAPH = (
    "The mill stands at the end of the lane. Its wheel was taken down in 1911, and the pond behind it has long since "
    "silted up. In winter, when the alders are bare, you can still see where the water ran."
)
GOOD = {
    "english": PARAGRAPH,
    "chinese": "磨坊在小路的尽头。水轮于一九一一年拆除，后面的池塘早已淤塞。冬天桤木落叶时，还能看见水流过的地方。",
    "thai": "โรงสีตั้งอยู่สุดทาง กังหันน้ำถูกรื้อออกในปี ๒๔๕๔ และสระน้ำด้านหลังก็ตื้นเขินมานานแล้ว",
    "arabic": "تقع الطاحونة في نهاية الطريق. أزيلت عجلتها عام ١٩١١، وقد امتلأت البركة التي خلفها بالطمي منذ زمن.",
    "hindi": "चक्की गली के अंत में है। उसका पहिया १९११ में उतार दिया गया था, और पीछे का तालाब कब का भर चुका है।",
    "contents": "1 Mills ............................ 3\n2 Ponds ............................ 9\n3 Weirs .......... 17",
    "table": "| mill | year |\n|---|---|\n| Upper | 1802 |\n| Lower | 1911 |",
    "code": "```python\nfor mill in mills:\n    pass\n```\nThat is all.",
    "formula": "$$ \\frac{a}{b} = \\{c\\} $$ and \\(x\\) and \\begin{align}x &= y\\end{align}",
    "html": "<table><tr><td>mill</td></tr></table>",
    "sorry in a story": "'I am sorry,' said the miller, 'I cannot let you in.' " + PARAGRAPH * 4,
}
BAD = {
    "empty": ["", " \n\t", "...", "—。؟।"],
    "repeated_lines": [
        f"A mill.\n{'The wheel was taken down.' + chr(10):s}" + "The wheel was taken down.\n" * 2,
        "水轮在那一年被拆除了\n" * 3,
        "The wheel went first.\nThe pond went next to it.\n" * 3,
        "चक्की का पहिया उतार दिया गया\n\n" * 3,
    ],
    "repeated_sentences": [
        "The wheel was taken down. " * 5,
        "水轮在一九一一年拆除。" * 5,
        "สระน้ำด้านหลังตื้นเขิน" * 6,
        "أزيلت عجلتها عام ١٩١١. " * 5,
        PARAGRAPH + " and the wheel and the pond" * 6,
    ],
    "character_run": ["The mi" + "l" * 20, "哈" * 20, "नन" * 15, "-" * 300, "ab" * 20],
    "gzip_ratio": [
        "the mill and the pond, " * 60,
        "".join(map(chr, range(0x21, 0x21 + 94))) * 0 + "x1" * 400,
    ],
    "refusal": [
        "I'm sorry, but I can't help with that.",
        "I am unable to assist with this request.",
        "As an AI language model, I have no access to the page.",
        "抱歉，我无法提供帮助。",
        "申し訳ありませんが、お手伝いできません。",
        "عذرًا، لا أستطيع المساعدة في ذلك.",
        "क्षमा करें, मैं इसमें मदद नहीं कर सकता।",
        "ขออภัย ฉันไม่สามารถช่วยได้",
        "Es tut mir leid, aber ich kann dabei nicht helfen.",
        "Извините, я не могу помочь с этим запросом.",
    ],
    "unclosed": [
        "```python\nfor mill in mills:",
        "<table><tr><td>mill</td></tr>",
        "<table><tr><td>mill</td><td",
        "\\begin{tabular}{ll}mill & 1802 \\\\",
        "x\\end{align}",
        "$$ a = b",
        "\\[ a = b",
        "$$ \\frac{a}{b $$",
        "| mill | year |\n|---|---|\n| Upper |",
        "| mill | year |\n|---|---|\n| Upper | 1802 |\n| Lower | 19",
        "| mill | year |\n|---|---|",
    ],
}
CASES = [(name, text) for name, texts in BAD.items() for text in texts]


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_answers_pass_all(text):
    assert [v for guard in ALONE.values() if not (v := guard(text)).passed] == []


@pytest.mark.parametrize(("name", "text"), CASES, ids=range(len(CASES)))
def test_bad_answers_are_found_and_named(name, text):
    verdict = ALONE[name](text)
    assert (verdict.guard, verdict.passed) == (name, False)
    assert verdict.detail


def test_every_guard_is_shown_both_ways():
    assert BAD.keys() == ALONE.keys()


def test_a_word_that_is_repeated_in_cells_is_no_loop():
    assert guards.repeated_lines("none\nnone\nnone\nnone").passed
    assert guards.repeated_sentences("No. No. No. No. No. No.").passed


@pytest.mark.parametrize(("reason", "passed"), [("stop", True), ("length", False), (None, False)])
def test_truncated(reason, passed):
    assert truncated(reason).passed is passed


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        (PARAGRAPH, True),
        ("Keep every number and every name as it is. " + PARAGRAPH, False),
        ("KEEP EVERY NUMBER, and every name as it is!", False),
        ("Keep every number. " + PARAGRAPH, True),
        ("<|im_start|>assistant\n" + PARAGRAPH, False),
        ("assistant\n" + PARAGRAPH, False),
    ],
)
def test_prompt_leak(answer, passed):
    assert prompt_leak(answer, PROMPT).passed is passed


def test_a_prompt_leak_is_none_where_the_source_says_the_same():
    said = "Keep every number and every name as it is."
    assert prompt_leak(said, PROMPT, source=f"House rules: {said}").passed


def test_prompt_leak_in_han():
    prompt = "请修复下面页面中的断字和错字，保留所有的数字和名称，只写出正文。"
    assert not prompt_leak("好的。请修复下面页面中的断字和错字，保留所有的数字。", prompt).passed
    assert prompt_leak(GOOD["chinese"], prompt).passed


def test_length_against():
    assert length_against("a b c d", "abcd", 0.9, 1.1).passed
    assert not length_against("a b", "abcd", 0.9, 1.1).passed
    assert not length_against("abc", "", 0.5, 2.0).passed


HOSTILE = {
    "nothing": "",
    "points": ".,;:!?" * 50,
    "surrogates": "\ud800 mill \udfff" * 50,
    "nul": "\x00" * 500,
    "marks": "a" + "\u0301" * 5000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_answers_get_a_verdict_that_can_be_stored(text):
    for verdict in [*(guard(text) for guard in ALONE.values()), prompt_leak(text, PROMPT, text)]:
        verdict.detail.encode()


LONG = {
    "prose": PARAGRAPH * 5000,
    "one letter": "a" * 1_000_000,
    "spaces": " " * 1_000_000,
    "bars": "|-" * 500_000,
    "tags": "<td" * 300_000,
    "dollars": "$$" * 500_000,
    "braces": "\\begin{" * 140_000,
    "brackets": "\\[" * 500_000,
    "fences": "```\n" * 250_000,
    "not": "I cannot " * 110_000,
    "surrogates": "\ud800" * 1_000_000,
}


@pytest.mark.parametrize("name", LONG)
def test_a_megabyte_takes_a_few_seconds_at_most(name):
    for guard, call in ALONE.items():
        start = time.process_time()
        call(LONG[name])
        assert time.process_time() - start < 4, guard
    start = time.process_time()
    prompt_leak(LONG[name], PROMPT)
    assert time.process_time() - start < 4
