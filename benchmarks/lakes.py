"""What the benchmarks of whole runs share: start the command, hash the shards."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import polars as pl

from corpus import open_lake, storage
from corpus.lake import Folder

PLAN = os.environ.get("PLAN", "samples/plan.yaml")
LAKES = os.environ.get("LAKES", "build/lakes")


def command(lake: str, *options: str) -> list[str]:
    """The command line of a run."""
    return [sys.executable, "-m", "workflows", "--quiet", "run", PLAN, "--lake", lake, *options]


def timed(lake: str, *options: str) -> float:
    """Run to the end; seconds. CalledProcessError if it fails."""
    started = time.monotonic()
    subprocess.run(command(lake, *options), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def shard_hashes(lake: str) -> dict[str, str]:
    """SHA-256 by path of every shard, from the bytes of the files."""
    catalog = open_lake(lake).catalog.filter(pl.col("table").str.starts_with("shards/"))
    folders = [Folder(storage.absolute(lake), path) for path in catalog["path"]]
    return {
        f"{folder.path}/{name}": storage.sha256_of(folder.file_uri(name))
        for folder in folders
        for name in folder.parts()
    }
