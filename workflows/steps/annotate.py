"""Step `annotate`: one pass over each part writes every sidecar that is missing, the tokens among them.

The rows of a part are read once, row group by row group; words are found once and shared by the annotators.
`tokens` has `id`, `n_tokens` (int32, without `<|endoftext|>`) and `input_ids` (list<uint32>).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from annotators import ANNOTATORS
from corpus import storage
from corpus.document import ID
from corpus.lake import Entry, Folder, PartWriter, iter_part
from corpus.segment import with_words
from corpus.strict_yaml import settings
from corpus.tokenizer import Tokenizer
from workflows.engine import Item
from workflows.layout import Sidecar
from workflows.steps.context import Context

TOKENS = "tokens"
TOKENS_SCHEMA = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("input_ids", pa.large_list(pa.uint32()), nullable=False),
    ]
)
Step = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class Job:
    """The sidecars of one source, by name, and where its documents lie."""

    documents: Folder
    sidecars: Mapping[str, Sidecar]


def run(context: Context) -> None:
    """Write the contamination index, then all sidecars of all sources."""
    _build_index(context)
    layout = context.layout
    jobs = {source: _job(context, source) for source in layout.documents}
    missing = {
        (source, name): set(sidecar.folder.entries())
        for source, job in jobs.items()
        for name, sidecar in job.sidecars.items()
        if not sidecar.folder.is_complete
    }
    if not missing:
        return
    items = []
    for source, job in jobs.items():
        for part in job.documents.parts() if any(s == source for s, _ in missing) else []:
            key = part.removesuffix(".parquet")
            todo = [name for (s, name), done in missing.items() if s == source and key not in done]
            if todo:
                items.append({"key": key, "source": source, "part": part, "sidecars": todo})
    context.engine.map("annotate", partial(annotate_part, jobs), items)
    for source, name in missing:
        context.finish(jobs[source].sidecars[name].folder)


def annotate_part(jobs: Mapping[str, Job], item: Item) -> Item:
    """Write the missing sidecars of one part and commit them."""
    job = jobs[item["source"]]
    chosen = {name: job.sidecars[name] for name in item["sidecars"]}
    steps = {name: step(name, sidecar.config) for name, sidecar in chosen.items()}
    writers: dict[str, PartWriter] = {}
    counts: Counter[str] = Counter(documents=0, tokens=0)
    for documents in iter_part(job.documents, item["part"]):
        documents = with_words(documents)
        counts["documents"] += documents.num_rows
        for name, apply in steps.items():
            table = apply(documents)
            if name == TOKENS:
                counts["tokens"] += pc.sum(table.column("n_tokens")).as_py() or 0
            if name not in writers:
                writers[name] = PartWriter(chosen[name].folder, item["part"], table.schema)
            writers[name].write(table)
    for name, writer in writers.items():
        own = {"documents": counts["documents"]}
        own |= {"tokens": counts["tokens"]} if name == TOKENS else {}
        chosen[name].folder.commit(Entry(key=item["key"], files=[writer.close()], counts=own))
    return {"counts": dict(counts)}


def step(name: str, config: Mapping[str, Any]) -> Step:
    """The function over a table that an annotator's settings give; models are loaded once per process."""
    return _step(name, json.dumps(config, sort_keys=True))


@lru_cache(maxsize=64)
def _step(name: str, config: str) -> Step:
    values = json.loads(config)
    if name == TOKENS:
        return partial(_tokenise, Tokenizer(values["ranks"]))
    annotator = ANNOTATORS[name]
    return annotator.step(settings(annotator.config, values, name))


def _tokenise(tokenizer: Tokenizer, documents: pa.Table) -> pa.Table:
    ids = tokenizer.encode_column(documents.column("text"))
    lengths = pc.list_value_length(ids).cast(pa.int32())
    return pa.table([documents.column("id"), lengths, ids], schema=TOKENS_SCHEMA)


def _job(context: Context, source: str) -> Job:
    sidecars = {sidecar.annotator: sidecar for sidecar in context.layout.sidecars[source]}
    ranks = {"ranks": context.plan.model.tokenizer.ranks}
    sidecars[TOKENS] = Sidecar(TOKENS, ranks, context.layout.tokens[source])
    return Job(context.layout.documents[source], sidecars)


def _build_index(context: Context) -> None:
    """The n-grams of the evaluation sets, made on the driver: evaluation sets are small."""
    folder = context.layout.index
    if folder is None or folder.is_complete:
        return
    evaluations = {
        evaluation.name: contamination.read_items(evaluation.path, evaluation.fields)
        for evaluation in context.plan.model.evaluations
    }
    data = contamination.build_index(evaluations).to_bytes()
    storage.put(folder.file_uri("index.npz"), data)
    counts = {"items": sum(len(items) for items in evaluations.values())}
    folder.commit(Entry(key="index", files=[], counts=counts))
    context.finish(folder)
