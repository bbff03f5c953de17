"""`tokenmill label`: what is asked, what it costs, and the labelled set that comes out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner

from annotators import student, taxonomy
from corpus import open_lake
from corpus.errors import PlanError
from corpus.lake import Entry, File, Folder, write_part
from tests.conftest import ROOT
from tests.servers import TRANSPORT, Server
from tests.workflows.lakes import plan_of
from workflows.audit import Audit, Output, _check_labels, audit
from workflows.cli import main
from workflows.engines import Model
from workflows.label import SMALL, Labelled, _rows, label, lines, untrusted
from workflows.run import prepare
from workflows.steps.context import Context
from workflows.steps.label import LABELS, job
from workflows.steps.seeds import fit
from workflows.steps.strata import Strata, evenly, language_of, raced

PLAN = """\
name: labelled
seed: 3
scale: 1.0e-9
sources:
  - {name: languages, reader: jsonl, path: SAMPLES/languages.jsonl, kind: web, licence: CC0-1.0}
  - {name: notes, reader: text, path: SAMPLES/notes, kind: text, licence: CC0-1.0}
annotate: {language: {}, statistics: {}, student: {}}
models:
  judge: MODEL
label:
  dimensions: [education_level, field, safety_hazard]
  documents: {"*": 1, eng_Latn: 4, tha_Thai: 0}
  sources: [languages, notes]
  samples: 3
  per_call: 2
stages:
  general: {seq_len: 256, budget: 30.0e12, mixture: all.yaml}
resources: {part_bytes: 60000, bucket_tokens: 40000}
"""
FILES = {"all.yaml": "name: all\nrules: {long_enough: n_tokens >= 10}\n"}


def write_labels(prompt: str) -> str:
    """A scripted teacher: labels by a hash of the text, in the form that is asked for; for one text in eight none."""
    asked = prompt.rpartition("The answer's keys: reason, ")[2].partition(".")[0].split(", ")
    digest = hashlib.sha256(prompt.rpartition("<text>")[2].encode()).digest()
    if digest[0] % 8 == 0:
        return "I cannot label this."
    said = {"reason": "It says what it says."}
    for dimension in taxonomy.chosen(taxonomy.load(), asked):
        one = dimension.labels[digest[1] % len(dimension.labels)]
        said[dimension.name] = [one] if dimension.kind == "multi" else one
    return json.dumps(said)


def plan(folder, server, **changes):
    text = PLAN.replace("SAMPLES", str(ROOT / "samples"))
    model = f"{{engine: openai, model: scripted, base_url: '{server.url}', flush: 5}}"
    return plan_of(folder, text, {"MODEL": model, **changes}, FILES)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    with Server(write_labels) as server:
        found = label(plan(folder, server), str(folder / "lake"), folder / "set.jsonl", num_cpus=2)
    rows = [json.loads(line) for line in (folder / "set.jsonl").read_text().splitlines()]
    return folder, server, found, rows


def test_quotas_are_met_per_language_and_each_question_is_asked_once(made):
    folder, server, found, rows = made
    assert set(server.came.values()) == {1}
    seeds = open_lake(str(folder / "lake")).documents().select("id", "language").collect()
    language = {id_.hex(): label for id_, label in seeds.iter_rows()}
    asked = Counter(language[row["id"]] for row in rows)
    assert asked["eng_Latn"] <= 4
    assert max(n for label, n in asked.items() if label != "eng_Latn") == 1
    assert "tha_Thai" not in asked
    assert len(asked) > 80
    assert found.documents == len(rows)


def test_requests_add_up_and_what_was_turned_down_is_counted(made):
    folder, _, found, _ = made
    assert found.requests == found.accepted + sum(found.rejected.values())
    assert found.accepted == found.documents * 2 * 3  # two groups, three samples
    assert found.rejected == {"form": found.requests - found.accepted}
    result = audit(str(folder / "lake"), deep=True)
    assert result.problems == []


def test_the_labels_are_the_teachers_and_the_text_is_whole(made):
    folder, _, found, rows = made
    documents = open_lake(str(folder / "lake")).documents()
    known = documents.select("id", "text", "source", "language").collect()
    texts = {id_.hex(): (text, source) for id_, text, source, _ in known.iter_rows()}
    languages = {id_.hex(): language for id_, _, _, language in known.iter_rows()}
    for row in rows:
        assert (row["text"], row["source"]) == texts[row["id"]]
        assert row["teacher"] == "scripted"
        assert row["lang"] == languages[row["id"]]
        assert row["education_level"] in (1, 2, 3, 4)
        assert len(row["safety_hazard"]) == 1
    assert sum(found.labels["field"].values()) == len(rows)
    assert found.votes == dict.fromkeys(found.labels, 1.0)
    said = list(lines(found))
    assert said[0].startswith(f"{found.requests:,} requests = {found.accepted:,} accepted + ")
    assert said[1] == f"{len(rows)} documents labelled, in {found.languages} languages"
    assert said[2].startswith("education_level        1.00 of the answers say the label: 1 ")


def test_labels_that_too_few_answers_say_are_left_out_and_counted(tmp_path):
    def said(name, label, votes):
        return {"dimension": name, "label": label, "votes": votes, "answers": 5, "reason": ""}

    about = {"source": "s", "text": "t"}
    rows = [
        {"id": b"1" * 16, "row": 0, "language": "eng_Latn", **about}
        | {"labels": [said("field", '"law"', 3), said("education_level", "2", 2)]},
        {"id": b"2" * 16, "row": 4, "language": "", **about}
        | {"labels": [said("field", "null", 5)]},
    ]
    folder = Folder(str(tmp_path), "labels/teacher@x")
    file = write_part(folder, "s-1.parquet", pa.Table.from_pylist(rows, schema=LABELS))
    folder.commit(Entry(key="s-1", files=[file]))
    entry = SimpleNamespace(dimensions=["field", "education_level"])
    layout = SimpleNamespace(
        teacher=SimpleNamespace(labels=folder),
        plan=SimpleNamespace(model=SimpleNamespace(label=entry)),
    )
    found = Labelled(teacher="m")
    first, second = _rows(layout, 0.5, found)
    assert first == {
        "id": (b"1" * 16).hex(), "source": "s", "teacher": "m", "lang": "eng_Latn", "text": "t", "field": "law",
    }  # fmt: skip
    assert second["field"] is None
    assert "lang" not in second
    assert found.unsure == {"education_level": 1}
    assert found.labels == {"field": {"law": 1, "null": 1}, "education_level": {}}
    assert found.votes == {"field": pytest.approx(0.8), "education_level": pytest.approx(0.4)}
    assert (found.documents, found.languages) == (2, 1)
    assert "1 left out, too few agree" in list(lines(found))[-1]


def test_other_quotas_ask_nothing_again(tmp_path):
    few = {'documents: {"*": 1, eng_Latn: 4, tha_Thai: 0}': 'documents: {"*": 0, eng_Latn: 2}'}
    more = {'documents: {"*": 1, eng_Latn: 4, tha_Thai: 0}': 'documents: {"*": 0, eng_Latn: null}'}
    with Server(write_labels) as server:
        for quotas in (few, more):
            label(plan(tmp_path, server, **quotas), str(tmp_path / "lake"), tmp_path / "set.jsonl")
            asked = server.came.total()
    assert set(server.came.values()) == {1}
    assert asked > 12


def test_what_the_student_is_unsure_of_is_drawn_sooner(made):
    folder, server, _, _ = made
    known = plan(folder, server)
    layout, listings = prepare(known, str(folder / "lake"))
    seeds = job(Context(plan=known, layout=layout, engine=None, listings=listings)).seeds
    for part in seeds.parts.values():
        alike, active = (
            fit(replace(seeds, strata=replace(seeds.strata, active=active)), part)["bin"]
            for active in (1.0, 50.0)
        )
        assert (active <= alike).all()
        assert (active < alike).sum() > len(alike) / 2


def test_the_table_of_labels_opens_without_us(made):
    folder, _, found, _ = made
    catalog = open_lake(str(folder / "lake")).catalog
    (path,) = catalog.filter(pl.col("table") == "labels")["path"]
    documents = pl.read_parquet(f"{folder}/lake/{path}/*.parquet")
    assert documents.height == found.documents
    table = documents.explode("labels").unnest("labels")
    assert table.height == 3 * found.documents
    assert set(table["answers"]) == set(table["votes"]) == {3}
    assert set(table["reason"]) == {"It says what it says."}


def test_the_audit_adds_labels_up():
    counts = {"documents": 2, "labels": 3, "labels.field": 2, "labels.format": 1}
    file = File(name="x.parquet", rows=2, bytes=1, sha256="")
    for change, problems in ({}, 0), ({"labels": 4}, 1), ({"documents": 3}, 1):
        entry = Entry(key="x", files=[file], counts=counts | change)
        result = Audit()
        _check_labels(Output("labels", "", Folder("/", "labels"), {"x": entry}), result)
        assert len(result.problems) == problems


def test_a_second_time_nothing_is_asked_and_the_set_is_the_same(made, tmp_path):
    folder, server, found, _ = made
    again = label(plan(folder, server), str(folder / "lake"), tmp_path / "set.jsonl")  # it is down
    assert again == found
    assert (tmp_path / "set.jsonl").read_bytes() == (folder / "set.jsonl").read_bytes()


def test_the_set_is_the_same_whatever_fails_on_the_way(made, tmp_path):
    _, _, found, rows = made
    with Server(write_labels, faults=TRANSPORT[:3], share=0.2) as server:
        again = label(plan(tmp_path, server), str(tmp_path / "lake"), tmp_path / "set.jsonl")
    assert [json.loads(line) for line in (tmp_path / "set.jsonl").read_text().splitlines()] == rows
    assert again == found


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("  judge:", "  general:", "role judge"),
        ("[education_level, field,", "[education_levl, field,", "education_level"),
        ("sources: [languages, notes]", "sources: [language]", "languages"),
        ("  samples: 3\n", "  samples: 3\n  where: n_word > 3\n", "n_words"),
        ("statistics: {}, ", "", "statistics"),
        ("  samples: 3\n", "  samples: 3\n  taxonomy: mine.yaml\n", "mine.yaml"),
    ],
)
def test_a_plan_that_asks_nobody_or_for_nothing_that_exists_is_refused(tmp_path, old, new, what):
    with Server(write_labels) as server, pytest.raises(PlanError, match=what):
        label(plan(tmp_path, server, **{old: new}), str(tmp_path / "lake"), tmp_path / "set.jsonl")


def test_a_plan_without_questions_says_so(tmp_path):
    text = PLAN.replace("SAMPLES", str(ROOT / "samples")).partition("models:")[0]
    (tmp_path / "plan.yaml").write_text(text + "stages:" + PLAN.partition("stages:")[2])
    (tmp_path / "all.yaml").write_text(FILES["all.yaml"])
    run = CliRunner().invoke(main, ["label", str(tmp_path / "plan.yaml")])
    assert run.exit_code == 2
    assert "has no `label:`" in run.output


def test_a_small_teacher_is_not_to_be_trusted(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x" * 1000)
    small = Model(engine="vllm", model="tiny", path=str(tmp_path))
    assert "tiny has 0.00 GB of weights" in untrusted(small)
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(int(SMALL))
    assert untrusted(small) == ""
    assert untrusted(Model(engine="openai", model="m", base_url="http://127.0.0.1/v1")) == ""


def test_a_quota_is_shared_evenly():
    assert evenly(6, {"a": 9, "b": 1, "c": 9}) == {"a": 2, "b": 1, "c": 3}
    assert evenly(2, {"a": 9, "b": 1, "c": 8}) == {"a": 1, "b": 0, "c": 1}
    assert evenly(99, {"a": 9, "b": 1}) == {"a": 9, "b": 1}
    assert evenly(3, {"a": 9, "b": 8}) == evenly(3, {"a": 8, "b": 9}) == {"a": 1, "b": 2}
    assert language_of("eng_Latn|web|5|3") == language_of("eng_Latn") == "eng_Latn"


def test_a_document_of_four_times_the_odds_comes_first_four_times_as_often():
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({"u": rng.random(40_000), "odds": [1.0, 4.0] * 20_000})
    came = frame.with_columns(at=raced(pl.col("u"), pl.col("odds")))
    assert came["at"].min() >= 0
    assert came["at"].max() < 1
    early = came.filter(pl.col("at") < 0.01).group_by("odds").len().sort("odds")["len"].to_list()
    assert early[1] / early[0] == pytest.approx(4, rel=0.2)
    alike = frame.select(raced(pl.col("u"), pl.lit(1.0)))["literal"]
    assert (alike == frame["u"]).all()


def test_strata_and_odds_of_documents():
    dimensions = taxonomy.chosen(taxonomy.load(), ["education_level", "field"])
    columns = ["education_level", "education_level_score", "field", "field_score"]
    strata = Strata.of(dimensions, columns, 4.0)
    frame = pl.DataFrame(
        {
            "language": ["eng_Latn"] * 3,
            "source": ["web"] * 3,
            "n_chars": [1, 63, 64],
            "education_level": [2, 2, None],
            "education_level_score": [2.0, 2.5, None],
            "field": ["law", "law", None],
            "field_score": [1.0, 0.0, None],
        }
    )
    got = frame.select(name=strata.name, odds=strata.odds)
    assert got["name"].to_list() == ["eng_Latn|web|0|2", "eng_Latn|web|2|2", "eng_Latn|web|3|"]
    assert got["odds"].to_list() == [1.0, 4.0, 4.0]
    plain = Strata.of(dimensions, ["n_chars"], 4.0)
    assert frame.select(plain.name)["language"].to_list()[0] == "eng_Latn|web|0|"
    assert frame.select(odds=plain.odds)["odds"].to_list() == [1.0]


def test_the_student_is_there_to_be_unsure():
    assert "education_level" in student.dimensions(student.Config())
