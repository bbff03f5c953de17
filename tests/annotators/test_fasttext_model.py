"""The answers of fastText itself, from its own library, on lid.176 and on small trained models."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import fasttext_pybind
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.fasttext_model import Classifier, _extended, _hashed, bags, network, sums
from annotators.language import lid176_path

SAMPLES = Path(__file__).parents[2] / "samples/languages.jsonl"
SMALL = {
    "characters": {"minn": 1, "maxn": 3, "bucket": 97},
    "words only": {"minn": 0, "maxn": 0, "bucket": 0},
    "no known word": {"minn": 2, "maxn": 4, "bucket": 1000, "minCount": 1000},
    "softmax": {"minn": 1, "maxn": 3, "bucket": 97, "loss": fasttext_pybind.loss_name.softmax},
}
ODD = ["__label__en", "__label__x", "__label__", "__labe", "</s>", "</s", "<", ">", "a", "the", "и"]
SEPARATORS = [" ", "\n", "\r", "\t", "\v", "\f", "\0", "\x1c", "\x85", "\u2028", ""]

Reference = Callable[[bytes], dict[str, float]]


def reference(path: Path) -> Reference:
    model = fasttext_pybind.fasttext()
    model.loadModel(str(path))

    def predict(text: bytes) -> dict[str, float]:
        found = model.predict(text + b"\n", -1, 0.0, "replace")
        return {label.removeprefix("__label__"): probability for probability, label in found}

    return predict


@cache
def lid176() -> tuple[Classifier, Reference]:
    return Classifier(lid176_path()), reference(lid176_path())


def check(model: Classifier, answer: Reference, texts: Sequence[bytes]) -> list[str | None]:
    """The most probable label of each text, after comparing the probabilities of all with fastText's."""
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    found = model.probabilities(np.frombuffer(b"".join(texts), np.uint8), offsets)
    expected = [answer(text) for text in texts]
    for row, scores in zip(found, expected, strict=True):
        assert np.abs(row - [scores.get(label, 0.0) for label in model.labels]).max() < 2e-5
    return [model.labels[row.argmax()] if row.any() else None for row in found]


def train(folder: Path, **settings: object) -> Path:
    """A model of nine labels, of different counts, and made-up words."""
    rng = random.Random(1)
    lines = []
    for label in range(9):
        letters = rng.sample("abcdefghijklmnopéüжяक中文", 8)
        for _ in range(4 + label * label):
            words = ["".join(rng.choices(letters, k=rng.randint(1, 5))) for _ in range(9)]
            lines.append(f"__label__{label} {' '.join(words)}\n")
    source = folder / "train.txt"
    source.write_text("".join(lines), encoding="utf-8")
    args = fasttext_pybind.args()
    plain = {"input": str(source), "output": str(folder / "model"), "dim": 7, "thread": 1}
    rates = {"lr": 1.0, "epoch": 50, "minCount": 1, "wordNgrams": 1, "verbose": 0}
    names = {
        "model": fasttext_pybind.model_name.supervised,
        "loss": fasttext_pybind.loss_name.hs,
        "label": "__label__",
    }
    for name, value in {**plain, **rates, **names, **settings}.items():
        setattr(args, name, value)
    model = fasttext_pybind.fasttext()
    fasttext_pybind.train(model, args)
    model.saveModel(str(folder / "model.bin"))
    return folder / "model.bin"


def test_samples_of_all_languages() -> None:
    rows = map(json.loads, SAMPLES.read_text(encoding="utf-8").splitlines())
    texts = [row["text"].replace("\n", " ").encode() for row in rows]
    labels = check(*lid176(), texts)
    assert len(texts) == 119
    assert len(set(labels)) > 80


def test_hostile(hostile_texts: list[str]) -> None:
    check(*lid176(), [text.encode() for text in hostile_texts])


def test_no_text() -> None:
    assert check(*lid176(), []) == []


@pytest.mark.parametrize("word", ODD)
@pytest.mark.parametrize("separator", SEPARATORS)
def test_odd_words(word: str, separator: str) -> None:
    texts = [word, f"{separator}{word}", f"un mot {word}{separator}de plus", f"{word}{separator}"]
    check(*lid176(), [text.encode() for text in texts])


@given(
    st.lists(st.lists(st.sampled_from([*ODD, *SEPARATORS]) | st.text(), max_size=8).map("".join))
)
def test_any_text(texts: list[str]) -> None:
    check(*lid176(), [text.encode() for text in texts])


@given(st.lists(st.binary(max_size=60)))
def test_any_bytes(texts: list[bytes]) -> None:
    check(*lid176(), texts)


def test_cut_characters() -> None:
    text = "Съешь ещё этих 中文字 мягких 😀 булок".encode()
    check(*lid176(), [text[start:end] for start in range(9) for end in range(20, len(text))])


@pytest.mark.parametrize("name", SMALL)
def test_small_models(tmp_path: Path, name: str) -> None:
    path = train(tmp_path, **SMALL[name])
    lines = (tmp_path / "train.txt").read_text(encoding="utf-8").splitlines()
    known = [line.split(" ", 1)[1] for line in lines]
    texts = ["", " ", "a b", "é中", "q", "__label__1 a", "a </s> b", "a\nb", *known]
    labels = check(Classifier(path), reference(path), [text.encode() for text in texts])
    assert len(set(labels[8:])) > 5
    assert (labels[0] is None) == (name == "no known word")


def test_hash_is_fnv_1a_of_signed_bytes() -> None:
    def digest(text: bytes) -> int:
        h = np.uint32(2166136261)
        for byte in np.frombuffer(text, np.uint8):
            h = _hashed(h, _extended(byte))
        return int(h)

    assert digest(b"a") == 0xE40C292C
    assert digest(b"foobar") == 0xBF9CF968
    unsigned = 2166136261 ^ 0xE9
    assert digest(b"\xe9") == ((unsigned ^ 0xFFFFFF00) * 16777619) % 2**32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wordNgrams": 2, "bucket": 100}, "wordNgrams is 2"),
        ({"loss": fasttext_pybind.loss_name.ova}, "loss 4"),
    ],
)
def test_other_models_are_refused(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Classifier(train(tmp_path, **settings))


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    for content in ("no model at all", "none", ""):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r"notes\.txt is not a fastText model"):
            Classifier(path)


def test_sums_add_what_bags_name() -> None:
    rng = np.random.default_rng(3)
    words = [b"one", "дом".encode(), b"longer"]
    rows, grams = (rng.normal(size=(n, 4)).astype(np.float32) for n in (3, 64))
    net = network(words, rows, grams, 1, 3)
    texts = ["one дом  other", "", "longer one", "中文 x"]
    data = np.frombuffer("".join(texts).encode(), np.uint8)
    offsets = np.cumsum([0, *(len(text.encode()) for text in texts)], dtype=np.int64)
    numbers, ends = bags(net, data, offsets)
    vectors = np.concatenate([rows, grams])
    by_hand = [vectors[numbers[lo:hi]].sum(axis=0) for lo, hi in pairwise(ends)]
    assert sums(net, data, offsets) == pytest.approx(np.array(by_hand), abs=1e-5)
    assert [n for n in numbers[: ends[1]] if n < 3] == [0, 1]
    assert int(ends[2] - ends[1]) == 0
