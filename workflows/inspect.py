"""Look at any Parquet file or folder of a lake; decode sequences and tokens to text."""

from __future__ import annotations

import itertools
import json
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from corpus import storage
from corpus.errors import TokenmillError
from corpus.lake import Folder
from corpus.tokenizer import END_OF_TEXT, Tokenizer

MAX_TEXT = 2_000  # characters of one decoded value that are shown


def head(path: str, rows: int) -> pl.DataFrame:
    """The first rows of a file, or of the first files of a folder. TokenmillError if there is no Parquet."""
    tables: list[pa.Table] = []
    wanted = rows
    for uri in _files(path):
        with storage.reading(uri) as source, pq.ParquetFile(source) as file:
            for batch in file.iter_batches(batch_size=max(1, min(wanted, 1024))):
                tables.append(pa.Table.from_batches([batch]).slice(0, wanted))
                wanted -= tables[-1].num_rows
                if wanted <= 0:
                    break
            if not tables:
                tables.append(file.schema_arrow.empty_table())
        if wanted <= 0:
            break
    return pl.DataFrame(pl.from_arrow(pa.concat_tables(tables, promote_options="permissive")))


def decode(frame: pl.DataFrame, ranks: str | None = None) -> list[list[str]]:
    """The text of each row's `input_ids`: segment by segment for sequences, whole for tokens."""
    if "input_ids" not in frame.columns:
        raise TokenmillError(
            f"--decode needs the column input_ids; this table has {', '.join(frame.columns)}"
        )
    tokenizer = Tokenizer(ranks)
    texts = []
    for row in frame.iter_rows(named=True):
        bounds = row.get("cu_seqlens") or [0, len(row["input_ids"])]
        pieces = [row["input_ids"][a:b] for a, b in itertools.pairwise(bounds)]
        texts.append([tokenizer.decode(piece) + _end(piece) for piece in pieces])
    return texts


def rows_as_json(frame: pl.DataFrame) -> str:
    """One JSON object a line; binary values as hex."""
    return "\n".join(
        json.dumps(_plain(row), ensure_ascii=False) for row in frame.iter_rows(named=True)
    )


def _end(piece: list[int]) -> str:
    return "<|endoftext|>" if piece and piece[-1] == END_OF_TEXT else ""


def _files(path: str) -> list[str]:
    uri = storage.absolute(path)
    if uri.endswith(".parquet") and storage.exists(uri):
        return [uri]
    folder = Folder(uri.rpartition("/")[0], uri.rpartition("/")[2])
    committed = [name for name in folder.parts() if name.endswith(".parquet")]
    names = committed or [name for name in storage.names(uri) if name.endswith(".parquet")]
    if not names:
        inside = [name for name in storage.names(uri) if not name.startswith("_")]
        hint = f"; it holds {', '.join(inside[:8])}" if inside else ""
        raise TokenmillError(f"there is no Parquet file at {path}{hint}")
    return [storage.join(uri, name) for name in names]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
