"""Documents out of documents: what is asked once, what is accepted, and where it ends up."""

from __future__ import annotations

import polars as pl
import pytest

from corpus import open_lake
from corpus.errors import PlanError
from tests.conftest import ROOT
from tests.servers import CONTENT, TRANSPORT, Server
from tests.workflows.lakes import shard_hashes
from workflows.audit import audit
from workflows.engine import StepError
from workflows.plan import load_plan
from workflows.run import run, summary
from workflows.trace import trace

PLAN = """\
name: made
seed: 3
scale: 1.0e-9
sources:
  - {name: languages, reader: jsonl, path: SAMPLES/languages.jsonl, kind: web, licence: CC0-1.0}
  - {name: notes, reader: text, path: SAMPLES/notes, kind: text, licence: CC0-1.0}
annotate: {language: {}, statistics: {}}
models:
  general: MODEL
synthesise:
  - {recipe: qa, sources: [languages, notes], documents: {"*": 2, eng_Latn: 3, tha_Thai: 0}, where: WHERE}
stages:
  general: {seq_len: 256, budget: 30.0e12, mixture: MIXTURE}
resources: {part_bytes: 60000, bucket_tokens: 40000}
"""
WHERE = "n_words > 60 AND kind != 'code' AND source != 'x' AND language_score > threshold_language_score - 9"
MIXTURE = "name: all\nrules: {long_enough: n_tokens >= 10}\n"


def plan(folder, model, **changes):
    (folder / "all.yaml").write_text(MIXTURE)
    text = PLAN.replace("SAMPLES", str(ROOT / "samples")).replace("MODEL", model)
    text = text.replace("WHERE", WHERE).replace("MIXTURE", str(folder / "all.yaml"))
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "plan.yaml"
    path.write_text(text)
    return load_plan(str(path))


def served(server, **more):
    options = "".join(f", {name}: {value}" for name, value in more.items())
    return f"{{engine: openai, model: scripted, base_url: '{server.url}'{options}}}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lake with accepted documents, from a server without faults; and how often each body came."""
    folder = tmp_path_factory.mktemp("made")
    lake = str(folder / "lake")
    with Server() as server:
        layout = run(plan(folder, served(server, flush=3)), lake, num_cpus=2)
    return lake, layout, server


def test_each_request_is_a_document_or_a_dead_letter_and_the_ledger_balances(made):
    lake, layout, _ = made
    (recipe,) = summary(layout)["recipes"]
    assert recipe["records"] == recipe["documents"] + recipe["failed"]
    assert recipe["documents"] > 90
    result = audit(lake, deep=True)
    assert result.problems == []


def test_quotas_are_met_per_language(made):
    lake, _, _ = made
    documents = open_lake(lake).documents("synth.qa").select("parent_ids").collect()
    seeds = open_lake(lake).documents("languages", "notes").select("id", "language").collect()
    parents = documents.with_columns(id=pl.col("parent_ids").list.first()).join(seeds, on="id")
    found = dict(parents.group_by("language").len().iter_rows())
    assert parents.height == documents.height
    assert found["eng_Latn"] == 3
    assert "tha_Thai" not in found
    assert max(found.values()) <= 3


def test_no_question_is_sent_twice(made):
    _, _, server = made
    assert set(server.came.values()) == {1}


def test_synthetic_tokens_are_traced_to_their_seed(made):
    lake, layout, _ = made
    shards = layout.shards["general", "train"]
    for name in shards.parts():
        table = pl.read_parquet(shards.file_uri(name))
        for row in range(table.height):
            for segment in trace(shards.file_uri(name), row):
                if segment.source == "synth.qa":
                    assert segment.matches
                    (parent,) = segment.document["parent_ids"]
                    seeds = open_lake(lake).documents("languages", "notes").select("id").collect()
                    assert parent in set(seeds["id"])
                    assert segment.document["provenance"] == "qa/1"
                    return
    pytest.fail("no synthetic document reached the shards")


def test_parents_and_children_are_in_one_split(made):
    lake, _, _ = made
    documents = open_lake(lake).documents().select("id", "parent_ids", "split", "source").collect()
    split = dict(documents.select("id", "split").iter_rows())
    children = documents.filter(pl.col("source") == "synth.qa")
    assert all(
        split[parents[0]] == own
        for parents, own in children.select("parent_ids", "split").iter_rows()
    )


def test_what_is_stored_can_be_replayed_to_the_same_bytes(made, tmp_path):
    lake, layout, _ = made
    stored = layout.made["synth.qa"].responses.uri
    again = str(tmp_path / "again")
    other = run(
        plan(tmp_path, f"{{engine: replay, model: scripted, responses: '{stored}'}}"),
        again,
        num_cpus=2,
    )
    assert other.documents["synth.qa"].path == layout.documents["synth.qa"].path
    assert shard_hashes(again) == shard_hashes(lake)


def test_faults_cost_rounds_and_change_no_accepted_text(made, tmp_path):
    lake, _, _ = made
    with Server(faults=(*TRANSPORT, *CONTENT), share=0.3) as server:
        options = {"timeout": 0.5, "retries": 2, "flush": 5}
        run(
            plan(tmp_path, served(server, **options)),
            str(tmp_path / "lake"),
            num_cpus=2,
            until="synthesise",
        )
    wanted = open_lake(lake).documents("synth.qa", annotations=[]).select("id", "text").collect()
    found = (
        open_lake(str(tmp_path / "lake"))
        .documents("synth.qa", annotations=[])
        .select("id", "text")
        .collect()
    )
    both = wanted.join(found, on="id")
    assert both.height == found.height >= 0.97 * wanted.height
    assert both["text"].to_list() == both["text_right"].to_list()
    letters = open_lake(str(tmp_path / "lake")).dead_letters("synth.qa").collect()
    assert {"truncated", "form"} <= set(letters["reason"])


def test_a_server_that_dies_stops_the_run_and_what_it_answered_is_not_asked_again(made, tmp_path):
    lake, layout, _ = made
    here = str(tmp_path / "lake")
    options = {"retries": 0, "in_flight": 2, "flush": 4}
    with Server(dies_after=30) as first, pytest.raises(StepError, match="nobody answers at http"):
        run(plan(tmp_path, served(first, **options)), here, num_cpus=1)
    with Server() as second:
        again = run(plan(tmp_path, served(second, **options)), here, num_cpus=1)
    assert first.answered.total() >= 30
    assert len(first.answered.keys() & second.answered.keys()) <= 2  # those that were in flight
    assert again.documents["synth.qa"].path == layout.documents["synth.qa"].path
    assert shard_hashes(here) == shard_hashes(lake)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("recipe: qa", "recipe: qb", "unknown recipe 'qb'; did you mean 'qa'"),
        ("sources: [languages, notes]", "sources: [language]", "did you mean 'languages'"),
        ("eng_Latn: 3", "eng_Latin: 3", "unknown language 'eng_Latin'; did you mean 'eng_Latn'"),
        ("where: n_words", "where: n_word", "did you mean 'n_words'"),
        ("where: n_words", "where: cluster_size", "unknown column 'cluster_size'"),
        ("general: {engine", "math: {engine", "name one: `models: {general: …}`"),
        ("engine: openai", "engine: opennai", "Input should be"),
        (", base_url: 'http://127.0.0.1:1/v1'", "", "engine openai needs `base_url`"),
    ],
)
def test_a_wrong_plan_is_named_with_its_remedy(tmp_path, old, new, message):
    model = "{engine: openai, model: scripted, base_url: 'http://127.0.0.1:1/v1'}"
    with pytest.raises(PlanError) as raised:
        run(plan(tmp_path, model, **{old: new}), str(tmp_path / "lake"))
    assert message in str(raised.value)
