"""What people read: the beginnings of a few documents of each stage, and a few dead letters.

The documents are drawn by a hash of their ids, one kind after the other, each language of a kind
before any comes again: the page of a lake always shows the same texts, and small kinds are seen.
Of the text only the row groups are read that hold one of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from corpus import storage
from corpus.lake import Entry, Folder, iter_part
from mixers.mixture import NO_LANGUAGE, OTHER
from workflows.report.facts import DeadLetter, Sample
from workflows.report.scales import End
from workflows.report.scan import Candidate

Place = tuple[str, str, int]  # source, part, row
PER_STAGE = 6
CHARACTERS = 600
LETTERS_PER_REASON = 2
LETTERS = 24
_FAILED = "failed."


def samples(
    candidates: Mapping[tuple[str, str, str], Sequence[Candidate]], documents: Mapping[str, Folder]
) -> dict[str, tuple[Sample, ...]]:
    """The samples of each stage that has any."""
    stages = sorted({stage for stage, _, _ in candidates})
    chosen = {
        stage: choose([of for (s, _, _), of in sorted(candidates.items()) if s == stage])
        for stage in stages
    }
    rows = rows_of((place_of(one) for of_stage in chosen.values() for one in of_stage), documents)
    return {
        stage: tuple(_sample(one, rows[place_of(one)]) for one in of_stage)
        for stage, of_stage in chosen.items()
    }


def place_of(one: Candidate | End) -> Place:
    """Where a document lies."""
    return one.source, one.part, one.row


def rows_of(
    places: Iterable[Place], documents: Mapping[str, Folder]
) -> dict[Place, dict[str, str]]:
    """id, locator and text of a few documents; each part is opened once."""
    wanted: dict[tuple[str, str], set[int]] = defaultdict(set)
    for source, part, row in places:
        wanted[source, part].add(row)
    return {
        (source, part, row): found
        for (source, part), of in wanted.items()
        for row, found in _rows(documents[source], part, of).items()
    }


def beginning(text: str) -> tuple[str, bool]:
    """What is shown of a text, and whether it goes on."""
    text = text.strip()
    return text[:CHARACTERS].rstrip(), len(text) > CHARACTERS


def choose(cells: Iterable[Sequence[Candidate]], count: int = PER_STAGE) -> list[Candidate]:
    """In turn one of each kind until there are `count`.

    A language comes again when all of its kind have been. `cells` are the candidates of each kind
    and language, by key.
    """
    by_kind: dict[str, list[tuple[int, Candidate]]] = defaultdict(list)
    for cell in cells:
        for turn, one in enumerate(cell):
            by_kind[one.kind].append((turn, one))
    queues = [[one for _, one in sorted(of_kind)] for _, of_kind in sorted(by_kind.items())]
    rounds = max(map(len, queues), default=0)
    return [queue[n] for n in range(rounds) for queue in queues if n < len(queue)][:count]


def dead_letters(
    letters: Mapping[str, Folder], documents: Mapping[str, Folder]
) -> tuple[DeadLetter, ...]:
    """The first two of each source and reason, 24 in all.

    How many of which reason lie in a part is counted beside the documents, so only the parts that
    are needed are read.
    """
    found: list[DeadLetter] = []
    for source, folder in letters.items():
        wanted: Counter[str] = Counter()
        entries = folder.entries()
        for key, unit in documents[source].entries().items():
            reasons = {n.removeprefix(_FAILED) for n in unit.counts if n.startswith(_FAILED)}
            if key not in entries or all(wanted[one] >= LETTERS_PER_REASON for one in reasons):
                continue
            for letter in _letters(source, folder, entries[key]):
                wanted[letter.reason] += 1
                if wanted[letter.reason] <= LETTERS_PER_REASON:
                    found.append(letter)
    return tuple(found[:LETTERS])


def _letters(source: str, folder: Folder, entry: Entry) -> Iterator[DeadLetter]:
    for file in entry.files:
        for table in iter_part(folder, file.name):
            for row in table.to_pylist():
                yield DeadLetter(source=source, **row)


def _rows(folder: Folder, part: str, wanted: Collection[int]) -> dict[int, dict[str, str]]:
    """Some rows of a documents part (id, locator, text), from the row groups that hold them."""
    found: dict[int, dict[str, str]] = {}
    with storage.reading(folder.file_uri(part)) as source, pq.ParquetFile(source) as file:
        start = 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            inside = [row for row in sorted(wanted) if start <= row < stop]
            if inside:
                table = file.read_row_group(group, columns=["id", "locator", "text"])
                found |= {row: _row(table, row - start) for row in inside}
            start = stop
    return found


def _row(table: pa.Table, row: int) -> dict[str, str]:
    one = table.slice(row, 1)
    return {
        "id": one.column("id")[0].as_py().hex(),
        "locator": one.column("locator")[0].as_py(),
        "text": one.column("text")[0].as_py(),
    }


def _sample(one: Candidate, row: Mapping[str, str]) -> Sample:
    text, cut = beginning(row["text"])
    known = one.language not in (NO_LANGUAGE, OTHER)
    return Sample(
        id=row["id"],
        source=one.source,
        locator=row["locator"],
        kind=one.kind,
        language=one.language if known else None,
        tokens=one.tokens,
        copies=one.copies,
        expected=one.expected,
        cell=one.cell,
        text=text,
        cut=cut,
    )
