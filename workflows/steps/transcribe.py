"""Step `transcribe`: pages that wait are asked of a vision-language model, and the source's documents are written.

    ask         a request per page, in rounds (`workflows.steps.asking`, `corpus.pdf.vl`)
    documents   drafts and answers -> documents, pages and dead letters, as the step `read` writes them

A unit of reading is a unit here. A request names a page by its number (`start`), and `target` says by how many degrees
it is turned before it is shown: where the model reports a rotation, the next round shows it turned. Pages are drawn
where they are sent from, in a child process, from the raw file; no picture is stored. What the model fails in all
rounds goes to OCR, and stays `untrusted` where that cannot read it either.

An answer is held against the pages around it: those of the draft that have a text layer, those that were accepted in
rounds before, and those of its own round that pass by themselves.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

import pyarrow as pa

from corpus.calls import Call, Request, failure
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.lake import Folder
from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits
from corpus.pdf import vl
from corpus.pdf.children import pictures
from corpus.randomness import hash64
from corpus.readers import Failed, InputFile, Page, Record, Skipped
from corpus.readers.fields import failed
from corpus.readers.pdf import WAITING, Draft, OcrArm, PdfOptions, finish, opened
from corpus.sources import file_uri
from corpus.strict_yaml import settings
from workflows.layout import asks_pages
from workflows.plan import PlanModel, Source
from workflows.steps import asking, drafts, read
from workflows.steps.asking import Asked, Exchange
from workflows.steps.context import Context

NEAR = 4  # pages before and after that an answer is compared with
DRAWN = 4  # pages that are drawn in one call of the child
NOBODY = "none"  # the engine of a request that was never sent
_ERRORS = (LimitExceeded, GuardedError)
Texts = dict[tuple[int, int], str]  # by draft and page


@dataclass(frozen=True)
class Job:
    """One source of the plan whose pages are asked about."""

    exchange: Exchange
    drafts: Folder
    written: read.Job
    root: str  # of the raw files
    options: PdfOptions
    limits: Limits
    seed: int

    @property
    def outputs(self) -> list[Folder]:
        """What `write` commits."""
        return [self.written.dead_letters, self.written.pages, self.written.documents]

    def first(self, key: str) -> list[Request]:
        """A request for each page that waits and can be drawn."""
        drafted = enumerate(drafts.read(self.drafts, key))
        return [
            self._request(drafts.identity(self.written.source, draft), row, page.number, 0, 0)
            for row, draft in drafted
            if isinstance(draft, Draft)
            for page in draft.pages
            if drafts.is_asked(page)
        ]

    def again(self, asked: Asked, round_: int) -> Request:
        """The same page with the next temperature, turned where the model said that it does not stand upright."""
        request, turn = asked.request, _turn(asked.request)
        if asked.judged.reason == "rotation":
            turn = (turn + int(asked.judged.detail)) % 360
        document, row, page = (request[name] for name in ("document_id", "row", "start"))
        return self._request(document, row, page, turn, round_)

    def calls(self, key: str, requests: pa.Table) -> Iterator[Call]:
        """The prompt with the page's picture, file by file. A page that cannot be drawn is answered with that error."""
        paths = drafts.paths(self.drafts, key)
        with Guarded(pictures, self.limits) as drawer:
            for row, of_file in groupby(requests.to_pylist(), key=lambda request: request["row"]):
                path = paths[row]
                file = InputFile(path=path, uri=file_uri(self.root, path), size=0)
                data = opened(file, self.limits)
                while chunk := list(islice(of_file, DRAWN)):
                    drawn = _drawn(data, self.options.passwords, chunk, drawer)
                    yield from self._calls(key, chunk, drawn)

    def judge(
        self,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
        before: Sequence[Asked],
    ) -> Iterator[Judged]:
        """The guards of `corpus.pdf.vl`, with what is known of each page and of those around it."""
        pages = {(row, page.number): page for row, page in drafts.read_pages(self.drafts, key)}
        places = [(request["row"], request["start"]) for request in requests.to_pylist()]
        alone = [
            vl.judge(response, layer_text=page.layer, ink=float(page.features["ink"]))
            for place, response in zip(places, responses, strict=True)
            for page in [pages[place]]
        ]
        around: Texts = {place: page.text for place, page in pages.items() if page.arm == "text"}
        earlier = [((a.request["row"], a.request["start"]), a.judged) for a in before]
        for place, judged in [*earlier, *zip(places, alone, strict=True)]:
            if judged.text:
                around[place] = judged.text
        for place, judged in zip(places, alone, strict=True):
            yield _agreed(judged, _near(around, place))

    def question(self, request: Mapping[str, Any]) -> Hashable:
        """A page, however it was turned."""
        return request["document_id"], request["start"]

    def settle(self, key: str, answers: Sequence[Asked]) -> list[Judged]:
        """The first that is accepted."""
        return asking.first_accepted(answers)

    def write(self, key: str, found: Sequence[Asked]) -> None:
        """The documents of the unit, from drafts and answers."""
        answers: dict[tuple[int, int], list[Asked]] = defaultdict(list)
        for asked in found:
            answers[asked.request["row"], asked.request["start"]].append(asked)
        notes = self.drafts.entries()[key].notes
        records = self._records(key, answers)
        read.write_records(self.written, key, records, lambda: notes["digests"])

    def _records(
        self, key: str, answers: Mapping[tuple[int, int], Sequence[Asked]]
    ) -> Iterator[Record | Failed | Skipped]:
        with OcrArm(self.options, self.limits) as ocr:
            for row, draft in enumerate(drafts.read(self.drafts, key)):
                if not isinstance(draft, Draft):
                    yield draft
                    continue
                pages = tuple(
                    _read(page, answers.get((row, page.number), ())) for page in draft.pages
                )
                yield finish(draft, self._by_ocr(draft.path, pages, ocr))

    def _by_ocr(self, path: str, pages: tuple[Page, ...], ocr: OcrArm) -> tuple[Page, ...]:
        """The pages, with OCR for those that still wait."""
        if self.options.settings is None or all(page.arm != WAITING for page in pages):
            return pages
        file = InputFile(path=path, uri=file_uri(self.root, path), size=0)
        data = opened(file, self.limits)
        return ocr.reread(data, pages) if isinstance(data, bytes) else pages

    def _calls(
        self, key: str, requests: Sequence[Mapping[str, Any]], drawn: Sequence[bytes | str]
    ) -> Iterator[Call]:
        for request, picture in zip(requests, drawn, strict=True):
            call = Call(
                id=request["id"],
                messages=vl.MESSAGES,
                parameters=json.loads(request["parameters"]),
                images=[picture] if isinstance(picture, bytes) else (),
            )
            if call.images:
                yield call
                continue
            error, model = f"not_drawn: {picture!s}", self.exchange.model.model
            row = failure(call, error=error, model=model, engine=NOBODY, seconds=0.0)
            asking.commit(self.exchange, key, [row])

    def _request(self, document: bytes, row: int, page: int, turn: int, round_: int) -> Request:
        drawn = [self.exchange.prompt, document.hex(), str(page), str(round_)]
        seed = hash64(str(self.seed), *drawn) % (1 << 31)
        return Request(
            document_id=document,
            row=row,
            start=page,
            stop=page + 1,
            round=round_,
            target=str(turn) if turn else "",
            parameters=vl.parameters(round_, seed) | self.exchange.model.parameters,
        )


def run(context: Context) -> None:
    """Ask about the pages that wait, and write the documents of their sources."""
    jobs = {f"pages {source.name}": _job(context, source) for source in _sources(context)}
    asking.ask_all(context, asking.unfinished(jobs))


def check(model: PlanModel) -> None:
    """PlanError for pages that are to be asked of a model that the plan does not name."""
    for source in filter(asks_pages, model.sources):
        if "vl" not in model.models:
            raise PlanError(
                f"source {source.name}: `vl: true` asks a model of the role vl; name one: `models: {{vl: …}}`, or "
                "leave the option out"
            )
        reader = model.models["vl"]
        if reader.engine == "vllm" and not reader.images:
            raise PlanError(
                f"source {source.name}: `vl: true` shows pages to {reader.model}; say `images: true` in "
                "`models: {vl: …}`"
            )


# ---------------------------------------------------------------- helpers


def _drawn(
    data: bytes | Failed | Skipped,
    passwords: tuple[str, ...],
    requests: Sequence[Mapping[str, Any]],
    drawer: Guarded,
) -> list[bytes | str]:
    """The pictures of some pages; of one that cannot be drawn, why."""
    if not isinstance(data, bytes):
        return [data.reason] * len(requests)
    pages = [(request["start"], _turn(request)) for request in requests]
    try:
        return list(drawer(data, passwords, pages, vl.SIDE))
    except _ERRORS as error:
        if len(requests) == 1:
            return [failed("", 0, error).reason]
    return [_drawn(data, passwords, [request], drawer)[0] for request in requests]


def _turn(request: Mapping[str, Any]) -> int:
    return int(request["target"] or 0)


def _near(texts: Texts, place: tuple[int, int]) -> list[str]:
    row, number = place
    around = [*range(number - NEAR, number), *range(number + 1, number + NEAR + 1)]
    return [texts[row, page] for page in around if (row, page) in texts]


def _agreed(judged: Judged, neighbours: Sequence[str]) -> Judged:
    """The same, unless it is in another script than its neighbours."""
    if not judged.text or not neighbours:
        return judged
    found = vl.agreement(judged.text, neighbours)
    return judged if found.passed else Judged(text=None, verdicts=(*judged.verdicts, found))


def _read(page: Page, answers: Sequence[Asked]) -> Page:
    """The page after all rounds: read by the model, blank, or still waiting."""
    if not answers:
        return page
    down = [asked.judged.reason for asked in answers if asked.judged.text is None]
    reasons = [reason for reason in down if reason != "redundant"]
    page = replace(
        page,
        attempts=sum(asked.response["engine"] != NOBODY for asked in answers),
        guard=reasons[-1] if reasons else None,
        seconds=sum(asked.response["seconds"] for asked in answers),
        tokens=sum(asked.response["completion_tokens"] for asked in answers),
    )
    for asked in answers:
        if asked.judged.text is not None:
            model, turn = vl.label(asked.response["model"]), _turn(asked.request)
            features = {**page.features, "vl": model, "rotation": turn}
            arm = "vl" if asked.judged.text else "blank"
            return replace(page, arm=arm, text=asked.judged.text, features=features)
    return page


def _sources(context: Context) -> list[Source]:
    return [source for source in context.plan.model.sources if asks_pages(source)]


def _job(context: Context, source: Source) -> Job:
    layout, model = context.layout, context.plan.model
    options = settings(PdfOptions, source.options, source.name)
    made, folder = layout.transcribed[source.name], layout.drafts[source.name]
    return Job(
        exchange=Exchange(
            role="vl",
            model=model.models["vl"],
            prompt=vl.PROMPT,
            rounds=options.vl_rounds,
            requests=made.requests,
            responses={
                key: Folder(made.responses.root, f"{made.responses.path}/{key}")
                for key in folder.entries()
            },
            acceptance=made.acceptance,
            about={},
        ),
        drafts=folder,
        written=read.job_of(context, source),
        root=source.path,
        options=options,
        limits=model.limits.limits(),
        seed=model.seed,
    )
