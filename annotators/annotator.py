"""What an annotator is: a step over tables of documents, and what decides its result.

`step(config)` builds the step (and loads its assets, the only I/O it may do); the step maps a table
with the columns of `corpus.document.DOCUMENTS` to a table of equally many rows, in the same order,
whose first column is `id`. It measures: it never drops a row and applies no threshold.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from corpus.document import ID

Step: TypeAlias = Callable[[pa.Table], pa.Table]


def no_assets(config: Any) -> Mapping[str, str]:
    """For annotators that depend on nothing but their code and config."""
    return {}


def segmenter(config: Any) -> Mapping[str, str]:
    """For annotators that look at words: the dictionaries and the character tables that decide
    them.
    """
    return {"icu4py": metadata.version("icu4py"), "unicode": unicodedata.unidata_version}


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """One entry of `ANNOTATORS`. `assets` names what else decides the result: file hashes,
    versions.
    """

    version: int
    config: type
    step: Callable[[Any], Step]
    schema: Callable[[Any], pa.Schema]
    assets: Callable[[Any], Mapping[str, str]] = no_assets


def sidecar_schema(*columns: pa.Field) -> pa.Schema:
    """The schema of a sidecar: `id`, then these columns."""
    return pa.schema([pa.field("id", ID, nullable=False), *columns])


def sidecar(documents: pa.Table, schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """The sidecar of these documents: their ids, and `columns` by name as the schema declares
    them.
    """
    arrays = {"id": documents.column("id"), **columns}
    assert arrays.keys() == set(schema.names), sorted(arrays.keys() ^ set(schema.names))
    return pa.table([_array(arrays[field.name], field.type) for field in schema], schema=schema)


def _array(values: Any, kind: pa.DataType) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values if values.type == kind else values.cast(kind)
    return pa.array(values, kind)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
