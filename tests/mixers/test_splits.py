"""Groups stay together, and what was kept out once is never trained on."""

import numpy as np
import polars as pl
import pytest

from mixers.splits import assign, link


def documents(rows: list[tuple[int, str | None, bool, bool]]) -> pl.DataFrame:
    schema = {
        "group": pl.UInt64,
        "previous": pl.String,
        "kept_out": pl.Boolean,
        "trained": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_the_table_of_cases():
    rows = [
        (1, "validation", True, False),  # stays
        (1, None, True, False),  # joins a group that is in validation: kept out of training
        (1, "train", True, True),  # a bridge joined it: kept out from now on
        (2, None, False, True),  # joins a group that trains
        (3, "held_out", False, True),  # was kept out before: stays out
        (4, "targets", True, False),
    ]
    got = assign(documents(rows), seed=1, validation=0.0, targets=0.0)
    assert got["split"].to_list() == [
        "validation",
        "held_out",
        "held_out",
        "train",
        "held_out",
        "targets",
    ]


def test_new_groups_are_drawn_whole_and_in_proportion():
    groups = np.repeat(np.random.default_rng(1).integers(0, 2**63, 20_000), 2)
    rows = [(int(g), None, False, False) for g in groups]
    got = assign(documents(rows), seed=1, validation=0.1, targets=0.05)
    share = got["split"].value_counts(normalize=True)
    shares = dict(share.iter_rows())
    assert shares["validation"] == pytest.approx(0.1, abs=0.01)
    assert shares["targets"] == pytest.approx(0.05, abs=0.01)
    assert got.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1


def test_links_of_different_kinds_never_meet():
    assert link("parent", "x") != link("repository", "x")
    assert link("cluster", b"\x01") == link("cluster", b"\x01") < 0
