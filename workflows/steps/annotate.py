"""Step `annotate`: one pass over each part writes every sidecar that is missing, the tokens among them.

The rows of a part are read once, row group by row group; words are found once and shared by the annotators.
`tokens` has `id`, `n_tokens` (int32, without `<|endoftext|>`) and `input_ids` (list<uint32>): of the text with
placeholders where the plan masks.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import pyarrow as pa
import pyarrow.compute as pc

from annotators import contamination
from annotators.masking import masked_column
from corpus import storage
from corpus.document import ID
from corpus.errors import PlanError
from corpus.lake import Entry, File, Folder, PartWriter, iter_part
from corpus.limits import Limits
from corpus.readers import READERS, InputFile, Record
from corpus.readers.jsonl import JsonlOptions
from corpus.segment import with_words
from corpus.tokenizer import Tokenizer
from workflows import measures
from workflows.engine import Item
from workflows.layout import Sidecar
from workflows.plan import Evaluation
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


def run(context: Context, sources: Iterable[str] | None = None) -> None:
    """Write the contamination index, then all sidecars of the sources, by default those that were read."""
    _build_index(context)
    read = (source.name for source in context.plan.model.sources)
    jobs = {source: _job(context, source) for source in sources or read}
    missing = {
        (source, name): set(sidecar.folder.entries())
        for source, job in jobs.items()
        for name, sidecar in job.sidecars.items()
        if not sidecar.folder.is_complete
    }
    if not missing:
        return
    sized: list[tuple[int, Item]] = []
    for source, job in jobs.items():
        for file in job.documents.files() if any(s == source for s, _ in missing) else []:
            key = file.name.removesuffix(".parquet")
            todo = [name for (s, name), done in missing.items() if s == source and key not in done]
            item = {"key": key, "source": source, "part": file.name, "sidecars": todo}
            sized += [(file.bytes, item)] if todo else []
    # the largest first, so that no core waits long for the last one
    items = [item for _, item in sorted(sized, key=lambda one: -one[0])]
    context.engine.map("annotate", partial(annotate_part, jobs), items)
    for source, name in missing:
        context.finish(jobs[source].sidecars[name].folder)


def annotate_part(jobs: Mapping[str, Job], item: Item) -> Item:
    """Write the missing sidecars of one part and commit them."""
    job = jobs[item["source"]]
    chosen = {name: job.sidecars[name] for name in item["sidecars"]}
    steps = {name: _step(sidecar) for name, sidecar in chosen.items()}
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


@lru_cache(maxsize=64)
def _tokenise(ranks: str | None, mask: tuple[tuple[str, str], ...]) -> Step:
    tokenizer, placeholders = Tokenizer(ranks), dict(mask)

    def apply(documents: pa.Table) -> pa.Table:
        texts = documents.column("text")
        if placeholders:
            texts = masked_column(texts, placeholders)
        ids = tokenizer.encode_column(texts)
        lengths = pc.list_value_length(ids).cast(pa.int32())
        return pa.table([documents.column("id"), lengths, ids], schema=TOKENS_SCHEMA)

    return apply


def _step(sidecar: Sidecar) -> Step:
    if sidecar.annotator == TOKENS:
        return _tokenise(sidecar.config["ranks"], tuple(sorted(sidecar.config["mask"].items())))
    return measures.step(sidecar.annotator, sidecar.config)


def _job(context: Context, source: str) -> Job:
    sidecars = {sidecar.annotator: sidecar for sidecar in context.layout.sidecars[source]}
    model = context.plan.model
    config = {"ranks": model.tokenizer.ranks, "mask": model.mask}
    sidecars[TOKENS] = Sidecar(TOKENS, config, context.layout.tokens[source])
    return Job(context.layout.documents[source], sidecars)


def _build_index(context: Context) -> None:
    """The n-grams of the evaluation sets, made on the driver: evaluation sets are small."""
    folder = context.layout.index
    if folder is None or folder.is_complete:
        return
    evaluations = {e.name: items_of(e) for e in context.plan.model.evaluations}
    data = contamination.build_index(evaluations).to_bytes()
    storage.put(folder.file_uri("index.npz"), data)
    counts = {"items": sum(len(items) for items in evaluations.values())}
    digest = hashlib.sha256(data).hexdigest()
    file = File(name="index.npz", rows=0, bytes=len(data), sha256=digest)
    folder.commit(Entry(key="index", files=[file], counts=counts))
    context.finish(folder)


def items_of(evaluation: Evaluation) -> list[str]:
    """The texts of an evaluation's items. PlanError for a line that cannot be read: nothing may be left out here."""
    file = InputFile(path=evaluation.path, uri=evaluation.path, size=0)
    options = JsonlOptions(text=tuple(evaluation.fields))
    texts = []
    for record in READERS["jsonl"].read([file], options, Limits()):
        if not isinstance(record, Record):
            raise PlanError(
                f"evaluation {evaluation.name}: {evaluation.path} item {record.index} cannot be read "
                f"({record.reason}); mend the file, or its `fields`"
            )
        texts.append(record.text)
    return texts
