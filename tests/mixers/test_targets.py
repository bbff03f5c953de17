"""Held-out text: whose it is, how much is taken, and what the pool has too."""

import numpy as np
import polars as pl

from mixers import targets
from mixers.targets import GRAM, apart, target_of, up_to


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.uint32)


def test_a_target_is_a_kind_or_a_family():
    rows = [
        ("code", None, "code"),
        ("math", "deu_Latn", "math"),
        ("web", "deu_Latn", "Indo-European"),
        ("web", "fin_Latn", "Uralic"),
        ("web", None, "other"),
    ]
    frame = pl.DataFrame(rows, ["kind", "language", "wanted"], orient="row")
    assert frame.select(target_of()).to_series().to_list() == frame["wanted"].to_list()


def test_the_first_tokens_are_taken_and_the_last_row_is_cut():
    found = up_to([ids(1, 2), ids(3, 4, 5), ids(6)], 4)
    assert [row.tolist() for row in found] == [[1, 2], [3, 4]]
    assert [row.tolist() for row in up_to([ids(1), ids(2)], 9)] == [[1], [2]]


def test_what_the_pool_has_in_a_row_is_left_out_wherever_it_is_looked_at_together(monkeypatch):
    pool = np.arange(100, dtype=np.uint32)
    rows = [
        pool[40 : 40 + GRAM],  # a run of the pool
        np.concatenate([pool[40 : 40 + GRAM - 1], ids(500)]),  # one token less of it
        np.arange(200, 200 + GRAM, dtype=np.uint32),
        np.arange(200, 200 + GRAM - 1, dtype=np.uint32),  # too short to tell
    ]
    for together in (1 << 22, 7, 1):
        monkeypatch.setattr(targets, "TOGETHER", together)
        kept, shared = apart({"t": rows}, pool)
        assert [row.tolist() for row in kept["t"]] == [rows[1].tolist(), rows[2].tolist()]
        assert shared == {"t": 1}
