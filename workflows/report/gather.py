"""The facts of a report, from a lake at any point of its making: catalog, totals, one scan.

Nothing but the lake is needed, not the plan: what the plan said stands in it (`fingerprint.txt`
beside the outputs, `allocation.json` beside the selections). Outputs that are not complete are left
out and listed as such.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from corpus import open_lake, storage
from corpus.lake import MANIFEST, Folder, read_part
from mixers.mixture import NO_LANGUAGE, OTHER
from mixers.splits import TRAIN, VALIDATION
from workflows.report.answers import task
from workflows.report.facts import (
    Amount,
    Band,
    Cluster,
    Contamination,
    Counts,
    Drawn,
    Duplicates,
    Language,
    Length,
    Output,
    Reason,
    Report,
    Shards,
    Sizes,
    Source,
    Stage,
)
from workflows.report.said import said
from workflows.report.samples import dead_letters, samples
from workflows.report.scan import STUDENT, SourceFolders, Sums, scan
from workflows.status import LAST_RUN
from workflows.steps.select import read_allocation

LARGEST = 10
LAST_REASONS = ("length", "no_supply", "not_drawn", "selected")
CODE_READERS = ("source_tree",)  # what is code as long as no selection has recorded the kinds


def gather(lake: str) -> Report:
    """Everything that is on the page. TokenmillError if there is no lake."""
    at = _Lake(storage.absolute(lake))
    folders = list(_source_folders(at))
    sums = scan(folders)
    languages = _languages(sums) if any("language" in of.annotations for of in folders) else None
    documents = at.of_table("documents")
    return Report(
        plan=at.plan,
        outputs=at.outputs,
        seed=at.selection.get("seed"),
        last_error=at.last_error(),
        sources=tuple(_source(at, name, sums) for name in documents),
        annotators=_annotators(at),
        splits=_by(sums.table("documents"), "split"),
        languages=languages,
        code=_by(sums.table("documents"), "language").get(NO_LANGUAGE, Amount()),
        lengths=_lengths(sums.table("documents")),
        duplicates=_duplicates(at, sums),
        contamination=_contamination(sums) if at.of_table("annotations/contamination") else None,
        stages=tuple(_stage(at, name, sums) for name in at.stages),
        samples=samples(sums.candidates, documents),
        scales=said(sums, documents, _student(at)),
        tasks=tuple(
            task(name, folder, at.counts(folder), at.counts(documents[name]), at.root)
            for name, folder in at.of_table("acceptance").items()
            if name in documents
        ),
        dead_letters=dead_letters(
            {n: f for n, f in at.of_table("dead_letters").items() if n not in at.made}, documents
        ),
    )


class _Lake:
    """The complete outputs of the catalog, and what is recorded beside them."""

    def __init__(self, root: str) -> None:
        self.root = root
        rows = open_lake(root).catalog.to_dicts()
        self.plan: str = rows[0]["plan"] if rows else ""
        self._totals = {row["path"]: Folder(root, row["path"]).totals() for row in rows}
        self.outputs = tuple(
            Output(
                step=row["step"],
                table=row["table"],
                name=row["name"],
                path=row["path"],
                complete=self._totals[row["path"]] is not None,
            )
            for row in rows
        )
        self.stages = [
            stage
            for stage in dict.fromkeys(
                o.table.split("/")[1] for o in self.outputs if o.table.startswith("selections/")
            )
            if self.of_table(f"selections/{stage}")
        ]
        chosen = [self.of_table(f"selections/{stage}") for stage in self.stages]
        self.selection = self.described(next(iter(chosen[0].values()))) if chosen else {}
        root_of = next(iter(chosen[0].values())).path.split("/")[:2] if chosen else []
        self.allocation = read_allocation(Folder(root, "/".join(root_of))) if chosen else None

    def of_table(self, table: str) -> dict[str, Folder]:
        """The complete folders of a table, by source or split."""
        found = (o for o in self.outputs if o.table == table and o.complete)
        return {o.name: Folder(self.root, o.path) for o in found}

    @property
    def made(self) -> set[str]:
        """The sources that models made from others."""
        return {o.name for o in self.outputs if o.table == "seeds"}

    def counts(self, folder: Folder) -> dict[str, int]:
        """The counts of a complete folder."""
        return dict((self._totals[folder.path] or {}).get("counts", {}))

    def totals(self, folder: Folder) -> dict[str, Any]:
        """All totals of a complete folder."""
        return dict(self._totals[folder.path] or {})

    def described(self, folder: Folder) -> dict[str, Any]:
        """What the fingerprint of a folder was made of; empty if that was not left there."""
        data = storage.get_or_none(storage.join(folder.uri, MANIFEST, "fingerprint.txt"))
        return {} if data is None else dict(json.loads(data))

    def snapshot(self, source: str) -> dict[str, Any]:
        """The listing of a source's raw files."""
        data = storage.get_or_none(storage.join(self.root, "sources", f"{source}.json"))
        return {} if data is None else dict(json.loads(data))

    def last_error(self) -> str | None:
        """How the last run failed, None if it did not."""
        data = storage.get_or_none(storage.join(self.root, LAST_RUN))
        return None if data is None else json.loads(data)["error"]


def _source_folders(at: _Lake) -> Iterable[SourceFolders]:
    """Of each source that has been tokenised, what is complete."""
    annotators = [table.removeprefix("annotations/") for table in _annotation_tables(at)]
    tokens, splits = at.of_table("tokens"), at.of_table("splits")
    for source, documents in at.of_table("documents").items():
        if source in tokens:
            yield SourceFolders(
                source=source,
                is_code=_is_code(at, source, documents),
                documents=documents,
                tokens=tokens[source],
                splits=splits.get(source),
                annotations=_where(
                    source, {a: at.of_table(f"annotations/{a}") for a in annotators}
                ),
                selections=_where(source, {s: at.of_table(f"selections/{s}") for s in at.stages}),
            )


def _where(source: str, folders: Mapping[str, Mapping[str, Folder]]) -> dict[str, Folder]:
    return {name: of[source] for name, of in folders.items() if source in of}


def _annotation_tables(at: _Lake) -> list[str]:
    tables = (output.table for output in at.outputs if output.complete)
    return list(dict.fromkeys(table for table in tables if table.startswith("annotations/")))


def _is_code(at: _Lake, source: str, documents: Folder) -> bool:
    kind = at.selection.get("kinds", {}).get(source)
    return kind == "code" if kind else _reader(at, documents) in CODE_READERS


def _reader(at: _Lake, documents: Folder) -> str | None:
    reader: str | None = at.described(documents).get("source", {}).get("reader")
    return reader


def _source(at: _Lake, name: str, sums: Sums) -> Source:
    documents = at.of_table("documents")[name]
    counts, snapshot = at.counts(documents), at.snapshot(name)
    tokens = at.of_table("tokens").get(name)
    redundant = _by(sums.table("redundant"), "source")
    return Source(
        name=name,
        made=name in at.made,
        kind=at.selection.get("kinds", {}).get(name),
        reader=_reader(at, documents),
        path=documents.path,
        files=len(snapshot["files"]) if snapshot else None,
        file_bytes=sum(size for size, _ in snapshot["files"].values()) if snapshot else None,
        ignored=snapshot.get("ignored", {}),
        records=counts.get("records", 0),
        documents=counts.get("documents", 0),
        text_bytes=counts.get("bytes", 0),
        failed=_below(counts, "failed"),
        skipped=_below(counts, "skipped"),
        pages=_below(counts, "pages"),
        tokens=at.counts(tokens).get("tokens", 0) if tokens else None,
        redundant=redundant.get(name, Amount()) if at.of_table("annotations/duplicates") else None,
    )


def _below(counts: Counts, prefix: str) -> dict[str, int]:
    """Counts named `prefix.what`, most first."""
    found = {
        n.removeprefix(f"{prefix}."): k for n, k in counts.items() if n.startswith(f"{prefix}.")
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _annotators(at: _Lake) -> dict[str, int]:
    """Documents that each annotator has measured; `superseded` only says what refinement took the place of."""
    return {
        table.removeprefix("annotations/"): sum(
            at.counts(folder).get("documents", 0) for folder in at.of_table(table).values()
        )
        for table in _annotation_tables(at)
        if table != "annotations/superseded"
    }


def _student(at: _Lake) -> dict[str, Any]:
    """What was recorded of the model that the plan's student is."""
    folders = at.of_table(f"annotations/{STUDENT}").values()
    return next((at.described(folder) for folder in folders), {})


def _by(table: pl.DataFrame, column: str) -> dict[str, Amount]:
    """Documents and tokens by one column; rows where it is null are left out."""
    if table.height == 0:
        return {}
    summed = (
        table.drop_nulls(column)
        .group_by(column)
        .agg(pl.col("documents", "tokens").sum())
        .sort(column)
    )
    return {row[0]: Amount(documents=row[1], tokens=row[2]) for row in summed.iter_rows()}


def _languages(sums: Sums) -> tuple[Language, ...]:
    """Most tokens first."""
    stages: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _cells(sums):
        if row["split"] == TRAIN:
            stages[row["language"]][row["stage"]] += row["tokens"]
    found = [
        Language(
            label=None if label == OTHER else label,
            documents=amount.documents,
            tokens=amount.tokens,
            stages=dict(stages[label]),
        )
        for label, amount in _by(sums.table("documents"), "language").items()
        if label != NO_LANGUAGE
    ]
    return tuple(sorted(found, key=lambda one: (-one.tokens, one.label or "")))


def _lengths(documents: pl.DataFrame) -> tuple[Length, ...]:
    """Power-of-two buckets, without gaps between the shortest and the longest document."""
    if documents.height == 0:
        return ()
    power = _by(
        documents.with_columns(pl.col("power").clip(lower_bound=0).cast(pl.String)), "power"
    )
    amounts = {int(name): amount for name, amount in power.items()}
    return tuple(
        Length(
            least=1 << number if number else 0,
            below=2 << number,
            documents=amounts.get(number, Amount()).documents,
            tokens=amounts.get(number, Amount()).tokens,
        )
        for number in range(min(amounts), max(amounts) + 1)
    )


def _duplicates(at: _Lake, sums: Sums) -> Duplicates | None:
    folder = at.of_table("clusters").get("")
    if folder is None:
        return None
    sizes: Counter[int] = Counter()
    largest: list[Cluster] = []
    for name in folder.parts():
        table = pl.DataFrame(pl.from_arrow(read_part(folder, name)))
        sizes.update(dict(table["size"].value_counts().iter_rows()))
        rows = table.sort("size", "cluster_id", descending=[True, False]).head(LARGEST).iter_rows()
        largest += [Cluster(id=row[0].hex(), size=row[1], least_similarity=row[2]) for row in rows]
    largest.sort(key=lambda cluster: (-cluster.size, cluster.id))
    redundant = sums.table("redundant")
    of_sources = _by(redundant, "source").values()
    equal = redundant.filter("equal")["documents"].sum() if redundant.height else 0
    return Duplicates(
        clusters=sum(sizes.values()),
        members=sum(size * number for size, number in sizes.items()),
        redundant=Amount(
            documents=sum(amount.documents for amount in of_sources),
            tokens=sum(amount.tokens for amount in of_sources),
        ),
        equal=int(equal),
        sizes=_sizes(sizes),
        largest=tuple(largest[:LARGEST]),
    )


def _sizes(clusters: Mapping[int, int]) -> tuple[Sizes, ...]:
    """2, 3 to 4, 5 to 8 and so on."""
    by_power: Counter[int] = Counter()
    for size, number in clusters.items():
        by_power[(size - 1).bit_length()] += number
    return tuple(
        Sizes(least=(1 << power - 1) + 1, most=1 << power, clusters=by_power[power])
        for power in range(1, max(by_power, default=0) + 1)
    )


def _contamination(sums: Sums) -> tuple[Contamination, ...]:
    found = sums.table("contamination")
    if found.height == 0:
        return ()
    drawn = sums.table("contaminated")
    result = []
    for name in found["evaluation"].unique().sort().to_list():
        of = found.filter(pl.col("evaluation") == name)
        stages: dict[str, dict[float, int]] = defaultdict(dict)
        if drawn.height:
            for row in drawn.filter(pl.col("evaluation") == name).iter_rows(named=True):
                stages[row["stage"]][row["level"]] = row["documents"]
        levels = of.group_by("level").agg(pl.col("documents", "tokens").sum()).sort("level")
        result.append(
            Contamination(
                evaluation=name,
                levels={
                    row[0]: Amount(documents=row[1], tokens=row[2]) for row in levels.iter_rows()
                },
                sources={source: amount.documents for source, amount in _by(of, "source").items()},
                stages=dict(stages),
            )
        )
    return tuple(result)


def _cells(sums: Sums, stage: str | None = None) -> list[dict[str, Any]]:
    """What was drawn, with the cell taken apart."""
    drawn = sums.table("drawn")
    if drawn.height == 0:
        return []
    if stage is not None:
        drawn = drawn.filter(pl.col("stage") == stage)
    cell = pl.col("cell").str.split("|").list
    names = ("language", "kind", "source", "band")
    return drawn.with_columns(cell.get(n).alias(name) for n, name in enumerate(names)).to_dicts()


def _stage(at: _Lake, name: str, sums: Sums) -> Stage:
    cells = _cells(sums, name)
    train = [row for row in cells if row["split"] == TRAIN]
    shards = at.of_table(f"shards/{name}")
    allocated = (at.allocation or {"stages": {}})["stages"].get(name, {"bands": [], "seq_len": 0})
    copies: Counter[int] = Counter()
    for row in train:
        copies[row["copies"]] += row["documents"]
    return Stage(
        name=name,
        seq_len=allocated["seq_len"],
        bands=tuple(_band(band, train) for band in allocated["bands"]),
        cap=(at.allocation or {}).get("repetition_cap"),
        documents=sum(
            at.counts(f).get("documents", 0) for f in at.of_table(f"selections/{name}").values()
        ),
        reasons=_reasons(at, name, sums),
        drawn=_drawn(train),
        unique_tokens=sum(row["unique"] for row in train),
        held_back=_drawn(row for row in cells if row["split"] == VALIDATION),
        copies=dict(sorted(copies.items())),
        kinds=_drawn_by(train, "kind"),
        languages=_drawn_by(train, "language"),
        train=_shards(at, shards.get(TRAIN)),
        validation=_shards(at, shards.get(VALIDATION)),
    )


def _band(band: Mapping[str, Any], train: Iterable[Mapping[str, Any]]) -> Band:
    drawn = _drawn(row for row in train if row["band"] == band["band"])
    return Band(
        name=band["band"],
        budget=band["budget"],
        planned=band["planned"],
        tokens=drawn.tokens,
        documents=drawn.documents,
        copies=drawn.copies,
    )


def _drawn(rows: Iterable[Mapping[str, Any]]) -> Drawn:
    total: Counter[str] = Counter()
    for row in rows:
        total["documents"] += row["documents"]
        total["copies"] += row["documents"] * row["copies"]
        total["tokens"] += row["tokens"]
    return Drawn(**total)


def _drawn_by(rows: list[dict[str, Any]], column: str) -> dict[str, Drawn]:
    """Most tokens first."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    found = {name: _drawn(of) for name, of in groups.items()}
    return dict(sorted(found.items(), key=lambda item: (-item[1].tokens, item[0])))


def _reasons(at: _Lake, stage: str, sums: Sums) -> tuple[Reason, ...]:
    """Splits, the rules by how much they drop, then length and what the draw said."""
    table = sums.table("reasons")
    if table.height == 0:
        return ()
    mixtures = {name: dict(rules) for name, rules, _ in at.selection.get("mixtures", [])}
    rules: Mapping[str, str] = mixtures.get(stage, {})
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in table.filter(pl.col("stage") == stage).iter_rows(named=True):
        found[row["reason"]].append(row)
    result = [
        Reason(
            name=name,
            rule=rules.get(name),
            documents=sum(row["documents"] for row in rows),
            tokens=sum(row["tokens"] for row in rows),
            sources={row["source"]: row["documents"] for row in rows},
        )
        for name, rows in found.items()
    ]
    return tuple(sorted(result, key=_place))


def _place(reason: Reason) -> tuple[int, int, str]:
    if reason.name.startswith("split:"):
        return 0, -reason.documents, reason.name
    last = LAST_REASONS.index(reason.name) + 2 if reason.name in LAST_REASONS else 1
    return last, -reason.documents, reason.name


def _shards(at: _Lake, folder: Folder | None) -> Shards | None:
    if folder is None:
        return None
    totals = at.totals(folder)
    counts = totals["counts"]
    return Shards(
        path=folder.path,
        files=totals["files"],
        bytes=totals["bytes"],
        sequences=counts.get("sequences", 0),
        tokens=counts.get("tokens", 0),
        segments=counts.get("segments", 0),
        cut_documents=counts.get("cut_documents", 0),
    )
