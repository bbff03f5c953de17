"""How fast is the whole CPU path, from documents to shards, and how much memory do all its processes take?

    make bench-path            SIZES=1 GB of text; SIZES=1,4 also compares the memory

Text: `benchmarks/compose_text.py`, composed first where it is missing. Reading the raw files is a run of its own and
does not count; the measured run annotates (language, statistics, content hash, MinHash, contamination against three
evaluations of `DATA`, source code, tokens), deduplicates, splits, selects for three stages and packs. Its seconds are
of the whole command, Ray's start among them. The reference is the goal: 3 MB (10^6 bytes of UTF-8) per second and
core, 6 GB of memory.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl

from benchmarks.results import Figure, report
from benchmarks.watch import Watched, watched
from corpus import open_lake

SIZES = [int(size) for size in os.environ.get("SIZES", "1").split(",")]  # 10^9 bytes
CORES = int(os.environ.get("CORES", "2"))
TEXTS = Path(os.environ.get("TEXTS", "build/debian-text"))
LAKES = Path(os.environ.get("LAKES", "build/lakes"))
PLAN = "benchmarks/path.yaml"
RATE, MEMORY = 3e6, 6e9


def main() -> None:
    figures, peaks = [], {}
    for size in SIZES:
        lake, seen, text_bytes = measured(size, CORES)
        peaks[size] = seen.peak
        figures += figures_of(size, seen, text_bytes)
        shutil.rmtree(lake)
    if len(peaks) > 1:
        least, most = min(peaks), max(peaks)
        figures.append(
            Figure(
                measure=f"memory at {most} GB over {least} GB",
                unit="bytes of PSS",
                ours=peaks[most],
                reference=peaks[least],
                beside=f"ours at {least} GB",
            )
        )
    report("path", figures)


def measured(size: int, cores: int, lake: Path | None = None) -> tuple[Path, Watched, int]:
    """Run the path on so many gigabytes: the lake, what was seen, bytes of text."""
    name_inputs(size)
    lake = lake or LAKES / f"path-{size}"
    shutil.rmtree(lake, ignore_errors=True)
    common = ["run", PLAN, "--lake", str(lake), "--num-cpus", str(cores), "--scale", f"{size}e-5"]
    reading = watched([*common, "--until", "read"])
    text_bytes = text_bytes_of(lake)
    print(f"{size} GB: read in {reading.seconds:.1f} s, {text_bytes / 1e6:,.1f} MB of text")
    return lake, watched(common), text_bytes


def name_inputs(size: int) -> None:
    """Set `TEXT` and `DATA` for the plan, absolute: its own relative paths count from its folder."""
    os.environ["TEXT"] = str(composed(size).absolute())
    os.environ["DATA"] = str(Path(os.environ.get("DATA", "../shared/data")).absolute())


def composed(size: int) -> Path:
    """The folder with so many gigabytes of text, made if it is missing."""
    out = TEXTS / f"{size}gb"
    if not (out / "packages.tsv").exists():
        words = ["--bytes", str(size * 10**9), "--out", str(out)]
        subprocess.run([sys.executable, "-m", "benchmarks.compose_text", *words], check=True)
    return out


def text_bytes_of(lake: Path) -> int:
    """Bytes of UTF-8 of all documents."""
    catalog = open_lake(str(lake)).catalog.filter(pl.col("table") == "documents")
    return sum(json.loads(counts)["bytes"] for counts in catalog["counts"])


def figures_of(size: int, seen: Watched, text_bytes: int) -> list[Figure]:
    rate = text_bytes / seen.seconds / CORES
    figures = [
        Figure(
            measure=f"{size} GB, documents to shards, {CORES} cores",
            unit="MB/s per core",
            ours=rate / 1e6,
            reference=RATE / 1e6,
            beside="goal",
        ),
        Figure(
            measure=f"{size} GB, memory of all processes",
            unit="GB of PSS",
            ours=seen.peak / 1e9,
            reference=MEMORY / 1e9,
            beside="limit",
        ),
    ]
    for role, peak in sorted(seen.peak_of.items()):
        figures.append(
            Figure(measure=f"{size} GB, largest {role} process", unit="GB of PSS", ours=peak / 1e9)
        )
    for step, peak in sorted(seen.peak_in.items(), key=lambda one: -one[1])[:3]:
        figures.append(
            Figure(measure=f"{size} GB, all processes, {step}", unit="GB of PSS", ours=peak / 1e9)
        )
    for step, seconds in seen.steps.items():
        figures.append(
            Figure(
                measure=f"{size} GB, {step}",
                unit="core-seconds per MB",
                ours=seconds * CORES / (text_bytes / 1e6),
            )
        )
    return figures


if __name__ == "__main__":
    main()
