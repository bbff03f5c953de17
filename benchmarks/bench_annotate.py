"""What does each piece of the annotating pass cost, in core-seconds per megabyte of text?

    make bench-annotate        MEGABYTES=48 of the text of benchmarks/compose_text.py

One thread, CPU seconds, the smallest of three rounds after one that compiles. The documents of the three kinds stand in
the shares of the whole text. The reference is the whole pass: words, annotators, tokens, and writing the sidecars.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"  # before polars starts its pool

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from annotators import ANNOTATORS, contamination
from benchmarks.bench_path import PLAN, name_inputs
from benchmarks.results import Figure, report
from corpus.document import DOCUMENTS, document_id
from corpus.lake import Folder, write_part
from corpus.segment import with_words
from corpus.tokenizer import Tokenizer
from workflows.plan import load_plan
from workflows.steps.annotate import items_of

MEGABYTES = int(os.environ.get("MEGABYTES", "48"))
KINDS = ("code", "help", "manuals")
ROUNDS = 3
PIECES = ("language", "statistics", "content_hash", "minhash", "source_code")


def main() -> None:
    pa.set_cpu_count(1)
    name_inputs(1)
    with tempfile.TemporaryDirectory() as scratch:
        steps = _steps(Path(scratch))
        tables = _documents(Path(os.environ["TEXT"]))
        mb = sum(table.column("text").nbytes for table in tables) / 1e6
        rounds = [_round(steps, tables, Path(scratch)) for _ in range(ROUNDS + 1)][1:]
    seconds = {name: min(one[name] for one in rounds) for name in rounds[0]}
    whole = sum(seconds.values()) / mb
    figures = [
        Figure(
            measure=name,
            unit="core-seconds per MB",
            ours=value / mb,
            reference=whole,
            beside="whole pass",
        )
        for name, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    report("annotate", figures)
    print(f"whole pass: {whole:.3f} core-seconds per MB, {1 / whole:.1f} MB/s, on {mb:.0f} MB")


def _steps(scratch: Path) -> dict[str, Callable[[pa.Table], Any]]:
    evaluations = {e.name: items_of(e) for e in load_plan(PLAN).model.evaluations}
    index = scratch / "index.npz"
    index.write_bytes(contamination.build_index(evaluations).to_bytes())
    steps = {name: ANNOTATORS[name].step(ANNOTATORS[name].config()) for name in PIECES}
    steps["contamination"] = contamination.step(contamination.Config(index=str(index)))
    tokenizer = Tokenizer()
    steps["tokens"] = lambda table: pa.table(
        [table.column("id"), tokenizer.encode_column(table.column("text"))], names=["id", "ids"]
    )
    return steps


def _round(
    steps: dict[str, Callable[[pa.Table], Any]], tables: list[pa.Table], scratch: Path
) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for table in tables:
        started = time.process_time()
        documents = with_words(table)
        seconds["words"] += time.process_time() - started
        for name, step in steps.items():
            started = time.process_time()
            sidecar = step(documents)
            seconds[name] += time.process_time() - started
            started = time.process_time()
            write_part(Folder(str(scratch), "sidecars"), f"{name}.parquet", sidecar)
            seconds["writing sidecars"] += time.process_time() - started
    return dict(seconds)


def _documents(text: Path) -> list[pa.Table]:
    """Tables of about 16 MB of each kind, in the shares of the whole."""
    sizes = {kind: sum(f.stat().st_size for f in (text / kind).iterdir()) for kind in KINDS}
    wanted = {kind: MEGABYTES * 1e6 * size / sum(sizes.values()) for kind, size in sizes.items()}
    return [_table(text / kind, wanted[kind]) for kind in KINDS]


def _table(folder: Path, size: float) -> pa.Table:
    rows, total = [], 0
    with sorted(folder.iterdir())[0].open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            record = json.loads(line)
            text = record.pop("text")
            identity = document_id(folder.name, "part", number)
            row = dict.fromkeys(DOCUMENTS.names) | {"id": identity, "text": text}
            row |= {"source": folder.name, "locator": str(number), "parent_ids": []}
            rows.append(row | {"provenance": "composed", "metadata": json.dumps(record)})
            total += len(text.encode())
            if total >= size:
                break
    return pa.Table.from_pylist(rows, schema=DOCUMENTS)


if __name__ == "__main__":
    main()
