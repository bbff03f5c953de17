"""Language and script of short true texts."""

from __future__ import annotations

import pytest

from annotators.language import Config, step


@pytest.fixture(scope="module")
def judge(documents):
    annotate = step(Config())
    return lambda *texts: annotate(documents(texts)).to_pylist()


@pytest.mark.parametrize(
    ("text", "language", "raw", "script"),
    [
        ("This is a sentence in plain English.", "eng_Latn", "en", "Latn"),
        ("Dies ist ein Satz in deutscher Sprache.", "deu_Latn", "de", "Latn"),
        ("Это предложение на русском языке.", "rus_Cyrl", "ru", "Cyrl"),
        ("这是一个中文句子，我们都会说汉语。", "zho_Hans", "zh", "Hans"),
        ("這是一個中文句子，我們都會說漢語。", "zho_Hant", "zh", "Hant"),
        ("これは日本語の文章です。", "jpn_Jpan", "ja", "Jpan"),
        ("이것은 한국어 문장입니다.", "kor_Hang", "ko", "Hang"),
        ("Ĉi tio estas frazo en Esperanto, ĉu ne?", None, "eo", "Latn"),
    ],
)
def test_known(judge, text: str, language: str | None, raw: str, script: str) -> None:
    [row] = judge(text)
    assert (row["language"], row["language_raw"], row["script"]) == (language, raw, script)
    assert 0.3 < row["language_score"] <= 1.0


def test_nothing_to_judge_is_null(judge) -> None:
    for row in judge("", " \n", "12345 !!", "😀"):
        assert [row[name] for name in row if name != "id"] == [None] * 4


def test_lines_do_not_matter(judge) -> None:
    one, two = judge(
        "Une phrase assez longue en langue française.",
        "Une phrase assez longue\nen langue\nfrançaise.",
    )
    assert one["language"] == two["language"] == "fra_Latn"
    assert one["language_score"] == pytest.approx(two["language_score"])


def test_a_long_document_is_judged_all_over(judge) -> None:
    header = "Copyright notice and license terms in English. " * 20
    body = "Dieser lange Text ist ganz überwiegend auf Deutsch geschrieben worden. " * 2000
    [row] = judge(header + body)
    assert row["language"] == "deu_Latn"


def test_windows_do_not_split_characters(judge) -> None:
    [row] = judge("ภาษาไทยเป็นภาษาที่ใช้ในประเทศไทย" * 500)
    assert (row["language"], row["script"]) == ("tha_Thai", "Thai")


@pytest.mark.parametrize("wrong", [{"windows": 0}, {"window_bytes": 10}])
def test_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*at least"):
        Config(**wrong)
