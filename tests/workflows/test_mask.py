"""A plan that masks: placeholders in the shards, documents as they were, and only tokens and what follows anew."""

import json

import polars as pl
import pytest

from corpus import open_lake
from corpus.errors import PlanError
from corpus.tokenizer import Tokenizer
from tests.workflows.test_trace import shards
from workflows.plan import load_plan
from workflows.run import prepare, run
from workflows.trace import trace

PLAN = """\
name: masked
sources: [{name: texts, reader: jsonl, path: texts.jsonl, kind: web}]
annotate: {personal_data: {}}
split: {validation: 0}
stages: {general: {seq_len: 64, budget: 2000, mixture: general.yaml}}
"""
ADDRESS, PHONE = "zoe.quill@firma.de", "+41 44 668 18 00"


@pytest.fixture
def folder(tmp_path):
    texts = [
        f"Letter {n} about the harbour of town {n * 37}: write 👩 to {ADDRESS} or call {PHONE}, please, {n} times."
        for n in range(12)
    ]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    (tmp_path / "general.yaml").write_text("name: general\nrules: {few: pii_email <= 1}\n")
    return tmp_path


def plan_of(folder, mask=""):
    (folder / "plan.yaml").write_text(PLAN + (f"mask: {mask}\n" if mask else ""))
    return load_plan(str(folder / "plan.yaml"))


def decoded(lake: str) -> str:
    """The text of every token of every shard."""
    rows = open_lake(lake).sequences("general").select("input_ids").collect()
    return "\n".join(Tokenizer().decode(ids) for ids in rows["input_ids"].to_list())


def paths(lake: str) -> dict[str, str]:
    catalog = open_lake(lake).catalog
    return dict(catalog.select("table", "path").iter_rows())


def test_masked_shards_have_placeholders_and_only_tokens_and_what_follows_ran_again(folder):
    lake = str(folder / "lake")
    run(plan_of(folder), lake, num_cpus=1)
    before, documents = paths(lake), open_lake(lake).documents().select("id", "text").collect()
    assert ADDRESS in decoded(lake)
    assert PHONE in decoded(lake)

    run(plan_of(folder, '{email: "<mail>"}'), lake, num_cpus=1)
    assert ADDRESS not in decoded(lake)
    assert "zoe" not in decoded(lake)
    assert "to <mail> or call" in decoded(lake)
    assert PHONE in decoded(lake)
    after = paths(lake)
    same = {table for table in before if before[table] == after[table]}
    assert same == {
        *("documents", "pages", "dead_letters", "annotations/content_hash"),
        *("annotations/minhash", "annotations/personal_data"),
    }
    assert open_lake(lake).documents().select("id", "text").collect().equals(documents)

    run(plan_of(folder, "[phone, email]"), lake, num_cpus=1)
    assert "to <email> or call <phone>, please" in decoded(lake)
    assert PHONE not in decoded(lake)


def test_trace_masks_as_the_tokens_were(folder):
    lake = str(folder / "lake")
    run(plan_of(folder, "[email]"), lake, num_cpus=1)
    checked = 0
    for path in shards(lake):
        for row in range(pl.read_parquet(path).height):
            for segment in trace(path, row):
                assert segment.matches
                assert segment.annotations["personal_data"]["pii_email"] == 1
                checked += 1
    assert checked >= 12


def test_the_fingerprint_of_tokens_knows_what_is_masked_and_not_how_it_was_written(folder):
    def tokens(mask: str) -> str:
        layout, _ = prepare(plan_of(folder, mask), str(folder / "lake"))
        return layout.tokens["texts"].path

    assert tokens("[email]") == tokens("{email: <email>}") != tokens("")
    assert tokens("[email, phone]") == tokens("[phone, email]") != tokens("[email]")
    assert tokens("[]") == tokens("")
    assert tokens('{email: ""}') != tokens("[email]")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            "[emial]",
            r"plan\.yaml:6: mask: unknown kind of personal data 'emial'; did you mean 'email'",
        ),
        ("{telephone: x}", "unknown kind of personal data 'telephone'; did you mean 'phone'"),
        ("{email: 3}", r"plan\.yaml:6: mask\.email: .*valid string, got 3"),
        ("email", r"plan\.yaml:6: mask: "),
    ],
)
def test_wrong_masks_are_refused(folder, mask, message):
    with pytest.raises(PlanError, match=message):
        plan_of(folder, mask)
