"""What is kept under `samples/`: the languages, the pages, the problems, the code."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from corpus import document

WITHOUT_SPACES = {"Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr"}
# how the names of a script's letters begin in the Unicode database
NAMES = {
    "Arab": "ARABIC",
    "Armn": "ARMENIAN",
    "Beng": "BENGALI",
    "Cyrl": "CYRILLIC",
    "Deva": "DEVANAGARI",
    "Geor": "GEORGIAN",
    "Grek": "GREEK",
    "Gujr": "GUJARATI",
    "Guru": "GURMUKHI",
    "Hang": "HANGUL",
    "Hans": "CJK",
    "Hant": "CJK",
    "Hebr": "HEBREW",
    "Khmr": "KHMER",
    "Knda": "KANNADA",
    "Laoo": "LAO",
    "Latn": "LATIN",
    "Mlym": "MALAYALAM",
    "Mymr": "MYANMAR",
    "Orya": "ORIYA",
    "Sinh": "SINHALA",
    "Taml": "TAMIL",
    "Telu": "TELUGU",
    "Thai": "THAI",
}


def read_jsonl(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def texts(samples: Path) -> dict[str, str]:
    items = read_jsonl(samples / "languages.jsonl")
    assert len({item["lang"] for item in items}) == len(items)
    assert all(item["title"] for item in items)
    return {item["lang"]: item["text"] for item in items}


def test_each_of_the_119_languages_is_there(texts: dict[str, str]) -> None:
    table = Path(document.__file__).parent / "data" / "languages.csv"
    with table.open(encoding="utf-8", newline="") as file:
        labels = [f"{row['iso639_3']}_{row['script']}" for row in csv.DictReader(file)]
    assert len(labels) == 119
    assert list(texts) == labels


def test_each_text_is_long_enough(texts: dict[str, str]) -> None:
    for label, text in texts.items():
        assert len(text.splitlines()) >= 2, label
        if label[4:] in WITHOUT_SPACES:
            assert len(text) >= 180, label
        else:
            assert len(text.split()) >= 60, label


def test_each_text_is_in_its_script(texts: dict[str, str]) -> None:
    for label, text in texts.items():
        letters = [unicodedata.name(char).split()[0] for char in text if char.isalpha()]
        counts = Counter(letters)
        if label.endswith("_Jpan"):
            japanese = counts["CJK"] + counts["HIRAGANA"] + counts["KATAKANA"]
            assert counts["HIRAGANA"] > 0
            assert japanese > 0.95 * len(letters)
        else:
            assert counts[NAMES[label[4:]]] > 0.98 * len(letters), label


def test_the_two_chinese_scripts_are_told_apart(texts: dict[str, str]) -> None:
    texts["zho_Hans"].encode("gb2312")
    for label in ("zho_Hant", "yue_Hant"):
        with pytest.raises(UnicodeEncodeError):
            texts[label].encode("gb2312")


def test_the_texts_are_normalised_and_all_different(texts: dict[str, str]) -> None:
    lines = [line for text in texts.values() for line in text.splitlines() if line]
    assert len(set(lines)) == len(lines)
    assert all(unicodedata.is_normalized("NFC", line) for line in lines)


def test_each_page_decodes_as_it_declares(samples: Path) -> None:
    charsets = set()
    for page in sorted((samples / "web").glob("*.html")):
        content = page.read_bytes()
        found = re.search(rb"charset=[\"']?([\w-]+)", content)
        charset = found[1].decode() if found else "utf-8"
        assert "�" not in content.decode(charset), page.name
        charsets.add(charset)
    assert charsets == {"utf-8", "shift_jis", "gb18030", "windows-1252", "iso-8859-1"}


def test_the_mojibake_is_what_it_says(samples: Path) -> None:
    text = (samples / "web" / "afilador-mojibake.es.html").read_text("utf-8")
    assert "cuarenta y seis aÃ±os" in text
    assert "El último afilador" in text


def test_the_problems_have_solutions(samples: Path) -> None:
    problems = read_jsonl(samples / "math.jsonl")
    assert len(problems) >= 60
    assert len({problem["problem"] for problem in problems}) == len(problems)
    assert all(len(problem["solution"]) > 40 for problem in problems)
    assert len({problem["subject"] for problem in problems}) >= 6
    assert len({problem["language"] for problem in problems}) >= 10


def test_the_evaluation_items_are_long_enough_for_13_grams(samples: Path) -> None:
    items = read_jsonl(samples / "evaluation.jsonl")
    assert len({item["id"] for item in items}) == len(items) == 25
    for item in items:
        assert min(len(item["question"].split()), len(item["answer"].split())) >= 13, item["id"]


def test_the_python_sample_passes_its_own_tests(samples: Path) -> None:
    folder = samples / "code" / "tidewise"
    subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "-s", "tests"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
    )


@pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("cc")), reason="no make or no C compiler"
)
def test_the_c_sample_passes_its_own_tests(samples: Path, tmp_path: Path) -> None:
    shutil.copytree(samples / "code" / "pondlog", tmp_path / "pondlog")
    done = subprocess.run(
        ["make", "test"], cwd=tmp_path / "pondlog", check=True, capture_output=True, text=True
    )
    assert "ok" in done.stdout.splitlines()
    assert not done.stderr  # no warnings
