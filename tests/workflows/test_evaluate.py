"""`tokenmill evaluate` and `tokenmill train-student`: from labels to figures, a page, a student and a column."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from annotators import student, taxonomy
from annotators.evaluation import calibration_error
from corpus import open_lake
from tests.annotators.students import POLITENESS, base, rows
from tests.conftest import ROOT
from workflows import evaluate as evaluation
from workflows import labelled
from workflows.cli import main
from workflows.evaluate import evaluate
from workflows.plan import load_plan
from workflows.run import run
from workflows.train_student import train_student

PLAN = """\
name: polite
seed: 1
scale: 1.0e-9
sources:
  - {name: letters, reader: jsonl, path: letters.jsonl, kind: text, licence: CC0-1.0}
annotate: {language: {}, student: {model: MODEL}}
stages:
  general: {seq_len: 128, budget: 30.0e12, mixture: polite.yaml}
"""


def tokenmill(*arguments: object):
    return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="tokenmill")


def write(path, labelled) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in labelled))


@pytest.fixture(scope="module")
def languages():
    """The sample texts of all 119, by their own labels."""
    lines = (ROOT / "samples" / "languages.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [{"text": row["text"], "lang": row["lang"]} for row in found]


def test_languages_are_measured_and_shown(languages, tmp_path) -> None:
    code = {"text": "def f(x): return {k: v for k, v in x.items() if v}", "lang": "eng_Latn"}
    write(tmp_path / "set.jsonl", [*languages, code])
    out = tmp_path / "page.html"
    asked = ["evaluate", "language", "--data", tmp_path / "set.jsonl", "--out", out]
    result = tokenmill(*asked, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    (one,) = found["results"]
    assert found["rows"] == one["all"]["accuracy"]["texts"] == 120
    assert one["abstained"] == 1
    assert one["all"]["macro_f1"]["value"] > 0.9
    assert one["languages"]["fra_Latn"]["value"] == 1
    assert one["languages"]["fra_Latn"]["texts"] == 1
    page = out.read_text()
    assert "fra_Latn" in page
    assert "macro_f1" in page
    plain = tokenmill(*asked)
    assert "120 rows" in plain.output
    assert "language               abstained on 1" in plain.output
    assert "language               macro_f1" in plain.output


def test_rows_that_cannot_be_used_are_counted(languages, tmp_path) -> None:
    path = tmp_path / "set.jsonl"
    write(path, languages[:20])
    with path.open("a") as file:
        file.write('no JSON\n{"lang": "eng_Latn"}\n{"text": "a", "lang": "xyz"}\n{"text": "b"}\n')
    result = tokenmill(
        "evaluate", "language", "--data", path, "--out", tmp_path / "p.html", "--json"
    )
    assert json.loads(result.output)["skipped"] == {
        "not JSON": 1,
        "without text": 1,
        "lang 'xyz' is none of the 119": 1,
        "without a label": 1,
    }


BAD = {
    '{"text": "a", "politeness": 1, "lang": ["eng_Latn"]}': "lang \"['eng_Latn']\" is none of the 119",
    r'{"text": "a\ud800", "politeness": 1}': "text with half a character",
    '{"text": "caf\xe9", "politeness": 1}': "not JSON",  # a byte of Latin-1
    "[" * 200_000: "not JSON",
    '{"text": "a", "politeness": 1, "weight": "x"}': "a weight that is no number above 0",
    '{"text": "a", "politeness": 1, "weight": NaN}': "a weight that is no number above 0",
    '{"text": "a", "politeness": 1, "weight": -50}': "a weight that is no number above 0",
    '{"text": "a", "politeness": 1, "group": ["a"]}': "a group that is no name or whole number",
    '{"text": "a", "politeness": 1.0}': "politeness: unknown value '1.0'",
}


def test_a_bad_row_is_counted_and_the_others_go_on(tmp_path) -> None:
    (tmp_path / "politeness.yaml").write_text(POLITENESS)
    known = taxonomy.load(str(tmp_path / "politeness.yaml"))
    for line, reason in BAD.items():
        (tmp_path / "set.jsonl").write_bytes(
            b'{"text": "good", "politeness": 2, "weight": null}\n' + line.encode("latin-1")
        )
        rows, skipped = labelled.read(tmp_path / "set.jsonl", known)
        assert [row["text"] for row in rows] == ["good"]
        ((why, count),) = skipped.items()
        assert (count, why[: len(reason)]) == (1, reason)


def test_texts_in_no_language_and_those_named_all_the_same_are_counted(languages, tmp_path) -> None:
    none = [{"text": "for (i = 0; i < n; i++) { s += a[i]; } return s;", "lang": "none"}] * 3
    taken = [{"text": "This is plain English, whatever the label says of it.", "lang": "none"}]
    write(tmp_path / "set.jsonl", [*languages[:40], *none, *taken])
    found = evaluate("language", tmp_path / "set.jsonl").results[0]
    assert (found.all["accepted"].value, found.all["accepted"].texts) == (0.25, 4)
    assert found.all["by_group"].value > 0.95
    assert found.languages["none"].value == pytest.approx(6 / 7)  # 3 of 3 said, 3 of 4 found


def test_a_language_that_no_text_has_does_not_lower_the_mean(monkeypatch, tmp_path) -> None:
    said = ["eng_Latn"] * 99 + ["deu_Latn"]
    found = evaluation._languages(
        ["eng_Latn"] * 100,
        [{"language": one, "language_group": one, "language_score": 0.9} for one in said],
    )
    assert found.all["macro_f1"].value == pytest.approx(2 * 99 / 199)
    assert found.ece == pytest.approx(0.09)  # 0.9 sure, 0.99 right


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["langage", "--data", "DATA"], "unknown annotator 'langage'; did you mean 'language'"),
        (["statistics", "--data", "DATA"], "statistics has no labels of its own"),
        (["language", "--data", "DATA"], "no row has `text` and one of lang: without a label (1)"),
        (["language", "--data", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["language", "--data", "DATA", "--model", "DATA"], "evaluate language: "),
        (["student", "--data", "DATA", "--model", "nope.npz"], "nope.npz is no student"),
        (["student", "--data", "DATA", "--model", "EMPTY"], "EMPTY is no student"),
        (["student", "--data", "DATA", "--model", "ARRAY.npy"], "ARRAY.npy is no student"),
    ],
)
def test_a_mistake_is_named(tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DATA").write_text('{"text": "a"}\n')
    (tmp_path / "EMPTY").write_text("")
    np.save(tmp_path / "ARRAY.npy", np.zeros(3))
    result = tokenmill("evaluate", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_new_dimension_from_its_entry_to_a_column_that_rules_use(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "politeness.yaml").write_text(POLITENESS)
    write(tmp_path / "labels.jsonl", rows(400))
    write(tmp_path / "test.jsonl", [*rows(150, seed=4), {"text": " ", "politeness": 2}])
    result = tokenmill(
        *("train-student", "--data", "labels.jsonl", "--taxonomy", "politeness.yaml"),
        *("--base", base(tmp_path), "--out", "ours.npz"),
    )
    assert result.exit_code == 0, result.output
    assert "politeness" in result.output
    assert "  on" in result.output
    assert (
        "Turkic         right 0.99 (0.93 to 1.00), the most frequent label 0.33; temperature"
        in result.output
    )
    assert "right, each by a head without the text" in result.output
    assert "eng_Latn    160  0.99 (0.96 to 1.00)" in result.output

    result = tokenmill(
        *("evaluate", "student", "--data", "test.jsonl", "--model", "ours.npz", "--json")
    )
    assert result.exit_code == 0, result.output
    (one,) = json.loads(result.output)["results"]
    assert one["name"] == "politeness"
    assert one["abstained"] == 1
    assert one["all"]["kappa"]["texts"] == 150
    assert one["all"]["kappa"]["value"] > 0.9
    assert set(one["languages"]) == {"eng_Latn", "deu_Latn", "tur_Latn"}
    pupil = student.load(tmp_path / "ours.npz")
    every = pupil.heads["politeness"].probabilities(
        pupil.features([str(row["text"]) for row in rows(150, seed=4)])
    )
    right = every.argmax(axis=1) + 1 == [row["politeness"] for row in rows(150, seed=4)]
    assert one["ece"] == pytest.approx(calibration_error(every.max(axis=1), right), abs=1e-3)

    write(tmp_path / "letters.jsonl", rows(60, seed=7))
    (tmp_path / "polite.yaml").write_text("name: polite\nrules: {polite: politeness >= 3}\n")
    (tmp_path / "plan.yaml").write_text(PLAN.replace("MODEL", str(tmp_path / "ours.npz")))
    run(load_plan(str(tmp_path / "plan.yaml")), str(tmp_path / "lake"), num_cpus=1)
    lake = open_lake(str(tmp_path / "lake"))
    found = lake.documents("letters").select("text", "politeness", "politeness_score").collect()
    assert found["politeness"].dtype == pl.Int8
    wanted = {row["text"]: row["politeness"] for row in rows(60, seed=7)}
    right = sum(wanted[text] == level for text, level, _ in found.rows())
    assert right > 54
    chosen = lake.selections("general").collect()
    taken = chosen.filter(pl.col("reason") == "selected").height
    assert taken == found.filter(pl.col("politeness") >= 3).height


def test_tune_adds_a_number_for_the_dimension_to_the_vectors(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "politeness.yaml").write_text(POLITENESS)
    write(tmp_path / "labels.jsonl", rows(400))
    asked = ["train-student", "--data", "labels.jsonl", "--taxonomy", "politeness.yaml"]
    for option, size in (([], 24), (["--tune"], 25)):
        result = tokenmill(*asked, "--base", base(tmp_path), "--out", "ours.npz", *option)
        assert result.exit_code == 0, result.output
        assert student.load(tmp_path / "ours.npz").reader.size == size


def test_a_wrong_base_and_too_few_labels_are_named(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "politeness.yaml").write_text(POLITENESS)
    write(tmp_path / "labels.jsonl", rows(30))
    asked = ["train-student", "--data", "labels.jsonl", "--taxonomy", "politeness.yaml"]
    result = tokenmill(*asked, "--base", "nowhere.npz")
    assert (result.exit_code, "nowhere.npz is no student" in result.output) == (2, True)
    result = tokenmill(*asked, "--base", base(tmp_path))
    assert result.exit_code == 2
    assert "labelled texts to fit on; it takes 40: label more" in result.output
    result = tokenmill(*asked, "--base", base(tmp_path), "--out", "nowhere/ours.npz")
    assert (result.exit_code, "there is no folder nowhere" in result.output) == (2, True)


def test_a_dimension_with_too_few_labels_is_left_out_and_the_others_go_on(tmp_path, caplog) -> None:
    (tmp_path / "own.yaml").write_text(POLITENESS + POLITENESS.replace("politeness", "warmth"))
    write(
        tmp_path / "labels.jsonl",
        [row | ({"warmth": 2} if n < 9 else {}) for n, row in enumerate(rows(200))],
    )
    measured = train_student(
        tmp_path / "labels.jsonl",
        tmp_path / "ours.npz",
        own=str(tmp_path / "own.yaml"),
        base=base(tmp_path),
    )
    assert list(measured) == ["politeness"]
    assert "warmth: " in caplog.text
    assert "labelled texts to fit on; it takes 40" in caplog.text


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("nowhere.npz", "is no student: No such file or directory"),
        ("letters.jsonl", "is no student: not a file of `tokenmill train-student`"),
    ],
)
def test_a_plan_with_a_wrong_model_is_refused(tmp_path, monkeypatch, model, message) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "polite.yaml").write_text("name: polite\n")
    (tmp_path / "plan.yaml").write_text(PLAN.replace("MODEL", model))
    result = tokenmill("run", "plan.yaml", "--lake", tmp_path / "lake")
    assert result.exit_code == 2
    assert f"annotate.student: {model} {message}" in result.output
