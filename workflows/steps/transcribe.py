"""Step `transcribe`: PDF pages whose text layer cannot be trusted are read by a vision-language model.

For the sources whose reader has `vl: true`, in the place of step `read`:

    drafts      units of raw files -> what the text layer has, one row per file with its pages (`DRAFTS`)
    ask         a request per page with the arm `untrusted`, in rounds (`workflows.steps.asking`): the next temperature,
                and the page turned where the model said that it lies on its side
    accept      documents, pages and dead letters, as `read` writes them; pages without an accepted answer go to OCR

A page is drawn in the worker that sends it, from the raw file, and its picture is stored nowhere. What a request turns
the page by is its `target`, in degrees clockwise; `start` is the page's number.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import pyarrow as pa

from corpus.calls import Call, Request
from corpus.document import ID, document_id
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.limits import Guarded, GuardedError, LimitExceeded
from corpus.pdf import vl
from corpus.pdf.drawing import draw
from corpus.randomness import hash64
from corpus.readers import READERS, Failed, InputFile, Page, Record, Skipped
from corpus.readers.pdf import Draft, PageReader, PdfOptions, content, drafts, finish
from corpus.strict_yaml import settings
from synth.recipe import Role
from workflows.engine import Item
from workflows.plan import PlanModel, Source
from workflows.steps import asking, read
from workflows.steps.asking import Asked, Exchange
from workflows.steps.context import Context

ROLE: Role = "vl"
NEAR = 5  # pages before and after, whose language a page's is held against
PAGE = pa.struct(
    [
        pa.field("number", pa.int32(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("features", pa.string(), nullable=False),
    ]
)
DRAFTS = pa.schema(
    [
        pa.field("id", ID, nullable=False),  # the document's
        pa.field("path", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("created", pa.string(), nullable=False),
        pa.field("failed", pa.string()),  # why the file could not be read; null where it could
        pa.field("skipped", pa.string()),  # why it is no document
        pa.field("detail", pa.string(), nullable=False),
        pa.field("pages", pa.list_(PAGE), nullable=False),
    ]
)


@dataclass(frozen=True)
class Job:
    """One source."""

    reading: read.Job
    exchange: Exchange
    drafts: Folder
    items: Mapping[str, Item]  # by key of a unit
    seed: int

    @property
    def outputs(self) -> list[Folder]:
        """What `write` commits."""
        return [self.reading.dead_letters, self.reading.pages, self.reading.documents]

    @property
    def options(self) -> PdfOptions:
        """Of the reader."""
        options = settings(READERS["pdf"].options, self.reading.options, self.reading.source)
        assert isinstance(options, PdfOptions)
        return options

    def first(self, key: str) -> list[Request]:
        """The pages that wait, as they lie in the file."""
        return [
            self._request(draft["id"], row, page["number"], "", 0)
            for row, draft in enumerate(self._drafts(key))
            for page in draft["pages"]
            if page["arm"] == "untrusted"
        ]

    def again(self, asked: Asked, round_: int) -> Request:
        """The page with the next temperature, turned if the model said so."""
        request = asked.request
        turned = int(request["target"] or 0)
        if asked.judged.reason == "rotation":
            turned = (turned + int(asked.judged.detail)) % 360
        target = str(turned) if turned else ""
        return self._request(
            request["document_id"], request["row"], request["start"], target, round_
        )

    def calls(self, key: str, requests: pa.Table) -> Iterator[Call]:
        """The pages drawn, one by one."""
        found = self._drafts(key)
        with self._renderer() as render:
            for request in requests.to_pylist():
                call = Call(
                    id=request["id"],
                    messages=[{"role": "user", "content": vl.PROMPT}],
                    parameters=json.loads(request["parameters"]),
                )
                try:
                    data = self._content(key, found[request["row"]]["path"])
                    turned = int(request["target"] or 0)
                    png, _ = render(data, self.options.passwords, request["start"], turned)
                    yield replace(call, images=[png])
                except (LimitExceeded, GuardedError) as error:
                    yield replace(call, error=f"render_{error.reason}: {error}")

    def judge(
        self,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
        before: Sequence[Asked],
    ) -> Iterator[Judged]:
        """The guards of pages."""
        found = self._drafts(key)
        texts = _texts(found, requests.to_pylist(), responses, before)
        with self._renderer() as render:
            for request, response in zip(requests.to_pylist(), responses, strict=True):
                if response["error"] is not None:
                    yield Judged.failed(*response["error"].partition(": ")[::2])
                    continue
                draft = found[request["row"]]
                page = next(p for p in draft["pages"] if p["number"] == request["start"])
                ink = partial(self._ink, render, key, draft["path"], request["start"])
                yield vl.judge(
                    response["text"],
                    response["finish_reason"],
                    features=json.loads(page["features"]),
                    neighbours=_neighbours(texts[request["row"]], request["start"]),
                    ink=ink,
                )

    def question(self, request: Mapping[str, Any]) -> Hashable:
        """A page."""
        return request["document_id"], request["start"]

    def settle(self, key: str, answers: Sequence[Asked]) -> list[Judged]:
        """The first that is accepted."""
        return asking.first_accepted(answers)

    def write(self, key: str, found: Sequence[Asked]) -> None:
        """The records of a unit, with the pages that the model read."""
        by_page: dict[Hashable, list[Asked]] = {}
        for asked in found:
            by_page.setdefault(self.question(asked.request), []).append(asked)
        files = _files(self.items[key])
        with PageReader(self.options, self.reading.limits) as ocr:
            records = (self._record(key, draft, by_page, ocr) for draft in self._drafts(key))
            read.write_records(self.reading, key, files, records)

    def _record(
        self,
        key: str,
        draft: Mapping[str, Any],
        by_page: Mapping[Hashable, list[Asked]],
        ocr: PageReader,
    ) -> Record | Failed | Skipped:
        path, reason = draft["path"], draft["failed"] or draft["skipped"]
        pages = [_page(page) for page in draft["pages"]]
        if draft["failed"]:
            return Failed(
                path=path, index=0, reason=reason, detail=draft["detail"], pages=tuple(pages)
            )
        if draft["skipped"]:
            return Skipped(path=path, index=0, reason=reason)
        pages = [_with_answer(page, by_page.get((draft["id"], page.number))) for page in pages]
        if any(page.arm == "untrusted" for page in pages) and self.options.settings is not None:
            ocr.begin(self._content(key, path))
            pages = [ocr(page) if page.arm == "untrusted" else page for page in pages]
        title, created = draft["title"], draft["created"]
        return finish(Draft(path=path, title=title, created=created, pages=tuple(pages)))

    def _drafts(self, key: str) -> list[dict[str, Any]]:
        return _rows(self.drafts.root, self.drafts.path, f"part-{key}.parquet")

    def _renderer(self) -> Guarded:
        return Guarded(draw, self.reading.limits)

    def _content(self, key: str, path: str) -> bytes:
        file = next(file for file in _files(self.items[key]) if file.path == path)
        return _bytes(file, self.reading.limits)

    def _ink(self, render: Guarded, key: str, path: str, number: int) -> float:
        try:
            return float(render(self._content(key, path), self.options.passwords, number, 0)[1])
        except (LimitExceeded, GuardedError):
            return 1.0

    def _request(self, document: bytes, row: int, number: int, target: str, round_: int) -> Request:
        drawn = [str(self.seed), self.exchange.prompt, document.hex(), str(number), str(round_)]
        seed = hash64(*drawn) % (1 << 31)
        return Request(
            document_id=document,
            row=row,
            start=number,
            stop=number + 1,
            round=round_,
            target=target,
            parameters=vl.parameters(round_, seed) | self.exchange.model.parameters,
        )


def run(context: Context) -> None:
    """Read the sources that ask a model."""
    sources = [s for s in context.plan.model.sources if s.name in context.layout.drafts]
    jobs = {f"pages of {source.name}": _job(context, source) for source in sources}
    todo = {name: job for name, job in jobs.items() if not job.exchange.acceptance.is_complete}
    for name, job in todo.items():
        items = list(job.items.values())
        context.fill(f"{name}", [job.drafts], partial(draft_unit, job), partial(list, items))
    asking.ask_all(context, todo)


def check(model: PlanModel) -> None:
    """PlanError for a source whose pages are for a model, without one."""
    for source in model.sources:
        if source.options.get("vl") and ROLE not in model.models:
            raise PlanError(
                f"source {source.name}: `vl: true` asks a model of the role {ROLE}; name one: `models: {{{ROLE}: …}}`"
            )


def draft_unit(job: Job, item: Item) -> Item:
    """Write the drafts of one unit."""
    source, options, limits = job.reading.source, job.options, job.reading.limits
    rows = [_row(source, found) for found in drafts(_files(item), options, limits)]
    table = pa.Table.from_pylist(rows, schema=DRAFTS)
    file = write_part(job.drafts, f"part-{item['key']}.parquet", table)
    pages = sum(len(row["pages"]) for row in rows)
    job.drafts.commit(
        Entry(key=item["key"], files=[file], counts={"files": len(rows), "pages": pages})
    )
    return {"counts": {}}


def _row(source: str, found: Draft | Failed | Skipped) -> dict[str, Any]:
    pages = () if isinstance(found, Skipped) else found.pages
    return {
        "id": document_id(source, found.path, 0),
        "path": found.path,
        "title": found.title if isinstance(found, Draft) else "",
        "created": found.created if isinstance(found, Draft) else "",
        "failed": found.reason if isinstance(found, Failed) else None,
        "skipped": found.reason if isinstance(found, Skipped) else None,
        "detail": found.detail if isinstance(found, Failed) else "",
        "pages": [
            {
                "number": page.number,
                "arm": page.arm,
                "text": page.text,
                "features": json.dumps(page.features),
            }
            for page in pages
        ],
    }


def _page(page: Mapping[str, Any]) -> Page:
    return Page(
        number=page["number"],
        arm=page["arm"],
        text=page["text"],
        features=json.loads(page["features"]),
    )


def _with_answer(page: Page, answers: Sequence[Asked] | None) -> Page:
    """The page with what its answers say of it."""
    if not answers:
        return page
    taken = next((asked for asked in answers if asked.judged.text is not None), None)
    turned_down = [a.judged.reason for a in answers if a.judged.text is None]
    told = replace(
        page,
        attempts=len(answers),
        guard=turned_down[-1] if turned_down else None,
        seconds=sum(float(asked.response["seconds"]) for asked in answers),
        tokens=sum(asked.response["completion_tokens"] for asked in answers),
        features={**page.features, "model": answers[0].response["model"]},
    )
    if taken is None:
        return told
    features = {
        **page.features,
        "model": f"{taken.response['model']}/{vl.prompt_identity()}",
        "rotation": int(taken.request["target"] or 0),
    }
    text = taken.judged.text or ""
    return replace(told, arm="vl" if text else "blank", text=text, features=features)


def _texts(
    found: Sequence[Mapping[str, Any]],
    requests: Sequence[Mapping[str, Any]],
    responses: Sequence[Mapping[str, Any]],
    before: Sequence[Asked],
) -> list[dict[int, str]]:
    """By draft and page what is known of the text: the layer's, an accepted answer, else this round's as it came."""
    texts = [{page["number"]: page["text"] for page in draft["pages"]} for draft in found]
    for request, response in zip(requests, responses, strict=True):
        texts[request["row"]][request["start"]] = vl.parse(response["text"] or "")[1]
    for asked in before:
        if asked.judged.text is not None:
            texts[asked.request["row"]][asked.request["start"]] = asked.judged.text
    return texts


def _neighbours(texts: Mapping[int, str], number: int) -> str:
    near = range(number - NEAR, number + NEAR + 1)
    return "\n".join(texts.get(other, "") for other in near if other != number)


def _files(item: Item) -> list[InputFile]:
    return [InputFile(path=path, uri=uri, size=size) for path, uri, size in item["files"]]


@lru_cache(maxsize=2)
def _rows(root: str, path: str, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_part(Folder(root, path), name).to_pylist()
    return rows


@lru_cache(maxsize=1)
def _bytes(file: InputFile, limits: Any) -> bytes:
    data = content(file, limits)
    return b"" if isinstance(data, Failed) else data


def _job(context: Context, source: Source) -> Job:
    layout, model = context.layout, context.plan.model
    pages = layout.transcribed[source.name]
    items = {item["key"]: item for item in read.items_of(context, source)}
    return Job(
        reading=read.job_of(context, source),
        exchange=Exchange(
            role=ROLE,
            model=model.models[ROLE],
            prompt=pages.prompt,
            rounds=int(source.options.get("vl_rounds", len(vl.TEMPERATURES))),
            requests=pages.requests,
            responses={
                key: Folder(root.root, f"{root.path}/{key}")
                for key in items
                for root in [pages.responses[source.name]]
            },
            acceptance=pages.acceptance,
            about={},
        ),
        drafts=layout.drafts[source.name],
        items=items,
        seed=model.seed,
    )
