"""Overlap with evaluation sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.contamination import Config, Index, build_index, step

DOCUMENTS = pa.schema([("id", pa.binary(16)), ("text", pa.large_string())])

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
    for row in run(documents, index_path, text, text, max_items=1):
        assert [item["item"] for item in row["contamination_items"]] == [1]
        assert row["contaminated_by"] == ["copy", "trains"]


def test_an_empty_index(documents, tmp_path: Path) -> None:
    (tmp_path / "empty.npz").write_bytes(build_index({}).to_bytes())
    [row] = run(documents, str(tmp_path / "empty.npz"), QUESTION)
    assert row["contamination"] == 0.0


def test_keys_are_sorted_and_distinct(index_path: str) -> None:
    keys = Index.from_bytes(Path(index_path).read_bytes()).keys
    assert (np.diff(keys.astype(object)) > 0).all()


def plain(evaluations: dict[str, list[str]], text: str) -> dict[tuple[str, int], int]:
    """The definition, for words: how many distinct n-grams of each item a text has."""
    words = text.lower().split()
    found = {}
    for name, items in evaluations.items():
        for number, item in enumerate(items):
            own = item.lower().split()
            size = min(13, len(own))
            grams = {tuple(own[k : k + size]) for k in range(len(own) - size + 1)}
            there = {tuple(words[k : k + size]) for k in range(len(words) - size + 1)}
            if size >= 5 and grams & there:
                found[name, number] = len(grams & there)
    return found


SENTENCE = st.lists(st.sampled_from(["a", "b", "on", "it", "we"]), min_size=1, max_size=24)


@settings(deadline=None)
@given(st.lists(SENTENCE, max_size=6), st.lists(SENTENCE, min_size=1, max_size=4))
def test_plain_definition(tmp_path_factory, items, texts) -> None:
    evaluations = {"x": [" ".join(words) for words in items], "w": ["a b on it we a b on"]}
    path: Path = tmp_path_factory.mktemp("index") / "index.npz"
    path.write_bytes(build_index(evaluations).to_bytes())
    joined = [" ".join(words) for words in texts]
    table = pa.table({"id": [b"0" * 16] * len(texts), "text": pa.array(joined, pa.large_string())})
    rows = step(Config(index=str(path)))(table.cast(DOCUMENTS)).to_pylist()
    for text, row in zip(joined, rows, strict=True):
        found = {(i["evaluation"], i["item"]): i["ngrams"] for i in row["contamination_items"]}
        assert found == plain(evaluations, text)
        assert row["contaminated_by"] == sorted({name for name, _ in found})


def test_wrong_settings() -> None:
    with pytest.raises(ValueError, match="max_items is 0"):
        Config(index="x", max_items=0)
