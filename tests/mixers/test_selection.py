"""From annotations to copies: rules, reasons, and draws that are exact in expectation."""

import hashlib

import numpy as np
import polars as pl
import pytest

from corpus.errors import PlanError
from mixers.mixture import Mixture
from mixers.selection import compiled, draw, judge, merge_strata, strata, with_thresholds

MIXTURE = Mixture.model_validate(
    {"name": "m", "rules": {"unique": "cluster_rank = 0", "long": "n_words >= 5 or kind = 'code'"}}
)
KNOWN = pl.DataFrame(schema={"cluster_rank": pl.Int32, "n_words": pl.Int32, "kind": pl.String})

NO_SQL = compiled(Mixture(name="m"), KNOWN, "")


def frame(rows: list[dict]) -> pl.DataFrame:
    defaults = {
        "split": "train",
        "cluster_rank": 0,
        "n_words": 9,
        "kind": "web",
        "source": "s",
        "n_tokens": 10,
    }
    full = [
        {"id": hashlib.md5(str(n).encode()).digest(), "language": "eng_Latn", **defaults, **row}
        for n, row in enumerate(rows)
    ]
    return pl.DataFrame(
        full, schema_overrides={"id": pl.Binary, "language": pl.String, "n_words": pl.Int32}
    )


def test_the_first_rule_that_fails_is_the_reason_and_null_fails():
    rows = frame(
        [
            {},
            {"cluster_rank": 1, "n_words": 1},
            {"n_words": 1},
            {"n_words": None},
            {"n_words": 1, "kind": "code"},
            {"split": "held_out"},
            {"split": "validation"},
        ]
    )
    judged = judge(rows, compiled(MIXTURE, KNOWN, "m.yaml"), MIXTURE)
    assert judged["reason"].to_list() == [
        None,
        "unique",
        "long",
        "long",
        None,
        "split:held_out",
        None,
    ]
    assert judged["cell"].is_null().to_list() == [False, True, True, True, False, True, False]


def test_cells_name_language_kind_source_and_band():
    bands = [{"at_least": 8, "share": 0.5}, {"at_least": 2, "below": 8, "share": 0.5}]
    mixture = Mixture.model_validate({"name": "m", "lengths": bands})
    rows = frame(
        [{"n_tokens": 8}, {"n_tokens": 7, "language": None}, {"n_tokens": 1}, {"kind": "code"}]
    )
    judged = judge(rows, NO_SQL, mixture)
    assert judged["reason"].to_list() == [None, None, "length", None]
    assert judged["cell"].to_list() == [
        {"language": "eng_Latn", "kind": "web", "source": "s", "band": "8+", "name": "", "bin": 0},
        {"language": "other", "kind": "web", "source": "s", "band": "2-8", "name": "", "bin": 0},
        None,
        {"language": "-", "kind": "code", "source": "s", "band": "8+", "name": "", "bin": 0},
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("n_wrods > 3", r"m\.yaml: rule r: unknown column 'n_wrods'; did you mean 'n_words'"),
        ("n_words >", r"m\.yaml: rule r: .* is not valid SQL"),
        ("n_words + 1", r"m\.yaml: rule r: .* gives Int.*; a rule must be true or false"),
        ("kind > 3", r"m\.yaml: rule r: .*"),
    ],
)
def test_a_wrong_rule_is_named(rule, message):
    mixture = Mixture.model_validate({"name": "m", "rules": {"r": rule}})
    with pytest.raises(PlanError, match=message):
        compiled(mixture, KNOWN, "m.yaml")


def test_thresholds_are_those_of_the_documents_own_language():
    got = with_thresholds(frame([{}, {"language": "fra_Latn"}, {"language": None}]))
    # FineWeb's default for English; data/fineweb2_thresholds.csv for French
    assert got["threshold_language_score"].to_list() == [0.65, 0.824, None]


def test_strata_sum_the_train_split_with_the_end_of_text():
    rows = frame([{}, {}, {"split": "validation"}, {"cluster_rank": 1}])
    judged = {"m": judge(rows, compiled(MIXTURE, KNOWN, ""), MIXTURE)}
    got = merge_strata([strata(rows, judged), strata(rows, judged)], ["m"])
    assert got.height == 1
    assert got.select("documents", "tokens").row(0) == (4, 4 * 11)
    alone = frame([{}, {"kind": "math", "split": "validation"}, {"kind": "code", "split": "test"}])
    judged = {"m": judge(alone, NO_SQL, Mixture(name="m"))}
    got = merge_strata([strata(alone, judged)], ["m"]).with_columns(
        pl.col("m").struct.field("kind")
    )
    assert got.select("kind", "documents", "tokens").sort("kind").rows() == [
        ("math", 0, 0),
        ("web", 1, 11),
    ]


def drawn(rates: dict[str, float], rows: pl.DataFrame, seed: int = 1) -> dict[str, pl.DataFrame]:
    judged = {stage: judge(rows, NO_SQL, Mixture(name="m")) for stage in rates}
    table = strata(rows, judged).with_columns(
        pl.lit(rate).alias(f"rate:{s}") for s, rate in rates.items()
    )
    return draw(rows, judged, table, seed)


def test_copies_are_exact_in_expectation_and_never_exceed_the_cap():
    rows = frame([{}] * 20_000)
    got = drawn({"a": 1.3, "b": 0.4, "c": 2.3}, rows)
    total = sum(got[s]["copies"].to_numpy() for s in "abc")
    assert set(total.tolist()) == {4}  # 1.3 + 0.4 + 2.3 is the whole cap, and it is met exactly
    for stage, rate in (("a", 1.3), ("b", 0.4), ("c", 2.3)):
        copies = got[stage]["copies"].to_numpy()
        assert set(copies.tolist()) <= {int(rate), int(rate) + 1}
        assert copies.mean() == pytest.approx(rate, abs=4 * 0.5 / np.sqrt(20_000))


def test_draws_do_not_depend_on_the_part_a_document_is_in():
    rows = frame([{}] * 100)
    whole = drawn({"a": 0.5}, rows)["a"]["copies"].to_list()
    halves = [drawn({"a": 0.5}, part)["a"]["copies"].to_list() for part in (rows[:37], rows[37:])]
    assert whole == halves[0] + halves[1]
    assert whole != drawn({"a": 0.5}, rows, seed=2)["a"]["copies"].to_list()


def test_a_validation_document_stands_once_at_most():
    rows = frame([{}] * 5 + [{"split": "validation"}] * 200)
    copies = drawn({"a": 3.0}, rows)["a"]["copies"].to_list()
    assert copies == [3] * 5 + [1] * 200


def test_every_row_has_a_reason():
    rows = frame([{}] * 50 + [{"split": "targets"}])
    got = drawn({"a": 0.5}, rows)["a"]
    assert set(got["reason"].to_list()) == {"selected", "not_drawn", "split:targets"}
    assert (got["copies"] > 0).to_list() == [r == "selected" for r in got["reason"].to_list()]
