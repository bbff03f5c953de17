"""Step `pack`: the drawn copies, shuffled, packed and written as shards.

    scatter  groups  -> every copy to its bucket, hash(id, copy, seed), through the exchange
    pack     buckets -> cut, best-fit, order by hash, write; an origins file beside each shard

A bucket holds about `bucket_tokens` tokens; its task holds them twice, with 4 bytes each. The bytes depend on the plan
and its inputs alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import storage
from corpus.exchange import read_partition, write_partitioned
from corpus.lake import Entry, File, Folder, PartWriter, read_part, same_ids, write_part
from corpus.tokenizer import Tokenizer
from mixers.sequences import COPIES, ORIGINS, arrange, bucket_of, ids_of, rows, schema
from mixers.splits import TRAIN, VALIDATION
from workflows.engine import Item
from workflows.steps.context import Context, Part, all_parts, part_groups
from workflows.steps.select import read_allocation

SEQUENCE_BYTES = 4  # per token in a shard, before compression
SCATTER_BYTES = (
    16 << 20
)  # of compressed text in a scatter task, or one part: small parts go together
ROWS_AT_ONCE = 4 << 20  # tokens that are built at once
Int64s: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Target:
    """The shards of one stage and split: buckets `first` to `first + buckets - 1` are its own."""

    stage: str
    split: str
    seq_len: int
    balanced: bool
    first: int
    buckets: int
    shards: Folder
    origins: Folder


@dataclass(frozen=True)
class Job:
    """Folders and settings of the whole step."""

    exchange: Folder
    groups: tuple[tuple[Part, ...], ...]
    tokens: Mapping[str, Folder]
    splits: Mapping[str, Folder]
    selections: Mapping[tuple[str, str], Folder]
    targets: tuple[Target, ...]
    ranks: str | None
    seed: int
    shard_bytes: int

    @property
    def buckets(self) -> int:
        """Over all stages and splits."""
        return sum(target.buckets for target in self.targets)

    def target_of(self, bucket: int) -> Target:
        """The stage and split that a bucket belongs to."""
        return next(t for t in self.targets if t.first <= bucket < t.first + t.buckets)


def run(context: Context) -> None:
    """Write the shards of all stages."""
    # shards are declared complete last: whoever sees them finds their origins
    folders = [*context.layout.origins.values(), *context.layout.shards.values()]
    if all(folder.is_complete for folder in folders):
        return
    job = _job(context)
    by_group = [{"key": f"{number:05d}", "group": number} for number in range(len(job.groups))]
    context.fill("pack scatter", [job.exchange], partial(scatter, job), lambda: by_group)
    done = {target: set(target.shards.entries()) for target in job.targets}
    todo = [
        {"key": f"{bucket:05d}", "bucket": target.first + bucket}
        for target in job.targets
        for bucket in range(target.buckets)
        if f"{bucket:05d}" not in done[target]
    ]
    context.engine.map("pack", partial(pack_bucket, job), todo)
    write_lineage(context, all_parts(context.layout))
    for folder in folders:
        context.finish(folder)


def scatter(job: Job, item: Item) -> Item:
    """Write the copies of the documents of some parts, for all stages, by bucket."""
    group = job.groups[item["group"]]
    tokens, drawn = zip(*(_drawn_of(job, part) for part in group), strict=True)
    first = np.cumsum([0, *(table.num_rows for table in tokens[:-1])])  # row of each part in all
    number, start = (
        np.repeat(of_part, [len(rows_) for rows_, _, _ in drawn])
        for of_part in ([part.number for part in group], first)
    )
    rows_, copies, buckets = (np.concatenate(column) for column in zip(*drawn, strict=True))
    table = pa.concat_tables(tokens).combine_chunks()  # once: a gather would do it each time
    del tokens

    def take(at: Int64s) -> pa.Table:
        chosen = table.take(pa.array(rows_[at] + start[at]))
        columns = {
            "id": chosen.column("id"),
            "copy": pa.array(copies[at].astype(np.int16)),
            "part": pa.array(number[at].astype(np.int32)),
            "row": pa.array(rows_[at].astype(np.int32)),
            "input_ids": chosen.column("input_ids"),
        }
        return pa.table(columns, schema=COPIES)

    file = write_partitioned(job.exchange, item["key"], take, buckets, job.buckets)
    job.exchange.commit(Entry(key=item["key"], files=[file]))
    return {"counts": {"documents": sum(part.rows for part in group)}}


def _drawn_of(job: Job, part: Part) -> tuple[pa.Table, tuple[Int64s, Int64s, Int64s]]:
    """The tokens of one part, and (row, number of the copy, bucket) of each copy that is drawn from it."""
    tokens = read_part(job.tokens[part.source], part.name, ["id", "input_ids"])
    split = read_part(job.splits[part.source], part.name)
    same_ids(tokens, split, f"{job.splits[part.source].path}/{part.name}")
    ids = ids_of(tokens)
    drawn = [_drawn(job, target, part, ids, tokens, split) for target in job.targets]
    rows_, copies, buckets = (np.concatenate(column) for column in zip(*drawn, strict=True))
    return tokens, (rows_, copies, buckets)


def _drawn(
    job: Job,
    target: Target,
    part: Part,
    ids: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
    tokens: pa.Table,
    split: pa.Table,
) -> tuple[Int64s, Int64s, Int64s]:
    """(row, number of the copy, bucket) of each copy that a stage and split draws from a part."""
    selection = read_part(job.selections[target.stage, part.source], part.name, ["id", "copies"])
    same_ids(tokens, selection, f"{job.selections[target.stage, part.source].path}/{part.name}")
    inside = pc.equal(split.column("split"), target.split).to_numpy()
    copies = np.where(inside, selection.column("copies").to_numpy(), 0)
    rows_ = np.repeat(np.arange(len(copies)), copies)
    numbers = np.arange(len(rows_)) - np.repeat(np.cumsum(copies) - copies, copies)
    copy = numbers.astype(np.int16)
    return (
        rows_,
        numbers,
        bucket_of(ids[rows_], copy, job.seed, target.stage, target.buckets) + target.first,
    )


def pack_bucket(job: Job, item: Item) -> Item:
    """The shards of one bucket."""
    target = job.target_of(item["bucket"])
    copies = read_partition(job.exchange, job.exchange.files(), item["bucket"], job.buckets)
    if copies is None:
        copies = COPIES.empty_table()
    copies = copies.combine_chunks()  # once, and not again for each batch of rows
    pieces = arrange(
        copies,
        seed=job.seed,
        stage=target.stage,
        seq_len=target.seq_len,
        balanced=target.balanced,
        paragraph_ends=_paragraph_ends(job.ranks),
    )
    written = _Shards(job, target, item["key"])
    for shard, origins in rows(
        copies, pieces, target.seq_len, max(1, ROWS_AT_ONCE // target.seq_len)
    ):
        written.write(shard, origins)
    files, origin_files = written.close()
    counts = {
        "sequences": sum(file.rows for file in files),
        "tokens": int(pieces.length.sum()),
        "segments": len(pieces.length),
        "copies": copies.num_rows,
        "cut_documents": int((np.bincount(pieces.document, minlength=1) > 1).sum()),
    }
    target.origins.commit(Entry(key=item["key"], files=origin_files))
    target.shards.commit(Entry(key=item["key"], files=files, counts=counts))
    return {"counts": {"tokens": counts["tokens"]}}


def write_lineage(context: Context, parts: list[Part]) -> None:
    """What `trace` needs to go from a segment back: the numbered parts, and the folders behind these shards."""
    layout = context.layout
    root = layout.origins_root
    table = pa.table(
        {name: [getattr(part, name) for part in parts] for name in ("number", "source", "name")}
    )
    write_part(root, "parts.parquet", table)
    sources = {
        source: {
            "documents": documents.path,
            "tokens": layout.tokens[source].path,
            "splits": layout.splits[source].path,
            "annotations": {s.annotator: s.folder.path for s in layout.sidecars[source]}
            | {"duplicates": layout.duplicates[source].path},
            "selections": {
                stage: layout.selections[stage, source].path for stage in layout.stages()
            },
        }
        for source, documents in layout.documents.items()
    }
    model = context.plan.model
    lineage = {"sources": sources, "ranks": model.tokenizer.ranks, "mask": model.mask}
    storage.put(root.file_uri("lineage.json"), json.dumps(lineage, indent=1).encode())


class _Shards:
    """The shard files of one bucket, rolled over at `shard_bytes`, each with its origins."""

    def __init__(self, job: Job, target: Target, key: str) -> None:
        self._target = target
        self._key = key
        self._rows = max(1, job.shard_bytes // (target.seq_len * SEQUENCE_BYTES))
        self._open: tuple[PartWriter, PartWriter] | None = None
        self._files: tuple[list[File], list[File]] = ([], [])

    def write(self, shard: pa.Table, origins: pa.Table) -> None:
        while shard.num_rows:
            writers = self._writers()
            room = self._rows - writers[0].rows
            for writer, table in zip(writers, (shard, origins), strict=True):
                writer.write(table.slice(0, room))
            shard, origins = shard.slice(room), origins.slice(room)
            if writers[0].rows >= self._rows:
                self._roll()

    def close(self) -> tuple[list[File], list[File]]:
        """A bucket without sequences still has one file: whoever scans an empty split finds its columns."""
        if self._open is not None or not self._files[0]:
            self._roll()
        return self._files

    def _writers(self) -> tuple[PartWriter, PartWriter]:
        if self._open is None:
            name = f"shard-{self._key}-{len(self._files[0]):03d}.parquet"
            self._open = (
                PartWriter(self._target.shards, name, schema(self._target.seq_len)),
                PartWriter(self._target.origins, name, ORIGINS),
            )
        return self._open

    def _roll(self) -> None:
        for writer, files in zip(self._writers(), self._files, strict=True):
            files.append(writer.close())
        self._open = None


@lru_cache(maxsize=2)
def _paragraph_ends(ranks: str | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return Tokenizer(ranks).paragraph_ends


def _job(context: Context) -> Job:
    layout, plan = context.layout, context.plan
    model = plan.model
    allocation = read_allocation(layout.selection_root)
    assert allocation is not None, "select comes before pack"
    targets: list[Target] = []
    for (stage, split), shards in layout.shards.items():
        share = 1.0 if split == TRAIN else model.split.validation
        expected = allocation["stages"][stage]["planned"] * share
        targets.append(
            Target(
                stage=stage,
                split=split,
                seq_len=model.stages[stage].seq_len,
                balanced=bool(plan.mixtures[stage].lengths),
                first=sum(target.buckets for target in targets),
                buckets=max(1, math.ceil(expected / model.resources.bucket_tokens)),
                shards=shards,
                origins=layout.origins[stage, split],
            )
        )
    return Job(
        exchange=layout.exchange,
        groups=tuple(map(tuple, part_groups(all_parts(layout), bytes_=SCATTER_BYTES))),
        tokens=layout.tokens,
        splits=layout.splits,
        selections=layout.selections,
        targets=tuple(targets),
        ranks=model.tokenizer.ranks,
        seed=model.seed,
        shard_bytes=model.resources.shard_bytes,
    )


__all__ = ["TRAIN", "VALIDATION", "run"]
