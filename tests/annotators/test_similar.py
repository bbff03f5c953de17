"""Similar languages: what a set has is shared out by its n-grams, and nothing else changes."""

from __future__ import annotations

from math import exp, log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from annotators.fasttext_model import bags
from annotators.language import SIMILAR
from annotators.models.language.similar import SETS, learnt
from annotators.similar import LEAST, ODDS, RARE, STEP, WEIGHT, Similar, table
from corpus.languages import LANGUAGES
from corpus.texts import Bytes, Offsets, text_bytes

BOTH, FIRST = 11749, 26340  # buckets of an n-gram of "<ab>" and "<b>", and of one of "<ab>" alone
LABELS = ("aaa", "bbb", "ccc", "ddd")


def windows(*texts: str) -> tuple[Bytes, Offsets]:
    return text_bytes(pa.table({"text": pa.array(texts, pa.large_string())}))


@pytest.fixture
def similar(tmp_path: Path) -> Similar:
    """One set, aaa and ccc: the four n-grams of the word `x` are for aaa, 5 steps each."""
    weights = np.zeros((1 << 10, 2), np.int8)
    found, _ = bags(table(np.zeros((1 << 10, 1), np.float32)), *windows("x"))
    assert len(set(found)) == 4
    weights[found, 0] = 5
    file = tmp_path / "similar.npz"
    np.savez(file, **{"labels/one": np.array(["aaa", "ccc"]), "weights/one": weights})
    return Similar(file, LABELS)


def test_a_set_shares_out_what_it_has_by_its_n_grams(similar: Similar) -> None:
    found = np.array([[0.1, 0.6, 0.3, 0], [0.1, 0.6, 0.3, 0]], np.float32)
    similar.settle(found, *windows("x", "y y"))
    odds = exp(WEIGHT * 20 * STEP) / 3
    np.testing.assert_allclose(found[0], [0.4 * odds / (1 + odds), 0.6, 0.4 / (1 + odds), 0], 1e-6)
    np.testing.assert_allclose(found[1], [0.1, 0.6, 0.3, 0], 1e-6)  # nothing speaks for either


def test_what_is_ruled_out_or_hardly_there_stays_as_it_is(similar: Similar) -> None:
    little = LEAST / 4
    given = np.array([[0, 0.5, 0.5, 0], [little, 1 - 2 * little, little, 0]], np.float32)
    found = given.copy()
    similar.settle(found, *windows("x", "x"))
    np.testing.assert_array_equal(found, given)


def test_each_window_is_judged_by_its_own_text(similar: Similar) -> None:
    texts = ["x", "nothing", "x x", "", "y"]
    given = np.array([[0.2, 0.5, 0.3, 0]] * 5, np.float32)
    given[1] = [0, 1, 0, 0]
    together, alone = given.copy(), given.copy()
    similar.settle(together, *windows(*texts))
    for row, text in enumerate(texts):
        similar.settle(alone[row : row + 1], *windows(text))
    np.testing.assert_array_equal(together, alone)
    assert together[2, 0] > together[0, 0] > together[4, 0]


def test_a_rare_language_needs_more_than_a_frequent_one(tmp_path: Path) -> None:
    labels = ("awa_Deva", "eng_Latn", "hin_Deva")
    file = tmp_path / "similar.npz"
    weights = np.zeros((1 << 10, 2), np.int8)
    np.savez(file, **{"labels/one": np.array(["hin_Deva", "awa_Deva"]), "weights/one": weights})
    found = np.array([[0.5, 0.2, 0.3], [0.8, 0, 0.04]], np.float32)
    Similar(file, labels).settle(found, *windows("x", "x"))
    for row, (rare, frequent, both) in enumerate([(0.5, 0.3, 0.8), (0.8, 0.04, 0.84)]):
        rare *= ODDS
        assert found[row, 0] == pytest.approx(both * rare / (rare + frequent), rel=1e-5)
        assert found[row, 2] == pytest.approx(both * frequent / (rare + frequent), rel=1e-5)
    assert found[0, 1] == pytest.approx(0.2)


def test_weights_are_log_likelihoods_less_their_mean() -> None:
    found = learnt([["ab"], ["b"]])
    assert found.sum(axis=1) == pytest.approx(0)
    both, first = found[[BOTH, FIRST]]
    totals = log(0.1 * len(found) + 8) - log(0.1 * len(found) + 4)  # they have 8 and 4
    assert both[0] - both[1] == pytest.approx(-totals)
    assert first[0] - first[1] == pytest.approx(log(1.1 / 0.1) - totals)


def test_what_ships_has_every_set_and_only_the_119() -> None:
    with np.load(SIMILAR) as file:
        shipped = {
            name.removeprefix("labels/"): " ".join(file[name])
            for name in file.files
            if name.startswith("labels/")
        }
    assert shipped == SETS
    members = {label for names in SETS.values() for label in names.split()}
    assert members <= set(LANGUAGES)
    assert members > RARE
