"""`tokenmill ablate` on a small lake: it ends, says the same again, goes on after a kill, and its mixture runs."""

import json
import random
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from corpus import open_lake, storage
from corpus.errors import PlanError
from corpus.lake import Entry, Folder, write_part
from corpus.tokenizer import Tokenizer
from mixers.mixture import Mixture
from mixers.swarm import draws
from mixers.targets import GRAM, apart
from tests.workflows.lakes import plan_of
from workflows import ablate as ablating
from workflows import mixtures
from workflows.ablate import EVIDENCE, MIXTURE, ablate, evidence, options
from workflows.ablation_page import render, write_page
from workflows.cli import main
from workflows.engine import StepError
from workflows.plan import load_mixture, load_plan
from workflows.run import run
from workflows.steps import ablate as step

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole ablation
PLAN = """\
name: ablated
seed: 3
sources:
  - {name: plain, reader: jsonl, path: plain.jsonl, kind: web}
  - {name: numbers, reader: jsonl, path: numbers.jsonl, kind: math}
annotate: {language: {}, statistics: {}, student: {}}
deduplicate: {max_source_loss: 1.0}
split: {validation: 0.05, targets: 0.2}
stages:
  general: {seq_len: 256, budget: 40000, mixture: cells.yaml}
resources: {part_bytes: 40000, bucket_tokens: 40000}
"""
CELLS = """\
name: cells
criteria:
  length: {of: n_words, worst: 20, best: 120}
cells:
  - {name: web, where: kind = 'web', share: 0.7}
  - {name: math, where: kind = 'math', share: 0.3}
"""
WORDS = ["river", "stone", "garden", "letter", "window", "yellow", "travel", "number", "market"]
ASKED = {
    "stage": "general",
    "params": "0.1M",
    "confirm_params": "0.1M",
    "proxies": 10,
    "tokens": 20_000,
    "seeds": 2,
    "vocabulary": 400,
    "seed": 1,
    "targets": "",
    "device": "cpu",
    "rounds": 1,
}


def texts() -> dict[str, str]:
    random_ = random.Random(5)
    plain = [
        " ".join(random_.choices(WORDS, k=random_.randrange(30, 120))).capitalize() + "."
        for _ in range(300)
    ]
    numbers = [
        "Sums of numbers: "
        + "; ".join(
            f"{a} and {b} make {a + b}"
            for a, b in ((random_.randrange(90_000), random_.randrange(90_000)) for _ in range(12))
        )
        for _ in range(260)
    ]
    return {
        "plain.jsonl": "".join(json.dumps({"text": t}) + "\n" for t in plain),
        "numbers.jsonl": "".join(json.dumps({"text": t}) + "\n" for t in numbers),
        "cells.yaml": CELLS,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("ablated")
    plan_of(place, PLAN, {}, texts())
    return place


@pytest.fixture(scope="module")
def done(folder):
    plan = load_plan(str(folder / "plan.yaml"))
    return ablate(plan, str(folder / "lake"), options(plan, None, ASKED), num_cpus=2)


def test_the_evidence_holds_together(done, folder):
    assert done.pool["tokens"] == pytest.approx(0.5 * sum_of_train(folder), rel=0.15)
    assert set(done.swarm) == set(done.pool["targets"]) >= {"math"}
    assert all(len(values) == 10 for values in done.swarm.values())
    shares = [done.recommended[f"share:{name}"] for name in ("web", "math")]
    assert sum(shares) == pytest.approx(1)
    over = {"prior", "natural", "temperature", "unimax", "top-k", "domain-level"}
    assert {gain["over"] for gain in done.gains} == over
    assert done.fresh["tokens"] == pytest.approx(done.pool["tokens"], rel=0.2)
    assert done.fresh["tokens"] != done.pool["tokens"]  # of a sample of its own
    assert any(line.startswith("every target is text of your own") for line in done.warnings)
    assert any(line.startswith("10 members for fits of ") for line in done.warnings)
    over = next(gain for gain in done.gains if gain["over"] == "prior")
    assert done.advice.startswith(
        "take the recommended" if over["low"] > 0 else "keep your present"
    )
    for rows in (done.shares["language"], done.shares["field"]):
        assert sum(row["recommended"] for row in rows) == pytest.approx(1)
        assert sum(row["natural"] for row in rows) == pytest.approx(1)
    assert "eng_Latn" in {row["name"] for row in done.shares["language"]}


def sum_of_train(folder) -> int:
    lake = open_lake(str(folder / "lake"))
    frame = lake.documents(annotations=[]).filter(pl.col("split") == "train")
    return frame.select(pl.col("n_tokens").sum()).collect().item()


def test_losses_are_between_nothing_and_guessing(done):
    for target, values in done.swarm.items():
        assert all(0.1 < value < 9 for value in values), target


def test_a_second_run_trains_nothing_and_says_the_same(done, folder, monkeypatch):
    monkeypatch.setattr(
        "workflows.engine.Engine._start", lambda self: pytest.fail("Ray was started")
    )
    plan = load_plan(str(folder / "plan.yaml"))
    assert ablate(plan, str(folder / "lake"), options(plan, None, ASKED)) == done
    assert evidence(str(folder / "lake"), "general") == done


def test_another_lake_has_equal_losses_though_a_group_was_killed(
    done, folder, monkeypatch, tmp_path
):
    plan = load_plan(str(folder / "plan.yaml"))
    lake = str(tmp_path / "lake")
    asked = options(plan, None, ASKED)
    real = step.train_group

    def killed(job, folder_, item):
        if "/round-1@" in folder_.path and item["key"] == "00001":
            raise OSError("the machine went away")
        return real(job, folder_, item)

    monkeypatch.setattr(step, "train_group", killed)
    monkeypatch.setattr("workflows.engine.Engine.map", _here)
    with pytest.raises(StepError, match="the machine went away"):
        ablate(plan, lake, asked)
    monkeypatch.setattr(step, "train_group", real)
    again = ablate(plan, lake, asked)
    assert again.swarm.keys() == done.swarm.keys()
    for target, values in again.swarm.items():
        assert values == pytest.approx(done.swarm[target], rel=1e-4), target
    assert again.pool == done.pool


def _here(self, step_name, task, items, **_):
    """The engine without Ray: tasks one by one, in this process."""
    errors = []
    for item in items:
        try:
            task(item)
        except OSError as error:
            errors.append(str(error))
    if errors:
        raise StepError("; ".join(errors))


def test_the_recommended_mixture_runs_as_it_is_and_its_shares_are_met(done, folder):
    place = storage.join(str(folder / "lake"), done.where)
    (folder / "tuned.yaml").write_text(storage.get(storage.join(place, MIXTURE)).decode())
    uneven = CELLS.replace("0.7", "0.95").replace("0.3", "0.05")
    (folder / "uneven.yaml").write_text(uneven)  # the recommendation may be near to halves
    stages = "  uneven: {seq_len: 256, budget: 20000, mixture: uneven.yaml}\nresources"
    text = PLAN.replace("cells.yaml", "tuned.yaml").replace("resources", stages)
    (folder / "tuned-plan.yaml").write_text(text)
    layout = run(load_plan(str(folder / "tuned-plan.yaml")), str(folder / "lake"), num_cpus=2)
    for stage, file in (
        ("general", storage.join(place, MIXTURE)),
        ("uneven", str(folder / "uneven.yaml")),
    ):
        rows = selected(layout, stage)
        chance = pl.col("expected") % 1
        error = np.sqrt(rows.select((pl.col("size") ** 2 * chance * (1 - chance)).sum()).item())
        packed = packed_tokens(folder / "lake" / "shards", stage, rows)
        total = sum(packed.values())
        assert not [band for band in allocation(layout, stage)["bands"] if band["shortage"]]
        shares = {cell.name: cell.share for cell in load_mixture(file).cells}
        assert set(shares) == {"web", "math"} == set(packed)
        for name, share in shares.items():
            asked = share / sum(shares.values())
            assert packed[name] / total == pytest.approx(asked, abs=max(0.005, 3 * error / total))
        assert rows["copies"].max() <= 4
    assert json.loads(storage.get(storage.join(place, EVIDENCE)))["advice"] == done.advice


def selected(layout, stage: str) -> pl.DataFrame:
    """What the stage could take, with the cell's `name` and the `size` in tokens."""
    sources = {"plain": "web", "numbers": "math"}
    return pl.concat(
        pl.read_parquet(f.file_uri(part))
        .join(pl.read_parquet(layout.tokens[source].file_uri(part)), on="id")
        .with_columns(name=pl.lit(sources[source]), size=pl.col("n_tokens") + 1)
        for (of, source), f in layout.selections.items()
        for part in f.parts()
        if of == stage
    ).filter(pl.col("cell").is_not_null())


def allocation(layout, stage: str) -> dict:
    (root,) = {folder.path.rsplit("/", 2)[0] for folder in layout.selections.values()}
    found = json.loads(storage.get(storage.join(layout.lake, root, "allocation.json")))
    return found["stages"][stage]


def packed_tokens(shards, stage: str, rows: pl.DataFrame) -> dict[str, int]:
    """Tokens of the training sequences by cell."""
    names = dict(rows.select("id", "name").iter_rows())
    found = dict.fromkeys(names.values(), 0)
    for file in shards.glob(f"*/{stage}/train/*.parquet"):
        for ids, ends in pl.read_parquet(file, columns=["document_ids", "cu_seqlens"]).iter_rows():
            for id_, size in zip(ids, np.diff(ends), strict=True):
                found[names[id_]] += int(size)
    return found


def test_the_page_stands_alone_and_shows_every_chart(done, folder):
    where = write_page(str(folder / "lake"), "general", None)
    text = storage.get(where).decode()
    assert text.count("<svg") == 8
    assert "http" not in text.replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")
    assert done.advice[1:] in unescape(text)
    assert render(done) == text
    said = "take the recommended mixture; surely worse on Afro-Asiatic (-2.00 %)"
    less = {name: {t: v for t, v in of.items() if t != "math"} for name, of in done.trials.items()}
    other = unescape(render(replace(done, advice=said, trials=less)))
    assert "Take the recommended mixture; surely worse on Afro-Asiatic (-2.00 %)." in other
    assert other.count("<td>–") == len(done.trials)  # which have no loss of mathematics


def test_what_a_mixture_would_select_is_what_is_selected(done, folder):
    plan = load_plan(str(folder / "plan.yaml"))
    cut = Mixture.model_validate(
        {
            "name": "cut",
            "criteria": {"length": {"of": "n_words", "worst": 20, "best": 120}},
            "cells": [
                {
                    "name": "web",
                    "where": "kind = 'web'",
                    "share": 1,
                    "criteria": {"length": 1},
                    "cutoff": 0.5,
                }
            ],
        }
    )
    found = mixtures.simulate(plan, str(folder / "lake"), "general", cut)
    (web,) = found.cells
    assert web["planned"] == pytest.approx(
        web["supply"] / 2 * 4, rel=0.02
    )  # four copies of the better half
    assert web["copies"] == 4
    assert found.reasons["no_cell"] > 50
    sides = {
        side: [row["score"] for row in found.margin if row["side"] == side]
        for side in ("in", "out")
    }
    assert max(sides["out"]) < min(sides["in"])
    shown = list(mixtures.lines(found))
    assert any(line.startswith("not eligible: no_cell") for line in shown)
    missed, capped = [line for line in shown if line.startswith("shortage: ")]
    assert missed.endswith(f" of {found.budget:,.0f} tokens")
    asked = f"cell web gives {web['planned']:,.0f} of the {found.budget:,.0f} tokens of its share"
    assert capped.startswith(f"shortage: {asked}")


def test_differences_by_hand():
    one = Mixture.model_validate({"name": "a", "cells": [{"name": "x", "share": 1}]})
    other = one.model_copy(
        update={
            "cells": [one.cells[0], one.cells[0].model_copy(update={"name": "y", "share": 3.0})]
        }
    )
    assert "x share                          1 -> 0.25" in list(mixtures.diff(one, other))
    turned = other.model_copy(update={"cells": other.cells[::-1]})
    assert list(mixtures.diff(other, turned)) == ["order of cells                   x, y -> y, x"]
    ranks = {"of": "n_words", "worst": 1, "best": 2}
    some, none = (
        Mixture.model_validate({"name": "m", "criteria": {"c": ranks | {"missing": missing}}})
        for missing in (0.5, 0)
    )
    (line,) = mixtures.diff(some, none)
    assert line.endswith("n_words, 1 to 2, without one 0.5 -> n_words, 1 to 2, without one 0")
    assert list(mixtures.diff(one, one)) == []
    named = {"name": "m", "criteria": {"share": {"of": "n", "worst": 0, "best": 1}}}
    few, many = (
        Mixture.model_validate(
            named
            | {
                "cells": [
                    {"name": "x", "share": share, "criteria": {"share": 1}},
                    {"name": "y", "share": 1},
                ]
            }
        )
        for share in (1, 9)
    )
    assert len(list(mixtures.diff(few, many))) == 2  # a criterion's name hides no setting


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": "genral"}, "did you mean 'general'"),
        ({"params": "2M"}, "--params: unknown size '2M'"),
        ({"tokens": 50_000}, "a proxy would read as much as the stage's budget of 40,000"),
        ({"vocabulary": 10}, "--vocabulary 10 must be 257 to 65,536"),
        ({"targets": "nowhere.jsonl"}, "--targets: there is no file nowhere.jsonl"),
    ],
)
def test_wrong_uses_name_the_value_and_the_remedy(done, folder, change, message):
    plan = load_plan(str(folder / "plan.yaml"))
    with pytest.raises(PlanError, match=message):
        ablate(plan, str(folder / "lake"), options(plan, None, ASKED | change))


def test_a_mixture_without_cells_says_what_to_do(done, folder):
    plan = load_plan(str(folder / "plan.yaml"))
    with pytest.raises(PlanError, match="has no cells, so there is nothing to tune"):
        ablate(plan, str(folder / "lake"), options(plan, Mixture(name="bare"), ASKED))


def test_more_seeds_train_no_member_again(done, folder, monkeypatch):
    trained, seeds = [], []
    real = step.train_group

    def seen(job, folder_, item):
        trained.append(folder_.path.rsplit("/", 1)[1].split("@")[0])
        seeds.extend({seed for _, _, seed in item["members"]})
        assert job.fresh
        return real(job, folder_, item)

    monkeypatch.setattr(step, "train_group", seen)
    monkeypatch.setattr("workflows.engine.Engine.map", _here)
    plan = load_plan(str(folder / "plan.yaml"))
    found = ablate(plan, str(folder / "lake"), options(plan, None, ASKED | {"seeds": 3}))
    assert trained == ["confirm"] * 3
    assert sorted(seeds) == [1001, 1002, 1003]  # none of the swarm's
    assert found.swarm == done.swarm
    assert [len(v) for v in found.trials["prior"].values()] == [3] * len(done.swarm)


def test_a_group_that_is_killed_goes_on_from_what_it_saved(done, folder, monkeypatch):
    from mixers import training

    plan = load_plan(str(folder / "plan.yaml"))
    other = options(plan, None, ASKED | {"proxies": 8})
    monkeypatch.setattr(step, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("workflows.engine.Engine.map", _here)
    real, steps = training.advance, []

    def dies(stack, pool, streams, by, until):
        if len(steps) == 3:
            raise OSError("killed")
        steps.append(stack.step)
        real(stack, pool, streams, by, until)

    monkeypatch.setattr(training, "advance", dies)
    with pytest.raises(StepError, match="killed"):
        ablate(plan, str(folder / "lake"), other)
    steps.clear()
    steps.append(-1)  # so that it dies no more: its length passes 3 between two looks

    def goes_on(stack, pool, streams, by, until):
        steps.append(stack.step)
        real(stack, pool, streams, by, until)

    monkeypatch.setattr(training, "advance", goes_on)
    found = ablate(plan, str(folder / "lake"), other)
    assert steps[1] == 3  # not from the beginning
    for target, values in found.swarm.items():
        # the first eight members of ten are the same eight, in the same stack
        assert values == pytest.approx(done.swarm[target][:8], rel=1e-4)


def test_targets_of_the_user_what_they_share_with_the_pool_and_lines_that_are_none(
    folder, tmp_path
):
    texts = (folder / "plain.jsonl").read_text().splitlines()
    pool = [json.loads(line)["text"] for line in texts]
    fresh = [" ".join(random.Random(n).choices(WORDS[::-1], k=60)) for n in range(3)]
    fresh[0] += "\u2028the end"
    rows = [json.dumps({"target": "mine", "text": t}, ensure_ascii=False) for t in fresh]
    file = tmp_path / "targets.jsonl"
    file.write_text("\n".join([*rows, "{", '{"target": "mine"}', ""]), encoding="utf-8-sig")
    found, faults = step.targets_of(str(file))
    assert found == {"mine": fresh}
    assert faults == {"not JSON": 1, "without `target` and `text`": 1}
    tokenizer = Tokenizer()
    ids = [tokenizer.encode(text) for text in pool[:40]]
    targets = {"mine": [*(tokenizer.encode(text) for text in fresh), ids[7][3:30]]}
    targets["mine"].append(np.arange(GRAM - 1, dtype=np.uint32))  # nobody can tell
    kept, shared = apart(targets, np.concatenate(ids))
    assert shared == {"mine": 1}
    assert len(kept["mine"]) == 3
    file.write_text("{}\n")
    with pytest.raises(PlanError, match="has no line with `target` and `text`"):
        step.targets_of(str(file))


def test_a_simulation_writes_nothing(folder, done):
    lake = folder / "lake"
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()}
    plan = load_plan(str(folder / "plan.yaml"), models=False)
    mixtures.simulate(plan, str(lake), "general", load_mixture(str(folder / "cells.yaml")))
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()} == before


def test_the_commands_print_what_they_found(done, folder):
    lake = str(folder / "lake")
    shown = CliRunner().invoke(main, ["ablate-report", "--lake", lake])
    assert shown.exit_code == 0
    assert shown.output.startswith("wrote ")
    shown = CliRunner().invoke(main, ["mixture", "show", str(folder / "cells.yaml")])
    assert "web                   70.00 %  all alike" in shown.output
    shown = CliRunner().invoke(main, ["ablate-report", "--lake", lake, "--stage", "nothing"])
    assert shown.exit_code == 2
    assert "has no finished ablation of nothing" in shown.output


def test_shares_alone_in_two_rounds_with_a_cell_that_no_document_is_of(done, folder, monkeypatch):
    drawn = []

    def seen(prior, number, seed, *, narrow):
        drawn.append((prior.cells[0].share, seed, narrow))
        return draws(prior, number, seed, narrow=narrow)

    monkeypatch.setattr(ablating, "draws", seen)
    plan = load_plan(str(folder / "plan.yaml"))
    cells = [("web", "kind = 'web'"), ("nothing", "kind = 'pdf'"), ("math", "kind = 'math'")]
    bare = Mixture.model_validate(
        {"name": "bare", "cells": [{"name": n, "where": w, "share": 1} for n, w in cells]}
    )
    own = folder / "own.jsonl"
    mine = [" ".join(random.Random(n).choices(WORDS[::-1], k=60)) for n in range(60)]
    own.write_text("".join(json.dumps({"target": "mine", "text": t}) + "\n" for t in mine) + "{\n")
    asked = ASKED | {"rounds": 2, "proxies": 8, "tokens": 8_000, "targets": str(own)}
    found = ablate(plan, str(folder / "lake"), options(plan, bare, asked), num_cpus=2)
    assert 2_000 < found.pool["targets"]["mine"] < 6_000
    assert found.pool["faults"] == {"not JSON": 1}
    assert "mine" in found.swarm
    assert all(len(values) == 16 for values in found.swarm.values())
    assert found.recommended["share:nothing"] == 0
    assert [(seed, narrow) for _, seed, narrow in drawn] == [(1, 1.0), (2, 2.0)]
    assert drawn[0][0] == 1  # the prior's; then the first optimum's
    assert drawn[1][0] < 1
    kept = load_mixture(storage.join(str(folder / "lake"), found.where, MIXTURE))
    assert kept.cells[1].share == pytest.approx(1 / 3, abs=1e-5)  # as it was
    assert not any(name.startswith("quality") for name in found.recommended)
    assert "top-k" not in found.trials
    assert evidence(str(folder / "lake"), "general") == found
    plain = options(plan, None, ASKED)
    assert ablate(plan, str(folder / "lake"), plain) == done  # and the page shows this one again
    assert evidence(str(folder / "lake"), "general") == done


def test_what_cannot_be_tuned_is_said_before_anything_is_read(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("workflows.ablate.run", lambda *_, **__: pytest.fail("it ran"))
    plan = load_plan(str(folder / "plan.yaml"))
    one = Mixture.model_validate({"name": "one", "cells": [{"name": "all", "share": 1}]})
    with pytest.raises(PlanError, match="one cell and no criteria"):
        ablate(plan, str(tmp_path), options(plan, one, ASKED))
    (tmp_path / "own.jsonl").write_bytes(b'{"target": "math", "text": "one"}\n')
    with pytest.raises(PlanError, match="'math', which is the name of held-out documents"):
        options(plan, None, ASKED | {"targets": str(tmp_path / "own.jsonl")})
    monkeypatch.setitem(__import__("sys").modules, "mixers.proxy", None)
    with pytest.raises(PlanError, match=r"install `tokenmill\[proxies\]`"):
        options(plan, None, ASKED)


def test_without_a_gpu_the_remedy_is_said(done, folder):
    plan = load_plan(str(folder / "plan.yaml"))
    with pytest.raises(StepError, match=r"Ray sees no GPU.*--device cpu"):
        ablate(plan, str(folder / "lake"), options(plan, None, ASKED | {"device": "cuda"}))


def test_of_a_target_the_first_documents_over_all_groups_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(step, "TARGET_TOKENS", 10)
    pool = Folder(str(tmp_path), "pool")
    for part, rows in enumerate(
        [
            [("a", "train", "math", 0.9, 6), ("b", "targets", "math", 0.5, 9)],
            [("c", "targets", "math", 0.1, 15), ("d", "targets", "math", 0.3, 8)],
            [("e", "targets", "math", 0.4, 8), ("f", "targets", "code", 0.8, 3)],
        ]
    ):
        table = pl.DataFrame(rows, ["id", "split", "target", "place", "n_tokens"], orient="row")
        file = write_part(pool, f"part-{part}.parquet", table.to_arrow())
        pool.commit(Entry(key=str(part), files=[file]))
    found = step._read_pool(SimpleNamespace(pool=pool, held_out="targets"))
    # 20 tokens of mathematics are looked at: c has 15, d is begun before they are full, e and b are not
    assert found["id"].to_list() == ["a", "c", "d", "f"]


def test_rules_that_let_nothing_pass_are_named(folder, tmp_path):
    place = tmp_path / "never.yaml"
    place.write_text(CELLS + "rules: {never: n_tokens < 0}\n")
    for name in ("plain.jsonl", "numbers.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "plan.yaml").write_text(PLAN.replace("cells.yaml", "never.yaml"))
    plan = load_plan(str(tmp_path / "plan.yaml"))
    with pytest.raises(PlanError, match="the rules of general let no document pass"):
        run(plan, str(folder / "lake"), num_cpus=2)
    found = mixtures.simulate(plan, str(folder / "lake"), "general", load_mixture(str(place)))
    assert found.reasons.keys() == {"never", "split:targets"}
    assert found.reasons["never"] > 400
    assert found.cells == []


def test_what_is_held_out_and_what_is_read_come_from_other_ends_to_confirm(done):
    frame = pl.DataFrame({"id": [bytes([n]) * 16 for n in range(50)]})
    one, other = (
        step._place(SimpleNamespace(options=SimpleNamespace(seed=1), fresh=fresh), frame)
        for fresh in (False, True)
    )
    assert one + other == pytest.approx(np.ones(50))
    assert one.std() > 0.2


def test_a_swarm_of_members_that_are_alike_is_refused_before_it_is_trained(
    done, folder, monkeypatch
):
    monkeypatch.setattr(step, "trained", lambda *_: pytest.fail("it was trained"))
    plan = load_plan(str(folder / "plan.yaml"))
    cells = [
        {"name": "web", "where": "kind <> 'pdf'", "share": 1},
        {"name": "none", "where": "kind = 'pdf'", "share": 1},
    ]
    alike = Mixture.model_validate({"name": "alike", "cells": cells})
    with pytest.raises(
        PlanError,
        match=r"nothing varies.*documents in web, ranked by nothing",
    ):
        ablate(plan, str(folder / "lake"), options(plan, alike, ASKED), num_cpus=2)


def test_steps_count_the_ends_of_documents_on_both_sides(monkeypatch):
    names = ("ids", "offsets", "bytes_of", "starts", "spelt")
    arrays = {name: np.zeros(1, np.int64) for name in names}
    notes = {"tokens": 900, "proxy_tokens": 2_000}  # the latter with an end for each document
    frame = pl.DataFrame({"n_tokens": [9] * 100})
    monkeypatch.setattr(step, "_loaded", lambda folder: (arrays, frame, notes))
    monkeypatch.setattr(step, "supply", lambda *_: None)
    options_ = SimpleNamespace(tokens=409_600, prior=None, device="cpu")
    of = SimpleNamespace(setting=None, options=options_, cap=4, mixture=None, compiled=dict)
    assert step.setting_of(of, "0.1M").schedule.tokens == 2 * 409_600


def test_a_proxy_that_diverged_is_named():
    table = pl.DataFrame({"name": ["member 0", "member 1"], "target:math": [1.5, float("nan")]})
    with pytest.raises(PlanError, match=r"1 of 2 proxies diverged \(member 1: the loss of math"):
        ablating._losses(table)
    assert ablating._losses(table.head(1))["math"].tolist() == [1.5]
