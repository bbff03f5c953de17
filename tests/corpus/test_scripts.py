"""The dominant script."""

from __future__ import annotations

import pyarrow as pa
import pytest

from corpus.scripts import SCRIPTS, dominant, resolve, script_counts
from corpus.texts import text_bytes


def scripts(*texts: str) -> list[str | None]:
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    return dominant(resolve(script_counts(*text_bytes(table))))


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", None),
        ("123 !? 😀", None),
        ("plain text", "Latn"),
        ("naïve", "Latn"),
        ("Привет all", "Cyrl"),
        ("你们说汉语", "Hans"),
        ("你們說漢語", "Hant"),
        ("人大山", "Hani"),
        ("東京に行く", "Jpan"),
        ("カタカナ", "Jpan"),
        ("한국어", "Hang"),
        ("ภาษาไทย", "Thai"),
        ("हिन्दी", "Deva"),
    ],
)
def test_dominant(text: str, script: str | None) -> None:
    assert scripts(text) == [script]


def test_counts_are_code_points() -> None:
    table = pa.table({"text": pa.array(["abcдé𠮷", "x"], pa.large_string())}).slice(0, 1)
    counts = dict(zip(SCRIPTS, script_counts(*text_bytes(table))[0].tolist(), strict=True))
    assert {name: n for name, n in counts.items() if n} == {"Latn": 4, "Cyrl": 1, "Hani": 1}
