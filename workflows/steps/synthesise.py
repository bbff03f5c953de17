"""Step `synthesise`: documents out of documents, by recipes, each a source of its own called `synth.<recipe>`.

    candidates  parts -> how many documents are fit, per language, in bins of a hash of id and seed
    plan 0      parts -> requests of the chosen seeds
    ask 0       requests -> responses, in small committed flushes
    plan k      parts -> requests for what round k-1 failed; then `ask k`
    accept      parts -> documents and dead letters: records (requests) = documents + failed, by reason

A part of seeds is a part of the synthetic source. Nothing but `ask` needs a model, and a request with a response
is never sent again: acceptance can be made anew with other guards from what is stored. The chosen seeds are those
with the smallest hashes in their language, as many as its quota, cut at one of `BINS` bins: a quota is met or
exceeded by less than a bin.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from annotators import duplicates
from corpus.calls import RESPONSES, Call, Request, requests_table, unanswered
from corpus.document import DOCUMENTS, document_id, locator, metadata_json
from corpus.errors import PlanError
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.languages import LANGUAGES
from corpus.normalise import normalise
from corpus.randomness import hash64, id_words, keyed
from mixers.selection import compile_expression, with_thresholds
from mixers.sequences import ids_of
from synth.judging import Judged, judged
from synth.prompt import render
from synth.recipe import Recipe, Seed
from synth.recipes import RECIPES
from workflows import engines
from workflows.engine import Item
from workflows.engines import Model
from workflows.measures import all_fields
from workflows.plan import ANY, PlanModel, Synthesis
from workflows.steps import annotate
from workflows.steps.context import Context, Part, parts_of, read_columns
from workflows.steps.read import DEAD_LETTERS
from workflows.steps.select import rule_columns

log = logging.getLogger("tokenmill")
BINS = 4096
SHOWN = 5
Supply = dict[str, npt.NDArray[np.int64]]  # candidates per bin, by language


@dataclass(frozen=True)
class Job:
    """One entry of the plan's `synthesise:`."""

    entry: Synthesis
    model: Model
    prompt: str  # name and version, as it stands in request ids
    parts: Mapping[str, Part]  # by key of the synthetic part
    inputs: Mapping[str, Folder]  # documents of the sources
    kinds: Mapping[str, str]  # of the sources
    annotations: Mapping[str, Mapping[str, Folder]]  # source -> column -> folder
    columns: pl.DataFrame  # empty: names and types that `where` may use
    candidates: Folder
    requests: Folder  # the root of a folder per part
    responses: Mapping[str, Folder]  # by source: the same
    documents: Folder
    dead_letters: Folder
    pages: Folder
    seed: int

    @property
    def recipe(self) -> Recipe:
        """What is asked, and how answers are judged."""
        return RECIPES[self.entry.recipe]

    def items(self, recipe: str) -> list[Item]:
        """One item per part."""
        return [
            {"recipe": recipe, "key": key, "source": part.source}
            for key, part in self.parts.items()
        ]

    def requests_of(self, key: str) -> Folder:
        """The requests of one part."""
        return Folder(self.requests.root, f"{self.requests.path}/{key}")

    def responses_of(self, key: str) -> Folder:
        """The responses about one part, whoever asked."""
        part = self.parts[key]
        root = self.responses[part.source]
        return Folder(root.root, f"{root.path}/{part.key}")


def run(context: Context) -> None:
    """Make the synthetic sources of the plan, then annotate them like any other."""
    jobs = {entry.recipe: _job(context, entry) for entry in context.plan.model.synthesise}
    todo = {name: job for name, job in jobs.items() if not job.documents.is_complete}
    limits = {name: _choose(context, job) for name, job in todo.items()}
    for round_ in range(max((job.recipe.rounds for job in todo.values()), default=0)):
        _round(context, todo, limits, round_)
    for name, job in todo.items():
        made = [job.dead_letters, job.pages, job.documents]
        context.fill(f"{name} accept", made, partial(accept, job), partial(job.items, name))
    if jobs:
        annotate.run(context, [job.entry.source for job in jobs.values()])


def check(model: PlanModel) -> None:
    """PlanError for a role without a model, or a `where` that is no condition on what is measured before."""
    columns = _columns(model)
    for entry in model.synthesise:
        recipe, where = RECIPES[entry.recipe], f"synthesise.{entry.recipe}"
        if recipe.role not in model.models:
            raise PlanError(
                f"{where}: it asks a model of the role {recipe.role}; name one: `models: {{{recipe.role}: …}}`"
            )
        for column, annotator in (("language", "language"), ("n_chars", "statistics")):
            if column not in columns.columns:
                raise PlanError(
                    f"{where}: seeds are chosen by {column}; add `{annotator}` to `annotate`"
                )
        compile_expression(entry.where or recipe.seeds, columns, f"{where}: where")


def _columns(model: PlanModel) -> pl.DataFrame:
    later = {"split", *duplicates.SCHEMA.names}
    found = rule_columns(all_fields(model))
    return found.select(name for name in found.columns if name not in later)


def _choose(context: Context, job: Job) -> dict[str, int]:
    """Count the candidates of a recipe; the first bin that is not chosen, per language."""
    name = job.entry.recipe
    items = partial(job.items, name)
    context.fill(f"{name} seeds", [job.candidates], partial(count, job), items)
    found = supply(job)
    short = shortages(job.entry.documents, found)
    if short:
        log.warning("warning: recipe %s has fewer seeds than asked for: %s", name, ", ".join(short))
    return thresholds(job.entry.documents, found)


def _round(
    context: Context, jobs: Mapping[str, Job], limits: Mapping[str, Mapping[str, int]], round_: int
) -> None:
    """Plan a round of all recipes, then ask each model about all that are its own."""
    here = {name: job for name, job in jobs.items() if round_ < job.recipe.rounds}
    items = [item | {"round": round_} for name, job in here.items() for item in job.items(name)]
    found = context.engine.map(f"plan round {round_}", partial(plan, here, limits), items)
    for role in sorted({job.recipe.role for job in here.values()}):
        todo = [item for item in items if here[item["recipe"]].recipe.role == role]
        model = context.plan.model.models[role]
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
    else:
        context.engine.map(step, partial(ask, jobs), items, at_once=model.tasks)


def count(job: Job, item: Item) -> Item:
    """How many documents of a part are fit, per language and bin."""
    fit = _fit(job, job.parts[item["key"]])
    bins = fit.group_by("language", "bin").agg(documents=pl.len()).sort("language", "bin")
    file = write_part(job.candidates, f"{item['key']}.parquet", bins.to_arrow())
    job.candidates.commit(Entry(key=item["key"], files=[file], counts={"candidates": fit.height}))
    return {"counts": {"documents": fit.height}}


def supply(job: Job) -> Supply:
    """Candidates by language and bin, summed over parts: languages x `BINS` numbers at most."""
    found: Supply = {}
    for name in job.candidates.parts():
        for row in read_part(job.candidates, name).to_pylist():
            found.setdefault(row["language"], np.zeros(BINS, np.int64))[row["bin"]] += row[
                "documents"
            ]
    return found


def thresholds(quotas: Mapping[str, int], found: Supply) -> dict[str, int]:
    """The first bin that is not chosen, per language."""
    limits = {}
    for language, bins in found.items():
        quota = quotas.get(language, quotas.get(ANY, 0))
        limits[language] = min(int(np.searchsorted(bins.cumsum(), quota)) + 1, BINS) if quota else 0
    return limits


def shortages(quotas: Mapping[str, int], found: Supply) -> list[str]:
    """`tha_Thai 1 of 3` for each language that has fewer candidates than its quota, the first `SHOWN` by name."""
    have = {language: int(found[language].sum()) for language in found}
    asked = dict.fromkeys(have, quotas.get(ANY, 0)) | dict(quotas)
    asked.pop(ANY, None)
    short = [f"{k} {have.get(k, 0)} of {n}" for k, n in sorted(asked.items()) if have.get(k, 0) < n]
    more = [f"and {len(short) - SHOWN} more languages"] if len(short) > SHOWN else []
    return short[:SHOWN] + more


def plan(jobs: Mapping[str, Job], limits: Mapping[str, Mapping[str, int]], item: Item) -> Item:
    """The requests of one part and round, where they are not planned, and how many have no response."""
    job, name = jobs[item["recipe"]], f"round-{item['round']}"
    folder = job.requests_of(item["key"])
    if name not in folder.entries():
        first = item["round"] == 0
        chosen = _first(job, item["key"], limits[item["recipe"]]) if first else _again(job, item)
        table = requests_table(chosen, job.model.model, job.prompt)
        folder.commit(Entry(key=name, files=[write_part(folder, f"{name}.parquet", table)]))
    return {"counts": {f"open.{job.recipe.role}": _open(job, item).num_rows}}


def ask(jobs: Mapping[str, Job], item: Item) -> Item:
    """Get the responses that are missing of one part and round."""
    model = jobs[item["recipe"]].model
    waiting: list[dict[str, Any]] = []
    counts = Counter[str](documents=0, tokens=0)
    try:
        for row in engines.ask(model, open_calls(jobs, item)):
            waiting.append(row)
            counts.update(documents=1, tokens=row["completion_tokens"])
            if len(waiting) >= model.flush:
                keep(jobs, item, waiting)
                waiting = []
    finally:  # what was answered is kept, whatever ends the asking
        keep(jobs, item, waiting)
    return {"counts": dict(counts)}


def keep(jobs: Mapping[str, Job], item: Item, rows: list[dict[str, Any]]) -> None:
    """Commit responses of one part. Whoever writes them, they go by the first of their ids."""
    if not rows:
        return
    job, name = jobs[item["recipe"]], min(row["id"] for row in rows).hex()
    folder = job.responses_of(item["key"])
    table = pa.Table.from_pylist(rows, schema=RESPONSES)
    folder.commit(Entry(key=name, files=[write_part(folder, f"{name}.parquet", table)]))


def open_calls(jobs: Mapping[str, Job], item: Item) -> Iterator[Call]:
    """The requests without a response, rendered one by one as the engine takes them."""
    job = jobs[item["recipe"]]
    requests = _open(job, item)
    seeds = _seeds(job, item["key"], requests)
    for request, seed in zip(requests.to_pylist(), seeds, strict=True):
        yield Call(
            id=request["id"],
            messages=render(job.recipe, seed),
            parameters=json.loads(request["parameters"]),
            schema=job.recipe.schema,
        )


def _open(job: Job, item: Item) -> pa.Table:
    requests = read_part(job.requests_of(item["key"]), f"round-{item['round']}.parquet")
    return unanswered(requests, _responses(job.responses_of(item["key"])))


def accept(job: Job, item: Item) -> Item:
    """Judge every answer of a part: documents, and a dead letter for each request that came to nothing."""
    key = item["key"]
    counts = Counter[str](records=0, documents=0, failed=0, skipped=0, bytes=0, with_parents=0)
    documents, letters = [], []
    licences = read_part(job.inputs[item["source"]], job.parts[key].name, ["licence"])
    for request, response, found in _judged(job, key):
        counts["records"] += 1
        counts["prompt_tokens"] += response["prompt_tokens"]
        counts["completion_tokens"] += response["completion_tokens"]
        if found.text is None:
            counts["failed"] += 1
            counts[f"failed.{found.reason}"] += 1
            counts["rejected_tokens"] += response["completion_tokens"]
            letters.append(_letter(request, found))
            continue
        licence = licences.column("licence")[request["row"]].as_py()
        row = _document(job, item["source"], request, response, found.text, licence)
        counts["documents"] += 1
        counts["with_parents"] += 1
        counts["bytes"] += len(row["text"].encode())
        documents.append(row)
    table = pa.Table.from_pylist(documents, schema=DOCUMENTS)
    files = [write_part(job.documents, f"part-{key}.parquet", table)] if documents else []
    letter_table = pa.Table.from_pylist(letters, schema=DEAD_LETTERS)
    letter_file = write_part(job.dead_letters, f"part-{key}.parquet", letter_table)
    job.dead_letters.commit(Entry(key=key, files=[letter_file]))
    job.pages.commit(Entry(key=key, files=[]))
    job.documents.commit(Entry(key=key, files=files, counts=dict(sorted(counts.items()))))
    return {"counts": {"documents": counts["documents"]}}


def _judged(job: Job, key: str) -> Iterator[tuple[dict[str, Any], dict[str, Any], Judged]]:
    """Each request of all rounds with its response and what came of it, in the order of rounds and requests.

    One question is answered once: what a later round gave counts as `redundant` where guards have changed since, and
    now accept what an earlier round gave.
    """
    responses = {row["id"]: row for row in _responses(job.responses_of(key)).to_pylist()}
    accepted = set()
    for requests in _rounds(job, key):
        seeds = _seeds(job, key, requests)
        for request, seed in zip(requests.to_pylist(), seeds, strict=True):
            response = responses[request["id"]]
            found = judged(job.recipe, seed, response)
            if found.text is not None:
                question = _question(request)
                if question in accepted:
                    found = Judged.failed("redundant", "an earlier round was accepted")
                accepted.add(question)
            yield request, response, found


def _question(request: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is asked, whatever the round."""
    return tuple(request[name] for name in ("document_id", "start", "stop", "sample", "target"))


def _rounds(job: Job, key: str) -> list[pa.Table]:
    folder = job.requests_of(key)
    return [read_part(folder, name) for name in folder.parts()]


def _responses(folder: Folder) -> pa.Table:
    tables = [read_part(folder, name) for name in folder.parts()]
    return pa.concat_tables(tables) if tables else RESPONSES.empty_table()


def _first(job: Job, key: str, limits: Mapping[str, int]) -> list[Request]:
    """Round 0: the chosen seeds of a part, from the beginning of their text."""
    part = job.parts[key]
    limit = pl.col("language").replace_strict(limits, default=0, return_dtype=pl.Int64)
    chosen = _fit(job, part).filter(pl.col("bin") < limit).sort("row")
    texts = read_part(job.inputs[part.source], part.name, ["text"]).column("text")
    return [
        _request(job, document, row, 0, span_end(texts[row].as_py(), job.recipe.characters[1]), 0)
        for row, document in chosen.select("row", "id").iter_rows()
    ]


def _again(job: Job, item: Item) -> list[Request]:
    """A later round: what the round before failed."""
    round_, accepted, last = item["round"], set(), []
    for request, _, found in _judged(job, item["key"]):
        if found.text is not None:
            accepted.add(_question(request))
        if request["round"] == round_ - 1:
            last.append(request)
    failed = [request for request in last if _question(request) not in accepted]
    return [
        _request(job, r["document_id"], r["row"], r["start"], r["stop"], round_) for r in failed
    ]


def _request(job: Job, document: bytes, row: int, start: int, stop: int, round_: int) -> Request:
    seed = hash64(str(job.seed), job.prompt, document.hex(), str(round_)) % (1 << 31)
    parameters = job.recipe.parameters(round_, seed)
    return Request(
        document_id=document, row=row, start=start, stop=stop, round=round_, parameters=parameters
    )


def span_end(text: str, most: int) -> int:
    """Where a span of at most `most` characters ends: behind a paragraph, else a line, else a space, of its second
    half.
    """
    if len(text) <= most:
        return len(text)
    for end in ("\n\n", "\n", " "):
        found = text.rfind(end, most // 2, most)
        if found > 0:
            return found
    return most


def _seeds(job: Job, key: str, requests: pa.Table) -> list[Seed]:
    """What each request shows of its document."""
    part = job.parts[key]
    texts = read_part(job.inputs[part.source], part.name, ["text"]).column("text")
    labels = read_columns(job.annotations[part.source], part, ["language"]).column("language")
    seeds = []
    for request in requests.to_pylist():
        label = labels[request["row"]].as_py() or ""
        text = texts[request["row"]].as_py()[request["start"] : request["stop"]]
        name = LANGUAGES[label].name if label in LANGUAGES else ""
        seeds.append(Seed(text=text, language=label, name=name, target=request["target"]))
    return seeds


def _fit(job: Job, part: Part) -> pl.DataFrame:
    """`row`, `id`, `language` and `bin` of the documents of a part that meet the condition."""
    where = f"synthesise.{job.entry.recipe}: where"
    condition = compile_expression(job.entry.where or job.recipe.seeds, job.columns, where)
    condition &= pl.col("n_chars") >= job.recipe.characters[0]
    wanted = {*condition.meta.root_names(), "language"}
    table = read_columns(job.annotations[part.source], part, wanted)
    here = {"source": pl.lit(part.source), "kind": pl.lit(job.kinds[part.source])}
    frame = with_thresholds(pl.DataFrame(pl.from_arrow(table)).with_columns(**here))
    frame = frame.with_row_index("row")
    words = id_words(ids_of(table))
    bins = keyed(words, job.seed, f"seeds of {job.entry.recipe}") >> np.uint64(64 - 12)
    frame = frame.with_columns(
        bin=pl.Series(bins.astype(np.int64)), language=pl.col("language").fill_null("")
    )
    return frame.filter(condition.fill_null(value=False)).select("row", "id", "language", "bin")


def _letter(request: Mapping[str, Any], found: Judged) -> dict[str, str]:
    where = f"{request['document_id'].hex()}#{request['sample']}, round {request['round']}"
    return {"locator": where, "reason": found.reason, "detail": found.detail}


def _document(
    job: Job,
    source: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    text: str,
    licence: str | None,
) -> dict[str, Any]:
    path = f"{source}/{request['document_id'].hex()}"
    known = {
        "recipe": job.recipe.name,
        "model": response["model"],
        "span": [request["start"], request["stop"]],
        "round": request["round"],
    }
    return {
        "id": document_id(job.entry.source, path, request["sample"]),
        "text": normalise(text),
        "source": job.entry.source,
        "locator": locator(path, request["sample"]),
        "date": None,
        "licence": licence,
        "parent_ids": [request["document_id"]],
        "provenance": f"{job.recipe.name}/{job.recipe.version}",
        "metadata": metadata_json(known),
    }


def _job(context: Context, entry: Synthesis) -> Job:
    layout, model = context.layout, context.plan.model
    made = layout.made[entry.source]
    parts = parts_of(layout, entry.sources)
    return Job(
        entry=entry,
        model=model.models[RECIPES[entry.recipe].role],
        prompt=made.prompt,
        parts={f"{part.source}-{part.key.removeprefix('part-')}": part for part in parts},
        inputs={source: layout.documents[source] for source in entry.sources},
        kinds=context.plan.kinds,
        annotations={source: layout.columns(source) for source in entry.sources},
        columns=_columns(model),
        candidates=made.candidates,
        requests=made.requests,
        responses=made.responses,
        documents=layout.documents[entry.source],
        dead_letters=layout.dead_letters[entry.source],
        pages=layout.pages[entry.source],
        seed=model.seed,
    )
