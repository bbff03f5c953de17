"""MinHash: its plain definition, and recall on the S-curve."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.minhash import Config, hash_functions, shingle_hashes, step
from corpus.segment import words
from corpus.texts import text_bytes

MASK = (1 << 64) - 1


def test_short_and_empty_texts(documents) -> None:
    table = documents(["", " \n", "one two", "one  TWO!", "...", "a b c d e", "a b c d e f"])
    rows = step(Config())(table).to_pylist()
    assert [row["n_shingles"] for row in rows] == [0, 0, 1, 1, 1, 1, 2]
    assert [row["signature"] is None for row in rows] == [True, True, *[False] * 5]
    assert [row["bands"] is None for row in rows] == [True, True, *[False] * 5]
    assert rows[2]["signature"] == rows[3]["signature"]  # case and punctuation do not count
    assert len(rows[2]["signature"]) == 112
    assert len(rows[2]["bands"]) == 14


def test_repeats_do_not_count(documents) -> None:
    once, twice = step(Config(ngram=2))(documents(["a b c a", "a b c a b c a b c a"])).to_pylist()
    assert once["n_shingles"] == twice["n_shingles"] == 3
    assert once["signature"] == twice["signature"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="ab c.中é", max_size=40), max_size=4))
def test_plain_definition(documents, texts: list[str]) -> None:
    config = Config(ngram=2, bands=3, rows=2, seed=5)
    table = documents(texts)
    hashes, offsets = shingle_hashes(*text_bytes(table), words(table), config.ngram)
    factors, terms = hash_functions(config)
    for k, row in enumerate(step(config)(table).to_pylist()):
        shingles = {int(h) for h in hashes[offsets[k] : offsets[k + 1]]}
        assert row["n_shingles"] == len(shingles)
        if shingles:
            assert row["signature"] == [
                min((a * x + b & MASK) >> 32 for x in shingles)
                for a, b in zip(factors.tolist(), terms.tolist(), strict=True)
            ]


def test_seeds_differ_and_are_kept(documents) -> None:
    table = documents(["one two three four five six"])
    first, again, other = (
        step(Config(seed=seed))(table).column("signature").to_pylist() for seed in (1, 1, 2)
    )
    assert first == again != other


def pair(rng: random.Random, shared: int, each: int) -> tuple[str, str]:
    """Two texts of one-word shingles with Jaccard similarity shared / (shared + 2 each)."""
    names = [f"w{rng.getrandbits(60):x}" for _ in range(shared + 2 * each)]
    common = names[:shared]
    return " ".join(common + names[shared : shared + each]), " ".join(
        common + names[shared + each :]
    )


@pytest.mark.parametrize(("shared", "each"), [(40, 30), (60, 20), (70, 15), (80, 10), (90, 5)])
def test_recall_is_on_the_s_curve(documents, shared: int, each: int) -> None:
    rng, pairs = random.Random(shared), 400
    texts = [text for _ in range(pairs) for text in pair(rng, shared, each)]
    sidecar = step(Config(ngram=1))(documents(texts))
    bands = np.array(sidecar.column("bands").to_pylist(), np.uint64)
    signatures = np.array(sidecar.column("signature").to_pylist(), np.uint32)
    similarity = shared / (shared + 2 * each)
    theory = 1 - (1 - similarity**8) ** 14
    met = (bands[::2] == bands[1::2]).any(axis=1).mean()
    assert met == pytest.approx(theory, abs=4 * np.sqrt(theory * (1 - theory) / pairs) + 1e-3)
    agreed = (signatures[::2] == signatures[1::2]).mean()
    assert agreed == pytest.approx(similarity, abs=0.015)


@pytest.mark.parametrize("wrong", [{"ngram": 0}, {"bands": 0}, {"rows": -1}, {"seed": -1}])
def test_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        Config(**wrong)
