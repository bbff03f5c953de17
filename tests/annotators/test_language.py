"""Language and script of short true texts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.language import Config, samples, step
from corpus.texts import text_bytes


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


def sampled(text: str, config: Config) -> bytes:
    """The definition: windows at even distances, without the characters that they cut."""
    data, size = text.encode(), config.window_bytes
    if len(data) <= config.windows * size:
        return line(data)
    gap, windows = (len(data) - size) / max(config.windows - 1, 1), []
    for k in range(config.windows):
        window = np.frombuffer(data[int(k * gap) : int(k * gap) + size], np.uint8)
        first = np.flatnonzero((window & 0xC0) != 0x80)
        windows.append(window[first[0] : first[-1]].tobytes())
    return line(b" ".join(windows))


def line(data: bytes) -> bytes:
    return data.translate(bytes.maketrans(bytes(range(0x20)), b" " * 0x20))


@given(
    st.lists(st.text(st.sampled_from("aé中😀\0\n\t "), max_size=30), min_size=1, max_size=5),
    st.integers(1, 40),
    st.builds(Config, windows=st.integers(1, 5), window_bytes=st.integers(64, 80)),
)
def test_samples(documents, texts: list[str], times: int, config: Config) -> None:
    texts = [text * times for text in texts]
    found, ends = samples(*text_bytes(documents(texts)), config)
    cut = [found[a:b].tobytes() for a, b in pairwise(ends)]
    assert cut == [sampled(text, config) for text in texts]


def test_a_slice_is_judged_as_the_whole(documents) -> None:
    texts = [
        "Ceci est une phrase.",
        "",
        "Dies ist ein Satz in deutscher Sprache.",
        "12",
        "Это так.",
    ]
    table, annotate = documents(texts), step(Config())
    assert annotate(table.slice(2, 2)).to_pylist() == annotate(table).to_pylist()[2:4]
    assert annotate(table.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize("wrong", [{"windows": 0}, {"window_bytes": 10}])
def test_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*at least"):
        Config(**wrong)
