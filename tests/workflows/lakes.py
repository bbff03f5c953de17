"""What the tests of whole runs compare: the SHA-256 of every shard, as the manifest and as the disk has it."""

from __future__ import annotations

import polars as pl

from corpus import open_lake, storage
from corpus.lake import Folder


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
