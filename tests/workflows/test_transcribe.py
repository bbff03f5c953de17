"""Scanned pages read by a scripted model: what is asked, what becomes of each page, and what is never asked twice."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import polars as pl
import pymupdf
import pytest

from corpus import open_lake
from corpus.errors import PlanError
from corpus.pdf import vl
from tests.scans import NEVER, add_picture, read_page, scan, text_of
from tests.servers import CONTENT, TRANSPORT, Server
from tests.workflows.lakes import shard_hashes
from workflows.audit import audit
from workflows.plan import load_plan
from workflows.run import prepare, run
from workflows.status import status

PLAN = """\
name: scanned
seed: 3
scale: 1.0e-9
sources:
  - {name: scans, reader: pdf, path: SCANS, kind: pdf, licence: CC0-1.0, options: {vl: true, ocr: OCR}}
  - {name: others, reader: pdf, path: SCANS/more, kind: pdf, options: {ocr: none}}
annotate: {language: {}}
models: {vl: MODEL}
stages:
  general: {seq_len: 64, budget: 30.0e12, mixture: MIXTURE}
resources: {part_bytes: 4096, bucket_tokens: 40000}
"""
LETTER = "It was scanned on a Monday,"


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Files with every kind of page; a unit is a few of them."""
    folder = tmp_path_factory.mktemp("scans")
    scan(folder / "a.pdf", [*range(12)], [0, 90, 0, 180, 0, 270])
    scan(folder / "b.pdf", [100, None, 101, NEVER, 102])
    written(folder / "c.pdf")
    (folder / "d.pdf").write_bytes(b"no PDF at all")
    (folder / "e.pdf").write_bytes(b"")
    scan(folder / "f.pdf", [None, None])
    (folder / "more").mkdir()
    scan(folder / "more" / "g.pdf", [200])
    return folder


def written(path):
    """A page with a text layer, a picture of text, which the scripted model cannot read, and a white one."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_textbox(pymupdf.Rect(50, 50, 500, 300), "First comes a page of text.")
    drawn = pymupdf.open()
    drawn.new_page(width=300, height=120).insert_text((20, 50), LETTER, fontsize=12)
    picture = drawn[0].get_pixmap(dpi=150, colorspace=pymupdf.csGRAY)
    rows = np.frombuffer(picture.samples, np.uint8).reshape(picture.height, picture.stride)
    add_picture(document, rows[:, : picture.width])
    add_picture(document, np.full((20, 20), 255))
    path.write_bytes(document.tobytes())


def plan(folder, scans, model, ocr="none", **changes):
    (folder / "all.yaml").write_text("name: all\n")
    text = PLAN.replace("SCANS", str(scans)).replace("MODEL", model).replace("OCR", ocr)
    text = text.replace("MIXTURE", str(folder / "all.yaml"))
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "plan.yaml"
    path.write_text(text)
    return path


def served(server, **more):
    options = "".join(f", {name}: {value}" for name, value in more.items())
    return f"{{engine: openai, model: scripted, base_url: '{server.url}'{options}}}"


def pages_of(lake):
    """By file and page the row of `pages`."""
    found = open_lake(lake)
    names = dict(found.documents("scans", annotations=[]).select("id", "locator").collect().rows())
    rows = found.pages("scans").collect().iter_rows(named=True)
    return {(names.get(r["id"], "?").split("#")[0], r["page"]): r for r in rows}


@pytest.fixture(scope="module")
def made(scans, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    lake = str(folder / "lake")
    with Server(read_page) as server:
        layout = run(
            load_plan(str(plan(folder, scans, served(server, flush=3), "rapidocr"))),
            lake,
            num_cpus=2,
        )
    return lake, layout, server


def test_pages_are_read_by_the_model_and_counted(made):
    lake, layout, _ = made
    documents = dict(
        open_lake(lake)
        .documents("scans", annotations=[])
        .select("locator", "text")
        .collect()
        .rows()
    )
    assert documents["a.pdf#0"] == "\n\n".join(map(text_of, range(12)))
    assert documents["b.pdf#0"] == "\n\n".join(map(text_of, (100, 101, 102)))
    counts = layout.documents["scans"].totals()["counts"]
    assert (counts["records"], counts["documents"]) == (7, 4)
    assert (counts["failed.not_pdf"], counts["skipped.empty"], counts["skipped.blank"]) == (1, 1, 1)
    assert {k: n for k, n in counts.items() if k.startswith("pages")} == {
        "pages": 21,
        "pages.blank": 2,
        "pages.ocr": 1,
        "pages.text": 1,
        "pages.untrusted": 1,
        "pages.vl": 16,
    }


def test_each_page_says_how_it_was_read(made):
    lake, _, _ = made
    pages = pages_of(lake)
    first = pages["a.pdf", 0]
    assert (first["arm"], first["attempts"], first["guard"]) == ("vl", 1, None)
    assert first["seconds"] > 0
    assert first["tokens"] == len(f"rotation: 0, blank: no {text_of(0)}".split())
    features = json.loads(first["features"])
    assert (features["vl"], features["rotation"]) == (f"vl-{vl.VERSION}/scripted", 0)
    assert 0.01 < features["ink"] < 1
    text = pages["c.pdf", 0]
    assert (text["arm"], text["attempts"], text["guard"]) == ("text", 0, None)
    assert (text["seconds"], text["tokens"]) == (None, 0)


def test_a_turned_page_is_shown_upright_in_the_next_round(made):
    lake, _, _ = made
    pages = pages_of(lake)
    for number, turn in ((1, 270), (3, 180), (5, 90)):
        page = pages["a.pdf", number]
        assert page["text"] == text_of(number)
        assert (page["arm"], page["attempts"], page["guard"]) == ("vl", 2, "rotation")
        assert json.loads(page["features"])["rotation"] == turn


def test_what_the_model_fails_goes_to_ocr_or_stays(made):
    lake, _, _ = made
    pages = pages_of(lake)
    rounds = len(vl.TEMPERATURES)
    letter, never = pages["c.pdf", 1], pages["b.pdf", 3]
    assert (letter["arm"], letter["text"]) == ("ocr", LETTER)
    assert (letter["attempts"], letter["guard"]) == (rounds, "blank")
    assert (never["arm"], never["text"]) == ("untrusted", "")
    assert (never["attempts"], never["guard"]) == (rounds, "repeated_lines")
    assert "ocr_chars" in json.loads(never["features"])


def test_a_page_without_ink_is_not_asked_and_one_with_specks_is_blank(made):
    lake, _, _ = made
    pages = pages_of(lake)
    assert (pages["c.pdf", 2]["arm"], pages["c.pdf", 2]["attempts"]) == ("blank", 0)
    assert (pages["b.pdf", 1]["arm"], pages["b.pdf", 1]["attempts"]) == ("blank", 1)
    assert pages["b.pdf", 1]["tokens"] == 4


def test_provenance_names_what_read_a_page(made):
    lake, _, _ = made
    found = open_lake(lake).documents("scans", "others", annotations=[]).collect()
    made_by = dict(found.select("locator", "provenance").rows())
    reader = f"+vl-{vl.VERSION}/scripted"
    assert made_by["a.pdf#0"].endswith(reader)
    assert made_by["c.pdf#0"].partition("+")[2].startswith("rapidocr-")
    assert all(
        row["metadata"].count("n_pages") for row in found.select("metadata").iter_rows(named=True)
    )


def test_a_source_without_the_option_is_asked_nothing(made):
    _, layout, _ = made
    counts = layout.documents["others"].totals()["counts"]
    assert counts["pages.untrusted"] == 1
    assert layout.drafts.keys() == {"scans"}


def test_the_ledger_balances_and_nothing_is_stale(made):
    lake, layout, server = made
    assert audit(lake, deep=True).problems == []
    assert status(lake).stale == []
    accepted = layout.transcribed["scans"].acceptance.totals()["counts"]
    assert accepted["requests"] == server.came.total()
    assert set(server.came.values()) == {1}
    assert (accepted["accepted"], accepted["rejected.rotation"]) == (16 + 3, 3)


def test_replayed_answers_give_the_same_bytes(made, scans, tmp_path):
    lake, layout, _ = made
    model = f"{{engine: replay, model: scripted, responses: '{layout.lake}/responses'}}"
    again = str(tmp_path / "again")
    other = run(load_plan(str(plan(tmp_path, scans, model, "rapidocr"))), again, num_cpus=1)
    assert other.documents["scans"].path == layout.documents["scans"].path
    assert shard_hashes(again) == shard_hashes(lake)
    for ours, theirs in (
        (layout.pages["scans"], other.pages["scans"]),
        (layout.documents["scans"], other.documents["scans"]),
    ):
        assert [f.sha256 for f in ours.files()] == [f.sha256 for f in theirs.files()]


def test_new_guards_and_another_ocr_ask_nothing_again(made, scans, tmp_path, monkeypatch):
    lake, layout, _ = made
    here = str(tmp_path / "lake")
    shutil.copytree(lake, here)
    nobody = "{engine: openai, model: scripted, base_url: 'http://127.0.0.1:1/v1'}"
    without = load_plan(str(plan(tmp_path, scans, nobody, "none")))
    monkeypatch.setitem(vl.VERSIONS, "corpus.guards", 999)
    other = run(without, here, num_cpus=1, until="transcribe")
    assert other.documents["scans"].path != layout.documents["scans"].path
    before, after = layout.transcribed["scans"], other.transcribed["scans"]
    assert (before.requests.path, before.responses.path) == (
        after.requests.path,
        after.responses.path,
    )
    page = pages_of(here)["c.pdf", 1]
    assert (page["arm"], page["attempts"]) == ("untrusted", len(vl.TEMPERATURES))
    assert audit(here, deep=True).problems == []


def test_another_model_or_prompt_asks_anew_and_reads_nothing_again(
    made, scans, tmp_path, monkeypatch
):
    _, layout, _ = made
    model = "{engine: openai, model: other, base_url: 'http://127.0.0.1:1/v1'}"
    other, _ = prepare(load_plan(str(plan(tmp_path, scans, model))), str(tmp_path / "lake"))
    assert other.drafts["scans"].path == layout.drafts["scans"].path
    assert other.transcribed["scans"].responses.path != layout.transcribed["scans"].responses.path
    monkeypatch.setattr(vl, "PROMPT", "page/other")
    third, _ = prepare(load_plan(str(plan(tmp_path, scans, model))), str(tmp_path / "lake"))
    assert third.transcribed["scans"].requests.path != other.transcribed["scans"].requests.path


@pytest.mark.slow
def test_faults_cost_rounds_and_change_no_accepted_text(made, scans, tmp_path):
    lake, _, _ = made
    here = str(tmp_path / "lake")
    with Server(read_page, faults=(*TRANSPORT, *CONTENT), share=0.3) as server:
        model = served(server, timeout=1.0, retries=2, flush=5)
        run(load_plan(str(plan(tmp_path, scans, model))), here, num_cpus=2, until="transcribe")
    wanted, found = pages_of(lake), pages_of(here)
    assert wanted.keys() == found.keys()
    for place, page in wanted.items():
        if page["arm"] == "vl":
            assert (found[place]["arm"], found[place]["text"]) == ("vl", page["text"])
    assert audit(here, deep=True).problems == []


def test_without_models_ocr_reads(made, scans, tmp_path):
    path = plan(tmp_path, scans, "{engine: openai, model: x, base_url: 'http://127.0.0.1:1/v1'}")
    without = load_plan(str(path), models=False)
    layout, _ = prepare(without, str(tmp_path / "lake"))
    assert layout.drafts == {}
    assert without.model.sources[0].options == {"ocr": "none"}


def test_a_plan_without_the_model_is_refused(scans, tmp_path):
    path = plan(tmp_path, scans, "", **{"models: {vl: }\n": ""})
    with pytest.raises(
        PlanError, match=r"source scans: `vl: true` asks a model .*models: \{vl: …\}"
    ):
        run(load_plan(str(path)), str(tmp_path / "lake"))
    path = plan(tmp_path, scans, "{engine: vllm, model: sees, path: .}")
    with pytest.raises(PlanError, match=r"source scans: `vl: true` shows pages to sees; say `imag"):
        run(load_plan(str(path)), str(tmp_path / "lake"))


def test_a_page_that_cannot_be_drawn_when_it_is_sent_falls_back(made, scans, tmp_path):
    """The raw file was there when it was read, and is another now: the page's error is a row, and it waits."""
    folder = tmp_path / "moving"
    folder.mkdir()
    (folder / "more").mkdir()
    scan(folder / "more" / "g.pdf", [200])
    scan(folder / "a.pdf", [1, 2])
    here = str(tmp_path / "lake")
    with Server(read_page) as server:
        path = plan(tmp_path, folder, served(server))
        run(load_plan(str(path)), here, num_cpus=1, until="read")
        data = (folder / "a.pdf").read_bytes()
        (folder / "a.pdf").write_bytes(b"%PDF" + bytes(len(data) - 4))
        record = json.loads((tmp_path / "lake" / "sources" / "scans.json").read_text())
        stamp = float(record["files"]["a.pdf"][1])
        os.utime(folder / "a.pdf", (stamp, stamp))
        layout = run(load_plan(str(path)), here, num_cpus=1, until="transcribe")
    assert server.came.total() == 1  # g.pdf lies under scans too
    letters = open_lake(here).dead_letters("scans").collect()
    assert letters["reason"].to_list() == ["no_text_layer"]
    pages = open_lake(here).pages("scans").filter(pl.col("arm") == "untrusted").collect()
    assert set(pages["guard"]) == {"not_drawn"}
    assert set(pages["attempts"]) == {0}
    assert layout.documents["scans"].totals()["counts"]["documents"] == 1
