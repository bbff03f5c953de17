"""Deduplication as a whole: the parts do not matter, and what would destroy a source raises the alarm until allowed.

The tasks run one after the other in this process, not through Ray.
"""

import json
import random
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from corpus import open_lake
from corpus.errors import AlarmError
from workflows.engine import Engine
from workflows.plan import load_plan
from workflows.run import run
from workflows.steps import context, deduplicate

WORDS = [a + b + c for a in "bdklmnrst" for b in "aeiou" for c in "bdklmnrst"]
PLAN = """\
name: small
sources: [{name: pages, reader: jsonl, path: pages.jsonl, kind: web}]
deduplicate: SETTINGS
stages: {one: {seq_len: 128, budget: 1000, mixture: one.yaml}}
resources: {part_bytes: PART_BYTES}
"""


class Inline(Engine):
    """Does the work of Ray in this process."""

    def map(self, step, task, items, **_):
        for item in items:
            task(item)


@pytest.fixture(autouse=True)
def without_ray(monkeypatch):
    monkeypatch.setattr("workflows.run.Engine", Inline)


def pages(folder: Path, texts: Iterable[list[str]]) -> None:
    lines = [json.dumps({"text": " ".join(words)}) + "\n" for words in texts]
    (folder / "pages.jsonl").write_text("".join(lines))
    (folder / "one.yaml").write_text("name: one\n")


def deduplicated(folder: Path, settings: str, lake: str = "lake", part_bytes: int = 1 << 20) -> str:
    """The lake, after the step."""
    plan = folder / "plan.yaml"
    plan.write_text(PLAN.replace("SETTINGS", settings).replace("PART_BYTES", str(part_bytes)))
    run(load_plan(str(plan)), str(folder / lake), until="deduplicate")
    return str(folder / lake)


def clusters(lake: str) -> pl.DataFrame:
    """id, cluster_id, cluster_size, cluster_rank and similarity of every document."""
    return open_lake(lake).annotations("duplicates").collect().sort("id")


def alarm(folder: Path, settings: str) -> str:
    """The words of the alarm."""
    with pytest.raises(AlarmError) as error:
        deduplicated(folder, settings)
    assert error.value.exit_code == 3
    return str(error.value)


def words(rng: random.Random, count: int) -> list[str]:
    return rng.choices(WORDS, k=count)


def chain(rng: random.Random, count: int, length: int) -> Iterable[list[str]]:
    """Each differs from the one before in one word, in its turn."""
    now = words(rng, length)
    for number in range(count):
        yield now
        now = list(now)
        now[number * 5 % length] = f"link{number}"


def family(rng: random.Random, count: int) -> Iterable[list[str]]:
    """Pages of one template of 100 words around a field of 3."""
    head, tail = words(rng, 50), words(rng, 50)
    return [[*head, *words(rng, 3), *tail] for _ in range(count)]


def some_of_all(rng: random.Random) -> list[list[str]]:
    """Near-duplicates, a family, a chain, equal texts and unrelated documents, shuffled."""
    texts = [words(rng, rng.randint(60, 180)) for _ in range(150)]
    texts += [[*text[:-6], *words(rng, 6)] for text in texts[:60]]
    texts += [list(text) for text in texts[:20]]
    texts += [*family(rng, 30), *chain(rng, 30, 60)]
    rng.shuffle(texts)
    return texts


def parts_of(lake: str) -> int:
    catalog = open_lake(lake).catalog
    return int(catalog.filter(pl.col("table") == "documents")["files"].sum())


def test_clusters_are_the_same_for_1_7_and_64_parts(tmp_path, monkeypatch):
    pages(tmp_path, some_of_all(random.Random(1)))
    one = deduplicated(tmp_path, "{}", "one")
    expected = clusters(one)
    assert expected.filter(pl.col("cluster_size") > 1).height > 100
    # small groups and partitions, so that the exchanges have many of both
    monkeypatch.setattr(context, "GROUP_ROWS", (40, 40))
    monkeypatch.setattr(deduplicate, "PAIRS_PER_PARTITION", 700)
    monkeypatch.setattr(deduplicate, "MEMBERS_PER_PARTITION", 60)
    counts = [parts_of(one)]
    for part_bytes in (18_500, 1_780):
        lake = deduplicated(tmp_path, "{}", str(part_bytes), part_bytes)
        counts.append(parts_of(lake))
        assert clusters(lake).equals(expected)
    assert counts == [1, 7, 64]


def test_a_template_family_is_named_until_the_plan_allows_it(tmp_path):
    pages(tmp_path, family(random.Random(2), 300))
    message = alarm(tmp_path, "{max_cluster: 200}")
    assert "source pages would lose 299 of 300 documents" in message
    cluster = message.split("cluster ")[1].split()[0]
    left = alarm(tmp_path, f"{{max_cluster: 200, allow: ['{cluster}']}}")
    assert cluster not in left
    lake = deduplicated(tmp_path, f"{{max_cluster: 200, allow: [pages, '{cluster}']}}")
    assert clusters(lake)["cluster_size"].unique().to_list() == [300]


def test_a_chain_that_verification_cuts_up_is_named_until_the_plan_allows_it(tmp_path):
    rng = random.Random(3)
    pages(tmp_path, [*chain(rng, 300, 100), *(words(rng, 50) for _ in range(300))])
    message = alarm(tmp_path, "{max_cluster: 200}")
    name = message.split("chain ")[1].split()[0].rstrip(":")
    lake = deduplicated(tmp_path, f"{{max_cluster: 200, allow: ['{name}']}}")
    assert clusters(lake)["cluster_size"].max() < 30
