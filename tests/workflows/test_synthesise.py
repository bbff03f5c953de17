"""Documents out of documents: what is asked once, what is accepted, and where it ends up."""

from __future__ import annotations

import shutil

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from corpus import open_lake
from corpus.calls import RESPONSES
from corpus.errors import PlanError
from corpus.lake import Entry, read_part, write_part
from synth.judging import VERSIONS
from synth.recipes import RECIPES
from tests.conftest import ROOT
from tests.servers import CONTENT, TRANSPORT, Server
from tests.workflows.lakes import shard_hashes
from workflows.audit import audit
from workflows.engine import StepError
from workflows.plan import load_plan
from workflows.run import prepare, run, summary
from workflows.steps.asking import accept
from workflows.steps.context import Context
from workflows.steps.seeds import needed, shortages, thresholds
from workflows.steps.strata import BINS
from workflows.steps.synthesise import _job
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
    (asked,) = summary(layout)["asked"]
    assert asked["requests"] == asked["accepted"] + asked["rejected"]
    assert asked["documents"] == asked["accepted"] > 90
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
    stored = f"{layout.lake}/responses"
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
        faulty = run(
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
    assert audit(str(tmp_path / "lake"), deep=True).problems == []
    counts = faulty.documents["synth.qa"].totals()["counts"]
    assert counts["records"] == found.height + letters.height
    assert counts["failed"] == letters.height > 0


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


def test_more_seeds_and_new_guards_ask_nothing_again(made, tmp_path, monkeypatch):
    lake, layout, first = made
    here = str(tmp_path / "lake")
    shutil.copytree(lake, here)
    with Server() as second:
        wider = plan(tmp_path, served(second), **{"eng_Latn: 3": "eng_Latn: 5"})
        more = run(wider, here, num_cpus=1, until="synthesise")
        asked = more.documents["synth.qa"].totals()["counts"]
    assert second.came.total() >= 1
    assert not second.came.keys() & first.came.keys()
    assert asked["records"] == layout.documents["synth.qa"].totals()["counts"]["records"] + len(
        second.came
    )
    monkeypatch.setitem(VERSIONS, "corpus.guards", 999)
    judged, _ = prepare(wider, here)
    assert judged.made["synth.qa"].requests == more.made["synth.qa"].requests
    assert judged.made["synth.qa"].responses == more.made["synth.qa"].responses
    assert judged.documents["synth.qa"].path != more.documents["synth.qa"].path


def test_another_annotator_asks_nothing_again(tmp_path):
    model = "{engine: openai, model: scripted, base_url: 'http://127.0.0.1:1/v1'}"
    before, _ = prepare(plan(tmp_path, model), str(tmp_path / "lake"))
    with_code = {"statistics: {}": "statistics: {}, source_code: {}"}
    after, _ = prepare(plan(tmp_path, model, **with_code), str(tmp_path / "lake"))
    assert after.made == before.made
    other, _ = prepare(plan(tmp_path, model.replace("scripted", "other")), str(tmp_path / "lake"))
    assert other.made["synth.qa"].responses != before.made["synth.qa"].responses


def test_a_question_whose_first_answer_is_accepted_now_makes_one_document(made, tmp_path):
    """As after new guards: a later round was asked, and an earlier one passes."""
    lake, layout, _ = made
    here = str(tmp_path / "lake")
    shutil.copytree(lake, here)
    model = "{engine: openai, model: scripted, base_url: 'http://127.0.0.1:1/v1'}"
    again = plan(tmp_path, model)
    other, listings = prepare(again, here)
    context = Context(plan=again, layout=other, engine=None, listings=listings)
    job = _job(context, again.model.synthesise[0])
    item = next({"key": k} for k, e in layout.documents["synth.qa"].entries().items() if e.rows)
    requests, responses = job.exchange.requests_of(item["key"]), job.exchange.responses[item["key"]]
    first = read_part(requests, "round-0.parquet")
    known = pl.concat(pl.read_parquet(responses.file_uri(name)) for name in responses.parts())
    rows = [request | {"id": request["id"][::-1], "round": 1} for request in first.to_pylist()]
    asked = set(first["id"].to_pylist())
    answers = [r | {"id": r["id"][::-1]} for r in known.to_dicts() if r["id"] in asked]
    table = pa.Table.from_pylist(rows, schema=first.schema)
    for folder, name, content in (
        (requests, "round-1", table),
        (responses, "later", pa.Table.from_pylist(answers, schema=RESPONSES)),
    ):
        folder.commit(Entry(key=name, files=[write_part(folder, f"{name}.parquet", content)]))
    accept(job, item)
    counts = other.documents["synth.qa"].entries()[item["key"]].counts
    before = layout.documents["synth.qa"].entries()[item["key"]].counts
    assert counts["documents"] == before["documents"] > 0
    assert counts["records"] == 2 * before["records"]
    assert counts["failed.redundant"] == before["documents"]


def test_quotas_are_cut_at_a_bin_and_shortages_are_said():
    found = bins_of(("eng_Latn", 0, 2), ("eng_Latn", 7, 1), ("eng_Latn", 8, 4), ("fra_Latn", 3, 1))
    limits = {
        n: thresholds({"eng_Latn": n}, found).get("eng_Latn", 0) for n in (0, 1, 2, 3, 4, 7, 8)
    }
    assert limits == {0: 0, 1: 1, 2: 1, 3: 8, 4: 9, 7: 9, 8: 9}
    assert thresholds({"eng_Latn": None}, found) == {"eng_Latn": BINS}
    assert shortages({"eng_Latn": 7, "*": 2}, found) == ["fra_Latn 1 of 2"]
    assert shortages({"eng_Latn": 8, "tha_Thai": 2}, found) == [
        "eng_Latn 7 of 8",
        "tha_Thai 0 of 2",
    ]
    many = bins_of(*((f"x{n}", 0, 1) for n in range(9)))
    assert shortages({"*": 3}, many)[-1] == "and 4 more languages"


def test_only_the_bins_that_a_quota_can_reach_are_kept_however_parts_are_cut():
    rng = np.random.default_rng(1)
    rows = [("eng_Latn|a", int(b), 1) for b in rng.integers(0, 50, 200)]
    rows += [("eng_Latn|b", int(b), 1) for b in rng.integers(0, 50, 3)] + [("tha_Thai", 4, 1)]
    for quota in (1, 5, 20, 300):
        quotas = {"eng_Latn": quota, "*": 0}
        whole = needed(bins_of(*rows), quotas)
        cut = [needed(bins_of(*rows[k::3]), quotas) for k in range(3)]
        assert needed(pl.concat(cut), quotas).equals(whole)
        assert thresholds(quotas, whole) == thresholds(quotas, bins_of(*rows))
        assert whole["documents"].sum() < quota * 2 + 20
        assert "tha_Thai" not in set(whole["stratum"])
    everything = needed(bins_of(*rows), {"*": None})
    assert dict(everything.select("stratum", "documents").iter_rows()) == {
        "eng_Latn|a": 200,
        "eng_Latn|b": 3,
        "tha_Thai": 1,
    }


def bins_of(*rows):
    schema = {"stratum": pl.String, "bin": pl.Int64, "documents": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def test_a_seed_has_the_recipes_least_length(made):
    lake, _, _ = made
    documents = open_lake(lake).documents("synth.qa").select("parent_ids").collect()
    seeds = open_lake(lake).documents("languages", "notes").select("id", "n_chars").collect()
    parents = documents.with_columns(id=pl.col("parent_ids").list.first()).join(seeds, on="id")
    assert parents["n_chars"].min() >= RECIPES["qa"].characters[0]
    assert seeds["n_chars"].min() < RECIPES["qa"].characters[0]


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
