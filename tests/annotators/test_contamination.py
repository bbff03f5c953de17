"""Overlap with evaluation sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotators.contamination import Config, Index, build_index, step

QUESTION = "If a train leaves the old town at noon and the next one an hour later which comes first"
CHINESE = "我们都是好朋友今天天气很好我想去公园散步然后回家吃饭看电视再给妈妈打电话"


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("contamination") / "index.npz"
    evaluations = {
        "trains": [QUESTION, "five words are quite enough", "too short"],
        "copy": [QUESTION],
        "chinese": [CHINESE],
    }
    path.write_bytes(build_index(evaluations).to_bytes())
    return str(path)


def run(documents, index_path: str, *texts: str, **settings: int):
    return step(Config(index=index_path, **settings))(documents(texts)).to_pylist()


def test_the_index(index_path: str) -> None:
    index = Index.from_bytes(Path(index_path).read_bytes())
    # sorted by evaluation; 19 words have 7 13-grams, 36 characters have 13 24-grams
    assert index.evaluations.tolist() == ["chinese", "copy", "trains"]
    assert len(QUESTION.split()) == 19
    assert index.item_ngrams.tolist() == [len(CHINESE) - 23, 7, 7, 1, 0]
    assert index.skipped == [("trains", 2)]
    assert index.word_sizes.tolist() == [5, 13]
    assert index.character_sizes.tolist() == [24]


def test_the_index_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(build_index({"x": [QUESTION], "y": [CHINESE]}).to_bytes())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_whole_quotation(documents, index_path: str) -> None:
    [row] = run(documents, index_path, f"Someone asked: «{QUESTION.upper()}?» Nobody knew.")
    assert row["contamination"] == 1.0
    assert row["contaminated_by"] == ["copy", "trains"]
    assert row["contamination_items"] == [
        {"evaluation": "copy", "item": 0, "overlap": 1.0, "ngrams": 7},
        {"evaluation": "trains", "item": 0, "overlap": 1.0, "ngrams": 7},
    ]


def test_part_of_an_item_counts_once(documents, index_path: str) -> None:
    part = " ".join(QUESTION.split()[:14])  # two 13-grams of seven
    [row] = run(documents, index_path, f"{part}. {part}!")
    assert row["contamination"] == pytest.approx(2 / 7)
    assert {item["ngrams"] for item in row["contamination_items"]} == {2}


def test_short_items_are_found_whole_or_not(documents, index_path: str) -> None:
    rows = run(
        documents,
        index_path,
        "Five words, are quite enough here",
        "five words are quite",
        "too short",
        "",
    )
    assert [row["contamination"] for row in rows] == [1.0, 0.0, 0.0, 0.0]
    assert [row["contaminated_by"] for row in rows] == [["trains"], [], [], []]


def test_scripts_without_spaces(documents, index_path: str) -> None:
    quoted = f"他说：“{CHINESE[:12]}，{CHINESE[12:30]}。”"
    [row] = run(documents, index_path, quoted)
    assert row["contaminated_by"] == ["chinese"]
    assert row["contamination"] == pytest.approx((30 - 23) / (len(CHINESE) - 23))


def test_max_items_keeps_the_largest(documents, index_path: str) -> None:
    text = f"{' '.join(QUESTION.split()[:14])} and so. Five words are quite enough"
    [row] = run(documents, index_path, text, max_items=1)
    assert [item["item"] for item in row["contamination_items"]] == [1]
    assert row["contaminated_by"] == ["copy", "trains"]


def test_an_empty_index(documents, tmp_path: Path) -> None:
    (tmp_path / "empty.npz").write_bytes(build_index({}).to_bytes())
    [row] = run(documents, str(tmp_path / "empty.npz"), QUESTION)
    assert row["contamination"] == 0.0


def test_keys_are_sorted_and_distinct(index_path: str) -> None:
    keys = Index.from_bytes(Path(index_path).read_bytes()).keys
    assert (np.diff(keys.astype(object)) > 0).all()


def test_wrong_settings() -> None:
    with pytest.raises(ValueError, match="max_items is 0"):
        Config(index="x", max_items=0)
