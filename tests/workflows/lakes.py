"""Plans that the tests of whole runs write, and what they compare: the SHA-256 of every shard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from corpus import open_lake, storage
from corpus.lake import Folder
from workflows.plan import Plan, load_plan


def plan_of(folder: Path, text: str, changes: Mapping[str, str], files: Mapping[str, str]) -> Plan:
    """A plan with some words of it changed, in a folder with its mixture and its raw files."""
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    for name, content in {"plan.yaml": text, **files}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return load_plan(str(folder / "plan.yaml"))


def shard_hashes(lake: str) -> dict[str, str]:
    """SHA-256 by path of every shard; the files themselves are hashed."""
    catalog = open_lake(lake).catalog.filter(pl.col("table").str.starts_with("shards/"))
    hashes = {}
    for path in catalog["path"]:
        folder = Folder(storage.absolute(lake), path)
        for entry in folder.entries().values():
            for file in entry.files:
                assert storage.sha256_of(folder.file_uri(file.name)) == file.sha256
                hashes[f"{path}/{file.name}"] = file.sha256
    return hashes
