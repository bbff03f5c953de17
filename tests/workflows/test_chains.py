"""Recipes that wait for each other, ask several times, or write in another language."""

from __future__ import annotations

import json

import polars as pl
import pytest

from corpus import open_lake
from corpus.errors import PlanError
from tests.servers import Server
from tests.workflows.lakes import plan_of, shard_hashes
from workflows.audit import audit
from workflows.run import run, summary
from workflows.trace import trace

PASSAGE = """\
The ferry carries 40 bicycles and 120 people on each crossing, and it crosses the river 6 times \
a day from spring to autumn. In winter it crosses 2 times a day, because few people want to sit \
in the wind on the open deck. The crew is three people: one steers, one looks after the engine, \
and one sells tickets and helps with the ropes. A crossing takes 15 minutes when the river is \
calm, and longer after rain, when the current is strong and branches drift by in the water.
"""
GERMAN = """\
Die Fähre bringt bei jeder Überfahrt 40 Fahrräder und 120 Menschen ans andere Ufer, und vom \
Frühling bis zum Herbst fährt sie 6 Mal am Tag über den Fluss. Im Winter fährt sie 2 Mal am Tag, \
denn dann mag kaum jemand im Wind auf dem offenen Deck sitzen. Eine Überfahrt dauert bei ruhigem \
Wasser 15 Minuten; nach Regen, wenn die Strömung stark ist, dauert sie länger.
"""
PROBLEM = (
    "A ferry carries 120 people on each crossing and crosses a river 6 times on each of 30 days. "
    "How many people can it carry in that time?"
)
SOLUTION = (
    "On one day it carries 120 * 6 = 720 people, because every crossing can be full. "
    "On 30 days it carries 720 * 30 = 21600 people. The final answer is \\boxed{21600}"
)
PLAN = """\
name: chains
scale: 1.0e-9
sources:
  - {name: notes, reader: text, path: notes, kind: text, licence: CC0-1.0}
annotate: {language: {}, statistics: {}}
models:
  math: MODEL
  general: MODEL
synthesise:
  - {recipe: math_problem, sources: [notes], documents: {eng_Latn: null}, rounds: 1}
  - {recipe: cross_language, sources: [notes], documents: {"*": null}, targets: [deu_Latn, eng_Latn], rounds: 1}
  - {recipe: math_solution, sources: [synth.math_problem], documents: {"*": 5}, where: n_words > 5}
stages:
  general: {seq_len: 256, budget: 30.0e12, mixture: all.yaml}
"""


def write(prompt):
    """A scripted writer for the three recipes."""
    if "Explain in German" in prompt:
        return GERMAN
    return SOLUTION if prompt.rstrip().endswith(PROBLEM) else PROBLEM


def plan(folder, url, **changes):
    model = f"{{engine: openai, model: scripted, base_url: '{url}', retries: 0}}"
    files = {
        "notes/ferry.txt": PASSAGE,
        "all.yaml": "name: all\nrules: {long_enough: n_tokens > 3}\n",
    }
    return plan_of(folder, PLAN.replace("MODEL", model), changes, files)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chains")
    with Server(write) as server:
        layout = run(plan(folder, server.url), str(folder / "lake"), num_cpus=2)
    return str(folder / "lake"), layout, server


def documents(lake, source):
    return open_lake(lake).documents(source).collect().to_dicts()


def test_what_one_recipe_made_is_the_seed_of_another(made):
    lake, layout, _ = made
    (problem,) = documents(lake, "synth.math_problem")
    (solved,) = documents(lake, "synth.math_solution")
    (note,) = documents(lake, "notes")
    assert problem["text"] == PROBLEM
    assert solved["text"] == f"{PROBLEM}\n\n{SOLUTION}"
    assert problem["parent_ids"] == [note["id"]]
    assert solved["parent_ids"] == [problem["id"]]
    assert len({row["split"] for row in (note, problem, solved)}) == 1
    assert audit(lake, deep=True).problems == []
    shards = layout.shards["general", note["split"]]
    (name,) = shards.parts()
    rows = range(pl.read_parquet(shards.file_uri(name)).height)
    segments = [segment for row in rows for segment in trace(shards.file_uri(name), row)]
    found = {segment.source: segment for segment in segments}
    solution = found["synth.math_solution"]
    assert solution.document["parent_ids"] == [problem["id"]]
    assert [seed["id"] for seed in solution.seeds] == [problem["id"], note["id"]]
    assert [seed["locator"] for seed in solution.seeds] == [problem["locator"], "ferry.txt#0"]
    assert found["notes"].seeds == ()


def test_of_several_samples_that_agree_one_is_kept(made):
    _, layout, server = made
    asked = {row["name"]: row for row in summary(layout)["asked"]}["synth.math_solution"]
    assert (asked["requests"], asked["accepted"], asked["rejected.redundant"]) == (4, 1, 3)
    assert "round.1.requests" not in asked  # the question is answered: nobody asks again
    assert sorted(server.came.values()) == [1] * 6  # a sample has a seed of its own


def test_a_target_is_another_language_than_the_seeds(made):
    lake, _, _ = made
    (row,) = documents(lake, "synth.cross_language")
    assert row["text"] == GERMAN.strip()
    assert row["language"] == "deu_Latn"
    assert row["locator"].endswith("/deu_Latn#0")
    assert json.loads(row["metadata"])["recipe"] == "cross_language"


def test_an_answer_in_the_wrong_language_is_turned_down(made, tmp_path):
    def in_french(prompt):
        text = "Le bac transporte 40 vélos et 120 personnes, et il traverse le fleuve 6 fois par jour. "
        return text * 2 if "Explain in German" in prompt else write(prompt)

    with Server(in_french) as server:
        run(plan(tmp_path, server.url), str(tmp_path / "lake"), num_cpus=2, until="synthesise")
    letters = open_lake(str(tmp_path / "lake")).dead_letters("synth.cross_language").collect()
    assert letters["reason"].to_list() == ["language"]
    assert "fra_Latn" in letters["detail"][0]


def test_samples_that_do_not_agree_are_asked_again_and_then_given_up(made, tmp_path):
    drawn = []

    def at_random(prompt):
        if not prompt.rstrip().endswith(PROBLEM):
            return write(prompt)
        drawn.append(len(drawn))
        return SOLUTION.replace("{21600}", f"{{{len(drawn)}}}")

    with Server(at_random) as server:
        layout = run(
            plan(tmp_path, server.url), str(tmp_path / "lake"), num_cpus=2, until="synthesise"
        )
    asked = {row["name"]: row for row in summary(layout)["asked"]}["synth.math_solution"]
    assert (asked["requests"], asked["accepted"]) == (12, 0)
    assert asked["rejected.agreement"] == 12
    found = pl.read_parquet(
        f"{tmp_path}/lake/{layout.made['synth.math_solution'].acceptance.path}/*.parquet"
    )
    assert found["detail"].str.contains("1 and 1 of 12").any()


def test_two_runs_have_equal_bytes(made, tmp_path):
    lake, _, _ = made
    with Server(write) as server:
        run(plan(tmp_path, server.url), str(tmp_path / "lake"), num_cpus=1)
    assert shard_hashes(str(tmp_path / "lake")) == shard_hashes(lake)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (", targets: [deu_Latn, eng_Latn]", "", "it needs `targets`, the languages to write in"),
        ("targets: [deu_Latn", "targets: [deu_Lat", "did you mean 'deu_Latn'"),
        ("documents: {eng_Latn: null}", "documents: {}, targets: [deu_Latn]", "documents"),
        ("{eng_Latn: null}", "{eng_Latn: null}, targets: [deu_Latn]", "leave out `targets`"),
        ("sources: [synth.math_problem]", "sources: [synth.math_dialogue]", "unknown source"),
        ("rounds: 1}", "rounds: 0}", "greater than or equal to 1"),
    ],
)
def test_a_wrong_plan_is_named_with_its_remedy(tmp_path, old, new, message):
    with pytest.raises(PlanError) as raised:
        run(plan(tmp_path, "http://127.0.0.1:1/v1", **{old: new}), str(tmp_path / "lake"))
    assert message in str(raised.value)
