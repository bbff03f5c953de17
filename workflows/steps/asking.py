"""Asking models about the parts of a table, in rounds: what pages, refinement and recipes have in common.

    plan 0      parts -> requests
    ask 0       requests -> responses, in small committed flushes
    plan k      parts -> requests for what came to nothing so far; then `ask k`
    accept      parts -> what became of each request, and what the accepted answers are for

`Job` is what they differ in: what is asked first, how a request is shown to the model, what its answer is worth.
Nothing but `ask` needs a model, and a request with a response is never sent again: all else is a function of requests
and responses, and can be made anew. `ACCEPTANCE` has a row for each request, in the order of rounds and requests:

| column | type | meaning |
|---|---|---|
| `id`, `document_id`, `row`, `start`, `stop`, `sample`, `round`, `target` | as in `corpus.calls.REQUESTS` | |
| `accepted` | bool | whether its answer is used |
| `reason` | string | the error of the engine or the first guard that turned it down; "" where accepted |
| `detail` | string | what that guard found |
| `model` | string | what answered |
| `prompt_tokens`, `completion_tokens` | int32 | as the engine counts |
| `seconds` | float32 | from sending to answer |

A question is answered once: of several accepted answers one is kept, and the others are `redundant`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from corpus.calls import REQUESTS, RESPONSES, Call, Request, requests_table, unanswered
from corpus.guards import Judged
from corpus.lake import Entry, File, Folder, read_part, write_part
from workflows import engines
from workflows.engine import Item, StepError
from workflows.engines import Model
from workflows.layout import Made
from workflows.steps.context import Context
from workflows.steps.seeds import Seeds

ANSWERED = ("prompt_tokens", "completion_tokens", "model", "seconds")  # of a response
ASKED = ("id", "document_id", "row", "start", "stop", "sample", "round", "target")  # of a request
ACCEPTANCE = pa.schema(
    [
        *(REQUESTS.field(name) for name in ASKED),
        pa.field("accepted", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        *(RESPONSES.field(name) for name in ANSWERED),
    ]
)


@dataclass(frozen=True)
class Exchange:
    """Whom a job asks, and where what it asks and is told lies."""

    role: str
    model: Model
    prompt: str  # name and version, as it stands in request ids
    rounds: int
    requests: Folder  # the root of a folder per part
    responses: Mapping[str, Folder]  # by key of a part
    acceptance: Folder
    about: Mapping[str, str]  # by key: path of the documents that rows of requests are of; may lack

    @classmethod
    def of(cls, made: Made, role: str, model: Model, seeds: Seeds, rounds: int) -> Exchange:
        """About documents, in so many rounds."""
        parts = seeds.parts.items()
        return cls(
            role=role,
            model=model,
            prompt=made.prompt,
            rounds=rounds,
            requests=made.requests,
            responses={
                key: Folder(root.root, f"{root.path}/{part.key}")
                for key, part in parts
                for root in [made.responses[part.source]]
            },
            acceptance=made.acceptance,
            about={key: f"{seeds.documents[p.source].path}/{p.name}" for key, p in parts},
        )

    @property
    def keys(self) -> list[str]:
        """The parts that are asked about."""
        return list(self.responses)

    def requests_of(self, key: str) -> Folder:
        """The requests of one part."""
        return Folder(self.requests.root, f"{self.requests.path}/{key}")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request with its response and what came of it: rows of `REQUESTS` and `RESPONSES`."""

    request: Mapping[str, Any]
    response: Mapping[str, Any]
    judged: Judged


class Job(Protocol):
    """What is asked about the parts of one table."""

    @property
    def exchange(self) -> Exchange:
        """Whom it asks."""

    def first(self, key: str) -> list[Request]:
        """The requests of round 0."""

    def again(self, asked: Asked, round_: int) -> Request:
        """What is asked in place of a request that came to nothing."""

    def calls(self, key: str, requests: pa.Table) -> Iterator[Call]:
        """The requests as an engine is given them, one by one."""

    def judge(
        self,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
        before: Sequence[Asked],
    ) -> Iterator[Judged]:
        """What each answer of a round is worth by itself, where `before` is what came of the rounds before."""

    def question(self, request: Mapping[str, Any]) -> Hashable:
        """What is asked, whatever the round or sample."""

    def settle(self, key: str, answers: Sequence[Asked]) -> list[Judged]:
        """What becomes of all answers to one question."""

    @property
    def outputs(self) -> Sequence[Folder]:
        """The folders that `write` puts something into, by key."""

    def write(self, key: str, found: Sequence[Asked]) -> None:
        """Make and commit what the accepted answers of a part are for."""


J = TypeVar("J", bound=Job)


def unfinished(jobs: Mapping[str, J]) -> dict[str, J]:
    """The jobs whose answers are not all judged."""
    return {name: job for name, job in jobs.items() if not job.exchange.acceptance.is_complete}


def ask_all(context: Context, jobs: Mapping[str, Job]) -> None:
    """Ask in rounds until nothing is open, then write what became of it all."""
    rounds = max((job.exchange.rounds for job in jobs.values()), default=0)
    for round_ in range(rounds):
        _round(context, jobs, round_)
    for name, job in jobs.items():
        items = [{"job": name, "key": key} for key in job.exchange.keys]
        folders = [*job.outputs, job.exchange.acceptance]
        context.fill(f"{name} accept", folders, partial(accept, job), partial(list, items))


def _round(context: Context, jobs: Mapping[str, Job], round_: int) -> None:
    """Plan a round of all jobs, then ask each model about all that are its own."""
    here = {name: job for name, job in jobs.items() if round_ < job.exchange.rounds}
    items: list[Item] = [
        {"job": name, "key": key, "round": round_}
        for name, job in here.items()
        for key in job.exchange.keys
    ]
    found = context.engine.map(f"plan round {round_}", partial(plan, here), items)
    for role in sorted({job.exchange.role for job in here.values()}):
        todo = [item for item in items if here[item["job"]].exchange.role == role]
        model = context.plan.model.models[role]  # type: ignore[index]
        _ask(context, here, model, f"ask {role} {round_}", todo, found[f"open.{role}"])


def _ask(
    context: Context,
    jobs: Mapping[str, Job],
    model: Model,
    step: str,
    items: list[Item],
    total: int,
) -> None:
    """Get the responses that are missing: part by part, or from an engine that answers all parts together."""
    if not total:
        return
    if model.engine == "vllm":
        from workflows.engines import vllm

        asked, kept = partial(open_calls, jobs), partial(keep, jobs)
        flow = partial(vllm.answer_parts, model, items, asked, kept)
        context.engine.follow(step, total, flow)
        left = sum(context.engine.map(f"{step} left", partial(plan, jobs), items).values())
        if left:
            raise StepError(
                f"step {step}: {left} of {total} requests have no answer; run the same command again"
            )
    else:
        context.engine.map(step, partial(ask, jobs), items, at_once=model.tasks)


def plan(jobs: Mapping[str, Job], item: Item) -> Item:
    """The requests of one part and round, where they are not planned, and how many have no response."""
    job, name = jobs[item["job"]], f"round-{item['round']}"
    exchange = job.exchange
    folder = exchange.requests_of(item["key"])
    if name not in folder.entries():
        first = item["round"] == 0
        chosen = job.first(item["key"]) if first else _again(job, item["key"], item["round"])
        table = requests_table(chosen, exchange.model.model, exchange.prompt)
        folder.commit(Entry(key=name, files=[write_part(folder, f"{name}.parquet", table)]))
    return {"counts": {f"open.{exchange.role}": _open(job, item).num_rows}}


def ask(jobs: Mapping[str, Job], item: Item) -> Item:
    """Get the responses that are missing of one part and round."""
    model = jobs[item["job"]].exchange.model
    waiting: list[dict[str, Any]] = []
    counts = Counter[str](requests=0, tokens=0)
    try:
        for row in engines.ask(model, open_calls(jobs, item)):
            waiting.append(row)
            counts.update(requests=1, tokens=row["completion_tokens"])
            if len(waiting) >= model.flush:
                keep(jobs, item, waiting)
                waiting = []
    finally:  # what was answered is kept, whatever ends the asking
        keep(jobs, item, waiting)
    return {"counts": dict(counts)}


def keep(jobs: Mapping[str, Job], item: Item, rows: list[dict[str, Any]]) -> None:
    """Commit responses of one part."""
    commit(jobs[item["job"]].exchange, item["key"], rows)


def commit(exchange: Exchange, key: str, rows: list[dict[str, Any]]) -> None:
    """The same. Whoever writes them, they go by the first of their ids."""
    if not rows:
        return
    name = min(row["id"] for row in rows).hex()
    folder = exchange.responses[key]
    table = pa.Table.from_pylist(rows, schema=RESPONSES)
    folder.commit(Entry(key=name, files=[write_part(folder, f"{name}.parquet", table)]))


def open_calls(jobs: Mapping[str, Job], item: Item) -> Iterator[Call]:
    """The requests without a response, rendered one by one as the engine takes them. A job commits an error itself for
    one that it cannot render.
    """
    job = jobs[item["job"]]
    return job.calls(item["key"], _open(job, item))


def accept(job: Job, item: Item) -> Item:
    """Write what a part's accepted answers are for, and what became of each request as rows of `ACCEPTANCE`."""
    found = outcomes(job, item["key"])
    job.write(item["key"], found)
    rows = [
        {name: asked.request[name] for name in ASKED}
        | {name: asked.response[name] for name in ANSWERED}
        | {
            "accepted": asked.judged.text is not None,
            "reason": asked.judged.reason,
            "detail": asked.judged.detail,
        }
        for asked in found
    ]
    folder = job.exchange.acceptance
    table = pa.Table.from_pylist(rows, schema=ACCEPTANCE)
    files: list[File] = [write_part(folder, f"{item['key']}.parquet", table)]
    counts = spending(rows)
    exchange, key = job.exchange, item["key"]
    notes = {"responses": exchange.responses[key].path, "about": exchange.about.get(key)}
    folder.commit(Entry(key=key, files=files, counts=counts, notes=notes))
    return {"counts": {"requests": counts["requests"], "tokens": counts["completion_tokens"]}}


def spending(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Requests, accepted and rejected by reason, and tokens, in all and per round (`round.0.requests`, …)."""
    counts = Counter[str](requests=0, accepted=0, rejected=0, completion_tokens=0)
    for row in rows:
        for prefix in ("", f"round.{row['round']}."):
            counts[f"{prefix}requests"] += 1
            counts[f"{prefix}prompt_tokens"] += row["prompt_tokens"]
            counts[f"{prefix}completion_tokens"] += row["completion_tokens"]
            counts[f"{prefix}milliseconds"] += round(1000 * row["seconds"])
            counts[f"{prefix}{'accepted' if row['accepted'] else 'rejected'}"] += 1
            if not row["accepted"]:
                counts[f"{prefix}rejected_tokens"] += row["completion_tokens"]
        if not row["accepted"]:
            counts[f"rejected.{row['reason']}"] += 1
    return dict(sorted(counts.items()))


def outcomes(job: Job, key: str) -> list[Asked]:
    """Every request of a part with what came of it, in the order of rounds and requests.

    Holds the answers of one part in memory.
    """
    responses = {row["id"]: row for row in _responses(job, key).to_pylist()}
    found: list[Asked] = []
    for requests in _rounds(job, key):
        rows = requests.to_pylist()
        answers = [responses[row["id"]] for row in rows]
        verdicts = list(job.judge(key, requests, answers, found))
        found += [
            Asked(request=row, response=response, judged=judged)
            for row, response, judged in zip(rows, answers, verdicts, strict=True)
        ]
    for places in _by_question(job, found).values():
        settled = job.settle(key, [found[place] for place in places])
        for place, judged in zip(places, settled, strict=True):
            asked = found[place]
            found[place] = Asked(request=asked.request, response=asked.response, judged=judged)
    return found


def first_accepted(answers: Sequence[Asked]) -> list[Judged]:
    """Keep the first accepted answer; a later one is there where guards have changed since it was asked for."""
    settled, accepted = [], False
    for asked in answers:
        judged = asked.judged
        if judged.text is not None and accepted:
            judged = Judged.failed("redundant", "an earlier answer was accepted")
        accepted |= judged.text is not None
        settled.append(judged)
    return settled


def _again(job: Job, key: str, round_: int) -> list[Request]:
    """A later round: the requests of the round before whose question has no accepted answer yet."""
    if not read_part(job.exchange.requests_of(key), f"round-{round_ - 1}.parquet").num_rows:
        return []
    found = outcomes(job, key)
    return [
        job.again(found[place], round_)
        for places in _by_question(job, found).values()
        if all(found[place].judged.text is None for place in places)
        for place in places
        if found[place].request["round"] == round_ - 1
    ]


def _by_question(job: Job, found: Sequence[Asked]) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for place, asked in enumerate(found):
        groups.setdefault(job.question(asked.request), []).append(place)
    return groups


def _open(job: Job, item: Item) -> pa.Table:
    folder = job.exchange.requests_of(item["key"])
    requests = read_part(folder, f"round-{item['round']}.parquet")
    return unanswered(requests, _responses(job, item["key"]))


def _rounds(job: Job, key: str) -> list[pa.Table]:
    folder = job.exchange.requests_of(key)
    return [read_part(folder, name) for name in folder.parts()]


def _responses(job: Job, key: str) -> pa.Table:
    folder = job.exchange.responses[key]
    tables = [read_part(folder, name) for name in folder.parts()]
    return pa.concat_tables(tables) if tables else RESPONSES.empty_table()
