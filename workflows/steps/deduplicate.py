"""Step `deduplicate`: from bands to verified clusters, in exchanges whose work is bounded per task.

    pairs     parts    -> (key, vertex, …) by key: each band, and the content hash, is a bucket key
    edges     keys     -> star edges inside each bucket
    labels    edges    -> connected components (one node; see `corpus.components` for what it holds)
    members   parts    -> (component, signature, sketch, …) by component, for documents that have a label
    assigned  members  -> verified clusters by part group, and the table of clusters
    sidecar   parts    -> `annotations/duplicates`, part-aligned

A vertex is part number << 32 | row: it routes a label back to its part and never reaches the output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa

from annotators.duplicates import SCHEMA, resolve, star_edges
from annotators.sketches import sketches
from corpus.components import components
from corpus.document import ID
from corpus.errors import AlarmError
from corpus.exchange import read_partition, write_partitioned
from corpus.lake import Entry, Folder, read_part, same_ids, write_part
from workflows.engine import Item
from workflows.layout import Sidecar
from workflows.steps.context import Context, Part, all_parts, part_groups

PAIRS_PER_PARTITION = 20_000_000
MEMBERS_PER_PARTITION = 250_000  # with a signature and a sketch each, at most 4.5 kB
ALARM_DOCUMENTS = 100  # a source smaller than this raises no alarm on its loss
CLUSTERS = pa.schema(
    [
        pa.field("cluster_id", ID, nullable=False),
        pa.field("size", pa.int32(), nullable=False),
        pa.field("least_similarity", pa.float32(), nullable=False),
        pa.field("component_id", ID, nullable=False),
        pa.field("component_size", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Job:
    """Folders and settings of the whole step."""

    root: Folder
    groups: tuple[tuple[Part, ...], ...]
    documents: Mapping[str, Folder]
    tokens: Mapping[str, Folder]
    hashes: Mapping[str, Folder]
    signatures: Mapping[str, Folder]
    sidecars: Mapping[str, Folder]
    priorities: Mapping[str, int]
    ngram: int
    bands: int
    threshold: float
    max_bucket: int
    pair_partitions: int
    member_partitions: int

    def phase(self, name: str) -> Folder:
        """The folder of one of the phases."""
        return Folder(self.root.root, f"{self.root.path}/{name}")

    def group_of(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The group of each part number."""
        sizes = [len(group) for group in self.groups]
        return np.repeat(np.arange(len(sizes)), sizes)


def run(context: Context) -> None:
    """Cluster all documents of the plan, then check the alarms."""
    folders = [context.layout.clusters, *context.layout.duplicates.values()]
    if not all(folder.is_complete for folder in folders):
        job = _job(context)
        by_group = [{"key": f"{number:05d}", "group": number} for number in range(len(job.groups))]
        by_pair = [{"key": f"{n:05d}", "partition": n} for n in range(job.pair_partitions)]
        by_member = [{"key": f"{n:05d}", "partition": n} for n in range(job.member_partitions)]
        for phase, task, items in (
            ("pairs", pairs, by_group),
            ("edges", edges, by_pair),
            ("labels", labels, [{"key": "00000"}]),
            ("members", members, by_group),
            ("assigned", assigned, by_member),
        ):
            produced = [job.phase(phase)]
            context.fill(f"dedup {phase}", produced, partial(task, job), partial(list, items))
        context.fill_aligned(
            "dedup sidecar",
            {("duplicates", source): folder for source, folder in job.sidecars.items()},
            partial(sidecar, job),
            lambda: job.groups,
        )
        context.finish(job.root)
    _alarms(context)


def pairs(job: Job, item: Item) -> Item:
    """The bucket keys of the documents of one group."""
    tables = [_pairs_of(job, part) for part in job.groups[item["group"]]]
    table = pl.concat(tables)
    partition = (table["key"] % job.pair_partitions).cast(pl.Int64).to_numpy()
    return _exchange(job.phase("pairs"), item["key"], table, partition, job.pair_partitions)


def edges(job: Job, item: Item) -> Item:
    """Star edges of the buckets of one partition."""
    rows = _incoming(job.phase("pairs"), item["partition"], job.pair_partitions)
    folder = job.phase("edges")
    if rows is None:
        folder.commit(Entry(key=item["key"], files=[]))
        return {}
    stars = star_edges(pl.DataFrame(pl.from_arrow(rows)), job.max_bucket)
    file = write_part(folder, f"part-{item['key']}.parquet", stars.edges.to_arrow())
    counts = {"edges": stars.edges.height, "capped": stars.capped}
    folder.commit(Entry(key=item["key"], files=[file], counts=counts))
    return {}


def labels(job: Job, item: Item) -> Item:
    """Connected components of all edges, by part group."""
    folder = job.phase("edges")
    found = [read_part(folder, name) for name in folder.parts()]
    left, right = (
        np.concatenate([t.column(side).to_numpy() for t in found] or [np.empty(0, np.int64)])
        for side in ("left", "right")
    )
    vertices, component = components(left, right)
    table = pl.DataFrame({"vertex": vertices, "component": component})
    partition = job.group_of()[vertices >> 32] if len(vertices) else vertices
    return _exchange(job.phase("labels"), item["key"], table, partition, len(job.groups))


def members(job: Job, item: Item) -> Item:
    """What verification needs of the documents that have a label."""
    labelled = _incoming(job.phase("labels"), item["group"], len(job.groups))
    folder = job.phase("members")
    if labelled is None:
        folder.commit(Entry(key=item["key"], files=[]))
        return {}
    label = pl.DataFrame(pl.from_arrow(labelled))
    tables = []
    for part in job.groups[item["group"]]:
        wanted = label.filter(pl.col("vertex") // (1 << 32) == part.number)
        if wanted.height:
            tables.append(_members_of(job, part, wanted))
    table = pl.concat(tables)
    partition = (_mix(table["component"], 0) % job.member_partitions).cast(pl.Int64).to_numpy()
    return _exchange(folder, item["key"], table, partition, job.member_partitions)


def assigned(job: Job, item: Item) -> Item:
    """Verified clusters of the components of one partition."""
    rows = _incoming(job.phase("members"), item["partition"], job.member_partitions)
    folder = job.phase("assigned")
    if rows is None:
        folder.commit(Entry(key=item["key"], files=[]))
        return {}
    found = resolve(pl.DataFrame(pl.from_arrow(rows)), job.threshold)
    alone = found.filter(pl.col("cluster_size") == 1).height
    clusters = (
        found.filter(pl.col("cluster_size") > 1)
        .group_by("cluster_id")
        .agg(
            pl.col("component_id", "component_size").first(),
            size=pl.len().cast(pl.Int32),
            least_similarity=pl.col("similarity").min(),
        )
        .select(CLUSTERS.names)
        .sort("cluster_id")
    )
    name = f"clusters-{item['key']}.parquet"
    file = write_part(job.root, name, clusters.to_arrow().cast(CLUSTERS))
    job.root.commit(
        Entry(
            key=item["key"],
            files=[file],
            counts={
                "clusters": clusters.height,
                "members": int(clusters["size"].sum()),
                "refused": alone,
            },
        )
    )
    vertex = found["vertex"].to_numpy()
    return _exchange(folder, item["key"], found, job.group_of()[vertex >> 32], len(job.groups))


def sidecar(job: Job, item: Item) -> Item:
    """The part-aligned sidecars of one group."""
    rows = _incoming(job.phase("assigned"), item["group"], len(job.groups))
    found = pl.DataFrame(pl.from_arrow(rows)) if rows is not None else None
    for part in job.groups[item["group"]]:
        ids = pl.DataFrame(pl.from_arrow(read_part(job.hashes[part.source], part.name, ["id"])))
        table = _sidecar_of(ids, found, part)
        folder = job.sidecars[part.source]
        redundant = int((table.column("cluster_rank").to_numpy() > 0).sum())
        file = write_part(folder, part.name, table)
        counts = {"documents": table.num_rows, "redundant": redundant}
        folder.commit(Entry(key=part.key, files=[file], counts=counts))
    return {"counts": {"documents": sum(part.rows for part in job.groups[item["group"]])}}


def _job(context: Context) -> Job:
    layout, model = context.layout, context.plan.model
    parts = all_parts(layout)
    total = sum(part.rows for part in parts)
    keys = model.deduplicate.bands + 1
    return Job(
        root=layout.clusters,
        groups=tuple(tuple(group) for group in part_groups(parts)),
        documents=layout.documents,
        tokens=layout.tokens,
        hashes=_folders(layout.sidecars, "content_hash"),
        signatures=_folders(layout.sidecars, "minhash"),
        sidecars=layout.duplicates,
        priorities=context.layout.priorities,
        ngram=model.deduplicate.ngram,
        bands=model.deduplicate.bands,
        threshold=model.deduplicate.threshold,
        max_bucket=model.deduplicate.max_bucket,
        pair_partitions=_partitions(total * keys, PAIRS_PER_PARTITION),
        member_partitions=_partitions(total, MEMBERS_PER_PARTITION),
    )


def _partitions(rows: int, most: int) -> int:
    """Partitions of at most `most` rows; a small table still has some 16, so that cores share it."""
    return max(1, -(-rows // most), min(16, -(-32 * rows // most)))


def _folders(sidecars: Mapping[str, list[Sidecar]], annotator: str) -> dict[str, Folder]:
    return {
        source: next(sidecar.folder for sidecar in of if sidecar.annotator == annotator)
        for source, of in sidecars.items()
    }


def _pairs_of(job: Job, part: Part) -> pl.DataFrame:
    """One row per document and bucket key of a part."""
    documents = _documents_of(job, part).with_columns(exact=pl.lit(value=True))
    exact = documents.with_columns(key=_key(documents["content_hash"].bin.slice(0, 8), job.bands))
    signatures = read_part(job.signatures[part.source], part.name, ["id", "bands"])
    _check_signatures(job, part, signatures)
    bands = pl.DataFrame(pl.from_arrow(signatures.select(["bands"])))["bands"]
    rows = [exact.drop("content_hash")]
    for band in range(job.bands):
        value = bands.list.get(band)
        near = documents.with_columns(exact=pl.lit(value=False), key=_mix(value, band))
        rows.append(near.filter(value.is_not_null()).drop("content_hash"))
    return pl.concat(rows)


def _documents_of(job: Job, part: Part) -> pl.DataFrame:
    """vertex, id, priority, n_tokens, content_hash of the documents of a part."""
    hashes = read_part(job.hashes[part.source], part.name, ["id", "content_hash"])
    tokens = read_part(job.tokens[part.source], part.name, ["id", "n_tokens"])
    same_ids(hashes, tokens, f"{job.tokens[part.source].path}/{part.name}")
    frame = pl.DataFrame(pl.from_arrow(hashes))
    return frame.with_columns(
        n_tokens=pl.Series(tokens.column("n_tokens").to_numpy()),
        priority=pl.lit(job.priorities[part.source], pl.Int32),
        vertex=pl.int_range(pl.len(), dtype=pl.Int64) + (part.number << 32),
    )


def _members_of(job: Job, part: Part, labels: pl.DataFrame) -> pl.DataFrame:
    signatures = read_part(job.signatures[part.source], part.name, ["id", "signature"])
    _check_signatures(job, part, signatures)
    rows = pa.array(labels["vertex"].to_numpy() & 0xFFFFFFFF)
    chosen = signatures.column("signature").take(rows).combine_chunks()
    array = pa.concat_arrays(chosen.chunks) if isinstance(chosen, pa.ChunkedArray) else chosen
    matrix = array.values.to_numpy().reshape(-1, array.type.list_size).copy()
    matrix[array.is_null().to_numpy(zero_copy_only=False)] = (
        0  # texts without words, which only equal text links
    )
    data = pl.Series("signature", [row.tobytes() for row in matrix], dtype=pl.Binary)
    texts = read_part(job.documents[part.source], part.name, ["id", "text"])
    same_ids(texts, signatures, f"{job.signatures[part.source].path}/{part.name}")
    sketch = pl.Series("sketch", sketches(texts.take(rows), job.ngram), dtype=pl.Binary)
    documents = _documents_of(job, part)
    return labels.with_columns(data, sketch).join(documents, on="vertex", maintain_order="left")


def _sidecar_of(ids: pl.DataFrame, found: pl.DataFrame | None, part: Part) -> pa.Table:
    """The rows of a part: clustered ones as found, all others alone."""
    alone = ids.with_columns(vertex=pl.int_range(pl.len(), dtype=pl.Int64) + (part.number << 32))
    if found is None:
        found = pl.DataFrame(
            schema={
                "vertex": pl.Int64,
                "similarity": pl.Float32,
                "cluster_id": pl.Binary,
                "cluster_size": pl.Int32,
                "cluster_rank": pl.Int32,
            }
        )
    joined = alone.join(found, on="vertex", how="left", maintain_order="left")
    return (
        joined.select(
            "id",
            pl.col("cluster_id").fill_null(pl.col("id")),
            pl.col("cluster_size").fill_null(1),
            pl.col("cluster_rank").fill_null(0),
            pl.col("similarity").fill_null(1.0),
        )
        .to_arrow()
        .cast(SCHEMA)
    )


def _check_signatures(job: Job, part: Part, signatures: pa.Table) -> None:
    ids = read_part(job.hashes[part.source], part.name, ["id"])
    same_ids(ids, signatures, f"{job.signatures[part.source].path}/{part.name}")


def _key(first_bytes: pl.Series, salt: int) -> pl.Series:
    words = np.frombuffer(b"".join(first_bytes.to_list()), dtype=">u8").astype(np.uint64)
    return _mix(pl.Series(words), salt)


def _mix(values: pl.Series, salt: int) -> pl.Series:
    """A bucket key that differs between bands even where their values agree."""
    with np.errstate(over="ignore"):
        numbers = values.fill_null(0).to_numpy().astype(np.uint64)
        mixed = (numbers ^ np.uint64(salt + 1)) * np.uint64(0x9E3779B97F4A7C15)
        return pl.Series(mixed ^ (mixed >> np.uint64(29)))


def _exchange(
    folder: Folder,
    key: str,
    table: pl.DataFrame,
    partition: np.ndarray[tuple[int], np.dtype[np.int64]],
    count: int,
) -> Item:
    """Write one exchange file and commit it."""
    file = write_partitioned(folder, key, lambda at: table[at].to_arrow(), partition, count)
    folder.commit(Entry(key=key, files=[file]))
    return {}


def _incoming(folder: Folder, partition: int, count: int) -> pa.Table | None:
    return read_partition(folder, folder.files(), partition, count)


def _alarms(context: Context) -> None:
    """AlarmError for a giant cluster, or a source that would lose too much, that the plan does not allow."""
    allowed = context.plan.model.deduplicate.allow
    found = {**_giants(context), **_losses(context)}
    problems = {name: text for name, text in found.items() if name not in allowed}
    if problems:
        lines = "\n".join(f"  {text}" for text in problems.values())
        raise AlarmError(
            f"deduplication alarm:\n{lines}\nLook at them (`tokenmill inspect`, column cluster_id), then "
            f"mend the source or accept them in the plan: deduplicate: {{allow: [{', '.join(problems)}]}}"
        )


def _giants(context: Context) -> dict[str, str]:
    """Clusters of more than `max_cluster` documents, and chains of so many that verification parted into clusters."""
    limit = context.plan.model.deduplicate.max_cluster
    folder = context.layout.clusters
    found = {}
    for name in folder.parts():
        table = pl.DataFrame(pl.from_arrow(read_part(folder, name)))
        for cluster, size in (
            table.filter(pl.col("size") > limit).select("cluster_id", "size").iter_rows()
        ):
            found[cluster.hex()] = (
                f"cluster {cluster.hex()} has {size:,} documents, more than max_cluster = {limit:,}"
            )
        chains = table.group_by("component_id", "component_size").agg(
            pl.len(), pl.col("size").max()
        )
        parted = (pl.col("component_size") > limit) & (pl.col("size") <= limit)
        for chain, size, clusters, largest in (
            chains.filter(parted).sort("component_id").iter_rows()
        ):
            found[chain.hex()] = (
                f"chain {chain.hex()} links {size:,} documents, more than max_cluster = {limit:,}; verification "
                f"parts it into {clusters:,} clusters of up to {largest:,}"
            )
    return found


def _losses(context: Context) -> dict[str, str]:
    limit = context.plan.model.deduplicate.max_source_loss
    found = {}
    for source, folder in context.layout.duplicates.items():
        counts = (folder.totals() or {"counts": {}})["counts"]
        documents, redundant = counts.get("documents", 0), counts.get("redundant", 0)
        if documents >= ALARM_DOCUMENTS and redundant > limit * documents:
            found[source] = (
                f"source {source} would lose {redundant:,} of {documents:,} documents as duplicates, "
                f"more than max_source_loss = {limit:g}"
            )
    return found
