"""Step `read`: raw files to documents, PDF pages and dead letters.

One item is a unit of raw files (`corpus.sources.cut`); its documents fill parts of `part_bytes` of text. Every record
is a document, a dead letter or skipped, counted per unit: records = documents + failed + skipped. Of a source whose
pages a model is asked about only drafts are written here (`workflows.steps.drafts`); the step `transcribe` goes on.

`dead_letters` has `locator`, `reason` (a short stable word) and `detail`. `pages`, for each page of a PDF:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | the document's |
| `page` | int32 | from 0 |
| `arm` | string | `text`, `vl`, `ocr`, `blank`, `untrusted` (nobody could read it), `failed` |
| `features` | string | JSON: what the decision was made on (`corpus.pdf.trust`, `corpus.pdf.ocr`) |
| `text` | large_string | "" unless the arm is `text`, `vl` or `ocr` |
| `attempts` | int16 | calls of a model |
| `guard` | string, null where none was | the last guard or error that turned an answer down |
| `seconds` | float32, null without a call | of all calls |
| `tokens` | int32 | that the model wrote |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from corpus.document import DOCUMENTS, ID, document_id, locator, metadata_json
from corpus.lake import Entry, File, Folder, PartWriter
from corpus.limits import Limits
from corpus.normalise import normalise
from corpus.readers import READERS, Failed, InputFile, Page, Record, Skipped
from corpus.sources import content_digest, cut
from corpus.storage import is_local
from corpus.strict_yaml import settings
from workflows.engine import Item
from workflows.plan import Source
from workflows.steps import drafts
from workflows.steps.context import Context

BATCH_BYTES = 4 << 20
LETTERS_AT_ONCE = 1_000
DEAD_LETTERS = pa.schema(
    [
        pa.field("locator", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)
PAGES = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("page", pa.int32(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("features", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("attempts", pa.int16(), nullable=False),
        pa.field("guard", pa.string()),
        pa.field("seconds", pa.float32()),
        pa.field("tokens", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Job:
    """What a read task needs besides its item."""

    source: str
    reader: str
    options: Mapping[str, Any]
    licence: str | None
    limits: Limits
    part_bytes: int
    documents: Folder
    pages: Folder
    dead_letters: Folder
    drafts: Folder | None = None  # where pages are asked of a model: what is read before


def run(context: Context) -> None:
    """Read every source that is not complete, all in one go."""
    jobs = {source.name: job_of(context, source) for source in context.plan.model.sources}
    todo = {name: job for name, job in jobs.items() if not _last(job).is_complete}
    items = []
    for source in context.plan.model.sources:
        if source.name in todo:
            done = _last(todo[source.name]).entries()
            items += [item for item in _items(context, source) if item["key"] not in done]
    context.engine.map("read", partial(read_unit, todo), items)
    for job in todo.values():
        for folder in (
            (job.pages, job.dead_letters, job.documents) if job.drafts is None else (job.drafts,)
        ):
            context.finish(folder)


def read_unit(jobs: Mapping[str, Job], item: Item) -> Item:
    """Read one unit of raw files and commit what comes out."""
    job = jobs[item["source"]]
    files = [InputFile(path=path, uri=uri, size=size) for path, uri, size in item["files"]]
    reader = READERS[job.reader]
    options = settings(reader.options, job.options, job.source)
    if job.drafts is not None:
        notes = {"digests": _digests(files)}
        return drafts.write(job.drafts, item["key"], job.source, files, options, job.limits, notes)
    records = reader.read(files, options, job.limits)
    return {"counts": write_records(job, item["key"], records, lambda: _digests(files))}


def write_records(
    job: Job,
    key: str,
    records: Iterable[Record | Failed | Skipped],
    digests: Callable[[], Mapping[str, str]],
) -> dict[str, int]:
    """Write and commit the records of one unit; the documents' entry is put last. Gives the counts."""
    outputs = _Outputs(job, key)
    try:
        for record in records:
            outputs.add(record)
    finally:
        letters, pages, documents = outputs.close()
    notes = {"digests": dict(digests())}
    counts = dict(sorted(outputs.counts.items()))
    page_counts = {name: n for name, n in counts.items() if name.startswith("page")}
    job.dead_letters.commit(
        Entry(key=key, files=letters, counts={"failed": counts.get("failed", 0)})
    )
    job.pages.commit(Entry(key=key, files=pages, counts=page_counts))
    job.documents.commit(Entry(key=key, files=documents, counts=counts, notes=notes))
    return counts


def job_of(context: Context, source: Source) -> Job:
    """What is written of a source, and how."""
    layout, model = context.layout, context.plan.model
    return Job(
        source=source.name,
        reader=source.reader,
        options=source.options,
        licence=source.licence,
        limits=model.limits.limits(),
        part_bytes=model.resources.part_bytes,
        documents=layout.documents[source.name],
        pages=layout.pages[source.name],
        dead_letters=layout.dead_letters[source.name],
        drafts=layout.drafts.get(source.name),
    )


class _Outputs:
    """The open files of one unit: documents that roll over into parts, pages, dead letters."""

    def __init__(self, job: Job, key: str) -> None:
        self._job = job
        self._key = key
        self._rows: list[dict[str, Any]] = []
        self._failed: list[dict[str, str]] = []
        self._waiting = 0
        self._part_bytes = 0
        self._writer: PartWriter | None = None
        self._parts: list[File] = []
        self._pages = PartWriter(job.pages, f"part-{key}.parquet", PAGES)
        self._letters = PartWriter(job.dead_letters, f"part-{key}.parquet", DEAD_LETTERS)
        self.counts: Counter[str] = Counter(records=0, documents=0, failed=0, skipped=0)

    def add(self, record: Record | Failed | Skipped) -> None:
        """One record of the input."""
        self.counts["records"] += 1
        if isinstance(record, Skipped):
            self._count("skipped", record.reason)
        elif isinstance(record, Failed):
            self._fail(record.path, record.index, record.reason, record.detail, record.pages)
        else:
            self._document(record)

    def close(self) -> tuple[list[File], list[File], list[File]]:
        """(dead letters, pages, documents) as files."""
        self._end_part()
        self._write_letters()
        return [self._letters.close()], [self._pages.close()], self._parts

    def _document(self, record: Record) -> None:
        text = record.text if record.code else normalise(record.text)
        encoded = len(text.encode("utf-8", "surrogatepass"))
        if not text.strip():
            self._fail(record.path, record.index, "empty", "no text is left", record.pages)
            return
        if encoded > self._job.limits.max_bytes:
            detail = (
                f"{encoded:,} bytes of text, limits.max_bytes is {self._job.limits.max_bytes:,}"
            )
            self._fail(record.path, record.index, "too_large", detail, record.pages)
            return
        self._add_pages(record.path, record.index, record.pages)
        self.counts["documents"] += 1
        self.counts["bytes"] += encoded
        self.counts["with_parents"] += bool(record.parents)
        self._rows.append(self._row(record, text))
        self._waiting += encoded
        self._part_bytes += encoded
        if self._waiting >= BATCH_BYTES:
            self._write_rows()
        if self._part_bytes >= self._job.part_bytes:
            self._end_part()

    def _row(self, record: Record, text: str) -> dict[str, Any]:
        source = self._job.source
        return {
            "id": document_id(source, record.path, record.index),
            "text": text,
            "source": source,
            "locator": _printable(locator(record.path, record.index)),
            "date": record.date,
            "licence": record.licence or self._job.licence,
            "parent_ids": [document_id(source, *parent) for parent in record.parents],
            "provenance": record.provenance,
            "metadata": metadata_json(record.metadata),
        }

    def _fail(self, path: str, index: int, reason: str, detail: str, pages: Sequence[Page]) -> None:
        self._count("failed", reason)
        self._add_pages(path, index, pages)
        row = {"locator": _printable(locator(path, index)), "reason": reason}
        row["detail"] = _printable(detail)
        self._failed.append(row)
        if len(self._failed) >= LETTERS_AT_ONCE:
            self._write_letters()

    def _add_pages(self, path: str, index: int, pages: Sequence[Page]) -> None:
        identity = document_id(self._job.source, path, index)
        rows = [
            {
                "id": identity,
                "page": page.number,
                "arm": page.arm,
                "features": metadata_json(page.features),
                "text": page.text,
                "attempts": page.attempts,
                "guard": page.guard,
                "seconds": page.seconds,
                "tokens": page.tokens,
            }
            for page in pages
        ]
        for page in pages:
            self._count("pages", page.arm)
        if rows:
            self._pages.write(pa.Table.from_pylist(rows, schema=PAGES))

    def _count(self, what: str, which: str) -> None:
        self.counts[what] += 1
        self.counts[f"{what}.{which}"] += 1

    def _write_letters(self) -> None:
        self._letters.write(pa.Table.from_pylist(self._failed, schema=DEAD_LETTERS))
        self._failed = []

    def _write_rows(self) -> None:
        if self._writer is None:
            name = f"part-{self._key}-{len(self._parts):03d}.parquet"
            self._writer = PartWriter(self._job.documents, name, DOCUMENTS)
        self._writer.write(pa.Table.from_pylist(self._rows, schema=DOCUMENTS))
        self._rows, self._waiting = [], 0

    def _end_part(self) -> None:
        if self._rows:
            self._write_rows()
        if self._writer is not None:
            self._parts.append(self._writer.close())
        self._writer, self._part_bytes = None, 0


def _last(job: Job) -> Folder:
    """The folder whose entry is put last: with it a unit is done."""
    return job.documents if job.drafts is None else job.drafts


def _digests(files: Sequence[InputFile]) -> dict[str, str]:
    return {file.path: content_digest(file) for file in files if is_local(file.uri)}


def _items(context: Context, source: Source) -> list[Item]:
    units = cut(
        context.listings[source.name],
        READERS[source.reader].unit,
        context.plan.model.resources.part_bytes,
    )
    return [
        {
            "key": f"{number:05d}",
            "source": source.name,
            "files": [[f.path, f.uri, f.size] for f in unit],
        }
        for number, unit in enumerate(units)
    ]


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
