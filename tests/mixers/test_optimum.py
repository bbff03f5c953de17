"""The search: planted optima are found, caps bind, and where nothing is known the prior stays."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mixers.composition import describe, expected, missed, supply
from mixers.mixture import Mixture
from mixers.optimum import Problem, divergence, optimum, predicted
from mixers.regression import Fit
from mixers.selection import compiled
from mixers.swarm import draws, with_reverses
from tests.mixers.test_quality import documents

PRIOR = Mixture.model_validate(
    {
        "name": "m",
        "criteria": {"level": {"of": "level", "worst": 0, "best": 4}},
        "cells": [
            {"name": "web", "where": "kind = 'web'", "share": 0.7},
            {"name": "code", "share": 0.3},
        ],
    }
)
NAMES = ["share:web", "share:code", "quality:web:level", "quality:code:level"]


def believed(predict) -> Fit:
    return Fit(
        target="t",
        model="by hand",
        reads="quality",
        numbers=4,
        bent=None,
        predict=predict,
        unseen=np.empty(0),
        errors={},
        order=1.0,
        low=1.0,
        high=1.0,
    )


def problem(predict, budget: float = 20_000.0, **settings) -> Problem:
    frame = documents(3000).with_columns(pl.col("level").cast(pl.Int64))
    whole = with_reverses(PRIOR)
    known = supply(frame, compiled(whole, frame.clear(), "m"), whole)
    return Problem(
        supply=known,
        prior=PRIOR,
        budget=budget,
        cap=4.0,
        fits=[believed(predict)],
        names=NAMES,
        **settings,
    )


def realised(of: Problem, mixture: Mixture) -> dict[str, float]:
    return describe(of.supply, expected(of.supply, mixture, of.budget, of.cap), of.budget)


def test_a_planted_share_is_found():
    of = problem(lambda x: 2 + (x[:, 0] - 0.4) ** 2, pull=0.0)
    found = realised(of, optimum(of, draws(PRIOR, 40, 1)))
    assert found["share:web"] == pytest.approx(0.4, abs=0.03)


def test_quality_that_helps_in_one_cell_is_used_there():
    of = problem(lambda x: 2 - x[:, 2] + x[:, 3], pull=0.001)
    mixture = optimum(of, draws(PRIOR, 40, 1))
    found = realised(of, mixture)
    assert found["quality:web:level"] > 0.15
    assert found["quality:code:level"] < 0.02
    Mixture.model_validate(mixture.model_dump())
    assert predicted(of, mixture)["t"] < predicted(of, PRIOR)["t"] - 0.1


def test_where_the_fits_say_nothing_the_prior_stays():
    of = problem(lambda x: np.full(len(x), 2.0), pull=0.05)
    found = realised(of, optimum(of, draws(PRIOR, 40, 1)))
    assert found["share:web"] == pytest.approx(0.7, abs=0.03)


def test_a_scarce_cell_gives_no_more_than_its_cap():
    of = problem(lambda x: 2 - x[:, 1], budget=300_000.0, pull=0.0)
    mixture = optimum(of, draws(PRIOR, 40, 1))
    copies = expected(of.supply, mixture, of.budget, of.cap)
    assert copies[of.supply.of(1)].max() == 4
    assert copies.max() <= 4 + 1e-9


def test_a_missed_budget_costs_its_share():
    budget = 2 * problem(lambda x: x).supply.tokens.sum()  # the best level alone gives less
    of = problem(lambda x: 2 - 0.1 * x[:, 2], budget=budget, pull=0.0)
    found = optimum(of, draws(PRIOR, 40, 1))
    assert missed(of.supply, expected(of.supply, found, of.budget, of.cap), of.budget) < 0.01
    # worth more than what is missed:
    of = problem(lambda x: 2 - 20 * x[:, 2], budget=budget, pull=0.0)
    found = optimum(of, draws(PRIOR, 40, 1))
    assert missed(of.supply, expected(of.supply, found, of.budget, of.cap), of.budget) > 0.1


@pytest.mark.parametrize("quality", [True, False])
def test_a_cell_without_documents_stays_as_the_prior_has_it(quality):
    cells = [
        {"name": "web", "where": "kind = 'web'", "share": 0.6},
        {
            "name": "none",
            "where": "kind = 'pdf'",
            "share": 0.15,
            "criteria": {"level": 1},
            "cutoff": 0.3,
        },
        {"name": "code", "share": 0.25},
    ]
    prior = Mixture.model_validate(PRIOR.model_dump() | {"cells": cells})
    frame = documents(3000).with_columns(pl.col("level").cast(pl.Int64))
    whole = with_reverses(prior)
    known = supply(frame, compiled(whole, frame.clear(), "m"), whole)
    one = problem(lambda x: 2 + (x[:, 0] - 0.4) ** 2, pull=0.0)
    of = replace(one, supply=known, prior=prior, quality=quality)
    found = optimum(of, draws(prior, 40, 1))
    web, none, code = found.cells
    assert none.share == pytest.approx(0.15)
    assert web.share + code.share == pytest.approx(0.85, abs=1e-5)
    assert realised(of, found)["share:web"] == pytest.approx(0.4, abs=0.03)
    assert (none.criteria, none.cutoff) == (({"level": 1}, 0.3) if quality else ({}, 0))


def test_the_search_is_its_seed_s():
    of = problem(lambda x: 2 + (x[:, 0] - 0.4) ** 2)
    starts = draws(PRIOR, 40, 1)
    assert optimum(of, starts, seed=1) == optimum(of, starts, seed=1)


def test_divergence_by_hand():
    even = np.array([1.0, 1.0])
    assert divergence(even, even * 7) == 0
    assert divergence(np.array([3.0, 0.0]), np.array([0.25, 0.75])) == pytest.approx(np.log(4))


def test_no_document_is_left_out_for_nothing():
    of = problem(lambda x: np.full(len(x), 2.0), pull=0.05)
    copies = expected(of.supply, optimum(of, draws(PRIOR, 40, 1)), of.budget, of.cap)
    for cell in range(2):
        mine = copies[of.supply.of(cell)]
        assert mine.min() > 0.8 * mine.max()


def test_without_instance_terms_cells_are_taken_alike():
    ranked = PRIOR.model_copy(
        update={
            "cells": [
                c.model_copy(update={"criteria": {"level": 1.0}, "cutoff": 0.5})
                for c in PRIOR.cells
            ]
        }
    )
    of = replace(problem(lambda x: 2 + (x[:, 0] - 0.4) ** 2), prior=ranked, quality=False)
    assert {cell.cutoff for cell in optimum(of, draws(PRIOR, 40, 1)).cells} == {0}


def test_without_a_target_there_is_no_optimum():
    of = problem(lambda x: x)
    empty = replace(of, fits=[])
    with pytest.raises(ValueError, match="no target can be predicted"):
        optimum(empty, draws(PRIOR, 8, 1))
