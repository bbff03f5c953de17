"""PDFs between reading and asking: text layers that are read, and pages that wait for a model.

One unit of reading makes two files under `drafts/<source>@<fp>/`. `part-<unit>.parquet` has a row per raw file:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | of the document that it will be |
| `path` | binary | under the source's root, as the file system has it |
| `state` | string | `draft`; `failed` or `skipped`: it has no pages, and why |
| `reason`, `detail` | string | of what failed or was skipped |
| `title`, `created` | string | of a draft; "" where the PDF does not say |

`pages-<unit>.parquet` has a row per page of the drafts, in order: `id`, `row` (int32, of the draft), `page`, `arm`,
`features`, `text` as in `pages`, and `layer` (the text layer of a page that waits, which is not believed).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from corpus.document import ID, document_id, metadata_json
from corpus.lake import Entry, Folder, PartWriter, read_part
from corpus.limits import Limits
from corpus.pdf.vl import SIDE
from corpus.readers import Failed, InputFile, Page, Skipped
from corpus.readers.pdf import WAITING, Draft, PdfOptions, drafts
from workflows.engine import Item

DRAFTS = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("path", pa.binary(), nullable=False),
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("state", "reason", "detail", "title", "created")
        ),
    ]
)
DRAFT_PAGES = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("page", pa.int32(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("features", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("layer", pa.large_string(), nullable=False),
    ]
)


def write(
    folder: Folder,
    key: str,
    source: str,
    files: Sequence[InputFile],
    options: PdfOptions,
    limits: Limits,
    notes: Mapping[str, Any],
) -> Item:
    """Read the text layers of one unit and commit them as drafts."""
    counts = Counter[str](records=0, pages=0, waiting=0)
    rows, pages = (
        PartWriter(folder, f"{name}-{key}.parquet", schema)
        for name, schema in (("part", DRAFTS), ("pages", DRAFT_PAGES))
    )
    for draft in drafts(files, options, limits, SIDE):
        id_ = identity(source, draft)
        rows.write(pa.Table.from_pylist([_row(id_, draft)], schema=DRAFTS))
        if isinstance(draft, Draft):
            found = [_page(id_, counts["records"], page) for page in draft.pages]
            pages.write(pa.Table.from_pylist(found, schema=DRAFT_PAGES))
            counts["pages"] += len(found)
            counts["waiting"] += sum(is_asked(page) for page in draft.pages)
        counts["records"] += 1
    entry = Entry(
        key=key, files=[rows.close(), pages.close()], counts=dict(counts), notes=dict(notes)
    )
    folder.commit(entry)
    return {"counts": {"documents": counts["records"], "pages": counts["pages"]}}


def read(folder: Folder, key: str) -> Iterator[Draft | Failed | Skipped]:
    """The drafts of one unit, in the order of its files."""
    pages: dict[int, list[Page]] = {}
    for row, page in read_pages(folder, key):
        pages.setdefault(row, []).append(page)
    for row, draft in enumerate(read_part(folder, f"part-{key}.parquet").to_pylist()):
        path, reason = _decoded(draft["path"]), draft["reason"]
        if draft["state"] == "failed":
            yield Failed(path=path, index=0, reason=reason, detail=draft["detail"])
        elif draft["state"] == "skipped":
            yield Skipped(path=path, index=0, reason=reason)
        else:
            yield Draft(
                path=path,
                title=draft["title"],
                created=draft["created"],
                pages=tuple(pages.pop(row, ())),
            )


def read_pages(folder: Folder, key: str) -> Iterator[tuple[int, Page]]:
    """The pages of one unit, each with the row of its draft."""
    for page in read_part(folder, f"pages-{key}.parquet").to_pylist():
        yield (
            page["row"],
            Page(
                number=page["page"],
                arm=page["arm"],
                text=page["text"],
                features=json.loads(page["features"]),
                layer=page["layer"],
            ),
        )


def paths(folder: Folder, key: str) -> list[str]:
    """The raw files of one unit, by row."""
    table = read_part(folder, f"part-{key}.parquet", ["path"])
    return [_decoded(path) for path in table.column("path").to_pylist()]


def identity(source: str, draft: Draft | Failed | Skipped) -> bytes:
    """The id of the document that it will be."""
    return document_id(source, draft.path, 0)


def is_asked(page: Page) -> bool:
    """Whether a model is asked about the page: it waits, and can be drawn."""
    return page.arm == WAITING and "vl_error" not in page.features


def _decoded(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _row(id_: bytes, draft: Draft | Failed | Skipped) -> dict[str, Any]:
    path = draft.path.encode("utf-8", "surrogateescape")
    row: dict[str, Any] = dict.fromkeys(("reason", "detail", "title", "created"), "")
    row |= {"id": id_, "path": path, "state": "draft"}
    if isinstance(draft, Draft):
        return row | {"title": draft.title, "created": draft.created}
    if isinstance(draft, Skipped):
        return row | {"state": "skipped", "reason": draft.reason}
    detail = draft.detail.encode("utf-8", "backslashreplace").decode()
    return row | {"state": "failed", "reason": draft.reason, "detail": detail}


def _page(id_: bytes, row: int, page: Page) -> dict[str, Any]:
    return {
        "id": id_,
        "row": row,
        "page": page.number,
        "arm": page.arm,
        "features": metadata_json(page.features),
        "text": page.text,
        "layer": page.layer,
    }
