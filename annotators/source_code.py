"""What is known of a document that is program code, out of the metadata that its reader wrote.

| column | type | meaning; null where the reader did not know |
|---|---|---|
| `repository` | string | the repository, as the reader named it |
| `path` | string | path in the repository; of a joined document, its first file |
| `programming_language` | string | name of the language, lower case |
| `joined` | bool | the document is several files joined in dependency order |

All four are null for a document that is not code, which is one whose metadata has neither a
`programming_language` nor a `repository`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from annotators.annotator import Step, sidecar, sidecar_schema

VERSION = 1

NAMES = ("repository", "path", "programming_language")
SCHEMA = sidecar_schema(
    *(pa.field(name, pa.string()) for name in NAMES), pa.field("joined", pa.bool_())
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to set."""


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def step(config: Config) -> Step:
    return annotate


def annotate(documents: pa.Table) -> pa.Table:
    """The sidecar of these documents."""
    rows = [_row(text) for text in documents.column("metadata").to_pylist()]
    return sidecar(
        documents, SCHEMA, {name: [row.get(name) for row in rows] for name in SCHEMA.names[1:]}
    )


def _row(metadata: str | None) -> dict[str, str | bool | None]:
    known = _object(metadata)
    if not (known.get("programming_language") or known.get("repository")):
        return {}
    row: dict[str, str | bool | None] = {name: _text(known.get(name)) for name in NAMES}
    if row["path"] is None and isinstance(known.get("paths"), list) and known["paths"]:
        row["path"] = _text(known["paths"][0])
    row["joined"] = bool(known.get("joined", False))
    return row


def _object(metadata: str | None) -> dict[str, Any]:
    try:
        known = json.loads(metadata or "{}")
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
