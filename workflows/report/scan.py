"""One pass over the annotations of a lake: sums by group, never text.

A part's columns are joined by position, as everything part-aligned is, and summed into small
tables; four parts are in memory at a time (numbers and labels, some 100 bytes a document). Columns
that an older or partial lake does not have are left out of the sums. CorruptPartError where a
sidecar has not as many rows as the tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from corpus.errors import CorruptPartError
from corpus.lake import Folder, read_part
from corpus.randomness import id_words, keyed
from mixers.mixture import NO_LANGUAGE, OTHER
from mixers.splits import TRAIN
from workflows.report import scales

PARTS_AT_ONCE = 4
LEVELS = (0.0, 0.2, 0.5, 0.8)  # lower bounds of the shares that contamination is told in
_COLUMNS = {
    "language": ["language"],
    "duplicates": ["cluster_rank", "similarity"],
    "contamination": ["contamination", "contaminated_by", "contamination_items"],
}
_SELECTION = ["copies", "expected", "reason", "cell"]
STUDENT = "student"
CANDIDATES = 3  # for samples, of each stage, kind and language
_COMPACT = 64  # tables that wait before they are summed


@dataclass(frozen=True, kw_only=True)
class SourceFolders:
    """The outputs of one source that are complete, by what they hold."""

    source: str
    is_code: bool
    documents: Folder
    tokens: Folder
    splits: Folder | None
    annotations: Mapping[str, Folder]
    selections: Mapping[str, Folder]  # by stage


@dataclass(frozen=True, kw_only=True, order=True)
class Candidate:
    """A document that could be shown: of a stage, kind and language those with the least keys."""

    key: int
    stage: str
    kind: str
    language: str
    source: str
    part: str
    row: int
    tokens: int
    copies: int
    expected: float
    cell: str


@dataclass(frozen=True)
class Part:
    """What is kept of one part."""

    tables: Mapping[str, pl.DataFrame]
    candidates: list[Candidate]
    ends: list[scales.End]


@dataclass
class Sums:
    """The tables of all parts, summed by their group columns, and the candidates for what is shown."""

    groups: Mapping[str, list[str]]
    waiting: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    candidates: dict[tuple[str, str, str], list[Candidate]] = field(
        default_factory=lambda: defaultdict(list)
    )
    ends: dict[tuple[str, str], list[scales.End]] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """What is kept of one part."""
        for name, table in part.tables.items():
            self.waiting[name].append(table)
            if len(self.waiting[name]) >= _COMPACT:
                self.waiting[name] = [self.table(name)]
        for one in part.candidates:
            place = (one.stage, one.kind, one.language)
            self.candidates[place] = sorted([*self.candidates[place], one])[:CANDIDATES]
        scales.keep(self.ends, part.ends)

    def table(self, name: str) -> pl.DataFrame:
        """The sums by group, in group order; no rows (and no columns) if nothing was added."""
        if not self.waiting[name]:
            return pl.DataFrame()
        groups = self.groups[name]
        together = pl.concat(self.waiting[name], how="vertical_relaxed")
        return together.group_by(groups).agg(pl.all().sum()).sort(groups, nulls_last=True)


GROUPS = {
    "documents": ["source", "split", "language", "power"],
    "redundant": ["source", "equal"],
    "reasons": ["stage", "source", "reason"],
    "drawn": ["stage", "split", "cell", "copies"],
    "contamination": ["evaluation", "level", "source"],
    "contaminated": ["evaluation", "level", "stage"],
    **scales.GROUPS,
}


def scan(folders: Iterable[SourceFolders]) -> Sums:
    """All parts of all sources. The result does not depend on the order in which they are read."""
    sums = Sums(GROUPS)
    items = [(of, part) for of in folders for part in of.documents.parts()]
    with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        for part in pool.map(lambda item: _part(*item), items):
            sums.add(part)
    return sums


def _part(of: SourceFolders, part: str) -> Part:
    frame = _frame(of, part)
    tables = {"documents": _amounts(frame, GROUPS["documents"])}
    if "cluster_rank" in frame.columns:
        redundant = frame.filter(pl.col("cluster_rank") > 0)
        redundant = redundant.with_columns(equal=pl.col("similarity") == 1)
        tables["redundant"] = _amounts(redundant, GROUPS["redundant"])
    overlaps = _overlaps(frame)
    if overlaps is not None:
        tables["contamination"] = _amounts(overlaps, GROUPS["contamination"])
    candidates: list[Candidate] = []
    stages: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for stage, folder in of.selections.items():
        selection = _read(folder, part, _SELECTION, frame.height)
        chosen = frame.hstack(selection).with_columns(stage=pl.lit(stage))
        stages["reasons"].append(_amounts(chosen, GROUPS["reasons"]))
        drawn = chosen.filter(pl.col("copies") > 0)
        stages["drawn"].append(_drawn(drawn))
        training = drawn.filter(pl.col("split") == TRAIN)
        if overlaps is not None:
            both = overlaps.join(training.select("row", "stage"), on="row")
            stages["contaminated"].append(_amounts(both, GROUPS["contaminated"]))
        candidates += _candidates(of, part, training)
    tables |= {name: pl.concat(of_stages) for name, of_stages in stages.items()}
    ends: list[scales.End] = []
    if STUDENT in of.annotations:
        said = _read(of.annotations[STUDENT], part, None, frame.height)
        tables |= scales.counts(frame, said)
        ends += scales.ends(frame, said, part)
    return Part(tables, candidates, ends)


def _frame(of: SourceFolders, part: str) -> pl.DataFrame:
    """row, source, n_tokens, power, split, language and what the other annotations measured."""
    tokens = read_part(of.tokens, part, ["n_tokens"])
    numbers = tokens.column("n_tokens").to_numpy().astype(np.int64)
    frame = pl.DataFrame({"n_tokens": numbers, "power": np.frexp(numbers)[1].astype(np.int32) - 1})
    if of.splits is not None:
        frame = frame.hstack(_read(of.splits, part, ["id", "split"], frame.height))
    for name, columns in _COLUMNS.items():
        if name in of.annotations:
            frame = frame.hstack(_read(of.annotations[name], part, columns, frame.height))
    unknown = {name: pl.lit(None, pl.String) for name in {"split", "language"} - {*frame.columns}}
    frame = frame.with_columns(**unknown, source=pl.lit(of.source)).with_row_index("row")
    if of.is_code:
        return frame.with_columns(language=pl.lit(NO_LANGUAGE))
    return frame.with_columns(pl.col("language").fill_null(OTHER))


def _read(folder: Folder, part: str, columns: list[str] | None, rows: int) -> pl.DataFrame:
    """Those of the columns that the part has; all of them where none are named."""
    table = read_part(folder, part, columns)
    if table.num_rows != rows:
        raise CorruptPartError(
            f"{folder.path}/{part} has {table.num_rows:,} rows, its tokens have {rows:,}. The lake "
            "was changed by hand; `tokenmill audit --deep` names the file."
        )
    return pl.DataFrame(pl.from_arrow(table))


def _amounts(frame: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    return frame.group_by(groups).agg(
        documents=pl.len().cast(pl.Int64), tokens=pl.col("n_tokens").cast(pl.Int64).sum()
    )


def _drawn(drawn: pl.DataFrame) -> pl.DataFrame:
    """Tokens of the copies and of the documents themselves, `<|endoftext|>` counted."""
    tokens = pl.col("n_tokens") + 1
    return drawn.group_by(GROUPS["drawn"]).agg(
        documents=pl.len().cast(pl.Int64),
        unique=tokens.sum(),
        tokens=(tokens * pl.col("copies")).sum(),
    )


def _overlaps(frame: pl.DataFrame) -> pl.DataFrame | None:
    """One row per document and evaluation that it shares n-grams with; None if not measured."""
    kept = ["row", "source", "n_tokens"]
    if "contamination_items" in frame.columns:
        items = frame.select(*kept, "contamination_items").explode("contamination_items")
        items = items.drop_nulls("contamination_items").unnest("contamination_items")
        found = items.group_by(*kept, "evaluation").agg(overlap=pl.col("overlap").max())
    elif {"contaminated_by", "contamination"} <= set(frame.columns):
        found = frame.select(*kept, evaluation="contaminated_by", overlap="contamination")
        found = found.explode("evaluation").drop_nulls("evaluation")
    else:
        return None
    level = pl.lit(LEVELS[0])
    for bound in LEVELS[1:]:
        level = pl.when(pl.col("overlap") >= bound).then(pl.lit(bound)).otherwise(level)
    return found.with_columns(level=level)


def _candidates(of: SourceFolders, part: str, training: pl.DataFrame) -> list[Candidate]:
    """Of each kind and language the documents with the least hashes of their ids."""
    if training.height == 0 or "id" not in training.columns:
        return []
    stage = training["stage"][0]
    ids = np.frombuffer(b"".join(training["id"].to_list()), dtype=np.uint8).reshape(-1, 16)
    cell = pl.col("cell").str.split("|")
    least = (
        training.with_columns(
            key=pl.Series(keyed(id_words(ids), 0, f"report:{stage}")),
            language=cell.list.get(0),
            kind=cell.list.get(1),
        )
        .sort("key")
        .group_by("kind", "language", maintain_order=True)
        .head(CANDIDATES)
    )
    columns = ["key", "stage", "kind", "language", "row", "copies", "expected", "cell"]
    rows = least.select(*columns, tokens="n_tokens")
    return [Candidate(source=of.source, part=part, **row) for row in rows.iter_rows(named=True)]
