"""Pages read by a model: each is accounted for, whatever the model does."""

from __future__ import annotations

import json

import polars as pl
import pytest

from corpus import open_lake
from corpus.errors import PlanError
from corpus.pdf.vl import VERSIONS
from tests.scans import BLANK, read, scan, text_of
from tests.servers import CONTENT, LANGUAGE, TRANSPORT, Server
from tests.workflows.lakes import shard_hashes
from workflows.audit import audit
from workflows.plan import load_plan
from workflows.run import prepare, run, summary
from workflows.steps import asking
from workflows.steps.context import Context
from workflows.steps.transcribe import _job, draft_unit

PLAN = """\
name: pages
scale: 1.0e-9
sources:
  - {name: scans, reader: pdf, path: scans, kind: pdf, options: {vl: true, ocr: none}}
annotate: {language: {}, statistics: {}}
models:
  vl: MODEL
stages:
  general: {seq_len: 256, budget: 30.0e12, mixture: all.yaml}
resources: {bucket_tokens: 40000, part_bytes: 20000}
"""
TURNED, LOST = 7, 11  # a page on its side; one that the scripted model never reads


def reader(png):
    answer = read(png)
    return "and so on and so on\n" * 40 if f"Page {LOST} " in answer else answer


def plan(folder, url, pages=12, files=2, **changes):
    (folder / "scans").mkdir(exist_ok=True)
    for file in range(files):
        numbers = [*range(file * pages, (file + 1) * pages), BLANK]
        scan(folder / "scans" / f"{file}.pdf", numbers, turned=[TURNED])
    (folder / "scans" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "scans" / "empty.pdf").write_bytes(b"")
    (folder / "all.yaml").write_text("name: all\nrules: {long_enough: n_tokens > 3}\n")
    model = f"{{engine: openai, model: scripted, base_url: '{url}', timeout: 0.5, flush: 4, retries: 2}}"
    text = PLAN.replace("MODEL", model)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "plan.yaml").write_text(text)
    return load_plan(str(folder / "plan.yaml"))


def texts(lake):
    found = open_lake(lake).documents("scans", annotations=[]).select("locator", "text").collect()
    return dict(found.iter_rows())


def pages(layout):
    return pl.read_parquet(f"{layout.pages['scans'].uri}/*.parquet").sort("id", "page").to_dicts()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    with Server(reader) as server:
        layout = run(plan(folder, server.url), str(folder / "lake"), num_cpus=2)
    return str(folder / "lake"), layout, server


def test_documents_have_the_text_of_their_pages_in_order(made):
    lake, _, _ = made
    assert texts(lake) == {
        "0.pdf#0": "\n\n".join(text_of(n) for n in range(12) if n != LOST),
        "1.pdf#0": "\n\n".join(text_of(n) for n in range(12, 24)),
    }
    row = open_lake(lake).documents("scans").collect().to_dicts()[0]
    assert "scripted/page/" in row["provenance"]
    assert len(json.loads(row["metadata"])["page_ends"]) == 13


def test_every_page_says_how_it_was_read(made):
    _, layout, server = made
    by_arm = {}
    for page in pages(layout):
        by_arm.setdefault(page["arm"], []).append(page)
    assert {arm: len(of) for arm, of in by_arm.items()} == {"vl": 23, "blank": 2, "untrusted": 1}
    (lost,) = by_arm["untrusted"]
    assert (lost["attempts"], lost["guard"], lost["text"]) == (8, "repeated_lines", "")
    (turned,) = (p for p in by_arm["vl"] if p["attempts"] > 1)
    assert (turned["attempts"], turned["guard"]) == (2, "rotation")
    assert json.loads(turned["features"])["rotation"] == 270
    assert turned["text"] == text_of(TURNED)
    assert all(p["attempts"] == 1 and p["guard"] is None for p in by_arm["blank"])
    assert all(p["seconds"] >= 0 and p["tokens"] > 0 for p in by_arm["vl"])
    assert set(server.came.values()) == {1}


def test_the_ledger_balances_and_spending_is_told(made):
    lake, layout, _ = made
    assert audit(lake, deep=True).problems == []
    counts = layout.documents["scans"].totals()["counts"]
    assert (counts["records"], counts["documents"], counts["failed"], counts["skipped"]) == (
        4,
        2,
        1,
        1,
    )
    assert counts["pages"] == counts["pages.vl"] + counts["pages.blank"] + counts["pages.untrusted"]
    (asked,) = summary(layout)["asked"]
    assert asked["requests"] == 26 + 7 + 1  # the lost page seven times more, the turned one once
    assert (asked["accepted"], asked["rejected.rotation"]) == (25, 1)


def test_a_page_that_no_answer_was_accepted_for_goes_to_ocr(made, tmp_path):
    with Server(reader) as server:
        wanted = plan(tmp_path, server.url, **{"ocr: none": "ocr: rapidocr"})
        layout = run(wanted, str(tmp_path / "lake"), num_cpus=2, until="transcribe")
    _, before, _ = made
    assert layout.transcribed["scans"].responses["scans"].path == (
        before.transcribed["scans"].responses["scans"].path
    )
    (lost,) = (p for p in pages(layout) if p["attempts"] == 8)
    assert json.loads(lost["features"])["ocr"].startswith("rapidocr")


def test_what_is_stored_is_replayed_to_the_same_bytes_and_new_guards_ask_nothing(
    made, tmp_path, monkeypatch
):
    lake, _, _ = made
    replay = {"engine: openai": f"engine: replay, responses: '{lake}/responses'"}
    again = plan(tmp_path, "http://127.0.0.1:1/v1", **replay)
    other = run(again, str(tmp_path / "lake"), num_cpus=1)
    assert shard_hashes(str(tmp_path / "lake")) == shard_hashes(lake)
    monkeypatch.setitem(VERSIONS, "corpus.guards", 999)
    judged, _ = prepare(again, str(tmp_path / "lake"))
    assert judged.documents["scans"].path != other.documents["scans"].path
    assert judged.transcribed["scans"].requests == other.transcribed["scans"].requests
    assert judged.transcribed["scans"].responses == other.transcribed["scans"].responses


def test_faults_lose_and_double_no_page(tmp_path):
    """Each kind of fault strikes; what is accepted is what the pages say, and nothing is missing but the lost page."""
    faults = (LANGUAGE, *TRANSPORT, *CONTENT)
    with Server(reader, faults=faults, share=0.5) as server:
        layout = run(plan(tmp_path, server.url, pages=60), str(tmp_path / "lake"), num_cpus=2)
    assert set(server.faulted) == {*faults, "none"}
    assert texts(str(tmp_path / "lake")) == {
        "0.pdf#0": "\n\n".join(text_of(n) for n in range(60) if n != LOST),
        "1.pdf#0": "\n\n".join(text_of(n) for n in range(60, 120)),
    }
    assert len(pages(layout)) == len({(p["id"], p["page"]) for p in pages(layout)}) == 122
    assert audit(str(tmp_path / "lake"), deep=True).problems == []


def test_a_page_that_cannot_be_drawn_is_answered_with_the_reason_and_not_sent(tmp_path):
    wanted = plan(tmp_path, "http://127.0.0.1:1/v1")
    layout, listings = prepare(wanted, str(tmp_path / "lake"))
    context = Context(plan=wanted, layout=layout, engine=None, listings=listings)
    jobs = {"pages": _job(context, wanted.model.sources[0])}
    key, item = next(
        (key, item) for key, item in jobs["pages"].items.items() if item["files"][0][0] == "0.pdf"
    )
    draft_unit(jobs["pages"], item)
    (tmp_path / "scans" / "0.pdf").write_bytes(b"%PDF-1.4 nothing is left")
    work = {"job": "pages", "key": key, "round": 0}
    assert asking.plan(jobs, work)["counts"]["open.vl"] == 13
    assert list(asking.open_calls(jobs, work)) == []
    assert asking.plan(jobs, work)["counts"]["open.vl"] == 0
    found = asking.outcomes(jobs["pages"], key)
    assert {asked.judged.reason.partition("_")[0] for asked in found} == {"render"}
    assert len(found) == 13


def test_without_models_ocr_reads_the_pages(tmp_path):
    plan(tmp_path, "http://127.0.0.1:1/v1")
    bare = load_plan(str(tmp_path / "plan.yaml"), models=False)
    layout, _ = prepare(bare, str(tmp_path / "lake"))
    assert layout.drafts == layout.transcribed == {}
    assert "vl" not in bare.model.sources[0].options


def test_a_plan_without_a_model_that_sees_is_refused(tmp_path):
    with pytest.raises(PlanError, match="`vl: true` asks a model of the role vl"):
        run(
            plan(tmp_path, "http://127.0.0.1:1/v1", **{"  vl: {": "  general: {"}),
            str(tmp_path / "lake"),
        )
