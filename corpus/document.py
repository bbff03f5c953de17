"""What a document is: its columns and its identity.

`documents/<source>@<fp>/part-*.parquet` has one row per document:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | `document_id(source, path, index)` |
| `text` | large_string | the text as it will be tokenised, never null, never empty |
| `source` | string | name of the source in the plan |
| `locator` | string | `path#index` of the record under the source's root |
| `date` | string, null if unknown | ISO 8601 date of the record |
| `licence` | string, null if unknown | SPDX name where there is one |
| `parent_ids` | list<binary[16]> | documents this one was made from; empty for raw input |
| `provenance` | string | extractor or recipe, with version: `html/trafilatura-2.3.1` |
| `metadata` | string | JSON object with sorted keys: what the reader knew (url, page_ends, repository …) |
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

ID_BYTES = 16
ID = pa.binary(ID_BYTES)

DOCUMENTS = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("locator", pa.string(), nullable=False),
        pa.field("date", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("parent_ids", pa.list_(ID), nullable=False),
        pa.field("provenance", pa.string(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
    ]
)


def document_id(source: str, path: str, index: int) -> bytes:
    """The 16-byte identity of record `index` of file `path` (relative to the source's root)."""
    key = f"{source}\0{path}\0{index}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(key, digest_size=ID_BYTES).digest()


def locator(path: str, index: int) -> str:
    """The readable form of the same: `path#index`."""
    return f"{path}#{index}"


def metadata_json(metadata: Mapping[str, Any]) -> str:
    """Canonical JSON, so that equal metadata has equal bytes."""
    return json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
