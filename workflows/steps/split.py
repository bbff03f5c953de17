"""Step `split`: which documents train, which are kept for validation or as ablation targets, by groups.

    links    parts -> (vertex, link) of documents that share a cluster, a parent or a repository
    labels   links -> groups (connected components, one node), with what their members were before, by part group
    sidecar  parts -> `splits`, part-aligned

The splits of a lake persist: `splits/history.json` lists its generations, and a new one starts from the last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from corpus import storage
from corpus.components import components
from corpus.exchange import read_partition, write_partitioned
from corpus.lake import Entry, Folder, read_part, same_ids, write_part
from corpus.randomness import id_words
from mixers.sequences import ids_of
from mixers.splits import HELD_OUT, NEVER_TRAIN, SCHEMA, TRAIN, assign, link, own_group
from workflows.engine import Item
from workflows.steps.context import Context, Part, all_parts, part_groups

HISTORY = "splits/history.json"
LINK_SCHEMA = {"vertex": pl.Int64, "link": pl.Int64, "previous": pl.String}


@dataclass(frozen=True)
class Job:
    """Folders and settings of the whole step."""

    root: Folder
    groups: tuple[tuple[Part, ...], ...]
    documents: Mapping[str, Folder]
    duplicates: Mapping[str, Folder]
    sidecars: Mapping[str, Folder]
    previous: Mapping[str, Folder]
    parents_named: bool
    seed: int
    validation: float
    targets: float

    def phase(self, name: str) -> Folder:
        """The folder of one of the phases."""
        return Folder(self.root.root, f"{self.root.path}/_{name}")


def history(lake: str) -> list[dict[str, str]]:
    """The generations of splits of a lake, oldest first: `inputs` (fingerprint) and `path`."""
    data = storage.get_or_none(storage.join(lake, HISTORY))
    return [] if data is None else json.loads(data)


def previous_of(lake: str, inputs: str) -> str | None:
    """The generation that the one with these inputs starts from."""
    known = history(lake)
    for number, generation in enumerate(known):
        if generation["inputs"] == inputs:
            return known[number - 1]["path"] if number else None
    return known[-1]["path"] if known else None


def run(context: Context) -> None:
    """Assign every document of the plan."""
    folders = {("splits", source): folder for source, folder in context.layout.splits.items()}
    if all(folder.is_complete for folder in folders.values()):
        _remember(context)  # a kill may have come between the last part and the history
        return
    job = _job(context)
    by_group = [{"key": f"{number:05d}", "group": number} for number in range(len(job.groups))]
    context.fill("split links", [job.phase("links")], partial(links, job), lambda: by_group)
    one = [{"key": "00000"}]
    context.fill("split labels", [job.phase("labels")], partial(labels, job), lambda: one)
    context.fill_aligned("split", folders, partial(sidecar, job), lambda: job.groups)
    _remember(context)


def links(job: Job, item: Item) -> Item:
    """The links of the documents of one group of parts."""
    tables = [_links_of(job, part) for part in job.groups[item["group"]]]
    file = write_part(
        job.phase("links"), f"part-{item['key']}.parquet", pl.concat(tables).to_arrow()
    )
    job.phase("links").commit(Entry(key=item["key"], files=[file]))
    return {}


def labels(job: Job, item: Item) -> Item:
    """The group of each linked document, and whether any of its members was in train, or kept out, before."""
    folder = job.phase("links")
    tables = [pl.DataFrame(pl.from_arrow(read_part(folder, name))) for name in folder.parts()]
    found = pl.concat(tables) if tables else pl.DataFrame(schema=LINK_SCHEMA)
    vertices, label = components(found["link"].to_numpy(), found["vertex"].to_numpy())
    previous = found.select("vertex", "previous").unique("vertex")
    grouped = (
        pl.DataFrame({"vertex": vertices, "label": label})
        .join(previous, on="vertex", how="inner")
        .with_columns(
            kept_out=pl.col("previous")
            .is_in(NEVER_TRAIN)
            .fill_null(value=False)
            .any()
            .over("label"),
            trained=(pl.col("previous") == TRAIN).fill_null(value=False).any().over("label"),
        )
        .sort("vertex")
    )
    sizes = [len(group) for group in job.groups]
    group_of = np.repeat(np.arange(len(sizes)), sizes)
    partition = group_of[grouped["vertex"].to_numpy() >> 32].astype(np.int64)
    table = grouped.drop("previous")
    file = write_partitioned(
        job.phase("labels"),
        "00000",
        lambda at: table[at].to_arrow(),
        partition,
        len(job.groups),
    )
    job.phase("labels").commit(Entry(key=item["key"], files=[file]))
    return {}


def sidecar(job: Job, item: Item) -> Item:
    """The part-aligned splits of one group of parts."""
    folder = job.phase("labels")
    rows = read_partition(folder, folder.files(), item["group"], len(job.groups))
    schema = {"vertex": pl.Int64, "label": pl.Int64, "kept_out": pl.Boolean, "trained": pl.Boolean}
    grouped = pl.DataFrame(schema=schema) if rows is None else pl.DataFrame(pl.from_arrow(rows))
    for part in job.groups[item["group"]]:
        table = _sidecar_of(job, part, grouped)
        folder = job.sidecars[part.source]
        file = write_part(folder, part.name, table)
        counts = {"documents": table.num_rows}
        for value in table.column("split").value_counts().to_pylist():
            counts[f"split.{value['values']}"] = value["counts"]
        folder.commit(Entry(key=part.key, files=[file], counts=counts))
    return {"counts": {"documents": sum(part.rows for part in job.groups[item["group"]])}}


def _links_of(job: Job, part: Part) -> pl.DataFrame:
    documents = read_part(job.documents[part.source], part.name, ["id", "parent_ids", "metadata"])
    folder = job.duplicates[part.source]
    clusters = read_part(folder, part.name, ["id", "cluster_id", "cluster_size"])
    same_ids(documents, clusters, f"{folder.path}/{part.name}")
    rows: list[tuple[int, int]] = []
    for row, (document, cluster) in enumerate(
        zip(documents.to_pylist(), clusters.to_pylist(), strict=True)
    ):
        vertex = (part.number << 32) + row
        rows.extend((vertex, virtual) for virtual in _virtual(job, document, cluster))
    previous = _previous(job, part)
    frame = pl.DataFrame(rows, schema={"vertex": pl.Int64, "link": pl.Int64}, orient="row")
    return frame.with_columns(previous=previous.gather(frame["vertex"] % (1 << 32)))


def _virtual(job: Job, document: dict[str, Any], cluster: dict[str, Any]) -> list[int]:
    """The virtual vertices that a document shares with others."""
    found = [link("parent", parent) for parent in document["parent_ids"]]
    if job.parents_named:
        found.append(link("parent", document["id"]))
    if cluster["cluster_size"] > 1:
        found.append(link("cluster", cluster["cluster_id"]))
    if '"repository":' in document["metadata"]:
        repository = json.loads(document["metadata"]).get("repository")
        if repository:
            found.append(link("repository", str(repository)))
    return found


def _previous(job: Job, part: Part) -> pl.Series:
    """The splits of the last generation for the documents of a part, null where it did not know them."""
    folder = job.previous.get(part.source)
    if folder is None or part.key not in folder.entries():
        return pl.Series("previous", [None] * part.rows, dtype=pl.String)
    table = read_part(folder, part.name, ["split"])
    return pl.Series("previous", table.column("split").to_pylist(), dtype=pl.String)


def _sidecar_of(job: Job, part: Part, grouped: pl.DataFrame) -> pa.Table:
    ids = read_part(job.documents[part.source], part.name, ["id"])
    own = own_group(id_words(ids_of(ids)))
    frame = pl.DataFrame(
        {"vertex": np.arange(len(own), dtype=np.int64) + (part.number << 32), "own": own}
    ).join(grouped, on="vertex", how="left", maintain_order="left")
    frame = frame.with_columns(
        previous=_previous(job, part),
        kept_out=pl.col("kept_out").fill_null(value=False),
        trained=pl.col("trained").fill_null(value=False),
        # a group's key is its smallest virtual vertex: it depends on ids alone
        group=pl.coalesce(pl.col("label").reinterpret(signed=False), pl.col("own")),
    )
    # a document that stands alone stays where it was
    frame = frame.with_columns(
        trained=pl.col("trained")
        | (pl.col("label").is_null() & (pl.col("previous") == TRAIN)).fill_null(value=False),
    )
    result = assign(frame, job.seed, job.validation, job.targets)
    columns = [ids.column("id"), result["split"].to_arrow(), result["group"].to_arrow()]
    return pa.table(columns, names=["id", "split", "group"]).cast(SCHEMA)


def _job(context: Context) -> Job:
    layout, model = context.layout, context.plan.model
    known = previous_of(layout.lake, layout.splits_inputs)
    totals = [folder.totals() or {"counts": {}} for folder in layout.documents.values()]
    generations = [generation["path"] for generation in history(layout.lake)]
    past = generations[: generations.index(known) + 1] if known else []
    previous = {}
    for source, documents in layout.documents.items():
        for path in past:  # the newest generation that knows these documents is the one that counts
            folder = Folder(layout.lake, f"{path}/{source}")
            if _same_documents(folder, documents):
                previous[source] = folder
    return Job(
        root=layout.splits_root,
        groups=tuple(tuple(group) for group in part_groups(all_parts(layout))),
        documents=layout.documents,
        duplicates=layout.duplicates,
        sidecars=layout.splits,
        previous=previous,
        parents_named=any(t["counts"].get("with_parents", 0) for t in totals),
        seed=model.seed,
        validation=model.split.validation,
        targets=model.split.targets,
    )


def _same_documents(splits: Folder, documents: Folder) -> bool:
    """Whether a generation's sidecars belong to the present documents of a source."""
    data = storage.get_or_none(storage.join(splits.uri, "documents.txt"))
    return data is not None and data.decode() == documents.path


def _remember(context: Context) -> None:
    layout = context.layout
    for source, folder in layout.splits.items():
        documents = layout.documents[source].path.encode()
        storage.put(storage.join(folder.uri, "documents.txt"), documents)
    known = history(layout.lake)
    if all(generation["inputs"] != layout.splits_inputs for generation in known):
        known.append({"inputs": layout.splits_inputs, "path": layout.splits_root.path})
        storage.put(storage.join(layout.lake, HISTORY), json.dumps(known, indent=1).encode())


__all__ = ["HELD_OUT", "history", "previous_of", "run"]
