"""What every step is given, and the two moves every step makes: find what is missing, declare what is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from corpus.lake import Entry, Folder, read_part, same_ids
from corpus.readers import InputFile
from workflows.engine import Engine, Item
from workflows.layout import Layout
from workflows.plan import Plan

GROUPS = 64
GROUP_ROWS = (1 << 14, 1_000_000)


@dataclass(frozen=True)
class Context:
    """A run in progress."""

    plan: Plan
    layout: Layout
    engine: Engine
    listings: Mapping[str, tuple[InputFile, ...]]

    def fill(
        self,
        step: str,
        folders: Iterable[Folder],
        task: Callable[[Item], Item],
        items: Callable[[], Iterable[Item]],
        num_gpus: int = 0,
    ) -> None:
        """Run `task` on the items whose `key` is not committed in every folder, then declare the folders complete.

        `items` is called only if some folder is not complete.
        """
        missing = [folder for folder in folders if not folder.is_complete]
        if not missing:
            return
        done = [set(folder.entries()) for folder in missing]
        todo = [item for item in items() if not all(item["key"] in keys for keys in done)]
        self.engine.map(step, task, todo, num_gpus=num_gpus)
        for folder in missing:
            self.finish(folder)

    def fill_aligned(
        self,
        step: str,
        folders: Mapping[tuple[str, str], Folder],
        task: Callable[[Item], Item],
        groups: Callable[[], Sequence[Sequence[Part]]],
    ) -> None:
        """The same for part-aligned folders, by (output, source): an item is a group of parts.

        A group is worked on while any of its parts is missing in any of its source's folders.
        """
        missing = {key: folder for key, folder in folders.items() if not folder.is_complete}
        if not missing:
            return
        done = {key: set(folder.entries()) for key, folder in missing.items()}
        todo = [
            {"key": f"{number:05d}", "group": number}
            for number, group in enumerate(groups())
            if any(part.key not in done[k] for part in group for k in done if k[1] == part.source)
        ]
        self.engine.map(step, task, todo)
        for folder in missing.values():
            self.finish(folder)

    def finish(self, folder: Folder) -> dict[str, Entry]:
        """Declare a folder complete."""
        entries = folder.entries()
        folder.complete(entries)
        self.layout.describe(folder)
        return entries


@dataclass(frozen=True)
class Part:
    """A documents part: `number` is its place among all parts of the plan, in source and part order."""

    number: int
    source: str
    name: str
    rows: int
    bytes: int  # of the documents file, compressed

    @property
    def key(self) -> str:
        """The key of its entry in every part-aligned folder."""
        return self.name.removesuffix(".parquet")


def all_parts(layout: Layout) -> list[Part]:
    """Every documents part of the plan, in an order that does not depend on the plan's."""
    return parts_of(layout, layout.documents)


def parts_of(layout: Layout, sources: Iterable[str]) -> list[Part]:
    """The documents parts of these sources, in an order that does not depend on the plan's; numbered from 0."""
    found = [
        (source, file.name, file.rows, file.bytes)
        for source in sorted(sources)
        for entry in layout.documents[source].entries().values()
        for file in entry.files
    ]
    return [Part(number, *part) for number, part in enumerate(found)]


def read_columns(of: Mapping[str, Folder], part: Part, names: Iterable[str]) -> pa.Table:
    """`id` and the columns `names` of one part, from the part-aligned folders `of` that hold them, checked by id."""
    wanted = sorted(set(names) & of.keys())
    columns: dict[str, pa.ChunkedArray] = {}
    first: pa.Table | None = None
    for folder in sorted({of[name] for name in wanted}, key=lambda folder: folder.path):
        here = [name for name in wanted if of[name] == folder]
        table = read_part(folder, part.name, ["id", *here])
        first = table if first is None else first
        same_ids(first, table, f"{folder.path}/{part.name}")
        columns |= {name: table.column(name) for name in here}
    assert first is not None, "at least one of the columns is measured"
    return pa.table({"id": first.column("id"), **columns})


def part_groups(parts: list[Part], *, bytes_: int = 1 << 62) -> list[list[Part]]:
    """Neighbouring parts, the unit of the global steps: some 64 groups, of 16,384 to 1,000,000 rows, at most `bytes_`.

    Groups are cut by the documents alone, never by the number of workers.
    """
    rows = min(max(sum(part.rows for part in parts) // GROUPS, GROUP_ROWS[0]), GROUP_ROWS[1])
    groups: list[list[Part]] = []
    held, size = rows, 0
    for part in parts:
        if held >= rows or size >= bytes_:
            groups.append([])
            held = size = 0
        groups[-1].append(part)
        held, size = held + part.rows, size + part.bytes
    return groups
