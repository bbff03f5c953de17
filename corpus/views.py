"""`open_lake`: the door for polars users. Current outputs as LazyFrames, so that nobody types a fingerprint.

    lake = open_lake("lake")
    lake.documents().filter(pl.col("language") == "swh_Latn").select("text", "n_words").head().collect()
    lake.sequences("general").select(pl.col("n_tokens").mean()).collect()

Sidecars are part-aligned with documents, so `documents()` joins by position, part by part, and checks nothing but row
counts; `tokenmill audit` checks the ids.
"""

from __future__ import annotations

import io
import os
from functools import cached_property
from typing import Any

import polars as pl

from corpus import storage
from corpus.errors import TokenmillError
from corpus.lake import Folder

CATALOG = "catalog.parquet"


class Lake:
    """The outputs that the lake's catalog names."""

    def __init__(self, uri: str) -> None:
        self.uri = storage.absolute(uri)

    @cached_property
    def catalog(self) -> pl.DataFrame:
        """Step, table, name, path and totals of every output of the current plan."""
        data = storage.get_or_none(storage.join(self.uri, CATALOG))
        if data is None:
            raise TokenmillError(
                f"there is no lake at {self.uri} (no {CATALOG}); make one with `tokenmill run PLAN --lake {self.uri}`"
            )
        return pl.read_parquet(io.BytesIO(data))

    @property
    def sources(self) -> list[str]:
        """Names of the sources that have been read."""
        return self._names("documents")

    @property
    def annotators(self) -> list[str]:
        """Names of the annotations that are complete."""
        tables = self.catalog.filter("complete")["table"].unique().to_list()
        return sorted(t.split("/")[1] for t in tables if t.startswith("annotations/"))

    @property
    def stages(self) -> list[str]:
        """Names of the stages that have shards."""
        tables = self.catalog.filter("complete")["table"].unique(maintain_order=True).to_list()
        return [t.split("/")[1] for t in tables if t.startswith("shards/")]

    def documents(self, *sources: str, annotations: list[str] | None = None) -> pl.LazyFrame:
        """Documents with `n_tokens`, `split` and the columns of `annotations` (all, unless named)."""
        chosen = self.annotators if annotations is None else annotations
        frames = []
        for source in sources or self.sources:
            parts = self._folder("documents", source).parts()
            tables = ["documents", "tokens", "splits", *(f"annotations/{name}" for name in chosen)]
            known = [table for table in tables if source in self._names(table)]
            frames += [self._joined(known, source, part) for part in parts]
        if not frames:
            raise TokenmillError(
                f"the lake {self.uri} has no documents of {sources or 'any source'}"
            )
        return pl.concat(frames, how="diagonal")

    def annotations(self, name: str, *sources: str) -> pl.LazyFrame:
        """One annotation's sidecars, with `id`."""
        return self._scan(f"annotations/{name}", sources)

    def tokens(self, *sources: str) -> pl.LazyFrame:
        """`id`, `n_tokens`, `input_ids` of each document."""
        return self._scan("tokens", sources)

    def selections(self, stage: str, *sources: str) -> pl.LazyFrame:
        """`id`, `copies`, `expected`, `reason`, `cell`, `score` of each document for one stage."""
        return self._scan(f"selections/{stage}", sources)

    def dead_letters(self, *sources: str) -> pl.LazyFrame:
        """`locator`, `reason`, `detail` of what could not be read."""
        return self._scan("dead_letters", sources)

    def pages(self, *sources: str) -> pl.LazyFrame:
        """PDF pages with arm, features and text."""
        return self._scan("pages", sources)

    def sequences(self, stage: str, split: str = "train") -> pl.LazyFrame:
        """The packed sequences of one stage."""
        return self._scan(f"shards/{stage}", (split,))

    def _names(self, table: str) -> list[str]:
        rows = self.catalog.filter("complete", pl.col("table") == table)
        return list(rows["name"].to_list())

    def _folder(self, table: str, name: str) -> Folder:
        rows = self.catalog.filter(pl.col("table") == table, pl.col("name") == name)
        if rows.height == 0:
            raise TokenmillError(
                f"the lake {self.uri} has no {table} of {name!r}; it has {self._names(table)}"
            )
        return Folder(self.uri, rows["path"][0])

    def _scan(self, table: str, names: tuple[str, ...]) -> pl.LazyFrame:
        chosen = names or tuple(self._names(table))
        files = [
            folder.file_uri(part)
            for folder in (self._folder(table, name) for name in chosen)
            for part in folder.parts()
        ]
        if not files:
            known = sorted(set(self.catalog["table"].to_list()))
            raise TokenmillError(
                f"the lake {self.uri} has no rows of {table} {list(names)}; tables: {known}"
            )
        return pl.scan_parquet(files, storage_options=storage_options(self.uri))

    def _joined(self, tables: list[str], source: str, part: str) -> pl.LazyFrame:
        frames = []
        for table in tables:
            uri = self._folder(table, source).file_uri(part)
            frame = pl.scan_parquet(uri, storage_options=storage_options(self.uri))
            dropped = {"documents": [], "tokens": ["id", "input_ids"]}.get(table, ["id"])
            frames.append(frame.drop(dropped))
        return pl.concat(frames, how="horizontal")


def open_lake(uri: str) -> Lake:
    """The lake at a local path or an object-store URI. TokenmillError if there is none."""
    lake = Lake(uri)
    _ = lake.catalog
    return lake


def storage_options(uri: str) -> dict[str, Any] | None:
    """What polars' object store needs besides the environment: a plain-HTTP endpoint must be allowed by name."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if storage.is_local(uri) or not endpoint.startswith("http://"):
        return None
    return {"aws_endpoint_url": endpoint, "aws_allow_http": "true"}
