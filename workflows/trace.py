"""From a token in a shard back to the raw record, and why it was chosen.

    tokenmill trace SHARD --row N [--token K]

reads the sequence, its origins file (which documents part and row each segment came from) and the lineage of the
shards (which folders they were made from), and follows them: document, annotations, selection, copies, parents, raw
record. Nothing is searched; each step opens one file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from annotators.masking import masked
from corpus import storage
from corpus.errors import CorruptPartError, TokenmillError
from corpus.lake import Folder, read_part
from corpus.tokenizer import END_OF_TEXT, Tokenizer


class TraceError(TokenmillError, ValueError):
    """The shard, row or token does not exist. Exit code 2."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One segment of a sequence, with everything known of its document."""

    tokens: tuple[int, int]  # first token and end, in the sequence
    document_id: bytes
    document_offset: int  # of its first token, in the tokens of the document
    copy: int
    copies: int  # how many copies the stage has
    source: str
    part: str
    row: int
    document: dict[str, Any]  # the documents row, without its text
    seeds: tuple[
        dict[str, Any], ...
    ]  # of what a model made: the rows that it was made from, nearest first
    text: str  # what the segment decodes to
    annotations: dict[str, dict[str, Any]]
    selection: dict[str, Any]  # expected copies, reason and cell
    split: str
    matches: bool  # whether the shard's tokens are those of the document, masked as it was, at that offset


def trace(shard: str, row: int, token: int | None = None) -> list[Segment]:
    """The segments of one sequence, or the one that holds token `token`. TraceError names what does not exist."""
    shard = storage.absolute(shard)
    lake, name, stage, split, file = _place(shard)
    sequence = _row(shard, row)
    origins = _row(storage.join(lake, "origins", name, stage, split, file), row)
    lineage = json.loads(storage.get(storage.join(lake, "origins", name, "lineage.json")))
    bounds = sequence["cu_seqlens"]
    chosen = range(len(bounds) - 1)
    if token is not None:
        if not 0 <= token < sequence["n_tokens"]:
            raise TraceError(
                f"--token {token}: row {row} has {sequence['n_tokens']} tokens, numbered from 0; "
                "those behind are padding"
            )
        chosen = range(*(at := int(np.searchsorted(bounds, token, side="right")) - 1, at + 1))
    numbers = sorted({origins["parts"][index] for index in chosen})
    parts = _parts(lake, name, numbers)
    tokenizer = _tokenizer(lineage["ranks"])
    return [
        _segment(
            lake,
            stage,
            sequence,
            index,
            parts[origins["parts"][index]],
            origins["rows"][index],
            lineage,
            tokenizer,
        )
        for index in chosen
    ]


_tokenizer = lru_cache(maxsize=1)(Tokenizer)  # 0.2 s to make, for those who trace many


def _segment(
    lake: str,
    stage: str,
    sequence: dict[str, Any],
    index: int,
    part: tuple[str, str],
    row: int,
    lineage: dict[str, Any],
    tokenizer: Tokenizer,
) -> Segment:
    source, name = part
    of = lineage["sources"][source]
    document = _lake_row(lake, of["documents"], name, row)
    document_id = sequence["document_ids"][index]
    if document["id"] != document_id:
        raise CorruptPartError(
            f"{of['documents']}/{name} row {row} is not the document that the shard names; "
            "`tokenmill audit --deep` says which file changed"
        )
    text, mask = document.pop("text"), lineage.get("mask", {})
    start, stop = sequence["cu_seqlens"][index : index + 2]
    tokens = np.array(sequence["input_ids"][start:stop], dtype=np.uint32)
    offset = sequence["document_offsets"][index]
    selection = _lake_row(lake, of["selections"][stage], name, row)
    return Segment(
        tokens=(start, stop),
        document_id=document_id,
        document_offset=offset,
        copy=sequence["copies"][index],
        copies=selection.pop("copies"),
        source=source,
        part=f"{of['documents']}/{name}",
        row=row,
        document=document,
        seeds=tuple(_seeds(lake, lineage, name, document)),
        text=tokenizer.decode(tokens),
        annotations={
            annotator: _without_id(_lake_row(lake, path, name, row))
            for annotator, path in sorted(of["annotations"].items())
        },
        selection=_without_id(selection),
        split=_lake_row(lake, of["splits"], name, row)["split"],
        matches=_matches(tokens, offset, tokenizer.encode(masked(text, mask))),
    )


def _seeds(
    lake: str, lineage: dict[str, Any], name: str, document: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The documents that one was made from, up to the one that was read. A part of what models make is named after that
    of its seeds: `part-docs-00003-000` has what was made of part `part-00003-000` of `docs`.
    """
    known = [s for s in lineage["sources"] if name.startswith(f"part-{s}-")]
    if not known or not document["parent_ids"]:
        return
    source = max(known, key=len)
    part, path = name.replace(f"{source}-", "", 1), lineage["sources"][source]["documents"]
    ids = read_part(Folder(lake, path), part, ["id"]).column("id")
    row = pc.index(ids, pa.scalar(document["parent_ids"][0], ids.type)).as_py()
    if row < 0:
        raise CorruptPartError(f"{path}/{part} has not the document that {name} was made from")
    seed = _lake_row(lake, path, part, row)
    seed.pop("text")
    yield seed
    yield from _seeds(lake, lineage, part, seed)


def _matches(tokens: npt.NDArray[np.uint32], offset: int, document: npt.NDArray[np.uint32]) -> bool:
    whole = np.append(document, np.uint32(END_OF_TEXT))
    return bool(np.array_equal(tokens, whole[offset : offset + len(tokens)]))


def _place(shard: str) -> tuple[str, str, str, str, str]:
    """lake, name@fingerprint, stage, split, file name of a shard's path."""
    lake, found, rest = shard.rpartition("/shards/")
    names = rest.split("/")
    if not found or len(names) != 4:
        raise TraceError(
            f"{shard} is not a shard of a lake: expected LAKE/shards/NAME@FINGERPRINT/STAGE/SPLIT/FILE.parquet"
        )
    return lake, names[0], names[1], names[2], names[3]


def _row(uri: str, row: int) -> dict[str, Any]:
    """One row of a Parquet file, reading its row group only."""
    try:
        with storage.reading(uri) as source, pq.ParquetFile(source) as file:
            total = file.metadata.num_rows
            if not 0 <= row < total:
                raise TraceError(f"--row {row}: {uri} has {total} rows, numbered from 0")
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if row < size:
                    table: pa.Table = file.read_row_group(group).slice(row, 1)
                    return dict(table.to_pylist()[0])
                row -= size
    except FileNotFoundError:
        raise TraceError(f"there is no file {uri}") from None
    raise AssertionError("row groups add up to the number of rows")


def _lake_row(lake: str, path: str, name: str, row: int) -> dict[str, Any]:
    return _row(Folder(lake, path).file_uri(name), row)


def _parts(lake: str, name: str, numbers: list[int]) -> dict[int, tuple[str, str]]:
    with storage.reading(storage.join(lake, "origins", name, "parts.parquet")) as source:
        table = pq.read_table(source, filters=[("number", "in", numbers)])
    return {r["number"]: (r["source"], r["name"]) for r in table.to_pylist()}


def _without_id(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}
