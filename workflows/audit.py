"""The ledger, added up again: every edge of the flow has an equation, and every file is what its entry says.

| edge | equation, per unit or part |
|---|---|
| read | records = documents + failed + skipped; rows of documents, dead_letters and pages as counted |
| transcribe | records of drafts = records of documents |
| annotate, tokens, duplicates, splits, selections | same parts, and as many rows, as documents |
| ask | requests = accepted + rejected by each reason, in all and over the rounds; as many rows |
| label | labels = sum over dimensions; rows = documents |
| deduplicate | documents with rank > 0 = members of clusters - clusters |
| split | documents = train + validation + targets + held_out |
| select | documents = selected + rejected by each reason |
| pack | copies and tokens selected = copies and tokens in shards, per stage and split |

`deep` re-hashes every file, and adds up `n_tokens` and segment bounds from the shards themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow.compute as pc

from corpus import storage
from corpus.errors import CorruptPartError
from corpus.lake import Entry, Folder, add_counts, iter_part
from corpus.views import open_lake

ALIGNED = ("annotations/", "tokens", "splits", "selections/")


@dataclass
class Audit:
    """What was checked, and what does not hold."""

    equations: int = 0
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def equal(self, what: str, left: int, right: int) -> None:
        """One equation."""
        self.equations += 1
        if left != right:
            self.problems.append(f"{what}: {left:,} != {right:,}")


@dataclass(frozen=True)
class Output:
    """One folder of the catalog with its entries."""

    table: str
    name: str
    folder: Folder
    entries: Mapping[str, Entry]

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"{self.table} of {self.name}" if self.name else self.table

    def total(self, count: str) -> int:
        """A counter over all entries."""
        return sum(entry.counts.get(count, 0) for entry in self.entries.values())


def audit(lake: str, *, deep: bool = False) -> Audit:
    """Check the whole lake that the catalog describes."""
    lake = storage.absolute(lake)
    result = Audit()
    outputs = {(o.table, o.name): o for o in _outputs(lake, result)}
    for output in outputs.values():
        _check_files(output, result, deep=deep)
    for (table, source), output in outputs.items():
        needed = _needed(table, source)
        if absent := [key for key in needed if key not in outputs]:
            result.problems.append(
                f"{output.where}: complete, but {absent[0][0]} of {absent[0][1]} is not"
            )
            continue
        if table == "documents":
            _check_read(output, outputs["dead_letters", source], outputs["pages", source], result)
        elif table == "acceptance":
            _check_acceptance(output, result)
        elif table == "labels":
            _check_labels(output, result)
        elif table.startswith(ALIGNED):
            _check_aligned(output, outputs["documents", source], result)
        elif table == "drafts":
            _check_drafts(output, outputs.get(("documents", source)), result)
        if table == "splits":
            _check_parts_of(output, "split.", result)
        elif table.startswith("selections/"):
            _check_parts_of(output, "reason.", result)
        elif table.startswith("shards/"):
            _check_pack(outputs, table.removeprefix("shards/"), source, result, deep=deep)
    _check_duplicates(outputs, result)
    return result


def _needed(table: str, source: str) -> list[tuple[str, str]]:
    """The outputs that the equations of this one add up with."""
    if table == "documents":
        return [("dead_letters", source), ("pages", source)]
    if table.startswith("shards/"):
        return [(table.replace("shards/", "origins/", 1), source)]
    return [("documents", source)] if table.startswith(ALIGNED) else []


def _outputs(lake: str, result: Audit) -> Iterator[Output]:
    """The outputs in the catalog. A step that has not run is not a problem; one that is half done is."""
    for row in open_lake(lake).catalog.iter_rows(named=True):
        folder = Folder(lake, row["path"])
        entries = folder.entries()
        if not folder.is_complete and entries:
            result.problems.append(
                f"{row['table']} of {row['name']}: not complete; `tokenmill run` goes on with it"
            )
        if folder.is_complete:
            yield Output(row["table"], row["name"], folder, entries)


def _check_files(output: Output, result: Audit, *, deep: bool) -> None:
    """Every file of every entry is there with its size and, deep, its hash."""
    sizes = storage.sizes(output.folder.uri)
    files = [file for entry in output.entries.values() for file in entry.files]
    for file in files:
        result.files += 1
        result.bytes += file.bytes
        result.equal(
            f"{output.folder.path}/{file.name}: bytes", sizes.get(file.name, -1), file.bytes
        )
    if not deep:
        return
    present = [file for file in files if file.name in sizes]
    with ThreadPoolExecutor(8) as pool:
        hashes = pool.map(
            lambda file: storage.sha256_of(output.folder.file_uri(file.name)), present
        )
        for file, digest in zip(present, hashes, strict=True):
            result.equations += 1
            if digest != file.sha256:
                result.problems.append(
                    f"{output.folder.path}/{file.name}: its SHA-256 is not the committed one; the file changed"
                )


def _check_read(documents: Output, letters: Output, pages: Output, result: Audit) -> None:
    for key, entry in documents.entries.items():
        where = f"documents of {documents.name}, unit {key}"
        count = entry.counts
        parts = count["documents"] + count["failed"] + count["skipped"]
        result.equal(f"{where}: records = documents + failed + skipped", count["records"], parts)
        result.equal(f"{where}: rows = documents", entry.rows, count["documents"])
        for name in ("failed", "skipped", "pages"):
            by_reason = sum(n for k, n in count.items() if k.startswith(f"{name}."))
            result.equal(f"{where}: {name} = sum by reason", count.get(name, 0), by_reason)
        rows = letters.entries[key].rows if key in letters.entries else -1
        result.equal(f"{where}: rows of dead_letters = failed", rows, count["failed"])
        rows = pages.entries[key].rows if key in pages.entries else -1
        result.equal(f"{where}: rows of pages = pages", rows, count.get("pages", 0))


def _check_acceptance(output: Output, result: Audit) -> None:
    for key, entry in output.entries.items():
        where, count = f"{output.where}, part {key}", entry.counts
        reasons = sum(n for name, n in count.items() if name.startswith("rejected."))
        result.equal(
            f"{where}: requests = accepted + rejected by each reason",
            count["requests"],
            count["accepted"] + reasons,
        )
        rounds = sum(n for name, n in count.items() if re.fullmatch(r"round\.\d+\.requests", name))
        result.equal(f"{where}: requests = sum over rounds", count["requests"], rounds)
        result.equal(f"{where}: rows = requests", entry.rows, count["requests"])


def _check_labels(output: Output, result: Audit) -> None:
    for key, entry in output.entries.items():
        where, count = f"labels, part {key}", entry.counts
        dimensions = sum(n for name, n in count.items() if name.startswith("labels."))
        result.equal(f"{where}: labels = sum over dimensions", count["labels"], dimensions)
        result.equal(f"{where}: rows = documents", entry.rows, count["documents"])


def _check_drafts(drafts: Output, documents: Output | None, result: Audit) -> None:
    if documents is None:  # not asked about yet
        return
    for key, entry in drafts.entries.items():
        there = documents.entries[key].counts["records"] if key in documents.entries else -1
        what = f"drafts of {drafts.name}, unit {key}: records = records of documents"
        result.equal(what, entry.counts["records"], there)


def _check_aligned(output: Output, documents: Output, result: Audit) -> None:
    rows = {
        f.name.removesuffix(".parquet"): f.rows for e in documents.entries.values() for f in e.files
    }
    for key in rows.keys() | output.entries.keys():
        have = output.entries[key].rows if key in output.entries else -1
        result.equal(f"{output.where}, part {key}: rows = documents", have, rows.get(key, -1))


def _check_duplicates(outputs: Mapping[tuple[str, str], Output], result: Audit) -> None:
    clusters = outputs.get(("clusters", ""))
    if clusters is None:
        return
    redundant = sum(
        output.total("redundant")
        for (t, _), output in outputs.items()
        if t == "annotations/duplicates"
    )
    expected = clusters.total("members") - clusters.total("clusters")
    result.equal("duplicates: redundant = members - clusters", redundant, expected)


def _check_parts_of(output: Output, prefix: str, result: Audit) -> None:
    for key, entry in output.entries.items():
        parts = sum(n for name, n in entry.counts.items() if name.startswith(prefix))
        what = f"{output.where}, part {key}: documents = sum of {prefix}*"
        result.equal(what, entry.counts["documents"], parts)


def _check_pack(
    outputs: Mapping[tuple[str, str], Output], stage: str, split: str, result: Audit, *, deep: bool
) -> None:
    shards = outputs[f"shards/{stage}", split]
    selected = add_counts(
        entry.counts
        for (table, _), output in outputs.items()
        if table == f"selections/{stage}"
        for entry in output.entries.values()
    )
    where = f"stage {stage}, {split}"
    for what in ("copies", "tokens"):
        result.equal(
            f"{where}: {what} selected = in shards",
            selected.get(f"{what}.{split}", 0),
            shards.total(what),
        )
    rows = sum(entry.rows for entry in shards.entries.values())
    result.equal(f"{where}: sequences = rows", shards.total("sequences"), rows)
    origins = outputs[f"origins/{stage}", split]
    result.equal(f"{where}: origins = rows", sum(e.rows for e in origins.entries.values()), rows)
    if deep:
        _check_shards(shards, where, result)


def _check_shards(shards: Output, where: str, result: Audit) -> None:
    tokens = segments = 0
    for entry in shards.entries.values():
        for file in entry.files:
            try:
                for table in iter_part(shards.folder, file.name, ["n_tokens", "cu_seqlens"]):
                    tokens += pc.sum(table.column("n_tokens")).as_py() or 0
                    lengths = pc.list_value_length(table.column("cu_seqlens")).to_numpy()
                    segments += int(np.sum(lengths - 1))
            except CorruptPartError as error:
                result.problems.append(str(error))
    result.equal(f"{where}: n_tokens added up = tokens", tokens, shards.total("tokens"))
    result.equal(f"{where}: segments added up = segments", segments, shards.total("segments"))
