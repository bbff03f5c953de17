"""Refined documents: which pieces come from the model, what stays, and what a mixture takes of the two."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

from corpus import open_lake
from corpus.errors import PlanError
from corpus.lake import Folder, read_part
from tests.servers import CONTENT, TRANSPORT, Server
from tests.workflows.lakes import plan_of, shard_hashes
from workflows.audit import audit
from workflows.engine import StepError
from workflows.plan import load_plan
from workflows.report.gather import gather
from workflows.run import run

PLAN = """\
name: refined
scale: 1.0e-9
sources:
  - {name: scans, reader: text, path: scans, kind: pdf, licence: CC0-1.0, priority: 3}
  - {name: notes, reader: text, path: notes, kind: text, licence: CC0-1.0}
annotate: {language: {}, statistics: {}}
models:
  refine: MODEL
refine:
  - {source: scans, where: n_words > 5}
stages:
  general: {seq_len: 256, budget: 30.0e12, mixture: all.yaml}
resources: {bucket_tokens: 40000}
"""
MIXTURE = "name: all\nrules: {not_superseded: superseded_by is null, one: cluster_rank = 0}\n"
BROKEN = "The harbour mas-\nter counts the boats that come in before the evening tide turns back."
FINE = "Nobody has ever seen the light in the tower go out while a boat was still at sea."
STUBBORN = (
    "The stub-\nborn paragraph that the scripted model can only ever answer with a lot of noise."
)
TABLE = "| boat | crew |\n|---|---|\n| gull | mas- |\n| tern | ter |\n"
TEXTS = {
    "broken.txt": f"{BROKEN}\n\n{FINE}\n\n{TABLE}\n{STUBBORN}\n",
    "fine.txt": f"{FINE}\n\n{FINE.replace('light', 'flag')}\n",
    "short.txt": "Too short.\n",
    "stubborn.txt": STUBBORN,
}


def repair(prompt):
    """A scripted model: joins words that a line end cuts; of one paragraph it makes noise."""
    text = prompt.partition("Text:\n\n")[2].strip()
    return "and so on and so on\n" * 40 if "stub-\nborn" in text else text.replace("-\n", "")


def plan(folder, url, **changes):
    model = f"{{engine: openai, model: scripted, base_url: '{url}', timeout: 0.5, flush: 2}}"
    files = {f"scans/{name}": text for name, text in TEXTS.items()}
    files |= {"notes/note.txt": f"{FINE} Or so they say.\n", "all.yaml": MIXTURE}
    return plan_of(folder, PLAN.replace("MODEL", model), changes, files)


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refined")
    with Server(repair) as server:
        layout = run(plan(folder, server.url), str(folder / "lake"), num_cpus=2)
    return str(folder / "lake"), layout, server


def test_accepted_pieces_are_taken_and_the_original_stays_elsewhere(refined):
    lake, _, _ = refined
    (row,) = open_lake(lake).documents("scans.refined", annotations=[]).collect().to_dicts()
    joined = BROKEN.replace("-\n", "")
    assert row["text"] == f"{joined}\n\n{FINE}\n\n{TABLE}\n{STUBBORN}\n"
    assert row["provenance"] == "refine/1"
    assert row["licence"] == "CC0-1.0"


def test_every_document_and_request_is_accounted_for(refined):
    lake, layout, server = refined
    counts = layout.documents["scans.refined"].totals()["counts"]
    assert counts["records"] == 3  # short.txt does not meet the condition
    assert (counts["documents"], counts["skipped.unchanged"]) == (1, 2)
    assert (counts["pieces"], counts["pieces_repaired"]) == (4, 1)
    assert counts["words_changed"] == 2  # "mas-" and "ter"
    asked = layout.made["scans.refined"].acceptance.totals()["counts"]
    assert asked["accepted"] == 2
    assert asked["requests"] == asked["accepted"] + asked["rejected"] == 4 + 2 + 2
    assert asked["rejected.repeated_lines"] == asked["rejected"] == 6
    assert [asked[f"round.{k}.requests"] for k in range(3)] == [4, 2, 2]
    assert set(server.came.values()) == {1}
    assert audit(lake, deep=True).problems == []
    measured = gather(lake).annotators  # of all documents, not of those that were refined alone
    documents = open_lake(lake).documents(annotations=[]).collect().height
    assert set(measured.values()) == {documents}


def test_the_audit_sees_a_request_that_is_not_counted(refined, tmp_path):
    lake, layout, _ = refined
    shutil.copytree(lake, tmp_path / "lake")
    folder = Folder(str(tmp_path / "lake"), layout.made["scans.refined"].acceptance.path)
    (entry,) = folder.entries().values()
    wrong = {"rejected.repeated_lines": 5, "round.2.requests": 3}
    folder.commit(entry.model_copy(update={"counts": entry.counts | wrong}))
    problems = audit(str(tmp_path / "lake")).problems
    assert any("requests = accepted + rejected by each reason: 8 != 7" in p for p in problems)
    assert any("requests = sum over rounds: 8 != 9" in p for p in problems)


def test_a_mixture_takes_the_refined_one(refined):
    lake, layout, _ = refined
    (superseded,) = (
        open_lake(lake)
        .documents("scans")
        .filter(pl.col("superseded_by").is_not_null())
        .collect()
        .to_dicts()
    )
    assert superseded["locator"] == "broken.txt#0"
    (child,) = open_lake(lake).documents("scans.refined").collect().to_dicts()
    assert superseded["superseded_by"] == child["id"]
    assert child["parent_ids"] == [superseded["id"]]
    assert child["split"] == superseded["split"]
    reasons = {}
    for source in layout.documents:
        folder = layout.selections["general", source]
        for name in folder.parts():
            table = read_part(folder, name, ["id", "reason"]).to_pydict()
            reasons |= dict(zip(table["id"], table["reason"], strict=True))
    assert reasons[superseded["id"]] == "not_superseded"
    assert reasons[child["id"]] == "selected"


def test_faults_change_no_accepted_text_and_bytes_are_equal(refined, tmp_path):
    lake, _, _ = refined
    with Server(repair, faults=(*TRANSPORT, *CONTENT), share=0.3) as server:
        run(plan(tmp_path, server.url), str(tmp_path / "lake"), num_cpus=2)
    assert shard_hashes(str(tmp_path / "lake")) == shard_hashes(lake)


def test_what_an_engine_leaves_open_stops_the_step(tmp_path, monkeypatch):
    """An engine that answers all parts together, and here none."""
    monkeypatch.setattr("workflows.engines.vllm.answer_parts", lambda *_: iter([]))
    silent = plan(tmp_path, "http://127.0.0.1:1/v1", **{"engine: openai": "engine: vllm"})
    with pytest.raises(StepError, match="ask refine 0: 4 of 4 requests have no answer"):
        run(silent, str(tmp_path / "lake"), num_cpus=1)


def test_without_models_nothing_is_refined(refined, tmp_path):
    plan(tmp_path, "http://127.0.0.1:1/v1")
    bare = load_plan(str(tmp_path / "plan.yaml"), models=False)
    layout = run(bare, str(tmp_path / "lake"), num_cpus=2, until="select")
    assert set(layout.documents) == {"scans", "notes"}
    counts = layout.selections["general", "scans"].totals()["counts"]
    assert counts["reason.selected"] == counts["documents"] == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("source: scans,", "source: scan,", "unknown source 'scan'; did you mean 'scans'"),
        ("refine: {engine", "general: {engine", "name one: `models: {refine: …}`"),
        ("n_words > 5", "n_word > 5", "did you mean 'n_words'"),
        ("n_words > 5", "superseded_by is null", "unknown column 'superseded_by'"),
        ("name: notes", "name: scans.refined", "a source is called 'scans.refined'"),
        ("statistics: {}", "source_code: {}", "add `statistics` to `annotate`"),
    ],
)
def test_a_wrong_plan_is_named_with_its_remedy(tmp_path, old, new, message):
    with pytest.raises(PlanError) as raised:
        run(plan(tmp_path, "http://127.0.0.1:1/v1", **{old: new}), str(tmp_path / "lake"))
    assert message in str(raised.value)
