"""The main job on the small plan: what comes out is what went in, and the same again."""

import itertools
import json
import os
import shutil
import time
import unicodedata
from types import SimpleNamespace

import polars as pl
import pytest

from corpus import open_lake, storage
from corpus.errors import AlarmError, ChangedInputError
from corpus.languages import LANGUAGES
from corpus.tokenizer import END_OF_TEXT, Tokenizer
from mixers.mixture import Mixture
from tests.conftest import ROOT
from tests.workflows.lakes import shard_hashes
from workflows.audit import audit
from workflows.engine import StepError
from workflows.plan import load_plan
from workflows.run import prepare, run, shortages, summary
from workflows.steps import select
from workflows.steps.select import read_allocation
from workflows.steps.split import history


def test_all_three_stages_have_sequences_and_nothing_is_short(small_plan, small_lake):
    layout = run(load_plan(str(small_plan)), small_lake, num_cpus=1)
    stages = {stage["name"]: stage for stage in summary(layout)["stages"]}
    assert list(stages) == ["general", "reasoning", "long_context"]
    assert all(stage["sequences"] > 0 for stage in stages.values())
    assert shortages(layout) == []


def test_a_second_run_has_nothing_to_do_and_never_starts_ray(small_plan, small_lake, monkeypatch):
    before = shard_hashes(small_lake)
    monkeypatch.setattr(
        "workflows.engine.Engine._start", lambda self: pytest.fail("Ray was started")
    )
    started = time.monotonic()
    run(load_plan(str(small_plan)), small_lake)
    assert time.monotonic() - started < 10
    assert shard_hashes(small_lake) == before


def test_the_ledger_balances_to_the_byte(small_lake):
    result = audit(small_lake, deep=True)
    assert result.problems == []
    assert result.equations > 500


def test_every_language_of_the_samples_is_read(small_lake):
    found = open_lake(small_lake).documents("languages").select("metadata", "text").collect()
    assert found.height == len(LANGUAGES) == 119


def test_planted_duplicates_are_found_and_only_one_of_each_group_is_selected(small_lake, built):
    lake = open_lake(small_lake)
    documents = (
        lake.documents("planted")
        .select("id", "metadata", "locator", "cluster_id", "cluster_rank")
        .collect()
    )
    truth = pl.read_csv(built / "planted" / "exact_duplicates.tsv", separator="\t")
    ours = documents.filter(pl.col("locator").str.contains("exact_duplicates"))
    sizes = truth.group_by("group").len()["len"].sort().to_list()
    assert ours.group_by("cluster_id").len()["len"].sort().to_list() == sizes
    assert ours.filter(pl.col("cluster_rank") == 0).height == len(sizes)


def test_near_duplicates_follow_the_planted_similarity(small_lake, built):
    lake = open_lake(small_lake)
    rows = lake.documents("planted").select("locator", "cluster_id").collect()
    near = rows.filter(pl.col("locator").str.contains("near_duplicates"))
    lines = [
        json.loads(line)["id"]
        for line in (built / "planted/near_duplicates.jsonl").read_text().splitlines()
    ]
    number = near["locator"].str.extract(r"#(\d+)$").cast(pl.Int64).to_list()
    cluster = {lines[n]: c for n, c in zip(number, near["cluster_id"].to_list(), strict=True)}
    truth = pl.read_csv(
        built / "planted" / "near_duplicates.tsv",
        separator="\t",
        schema_overrides={"jaccard": pl.String},
    )
    found: dict[float, list[bool]] = {}
    for row in truth.iter_rows(named=True):
        level = round(row["shared"] / row["union"], 2)
        found.setdefault(level, []).append(cluster[row["id_a"]] == cluster[row["id_b"]])
    assert all(found[0.95])
    assert sum(found[0.9]) >= 0.95 * len(found[0.9])
    assert not any(found[0.5])  # verification refuses what a band brought together
    assert not any(found[0.2])


def test_a_document_that_quotes_the_evaluation_is_marked_and_left_out(small_lake):
    lake = open_lake(small_lake)
    rows = lake.documents("planted").select("locator", "contamination", "contaminated_by").collect()
    quoted = rows.filter(
        pl.col("locator").str.contains("contaminated"), pl.col("contamination") > 0.9
    )
    assert quoted.height > 0
    assert quoted["contaminated_by"].to_list() == [["sample-eval"]] * quoted.height
    others = rows.filter(pl.col("locator").str.contains("near_duplicates"))
    assert others["contamination"].max() == 0
    reasons = lake.selections("general", "planted").select("reason").collect()["reason"].to_list()
    assert "clean_of_evaluations" in reasons


def test_broken_records_are_counted_and_explained(small_lake, built):
    letters = open_lake(small_lake).dead_letters("planted").collect()
    assert set(letters["reason"]) >= {"json", "encoding", "missing_field", "wrong_type"}
    assert letters["detail"].str.len_chars().min() > 0


def test_no_group_straddles_the_split(small_lake):
    splits = open_lake(small_lake)._scan("splits", ()).collect()
    assert set(splits["split"]) == {"train", "validation"}
    assert splits.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    documents = open_lake(small_lake).documents().select("cluster_id", "split").collect()
    assert documents.group_by("cluster_id").agg(pl.col("split").n_unique())["split"].max() == 1


def test_shards_have_the_documented_schema(small_lake):
    schema = open_lake(small_lake).sequences("general").collect_schema()
    assert dict(schema) == {
        "input_ids": pl.Array(pl.UInt32, 1024),
        "n_tokens": pl.Int32,
        "cu_seqlens": pl.List(pl.Int32),
        "document_ids": pl.List(pl.Binary),
        "document_offsets": pl.List(pl.Int32),
        "copies": pl.List(pl.Int16),
    }


def test_every_document_ends_with_end_of_text_and_no_other_special_occurs(small_lake):
    for stage in ("general", "reasoning", "long_context"):
        for split in ("train", "validation"):
            rows = open_lake(small_lake).sequences(stage, split).collect()
            ids = rows["input_ids"].explode()
            assert (ids.max() or 0) <= END_OF_TEXT
            ends = (
                rows.select(pl.col("input_ids").arr.to_list().list.count_matches(END_OF_TEXT))
                .sum()
                .item()
            )
            padding = (rows["input_ids"].arr.len() - rows["n_tokens"]).sum()
            documents = rows["document_offsets"].explode().eq(0).sum()
            assert ends - padding == documents


def test_the_copies_of_a_document_are_those_selected(small_lake):
    lake = open_lake(small_lake)
    selected = (
        lake.selections("general").filter(pl.col("copies") > 0).select("id", "copies").collect()
    )
    splits = lake._scan("splits", ()).select("id", "split").collect()
    train = selected.join(splits.filter(pl.col("split") == "train"), on="id")
    rows = lake.sequences("general").select("document_ids", "document_offsets", "copies").collect()
    starts = rows.explode("document_ids", "document_offsets", "copies").filter(
        pl.col("document_offsets") == 0
    )
    counted = starts.group_by("document_ids").len().rename({"document_ids": "id"})
    joined = train.join(counted, on="id", how="full")
    assert joined.filter(pl.col("copies").cast(pl.UInt32) != pl.col("len")).height == 0
    assert joined.null_count().select("copies", "len").row(0) == (0, 0)


def test_stage_2_plans_more_code_and_math_and_stage_3_holds_to_its_lengths(small_plan, small_lake):
    layout = run(load_plan(str(small_plan)), small_lake)
    allocation = read_allocation(layout.selection_root)
    assert allocation is not None
    share = {}
    for stage in ("general", "reasoning"):
        cells = allocation["stages"][stage]["cells"]
        stem = sum(cell["planned"] for cell in cells if cell["kind"] in ("code", "math"))
        share[stage] = stem / allocation["stages"][stage]["planned"]
    assert share["reasoning"] > 2 * share["general"]
    pieces = open_lake(small_lake).sequences("long_context").select("cu_seqlens").collect()
    lengths = pieces.select(
        pl.col("cu_seqlens").list.diff(null_behavior="drop").explode()
    ).to_series()
    upper = lengths.filter(lengths >= 16384).sum() / lengths.sum()
    assert upper == pytest.approx(0.75, abs=0.08)  # some 30 documents are drawn
    assert lengths.min() > 4096


def test_adding_a_source_reads_and_annotates_only_that_one(small_plan, small_lake, tmp_path):
    lake = str(tmp_path / "lake")
    shutil.copytree(small_lake, lake)
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "a.txt").write_text(
        "One more short document about the colour of rivers in spring.\n" * 3
    )
    text = small_plan.read_text().replace(
        "annotate:", f"  - {{name: extra, reader: text, path: {extra}, kind: text}}\nannotate:", 1
    )
    plan = tmp_path / "plan.yaml"
    plan.write_text(text)
    before = _paths(lake, ("documents", "tokens", "annotations/language", "annotations/minhash"))
    layout = run(load_plan(str(plan)), lake, num_cpus=2)
    after = _paths(lake, ("documents", "tokens", "annotations/language", "annotations/minhash"))
    assert {path for path in after if "extra" not in path} == before
    assert audit(lake).problems == []
    # the splits of the earlier documents persist
    assert [g["path"] for g in history(lake)][-1] == layout.splits_root.path
    assert len(history(lake)) == 2
    old = open_lake(small_lake)._scan("splits", ()).collect()
    new = open_lake(lake)._scan("splits", ()).collect()
    both = old.join(new, on="id", suffix="_new")
    assert both.height == old.height
    assert (both["split"] == both["split_new"]).all()


def test_a_kill_before_the_history_was_written_does_not_lose_the_generation(
    small_plan, small_lake, tmp_path
):
    lake = str(tmp_path / "lake")
    shutil.copytree(small_lake, lake)
    os.unlink(os.path.join(lake, "splits", "history.json"))
    run(load_plan(str(small_plan)), lake)
    assert history(lake) == history(small_lake)


def test_the_order_of_stages_and_rules_is_part_of_the_selection_and_that_of_sources_is_not(
    small_plan, tmp_path
):
    def paths(text: str) -> tuple[str, str]:
        plan = tmp_path / "plan.yaml"
        plan.write_text(text)
        layout, _ = prepare(load_plan(str(plan)), str(tmp_path / "lake"))
        return layout.clusters.path, layout.selection_root.path

    text = small_plan.read_text()
    lines = text.splitlines()
    stage = next(n for n, line in enumerate(lines) if line.startswith("  general:"))
    swapped = [*lines[:stage], lines[stage + 1], lines[stage], *lines[stage + 2 :]]
    source = next(n for n, line in enumerate(lines) if "name: math" in line)
    moved = [*lines[:source], lines[source + 1], lines[source], *lines[source + 2 :]]
    assert paths("\n".join(swapped))[1] != paths(text)[1]
    assert paths("\n".join(moved)) == paths(text)
    mixture = (ROOT / "samples" / "mixtures" / "reasoning.yaml").read_text().splitlines()
    rule = mixture.index("rules:") + 1
    other = tmp_path / "reasoning.yaml"
    other.write_text(
        "\n".join([*mixture[:rule], mixture[rule + 1], mixture[rule], *mixture[rule + 2 :]])
    )
    assert (
        paths(text.replace(str(ROOT / "samples/mixtures/reasoning.yaml"), str(other)))[1]
        != paths(text)[1]
    )


def test_changing_a_budget_reruns_selection_only(small_plan, small_lake, tmp_path):
    lake = str(tmp_path / "lake")
    shutil.copytree(small_lake, lake)
    before = _paths(lake, ("documents", "tokens", "clusters", "splits"))
    run(load_plan(str(small_plan), scale=5e-9), lake, num_cpus=2)
    assert _paths(lake, ("documents", "tokens", "clusters", "splits")) == before
    assert shard_hashes(lake).keys().isdisjoint(shard_hashes(small_lake).keys())


def test_a_changed_input_stops_the_run(small_plan, small_lake, tmp_path):
    lake = str(tmp_path / "lake")
    shutil.copytree(small_lake, lake)
    web = tmp_path / "web"
    shutil.copytree(storage.absolute(str(small_plan.parent)), web)
    plan = tmp_path / "plan.yaml"
    plan.write_text(small_plan.read_text().replace(str(small_plan.parent), str(web)))
    run(load_plan(str(plan)), lake)  # the same files elsewhere are the same source
    with open(web / "planted" / "contaminated.jsonl", "a") as file:
        file.write('{"text": "more"}\n')
    with pytest.raises(ChangedInputError, match=r"source planted .*contaminated\.jsonl"):
        run(load_plan(str(plan)), lake)


def test_a_corrupt_part_is_named_and_the_other_parts_go_on(small_plan, small_lake, tmp_path):
    lake = str(tmp_path / "lake")
    shutil.copytree(small_lake, lake)
    layout_paths = _paths(lake, ("documents",))
    damaged = next(p for p in layout_paths if "/planted@" in p)
    path = os.path.join(
        lake,
        damaged,
        sorted(n for n in os.listdir(os.path.join(lake, damaged)) if n.endswith("parquet"))[0],
    )
    with open(path, "r+b") as file:
        file.truncate(100)
    problems = audit(lake, deep=True).problems
    assert any(damaged in problem for problem in problems)
    for annotation in _paths(lake, ("annotations/statistics",)):
        shutil.rmtree(os.path.join(lake, annotation))
    with pytest.raises(StepError, match=r"(?s)1 of \d+ parts failed.*planted.*cannot be read"):
        run(load_plan(str(small_plan)), lake, num_cpus=2)


def test_a_source_that_would_lose_too_much_raises_the_alarm_until_allowed(small_plan, tmp_path):
    source = tmp_path / "copies.jsonl"
    source.write_text(
        "".join(
            json.dumps({"text": "the same text again and again and again"}) + "\n"
            for _ in range(150)
        )
    )
    text = f"""\
name: alarm
sources: [{{name: copies, reader: jsonl, path: {source}, kind: web}}]
deduplicate: {{max_cluster: 100}}
stages: {{one: {{seq_len: 128, budget: 1000, mixture: one.yaml}}}}
"""
    plan = tmp_path / "plan.yaml"
    plan.write_text(text)
    (tmp_path / "one.yaml").write_text("name: one\n")
    lake = str(tmp_path / "lake")
    with pytest.raises(
        AlarmError, match=r"(?s)150 documents.*source copies would lose 149 of 150.*allow"
    ) as error:
        run(load_plan(str(plan)), lake, num_cpus=1)
    assert error.value.exit_code == 3
    cluster = str(error.value).split("cluster ")[1].split()[0]
    plan.write_text(text.replace("max_cluster: 100", "max_cluster: 200, allow: [copies]"))
    run(
        load_plan(str(plan)), lake, num_cpus=1, until="deduplicate"
    )  # a raised limit counts at once
    plan.write_text(
        text.replace("max_cluster: 100", f"max_cluster: 100, allow: [copies, '{cluster}']")
    )
    layout = run(load_plan(str(plan)), lake, num_cpus=1)
    assert len(shortages(layout)) == 0
    assert summary(layout)["stages"][0]["tokens"] == pytest.approx(1000, abs=200)


def test_texts_without_words_are_linked_by_equal_text_alone(tmp_path):
    rows = ["\u200b\u200b", "\u200b\u200b", "\u200b", "a text with words in it", "\u200b\u200b"]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in rows))
    (tmp_path / "one.yaml").write_text("name: one\n")
    (tmp_path / "plan.yaml").write_text(
        "name: odd\nsources: [{name: odd, reader: jsonl, path: odd.jsonl, kind: web}]\n"
        "stages: {one: {seq_len: 128, budget: 50, mixture: one.yaml}}\n"
    )
    lake = str(tmp_path / "lake")
    run(load_plan(str(tmp_path / "plan.yaml")), lake, num_cpus=1)
    documents = open_lake(lake).documents().select("locator", "cluster_size").collect()
    sizes = {int(locator.split("#")[1]): size for locator, size in documents.iter_rows()}
    assert sizes == {0: 3, 1: 3, 2: 1, 3: 1, 4: 3}
    assert audit(lake, deep=True).problems == []


def test_whole_segments_decode_to_the_text_of_their_documents(small_lake):
    lake = open_lake(small_lake)
    texts = dict(lake.documents().select("id", "text").collect().iter_rows())
    tokenizer, compared = Tokenizer(), 0
    for row in lake.sequences("general").head(20).collect().iter_rows(named=True):
        bounds = row["cu_seqlens"]
        for n, (start, stop) in enumerate(itertools.pairwise(bounds)):
            tokens = row["input_ids"][start:stop]
            if row["document_offsets"][n] == 0 and tokens[-1] == END_OF_TEXT:
                text = texts[row["document_ids"][n]]
                assert tokenizer.decode(tokens) == unicodedata.normalize("NFC", text)
                compared += 1
    assert compared > 10


def _paths(lake: str, tables: tuple[str, ...]) -> set[str]:
    catalog = open_lake(lake).catalog
    return set(catalog.filter(pl.col("table").is_in(tables))["path"].to_list())


def test_a_cell_that_cannot_reach_its_share_is_named(monkeypatch):
    def cell(name, target, planned):
        return {"name": name, "target": target, "planned": planned}

    stage = {
        "bands": [{"band": "", "budget": 1000.0, "planned": 1000.0, "shortage": 0.0}],
        "cells": [cell("code", 300.0, 200.0), cell("code", 200.0, 40.0), cell("web", 500.0, 760.0)],
        "budget": 1000.0,
    }
    near = {**stage, "cells": [cell("code", 500.0, 496.0), cell("web", 500.0, 504.0)]}
    plain = {**stage, "cells": [cell("", 500.0, 100.0)]}
    stages = {"general": stage, "reasoning": near, "plain": plain}
    found = {"repetition_cap": 4.0, "stages": stages}
    shares = {"code": 0.5, "web": 0.25, "pdf": 0.25, "none": 0}
    cells = [{"name": n, "where": "true", "share": share} for n, share in shares.items()]
    ours = Mixture.model_validate({"name": "ours", "cells": cells})
    two = ours.model_copy(update={"cells": ours.cells[:2]})
    mixtures = {"general": ours, "reasoning": two, "plain": Mixture(name="plain")}
    monkeypatch.setattr(select, "read_allocation", lambda root: found)
    layout = SimpleNamespace(selection_root=None, plan=SimpleNamespace(mixtures=mixtures))
    assert shortages(layout) == [
        "stage general: cell code gives 240 of the 500 tokens of its share under the repetition cap of 4 and its "
        "ceiling; other cells take the rest",
        "stage general: cell pdf has no document that it could take; other cells take its share",
    ]
