"""Scores, ranks and copies: by hand, and what holds for any cell."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixers.allocation import BIN, CELL, allocate
from mixers.mixture import Cell, Criterion, Mixture
from mixers.quality import BINS, binned, copies, merged, normalised, ranks
from mixers.selection import compiled, draw, judge, merge_strata, strata

LEVEL = Criterion(of="level", worst=0, best=4)


def test_a_criterion_by_hand():
    values = pl.DataFrame({"x": [0, 1, 4, 9, None]})
    assert values.select(normalised(LEVEL, pl.col("x"))).to_series().to_list() == [
        0,
        0.25,
        1,
        1,
        0.5,
    ]
    short = Criterion(of="n", worst=100, best=0, missing=0)
    assert values.select(normalised(short, pl.col("x")))["literal"].to_list()[2:] == [0.96, 0.91, 0]


def test_scores_are_the_weighted_mean_and_fall_into_bins():
    cell = Cell(name="c", share=1, criteria={"a": 3, "b": 1})
    frame = pl.DataFrame({"a": [1.0, 0.0, 1.0], "b": [0.0, 0.0, 1.0]})
    score = merged(cell, {"a": pl.col("a"), "b": pl.col("b")})
    assert frame.select(score).to_series().to_list() == [0.75, 0, 1]
    assert frame.select(binned(score)).to_series().to_list() == [192, 0, BINS - 1]


def test_copies_by_hand():
    below = ranks(np.array([50.0, 0, 30, 20]))
    assert below.tolist() == [0, 0.5, 0.5, 0.8, 1]
    even = Cell(name="c", share=1)
    assert copies(below, even).tolist() == [1, 1, 1, 1]
    best = Cell(name="c", share=1, criteria={"a": 1}, cutoff=0.65)
    # of the ranks 0.5 to 0.8, which the third bin holds, half lie above 0.65
    assert copies(below, best) == pytest.approx([0, 0, 0.5, 1])
    rising = Cell(name="c", share=1, criteria={"a": 1}, power=1)
    assert copies(below, rising) == pytest.approx([0.25, 0.5, 0.65, 0.9])


@given(
    st.lists(st.integers(0, 1000), min_size=BINS, max_size=BINS),
    st.floats(0, 0.99),
    st.floats(0, 8),
)
def test_copies_never_fall_as_quality_rises(tokens, cutoff, power):
    cell = Cell(name="c", share=1, criteria={"a": 1}, cutoff=cutoff, power=power)
    found = copies(ranks(np.array(tokens, float)), cell)
    assert (np.diff(found) >= -1e-9).all()
    assert (found >= 0).all()
    assert (found <= 1 + 1e-9).all()


def mixture(**cells: dict) -> Mixture:
    return Mixture.model_validate(
        {
            "name": "m",
            "criteria": {"level": {"of": "level", "worst": 0, "best": 4}},
            "cells": [{"name": name, **cell} for name, cell in cells.items()],
        }
    )


def documents(count: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": [random.bytes(16) for _ in range(count)],
            "level": random.integers(0, 5, count),
            "kind": random.choice(["web", "code"], count, p=[0.9, 0.1]),
            "n_tokens": random.integers(1, 200, count),
            "split": "train",
            "source": "s",
            "language": "eng_Latn",
        }
    )


def drawn(frame: pl.DataFrame, of: Mixture, budget: float, cap: float = 4, parts: int = 1):
    known = frame.clear()
    by = compiled(of, known, "m")
    pieces = [frame[n::parts] for n in range(parts)]
    judged = [{"m": judge(piece, by, of)} for piece in pieces]
    summed = merge_strata([strata(p, j) for p, j in zip(pieces, judged, strict=True)], ["m"])
    found = allocate(summed, {"m": of}, {"m": budget}, cap)
    rows = [draw(p, j, found.rates, 7)["m"] for p, j in zip(pieces, judged, strict=True)]
    return found, frame.join(pl.concat(rows), on="id", maintain_order="left")


TUNED = {
    "web": {
        "where": "kind = 'web'",
        "share": 0.5,
        "criteria": {"level": 1},
        "cutoff": 0.3,
        "power": 1,
    },
    "rest": {"share": 0.5},
}


def test_the_budget_is_met_the_cap_kept_and_shares_are_those_of_the_cells():
    frame = documents(4000)
    supply = int((frame["n_tokens"] + 1).sum())
    found, rows = drawn(frame, mixture(**TUNED), supply * 0.3)
    tokens = (rows["n_tokens"] + 1) * rows["expected"]
    assert tokens.sum() == pytest.approx(supply * 0.3, rel=1e-5)
    web = rows.with_columns(tokens=tokens).filter(kind="web")["tokens"].sum()
    assert web == pytest.approx(supply * 0.15, rel=1e-5)
    assert rows["copies"].max() <= 4
    got = ((rows["n_tokens"] + 1) * rows["copies"]).sum()
    assert got == pytest.approx(supply * 0.3, rel=0.05)
    assert found.bands["shortage"].to_list() == [0]


def test_a_scarce_cell_gives_what_its_ceiling_allows_and_the_others_the_rest():
    frame = documents(4000)
    by_kind = dict(frame.group_by("kind").agg((pl.col("n_tokens") + 1).sum()).iter_rows())
    cells = {"code": {"where": "kind = 'code'", "share": 0.9, "ceiling": 2}, "rest": {"share": 0.1}}
    budget = by_kind["code"] * 3
    found, rows = drawn(frame, mixture(**cells), budget)
    assert rows.filter(kind="code")["expected"].unique().to_list() == [2]
    planned = dict(found.cells.select("name", "planned").iter_rows())
    assert planned == pytest.approx(
        {"code": by_kind["code"] * 2, "rest": budget - by_kind["code"] * 2}
    )


def test_better_documents_never_get_fewer_copies_whatever_the_parts():
    frame = documents(3000)
    whole = drawn(frame, mixture(**TUNED), 60_000.0)[1]
    split = drawn(frame, mixture(**TUNED), 60_000.0, parts=3)[1]
    assert whole.equals(split)
    expected = whole.filter(kind="web").group_by("level").agg(pl.col("expected").unique())
    levels = expected.sort("level")["expected"].to_list()
    assert all(len(level) == 1 for level in levels)
    assert [one[0] for one in levels] == sorted(one[0] for one in levels)
    assert levels[0][0] < levels[-1][0]


def test_a_document_in_no_cell_says_so_and_the_sidecar_has_the_score():
    only = mixture(web=TUNED["web"])
    rows = drawn(documents(200), only, 1000.0)[1]
    assert set(rows.filter(kind="code")["reason"]) == {"no_cell"}
    web = rows.filter(kind="web")
    assert web["score"].to_list() == (web["level"] / 4).to_list()
    assert set(web["cell"]) == {"eng_Latn|web|s||web"}
    assert rows.filter(kind="code")["score"].null_count() == rows.filter(kind="code").height


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"web": {"share": 1, "cutoff": 0.5}}, "cutoff or power but no criteria"),
        ({"web": {"share": 1, "criteria": {"levle": 1}}}, "did you mean 'level'"),
        ({"web": {"share": 0}}, "every cell has share 0"),
        ({"web": {"share": 1, "criteria": {"level": 0}}}, "one above 0"),
    ],
)
def test_impossible_cells_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        mixture(**change)


def test_strata_name_the_bin():
    frame = documents(50)
    by = compiled(mixture(**TUNED), frame.clear(), "m")
    judged = judge(frame, by, mixture(**TUNED))
    assert judged["cell"].struct.fields == [*CELL, BIN]
    assert set(judged["cell"].struct.field("bin")) == {0, 64, 128, 192, 255}
