"""What a lake holds: per output done, partly done or not begun; what runs, what failed, what no plan uses any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from corpus import lease, storage
from corpus.lake import Folder
from corpus.views import open_lake

LAST_RUN = "runs/last.json"
# What may be stale. Responses are not among them: they cannot be made again, and another plan may ask for them.
TABLES = (
    "documents",
    "pages",
    "drafts",
    "dead_letters",
    "seeds",
    "requests",
    "acceptance",
    "annotations",
    "indexes",
    "tokens",
    "clusters",
    "splits",
)
MIXED = ("selections", "exchange", "shards", "origins")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One output of the current plan."""

    step: str
    table: str
    name: str
    state: str  # done | partial | missing
    units: int
    rows: int | None
    tokens: int | None
    path: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """The state of a lake."""

    lines: list[Line]
    running: dict[str, Any] | None  # the lease's holder, if alive
    last: dict[str, Any] | None  # how the last run ended
    stale: list[str]  # folders that the current plan does not use


def status(lake: str) -> Status:
    """Read the catalog, the lease and the last run's record."""
    lake = storage.absolute(lake)
    lines = list(_lines(lake))
    holder = lease.read(lake)
    data = storage.get_or_none(storage.join(lake, LAST_RUN))
    return Status(
        lines=lines,
        running=holder if holder is not None and lease.is_alive(holder) else None,
        last=None if data is None else json.loads(data),
        stale=sorted(_stale(lake, {line.path for line in lines})),
    )


def _lines(lake: str) -> Iterator[Line]:
    for row in open_lake(lake).catalog.iter_rows(named=True):
        folder = Folder(lake, row["path"])
        totals = folder.totals()
        if totals is not None:
            state, units, rows, counts = "done", totals["keys"], totals["rows"], totals["counts"]
        else:
            entries = folder.entries()
            state = "partial" if entries else "missing"
            units, rows, counts = len(entries), None, {}
        yield Line(
            step=row["step"],
            table=row["table"],
            name=row["name"],
            state=state,
            units=units,
            rows=rows,
            tokens=counts.get("tokens", counts.get("completion_tokens")),
            path=row["path"],
        )


def _stale(lake: str, used: set[str]) -> Iterator[str]:
    """Fingerprinted folders that the catalog does not name, by one listing per table."""
    roots = {"/".join(path.split("/")[:2]) for path in used}
    used_fingerprints = {root.split("@")[-1] for root in roots}
    for table in (*TABLES, *MIXED):
        for name in storage.names(storage.join(lake, table)):
            path = f"{table}/{name}"
            if "@" in name and path not in roots and name.split("@")[-1] not in used_fingerprints:
                yield path
