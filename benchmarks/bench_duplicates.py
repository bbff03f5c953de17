"""Are near-duplicates found, and only they; does the answer depend on the parts; do the alarms ring?

    make bench-duplicates       PAIRS=1500

Planted (`benchmarks.planted`): pairs of exactly known similarity among unrelated documents, template families and
chains. A *claim* is a document that a cluster calls redundant beside the one that is kept. It is true where the exact
Jaccard similarity of the two reaches the plan's threshold (0.75); since 112 hashes estimate it with a standard error
of 0.041, precision is also given at 0.70 and 0.65. datatrove's whole MinHash pipeline runs on the same documents:
signature, buckets, cluster and filter, with the same 5-grams, bands and rows; its clusters are unverified. CPU seconds
of one process: ours without Ray, and with everything from reading to the sidecars (tokens too).

Real: `dedup/django_docs_*`, `dedup/udhr_same_language_pairs.tsv` (3-grams), `dedup/irplag_java.jsonl.gz`. In the
table of the UDHR a word is a run of the regex `\\w`: a clause of Chinese is one, a vowel sign ends one. Ours
are those of a segmenter, so its error of the estimate is mostly that difference. The parts and the alarms are runs of
the command.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from datatrove.data import Document
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig
from loguru import logger

from benchmarks import planted
from benchmarks.results import Figure, report
from corpus import open_lake, storage
from workflows.engine import Engine, Item, Task
from workflows.plan import Deduplicate, load_plan
from workflows.run import STEPS, prepare
from workflows.steps.context import Context

DATA = Path(os.environ.get("DATA", "../shared/data"))
PAIRS = int(os.environ.get("PAIRS", "1500"))
BUILD = Path(os.environ.get("LAKES", "build/lakes")) / "duplicates"
THRESHOLD = Deduplicate().threshold
PARTS = (1, 7, 64)
ALARM = 12_000  # documents of the planted chain and of the planted family
BINS = (0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
PLAN = """\
name: bench
sources: [{{name: {name}, reader: jsonl, path: {name}.jsonl, kind: {kind}, options: {options}}}]
deduplicate: {deduplicate}
stages: {{one: {{seq_len: 128, budget: 1000, mixture: one.yaml}}}}
resources: {{part_bytes: {part_bytes}}}
"""


@dataclass
class InProcess(Engine):
    """Runs the tasks one after the other in this process, and counts their CPU seconds by step."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def map(self, step: str, task: Task, items: Iterable[Item]) -> None:
        started = time.process_time()
        for item in items:
            task(item)
        self.seconds[step] += time.process_time() - started


@dataclass(frozen=True)
class Clusters:
    """What a deduplication said of documents, by their number in the input."""

    cluster: list[Any]
    claims: list[tuple[int, int]]  # (redundant, kept)
    seconds: float

    def together(self, pair: tuple[int, int]) -> bool:
        """Whether both documents are in one cluster."""
        return self.cluster[pair[0]] == self.cluster[pair[1]]


def main() -> None:
    logger.disable("datatrove")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    (BUILD / "one.yaml").write_text("name: one\n")
    figures = [*_planted(), *_parts(), *_alarms(), *_django(), *_udhr(), *_irplag()]
    report("duplicates", figures)


def write(name: str, rows: Iterable[dict[str, Any]], **settings: Any) -> Path:
    """A plan over one JSONL file of these rows."""
    with (BUILD / f"{name}.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return write_plan(name, **settings)


def write_plan(
    name: str,
    deduplicate: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    kind: str = "web",
    part_bytes: int = 1 << 27,
) -> Path:
    """The plan alone."""
    path = BUILD / f"{name}.yaml"
    lines = PLAN.format(
        name=name,
        kind=kind,
        options=json.dumps(options or {}),
        deduplicate=json.dumps(deduplicate or {}),
        part_bytes=part_bytes,
    )
    path.write_text(lines)
    return path


def ours(name: str, rows: Iterable[dict[str, Any]], **settings: Any) -> Clusters:
    """Our clusters, from reading to the sidecars."""
    plan = load_plan(str(write(name, rows, **settings)))
    lake = str(BUILD / "lakes" / name)
    layout, listings = prepare(plan, storage.absolute(lake))
    engine = InProcess(lake=lake)
    context = Context(plan=plan, layout=layout, engine=engine, listings=listings)
    started = time.process_time()
    for step in ("read", "annotate", "deduplicate"):
        STEPS[step](context)
    seconds = time.process_time() - started
    prepare(plan, storage.absolute(lake))  # the catalog
    table = sidecar(lake)
    kept = {
        row["cluster_id"]: n
        for n, row in enumerate(table.iter_rows(named=True))
        if row["cluster_rank"] == 0
    }
    cluster = table["cluster_id"].to_list()
    claims = [(n, kept[c]) for n, c in enumerate(cluster) if n != kept[c]]
    return Clusters(cluster, claims, seconds)


def sidecar(lake: str) -> pl.DataFrame:
    """The duplicates sidecar in input order, with `number`, the record's place in its file."""
    documents = open_lake(lake).documents(annotations=["duplicates"])
    number = pl.col("locator").str.extract(r"#(\d+)$").cast(pl.Int64)
    columns = ("id", "cluster_id", "cluster_size", "cluster_rank", "similarity")
    return documents.select(number.alias("number"), *columns).sort("number").collect()


def datatrove(name: str) -> Clusters:
    """datatrove's clusters of the same file, by its four stages in this process."""
    folder = BUILD / "datatrove" / name
    signatures, buckets, remove = (str(folder / n) for n in ("signatures", "buckets", "remove"))
    config = MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))
    read = partial(_read_documents, BUILD / f"{name}.jsonl")
    stages = [
        [read, MinhashDedupSignature(signatures, config)],
        [MinhashDedupBuckets(signatures, buckets, config=config)],
        [MinhashDedupCluster(buckets, remove, config, save_cluster_id=True)],
        [read, MinhashDedupFilter(remove)],
    ]
    started = time.process_time()
    for number, (stage, tasks) in enumerate(zip(stages, (1, 14, 1, 1), strict=True)):
        logs = str(folder / "logs" / str(number))
        LocalPipelineExecutor(stage, tasks=tasks, workers=1, logging_dir=logs).run()
    seconds = time.process_time() - started
    with (BUILD / f"{name}.jsonl").open() as lines:
        return _read_datatrove(Path(remove), sum(1 for _ in lines), seconds)


def _read_documents(path: Path, _: object, rank: int, world_size: int) -> Iterator[Document]:
    with path.open() as lines:
        for number, line in enumerate(lines):
            yield Document(text=json.loads(line)["text"], id=str(number))


def _read_datatrove(folder: Path, count: int, seconds: float) -> Clusters:
    cluster: list[Any] = [f"alone {n}" for n in range(count)]
    for document, number in struct.iter_unpack("<2I", (folder / "000000.clusters").read_bytes()):
        cluster[document] = number
    gone = {row for (row,) in struct.iter_unpack("<I", (folder / "000000.remove").read_bytes())}
    kept = {cluster[n]: n for n in range(count) if n not in gone}
    return Clusters(cluster, [(n, kept[cluster[n]]) for n in sorted(gone)], seconds)


def _planted() -> Iterator[Figure]:
    corpus = planted.corpus(1, PAIRS)
    rows = [{"text": text} for text in corpus.texts]
    ours("warm", rows[:20])
    found, other = ours("planted", rows), datatrove("planted")
    beside = "datatrove, unverified"
    exact = np.array([planted.jaccard(corpus.texts[a], corpus.texts[b]) for a, b in corpus.pairs])
    for name, table in (
        (
            "planted pairs",
            [(exact, _joined(found, corpus.pairs)), (exact, _joined(other, corpus.pairs))],
        ),
        ("all claims", [_claims(found, corpus.texts), _claims(other, corpus.texts)]),
    ):
        for bound in (THRESHOLD, THRESHOLD - 0.05, THRESHOLD - 0.1):
            precision = [100 * float((values[joined] >= bound).mean()) for values, joined in table]
            claims = [int(joined.sum()) for _, joined in table]
            yield Figure(
                measure=f"planted: precision of {name} ({claims[0]:,}; {claims[1]:,}) at {bound:.2f}",
                unit="%",
                ours=precision[0],
                reference=precision[1],
                beside=beside,
            )
    joined = [_joined(found, corpus.pairs), _joined(other, corpus.pairs)]
    for low, high in pairwise(BINS):
        inside = (exact >= low) & (exact < high)
        yield Figure(
            measure=f"planted: pairs of {low:.2f} to {high:.2f} ({int(inside.sum())}) put together",
            unit="%",
            ours=100 * float(joined[0][inside].mean()),
            reference=100 * float(joined[1][inside].mean()),
            beside=beside,
        )
    size = sum(len(text) for text in corpus.texts) / 1e6
    yield Figure(
        measure=f"planted: read to sidecars, {len(rows):,} documents, {size:.1f} MB",
        unit="CPU s",
        ours=found.seconds,
        reference=other.seconds,
        beside="datatrove, four stages",
    )


def _joined(clusters: Clusters, pairs: Sequence[tuple[int, int]]) -> np.ndarray[Any, Any]:
    return np.array([clusters.together(pair) for pair in pairs])


def _claims(
    clusters: Clusters, texts: list[str]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    exact = np.array([planted.jaccard(texts[a], texts[b]) for a, b in clusters.claims])
    return exact, np.ones(len(exact), dtype=bool)


def command(plan: Path, lake: str) -> subprocess.CompletedProcess[str]:
    """`tokenmill run PLAN --until deduplicate`."""
    words = [
        "--quiet",
        "run",
        str(plan),
        "--lake",
        lake,
        "--until",
        "deduplicate",
        "--num-cpus",
        "1",
    ]
    return subprocess.run(
        [sys.executable, "-m", "workflows", *words], capture_output=True, text=True, check=False
    )


def _parts() -> Iterator[Figure]:
    rows = [{"text": text} for text in planted.corpus(2, PAIRS // 5).texts]
    sizes = [len(row["text"]) for row in rows]
    tables = {}
    for parts in PARTS:
        plan = write("parts", rows, part_bytes=_part_bytes(sizes, parts))
        lake = str(BUILD / "lakes" / f"parts-{parts}")
        done = command(plan, lake)
        if done.returncode:
            sys.exit(done.stderr)
        tables[parts] = sidecar(lake)
        folder = open_lake(lake).catalog.filter(pl.col("table") == "documents")
        made = int(folder["files"].sum())
        same = (tables[parts] == tables[PARTS[0]]).fold(lambda a, b: a & b).sum()
        yield Figure(
            measure=f"parts: rows of the sidecar in {made} parts like those in 1",
            unit="documents",
            ours=same,
            reference=len(rows),
            beside="documents",
        )


def _part_bytes(sizes: Sequence[int], parts: int) -> int:
    """The least `part_bytes` that makes no more than so many parts: a part ends with the document that fills it."""
    tried = sum(sizes) // parts
    while True:
        tried, made, filled = tried + 1 - parts, 1, 0
        for size in sizes:
            made, filled = (made + 1, size) if filled >= tried else (made, filled + size)
        if made >= parts:
            return tried


def _alarms() -> Iterator[Figure]:
    writer = planted.Writer(3)
    for name, texts in (
        ("chain", planted.chain(writer, ALARM, 200)),
        ("family", planted.family(writer, ALARM, 100, 6)),
    ):
        lake = str(BUILD / "lakes" / name)
        first = command(write(name, ({"text": text} for text in texts)), lake)
        print(first.stderr, flush=True)
        allowed = first.stderr.rpartition("allow: [")[2].partition("]")[0]
        allow = [word.strip(" '") for word in allowed.split(",") if word]
        second = command(write_plan(name, {"allow": allow}), lake)
        largest = sidecar(lake)["cluster_size"].max()
        what = f"a {name} of {ALARM:,} documents, largest cluster {largest:,}"
        yield _exit_code(f"alarm: {what}: exit code", first.returncode, 3)
        yield _exit_code(
            f"alarm: the {name} when the plan allows it: exit code", second.returncode, 0
        )


def _exit_code(measure: str, code: int, asked: int) -> Figure:
    return Figure(measure=measure, unit="code", ours=code, reference=asked, beside="asked")


def _estimates(name: str, pairs: Sequence[tuple[int, int]]) -> np.ndarray[Any, Any]:
    """Estimated similarity of pairs, by their signatures."""
    documents = open_lake(str(BUILD / "lakes" / name)).documents(annotations=["minhash"])
    number = pl.col("locator").str.extract(r"#(\d+)$").cast(pl.Int64)
    table = documents.select(number.alias("number"), "signature").sort("number").collect()
    matrix = table["signature"].to_numpy()
    return np.array([(matrix[a] == matrix[b]).mean() for a, b in pairs])


def _against_table(
    name: str, found: Clusters, pairs: Sequence[tuple[int, int]], exact: np.ndarray[Any, Any]
) -> Iterator[Figure]:
    joined = _joined(found, pairs)
    true, estimate = exact >= THRESHOLD, _estimates(name, pairs)
    yield Figure(
        measure=f"{name}: pairs of {THRESHOLD} and more that are together ({int(true.sum())} pairs)",
        unit="%",
        ours=100 * float(joined[true].mean()),
    )
    if (exact >= 0.85).any():
        yield Figure(
            measure=f"{name}: pairs of 0.85 and more that are together ({int((exact >= 0.85).sum())} pairs)",
            unit="%",
            ours=100 * float(joined[exact >= 0.85].mean()),
        )
    for bound in (THRESHOLD, THRESHOLD - 0.05, THRESHOLD - 0.1):
        yield Figure(
            measure=f"{name}: pairs together that have {bound:.2f} and more ({int(joined.sum())} pairs)",
            unit="%",
            ours=100 * float((exact[joined] >= bound).mean()),
        )
    expected = np.sqrt((exact * (1 - exact) / 112).mean())
    yield Figure(
        measure=f"{name}: error of the estimate (root mean square)",
        unit="Jaccard",
        ours=float(np.sqrt(((estimate - exact) ** 2).mean())),
        reference=float(expected),
        beside="112 hashes, theory",
    )


def _django() -> Iterator[Figure]:
    rows = _lines("dedup/django_docs_versions.jsonl.gz")
    place = {row["doc_id"]: n for n, row in enumerate(rows)}
    table = pl.read_csv(DATA / "dedup/django_docs_pairs.tsv", separator="\t")
    pairs = [(place[a], place[b]) for a, b in table.select("doc_a", "doc_b").iter_rows()]
    found = ours("django", ({"text": row["text"]} for row in rows))
    yield from _against_table("django", found, pairs, table["jaccard_word5"].to_numpy())


def _udhr() -> Iterator[Figure]:
    rows = _lines("lid/udhr.jsonl.gz")
    place = {row["code"]: n for n, row in enumerate(rows)}
    table = pl.read_csv(
        DATA / "dedup/udhr_same_language_pairs.tsv",
        separator="\t",
        schema_overrides={"code_a": pl.String, "code_b": pl.String},
    )
    pairs = [(place[a], place[b]) for a, b in table.select("code_a", "code_b").iter_rows()]
    texts = ({"text": row["html"]} for row in rows)
    found = ours("udhr", texts, options={"format": "html_text"}, deduplicate={"ngram": 3})
    yield from _against_table("udhr", found, pairs, table["jaccard_word3"].to_numpy())


def _irplag() -> Iterator[Figure]:
    """Programs by students: does a cluster hold the original and its disguises, or work that was done alone?"""
    rows = _lines("dedup/irplag_java.jsonl.gz")
    texts = ({"text": row["code"]} for row in rows)
    found = ours("irplag", texts, options={"code": True}, kind="code")
    original = {row["case"]: n for n, row in enumerate(rows) if row["kind"] == "original"}
    together = defaultdict(list)
    for n, row in enumerate(rows):
        if row["kind"] != "original":
            together[row["level"] or row["kind"]].append(found.together((n, original[row["case"]])))
    for level, values in sorted(together.items()):
        yield Figure(
            measure=f"irplag: {level} together with the original ({len(values)} programs)",
            unit="%",
            ours=100 * float(np.mean(values)),
        )


def _lines(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
