"""Budgets to rates: hand-worked cases, and the properties that hold for any supply."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixers.allocation import BIN, CELL, allocate, fill, targets, unimax
from mixers.mixture import Mixture


def cell(kind: str, language: str = "eng_Latn", band: str = "") -> dict[str, str]:
    return {"language": language, "kind": kind, "source": kind, "band": band, "name": "", "bin": 0}


def strata(rows: list[tuple[int, dict]]) -> pl.DataFrame:
    """rows: (tokens, {stage: cell or None})."""
    stages = rows[0][1].keys()
    fields = pl.Struct(dict.fromkeys(CELL, pl.String) | {BIN: pl.Int16})
    columns = {s: pl.Series(s, [r[1][s] for r in rows], dtype=fields) for s in stages}
    return pl.DataFrame({**columns, "documents": [1] * len(rows), "tokens": [r[0] for r in rows]})


@pytest.mark.parametrize(
    ("weights", "capacity", "amount", "expected"),
    [
        ([1, 1, 1], [1, 5, 10], 9, [1, 4, 4]),  # the first is full, the others share 8
        ([1, 2, 1], [9, 9, 9], 4, [1, 2, 1]),  # all fits, in proportion
        ([1, 1], [2, 3], 100, [2, 3]),  # not enough
        ([0, 1], [5, 5], 3, [0, 3]),  # no weight, no share
        ([1, 1], [0, 0], 3, [0, 0]),
    ],
)
def test_fill_by_hand(weights, capacity, amount, expected):
    got = fill(np.array(weights, float), np.array(capacity, float), amount)
    assert got.tolist() == pytest.approx(expected)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 1.0, 3.0, 70.0]), st.floats(0, 100)),
        min_size=1,
        max_size=20,
    ),
    st.floats(0, 500),
)
def test_fill_meets_the_amount_or_the_capacity(pairs, amount):
    weights, capacity = (np.array(c, float) for c in zip(*pairs, strict=True))
    got = fill(weights, capacity, amount)
    assert (got <= capacity + 1e-9).all()
    assert got.sum() == pytest.approx(min(amount, capacity[weights > 0].sum()), rel=1e-6, abs=1e-6)


def test_unimax_by_hand():
    # 12 over three languages: even would be 4 each; the smallest has 1 x 2 epochs, the others share 10
    got = unimax(np.array([1.0, 10.0, 100.0]), 12.0, 2.0)
    assert got.tolist() == pytest.approx([2, 5, 5])


def test_natural_shares_follow_supply_and_weights_multiply_them():
    supply = pl.DataFrame([cell("web") | {"supply": 300}, cell("code", "-") | {"supply": 100}])
    natural = targets(supply, Mixture(name="n"), 40.0)
    assert natural.tolist() == pytest.approx([30, 10])
    heavier = Mixture.model_validate({"name": "n", "weights": [{"kind": "code", "weight": 3}]})
    assert targets(supply, heavier, 60.0).tolist() == pytest.approx([30, 30])


def test_temperature_brings_languages_closer_and_leaves_code_alone():
    rows = [
        cell("web", "a") | {"supply": 900},
        cell("web", "b") | {"supply": 100},
        cell("code", "-") | {"supply": 1000},
    ]
    mixture = Mixture.model_validate(
        {"name": "n", "languages": {"method": "temperature", "temperature": 2}}
    )
    # square roots: 30 and 10 of the 1000 tokens that are language, so 750 and 250
    assert targets(pl.DataFrame(rows), mixture, 2000.0).tolist() == pytest.approx([750, 250, 1000])


def test_the_repetition_cap_holds_over_all_stages_and_the_rest_is_a_named_shortage():
    mixtures = {"one": Mixture(name="one"), "two": Mixture(name="two")}
    table = strata([(100, {"one": cell("web"), "two": cell("web")})])
    got = allocate(table, mixtures, {"one": 300.0, "two": 150.0}, cap=4.0)
    # the last stage is served first: 1.5 copies; 2.5 are left for the first, 50 tokens are short
    assert got.rates["rate:two"].to_list() == pytest.approx([1.5])
    assert got.rates["rate:one"].to_list() == pytest.approx([2.5])
    assert got.bands.filter(pl.col("stage") == "one")["shortage"].to_list() == pytest.approx([50])
    assert got.bands.filter(pl.col("stage") == "two")["shortage"].to_list() == [0]


def test_what_a_capped_cell_cannot_take_goes_to_the_others_of_the_stage():
    mixture = Mixture.model_validate({"name": "n", "weights": [{"kind": "math", "weight": 100}]})
    table = strata([(10, {"s": cell("math")}), (1000, {"s": cell("web")})])
    got = allocate(table, {"s": mixture}, {"s": 540.0}, cap=4.0)
    assert got.rates["rate:s"].to_list() == pytest.approx([4.0, 0.5])
    assert got.bands["shortage"].to_list() == [0]


def test_length_bands_keep_their_shares_and_are_never_filled_from_another():
    bands = [{"at_least": 8, "share": 0.75}, {"at_least": 2, "below": 8, "share": 0.25}]
    mixture = Mixture.model_validate({"name": "n", "lengths": bands})
    table = strata([(100, {"s": cell("web", band="8+")}), (100, {"s": cell("web", band="2-8")})])
    met = allocate(table, {"s": mixture}, {"s": 400.0}, cap=4.0)
    assert met.rates["rate:s"].to_list() == pytest.approx([3.0, 1.0])
    short = allocate(table, {"s": mixture}, {"s": 800.0}, cap=4.0)
    assert short.rates["rate:s"].to_list() == pytest.approx([4.0, 2.0])
    assert short.bands["shortage"].to_list() == pytest.approx([200, 0])


@given(
    st.lists(
        st.tuples(st.integers(1, 1000), st.booleans(), st.booleans()), min_size=1, max_size=12
    ),
    st.floats(1, 5000),
    st.floats(1, 5000),
)
def test_rates_meet_budget_or_cap_for_any_supply(rows, budget_one, budget_two):
    table = strata(
        [
            (tokens, {"one": cell(f"k{n}") if a else None, "two": cell(f"k{n % 2}") if b else None})
            for n, (tokens, a, b) in enumerate(rows)
        ]
    )
    mixtures = {"one": Mixture(name="one"), "two": Mixture(name="two")}
    got = allocate(table, mixtures, {"one": budget_one, "two": budget_two}, cap=4.0)
    tokens = got.rates["tokens"].to_numpy()
    total = sum(got.rates[f"rate:{s}"].to_numpy() for s in mixtures)
    assert (total <= 4.0 + 1e-9).all()
    for stage, budget in (("one", budget_one), ("two", budget_two)):
        rate = got.rates[f"rate:{stage}"].to_numpy()
        assert (rate[got.rates[stage].is_null().to_numpy()] == 0).all()
        shortage = got.bands.filter(pl.col("stage") == stage)["shortage"].sum()
        assert (tokens * rate).sum() + shortage == pytest.approx(budget, rel=1e-5)


def test_validation_documents_alone_in_a_bin_are_taken_like_their_cell():
    ranked = Mixture.model_validate(
        {
            "name": "m",
            "criteria": {"c": {"of": "n", "worst": 0, "best": 1}},
            "cells": [
                {"name": "x", "where": "true", "share": 1, "criteria": {"c": 1}, "cutoff": 0.5},
                {"name": "y", "where": "true", "share": 1},
            ],
        }
    )
    x, y = cell("web") | {"name": "x"}, cell("web") | {"name": "y"}
    bins = [(100, 10), (0, 20), (100, 30), (0, 40), (100, 50), (100, 60), (0, 70)]
    table = strata([(tokens, {"s": x | {"bin": n}}) for tokens, n in bins] + [(0, {"s": y})])
    got = allocate(table, {"s": ranked}, {"s": 100}, cap=4.0)
    # of 400 tokens the better half: 200, each half a time; the lowest bin of them has none below it
    assert got.rates["rate:s"].to_list() == pytest.approx([0, 0, 0, 0.5, 0.5, 0.5, 0.5, None])
    assert got.cells["name"].to_list() == ["x"]
    assert got.bands["planned"].sum() == pytest.approx(100)
