"""Do two workers do twice the work of one, and does the driver hold or do more when there are more parts?

    make bench-scaling         SIZE=1 GB of text for the workers; PARTS=100,1000,5000 for the driver

Workers: the path of `bench_path` on the same documents with one core and with two. Driver: documents of about 2 kB made
by a seeded generator, eight to a part, through all steps; its memory and the seconds per part at the largest number of
parts stand beside those at the smallest.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

from benchmarks.bench_path import LAKES, PLAN, name_inputs, text_bytes_of
from benchmarks.results import Figure, report
from benchmarks.watch import Watched, watched

SIZE = int(os.environ.get("SIZE", "1"))
PARTS = [int(number) for number in os.environ.get("PARTS", "100,1000,5000").split(",")]
DOCUMENTS_PER_PART = 8
DOCUMENT_BYTES = 2048
VOCABULARY = 20_000
SELDOM = 10.0  # seconds between looks at memory, which would take time from the second worker


def main() -> None:
    report("scaling", [*workers(), *driver()])


def workers() -> list[Figure]:
    """The speed of two workers over that of one."""
    name_inputs(SIZE)
    documents = LAKES / "scaling-documents"
    shutil.rmtree(documents, ignore_errors=True)
    options = ["--scale", f"{SIZE}e-5"]
    watched(["run", PLAN, "--lake", str(documents), "--until", "read", *options])
    seconds = {cores: _from_documents(documents, cores, options).seconds for cores in (1, 2)}
    mb = text_bytes_of(documents) / 1e6
    shutil.rmtree(documents)
    return [
        Figure(
            measure=f"{SIZE} GB, two workers",
            unit="MB/s",
            ours=mb / seconds[2],
            reference=mb / seconds[1],
            beside="one worker",
        )
    ]


def _from_documents(documents: Path, cores: int, options: list[str]) -> Watched:
    lake = LAKES / f"scaling-{cores}"
    shutil.rmtree(lake, ignore_errors=True)
    shutil.copytree(documents, lake)
    seen = watched(["run", PLAN, "--lake", str(lake), "--num-cpus", str(cores), *options], SELDOM)
    shutil.rmtree(lake)
    print(f"{cores} cores: {seen.seconds:.1f} s")
    return seen


def driver() -> list[Figure]:
    """Memory of the driver and seconds per part, by the number of parts."""
    seen = {parts: _with_parts(parts) for parts in PARTS}
    first = PARTS[0]
    figures = []
    for parts in PARTS[1:]:
        figures += [
            Figure(
                measure=f"driver's memory, {parts:,} parts",
                unit="MB of PSS",
                ours=seen[parts].peak_of["driver"] / 1e6,
                reference=seen[first].peak_of["driver"] / 1e6,
                beside=f"{first} parts",
            ),
            Figure(
                measure=f"seconds per part, {parts:,} parts",
                unit="s",
                ours=seen[parts].seconds / parts,
                reference=seen[first].seconds / first,
                beside=f"{first} parts",
            ),
        ]
    return figures


def _with_parts(parts: int) -> Watched:
    lake, text = LAKES / f"parts-{parts}", LAKES / f"parts-{parts}.jsonl"
    shutil.rmtree(lake, ignore_errors=True)
    text.parent.mkdir(parents=True, exist_ok=True)
    _write(text, parts * DOCUMENTS_PER_PART)
    os.environ["TEXT"] = str(text.absolute())
    seen = watched(
        ["run", "benchmarks/parts.yaml", "--lake", str(lake), "--num-cpus", "2"], SELDOM / 5
    )
    found = len(list(lake.glob("documents/*/part-*.parquet")))
    print(f"{found:,} parts: {seen.seconds:.1f} s, driver {seen.peak_of['driver'] / 1e6:.0f} MB")
    for step, seconds in seen.steps.items():
        print(f"  {step:<16} {seconds:7.1f} s")
    shutil.rmtree(lake)
    text.unlink()
    return seen


def _write(path: Path, documents: int) -> None:
    draw = random.Random(1)
    words = [
        "".join(draw.choices("abcdefghiklmnoprstu", k=draw.randint(2, 9)))
        for _ in range(VOCABULARY)
    ]
    with path.open("w") as file:
        for _ in range(documents):
            text = " ".join(draw.choices(words, k=DOCUMENT_BYTES // 7))
            file.write(json.dumps({"text": text}) + "\n")


if __name__ == "__main__":
    main()
