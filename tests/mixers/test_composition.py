"""What a mixture would make of a pool: equal to the allocation's own choice, by hand, and exact in the mean."""

import numpy as np
import polars as pl
import pytest

from mixers.composition import describe, drawn, expected, missed, order, supply
from mixers.mixture import Mixture
from mixers.selection import compiled
from mixers.swarm import EVEN, PROBE, baselines, draws, with_reverses
from tests.mixers.test_quality import documents
from tests.mixers.test_quality import drawn as by_allocation

PRIOR = Mixture.model_validate(
    {
        "name": "m",
        "rules": {"long": "n_tokens > 20"},
        "criteria": {
            "level": {"of": "level", "worst": 0, "best": 4},
            "short": {"of": "n_tokens", "worst": 200, "best": 0},
        },
        "cells": [
            {"name": "web", "where": "kind = 'web'", "share": 0.8, "ceiling": 3},
            {"name": "rest", "share": 0.2},
        ],
    }
)


def pool(frame: pl.DataFrame, mixture: Mixture = PRIOR):
    whole = with_reverses(mixture)
    return supply(frame, compiled(whole, frame.clear(), "m"), whole)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_allocation(seed):
    frame = documents(2000, seed)
    known = pool(frame)
    for mixture in draws(PRIOR, 2 * PROBE, seed):
        found = expected(known, mixture, 50_000.0, 4.0)
        _, rows = by_allocation(frame, mixture, 50_000.0)
        theirs = rows["expected"].fill_null(0).to_numpy()[known.rows]
        assert found == pytest.approx(theirs, rel=1e-5, abs=1e-6)


def test_numbers_that_describe_by_hand():
    frame = documents(4).with_columns(
        level=pl.Series([0, 4, 4, 0]),
        kind=pl.Series(["web", "web", "code", "code"]),
        n_tokens=pl.Series([99, 99, 49, 49]),
    )
    known = pool(frame)
    found = describe(known, np.array([0.0, 1.0, 2.0, 0.0]), 200.0)
    assert known.rows.tolist() == [0, 1, 2, 3]
    assert found["share:web"] == found["share:rest"] == 0.5
    assert found["repeats:web"] == 0
    assert found["repeats:rest"] == 0.25
    assert found["quality:web:level"] == pytest.approx(0.5 * 0.25)  # the better half of two
    assert found["quality:web:short"] == 0  # both are as short
    assert found["bend:web:level"] == pytest.approx(0)
    assert "quality:web:-level" not in found
    assert missed(known, np.array([0.0, 1.0, 2.0, 0.0]), 150.0) == 0


def test_a_proxy_reads_again_what_does_not_meet_its_budget():
    known = pool(documents(4).with_columns(n_tokens=pl.lit(99), kind=pl.lit("web")))
    copies = np.array([0.0, 1.0, 1.0, 0.0])
    assert missed(known, copies, 500.0) == pytest.approx(0.6)
    found = describe(known, copies, 500.0)
    assert found["share:web"] == 1
    assert found["repeats:web"] == pytest.approx(0.6)  # each of two is read 2.5 times
    assert describe(known, copies, 200.0)["repeats:web"] == 0


def test_draws_add_up_in_the_mean_and_streams_hold_every_copy():
    known = pool(documents(5000))
    wanted = expected(known, PRIOR, 60_000.0, 4.0)
    copies = [drawn(known, wanted, seed) for seed in range(40)]
    assert (known.tokens * np.mean(copies, axis=0)).sum() == pytest.approx(60_000, rel=0.01)
    assert max(one.max() for one in copies) <= 4
    read = order(known, copies[0], 3)
    assert np.bincount(read, minlength=5000)[known.rows].tolist() == copies[0].tolist()
    assert not np.array_equal(read, order(known, copies[0], 4))
    # few copies of a document follow each other
    assert (read[1:] == read[:-1]).mean() < 0.01


def test_draws_are_their_seed_s_and_every_sixth_is_a_probe():
    mixtures = draws(PRIOR, 2 * PROBE, 5)
    assert mixtures == draws(PRIOR, 2 * PROBE, 5)
    assert mixtures != draws(PRIOR, 2 * PROBE, 6)
    for n, mixture in enumerate(mixtures):
        ranked = [list(cell.criteria) for cell in mixture.cells]
        assert all(len(names) == (1 if n % PROBE == PROBE - 1 else 2) for names in ranked)
        Mixture.model_validate(mixture.model_dump())
    plain = draws(PRIOR, 3, 5, quality=False)
    assert [cell.criteria for mixture in plain for cell in mixture.cells] == [{}] * 6


def test_baselines_by_hand():
    known = pool(documents(3000))
    found = baselines(PRIOR, known, 1e9, epochs=4)
    shares = {name: [cell.share for cell in mixture.cells] for name, mixture in found.items()}
    assert shares["natural"] == pytest.approx(list(known.shares.values()))
    assert shares["unimax"] == pytest.approx(shares["natural"])  # all is repeated to the cap
    web, rest = shares["temperature"]
    assert web / rest == pytest.approx((shares["natural"][0] / shares["natural"][1]) ** (1 / 3.3))
    assert {cell.cutoff for cell in found["top-k"].cells} == {0.5}


def test_a_narrow_draw_keeps_half_of_the_cells_and_lies_closer():
    ranked = [
        cell.model_copy(update={"criteria": {"level": 1.0}, "cutoff": 0.123, "power": 2.0})
        for cell in PRIOR.cells
    ]
    prior = PRIOR.model_copy(update={"cells": ranked})
    wide, narrow = draws(prior, 40 * PROBE, 5), draws(prior, 40 * PROBE, 5, narrow=8.0)

    def kept(mixtures):
        return np.mean([cell.cutoff == 0.123 for mixture in mixtures for cell in mixture.cells])

    def spread(mixtures):
        return np.std([mixture.cells[0].share for mixture in mixtures])

    assert kept(wide) == 0
    assert kept(narrow) == pytest.approx(0.5 * (PROBE - 1) / PROBE, abs=0.06)
    assert spread(narrow) < 0.7 * spread(wide)


def test_a_cell_of_no_share_is_tried_too():
    shares = [{"share": 1.0}, {"share": 0.0}]
    cells = [c.model_copy(update=u) for c, u in zip(PRIOR.cells, shares, strict=True)]
    found = draws(PRIOR.model_copy(update={"cells": cells}), 300, 5)
    assert np.mean([m.cells[1].share for m in found]) == pytest.approx(EVEN / 2, abs=0.03)
