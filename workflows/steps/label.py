"""Step `label`: a teacher's labels of some documents, along dimensions of the taxonomy.

    seeds       parts -> which documents are labelled, stratified (`workflows.steps.seeds`, `workflows.steps.strata`)
    ask         requests, responses and acceptance, in rounds (`workflows.steps.asking`)
    labels      answers -> a row per document that was answered about

It is no part of the main job: `tokenmill label` asks for it. `LABELS`, a file per part, sorted by row:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | the document |
| `source` | string | of it |
| `row` | int32 | its row in its part |
| `language` | string | as the identifier says; "" where it says none |
| `text` | large_string | the whole of it: the labels stand for it alone, and few documents are labelled |
| `labels` | list<struct> | in the order of the plan's dimensions, those that were answered |

A struct has `dimension`; `label`, what the answers come to, as JSON: a level, a name, a list of names, or null;
`votes` and `answers` (int16), how many answers say just this of how many were accepted; `reason` of the first that
says so, "" where none says just this.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from annotators import teacher
from annotators.taxonomy import REASON, Dimension, schema
from corpus.calls import Call, Request
from corpus.document import ID
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.lake import Entry, Folder, write_part
from corpus.randomness import hash64
from synth.recipe import Role
from workflows.plan import Labelling, PlanModel
from workflows.steps import asking
from workflows.steps.asking import Asked, Exchange
from workflows.steps.context import Context
from workflows.steps.seeds import Seeds, choose, columns_before
from workflows.steps.seeds import check as check_seeds
from workflows.steps.strata import Strata

ROLE: Role = "judge"
NAME = "labels"
EVERY = "TRUE"
LABEL = pa.struct(
    [
        pa.field("dimension", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("votes", pa.int16(), nullable=False),
        pa.field("answers", pa.int16(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
LABELS = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("labels", pa.list_(LABEL), nullable=False),
    ]
)


@dataclass(frozen=True)
class Job:
    """The plan's `label:`. A request's target names its dimensions, with commas between."""

    entry: Labelling
    dimensions: Mapping[str, Dimension]
    exchange: Exchange
    seeds: Seeds
    labels: Folder

    @property
    def outputs(self) -> list[Folder]:
        """What `write` commits."""
        return [self.labels]

    def first(self, key: str) -> list[Request]:
        """Each chosen document, for each group of dimensions, as often as the plan says."""
        texts = self.seeds.texts(key)
        targets = teacher.groups(list(self.dimensions.values()), self.entry.per_call)
        return [
            self._request(document, row, len(texts[row]), sample, 0, ",".join(target))
            for row, document, _ in self.seeds.chosen(key).iter_rows()
            for target in targets
            for sample in range(self.entry.samples)
        ]

    def again(self, asked: Asked, round_: int) -> Request:
        """The same with the next temperature."""
        names = ("document_id", "row", "stop", "sample")
        document, row, stop, sample = (asked.request[name] for name in names)
        return self._request(document, row, stop, sample, round_, asked.request["target"])

    def calls(self, key: str, requests: pa.Table) -> Iterator[Call]:
        """The prompts, with the schema of the answer."""
        rows = requests.to_pylist()
        for request, seed in zip(rows, self.seeds.shown(key, rows), strict=True):
            dimensions = self._of(request)
            yield Call(
                id=request["id"],
                messages=teacher.messages(seed.text, request["document_id"], seed.name, dimensions),
                parameters=json.loads(request["parameters"]),
                schema=schema(dimensions),
            )

    def judge(
        self,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
        before: Sequence[Asked],
    ) -> Iterator[Judged]:
        """Whether each answer has the form that was asked for, and labels that exist."""
        for request, response in zip(requests.to_pylist(), responses, strict=True):
            yield teacher.judged(response, self._of(request))

    def question(self, request: Mapping[str, Any]) -> Hashable:
        """A document, some dimensions, and which of the independent answers."""
        return tuple(request[name] for name in ("document_id", "target", "sample"))

    def settle(self, key: str, answers: Sequence[Asked]) -> list[Judged]:
        """The first that was accepted."""
        return asking.first_accepted(answers)

    def write(self, key: str, found: Sequence[Asked]) -> None:
        """The labels that the accepted answers come to."""
        source, texts = self.seeds.parts[key].source, self.seeds.texts(key)
        languages = {row: language for row, _, language in self.seeds.chosen(key).iter_rows()}
        answers: dict[tuple[int, bytes], list[Mapping[str, Any]]] = defaultdict(list)
        for asked in found:
            if asked.judged.text is not None:
                of = (asked.request["row"], asked.request["document_id"])
                answers[of].append(json.loads(asked.judged.text))
        rows: list[dict[str, Any]] = [
            {"id": document, "source": source, "row": row, "language": languages[row]}
            | {"text": texts[row], "labels": list(self._labels(said))}
            for (row, document), said in sorted(answers.items())
        ]
        labels = [label for row in rows for label in row["labels"]]
        counts = Counter(documents=len(rows), labels=len(labels))
        counts.update(f"labels.{label['dimension']}" for label in labels)
        table = pa.Table.from_pylist(rows, schema=LABELS)
        file = write_part(self.labels, f"{key}.parquet", table)
        self.labels.commit(Entry(key=key, files=[file], counts=dict(sorted(counts.items()))))

    def _labels(self, answers: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for name, dimension in self.dimensions.items():
            said = [answer for answer in answers if name in answer]
            if said:
                voted = teacher.combined(dimension, [answer[name] for answer in said])
                reasons = [answer[REASON] for answer in said if answer[name] == voted.label]
                yield {
                    "dimension": name,
                    "label": json.dumps(voted.label),
                    "votes": voted.votes,
                    "answers": voted.answers,
                    "reason": reasons[0] if reasons else "",
                }

    def _of(self, request: Mapping[str, Any]) -> list[Dimension]:
        return [self.dimensions[name] for name in request["target"].split(",")]

    def _request(
        self, document: bytes, row: int, stop: int, sample: int, round_: int, target: str
    ) -> Request:
        drawn = (str(self.seeds.seed), self.exchange.prompt, document.hex(), target)
        seed = hash64(*drawn, str(round_), str(sample)) % (1 << 31)
        return Request(
            document_id=document,
            row=row,
            start=0,
            stop=stop,
            sample=sample,
            round=round_,
            target=target,
            parameters=teacher.parameters(round_, seed) | self.exchange.model.parameters,
        )


def run(context: Context) -> None:
    """Label what the plan asks for."""
    todo = asking.unfinished({NAME: job(context)})
    asking.ask_all(
        context,
        {name: replace(one, seeds=choose(context, one.seeds)) for name, one in todo.items()},
    )


def job(context: Context) -> Job:
    """The plan's `label:` with where its tables lie."""
    model, made = context.plan.model, context.layout.teacher
    assert model.label is not None, "checked before"
    assert made is not None, "checked before"
    entry, dimensions = model.label, model.label.asked
    seeds = Seeds.of(context, entry, made.asking.candidates, EVERY, 1)
    strata = Strata.of(dimensions, seeds.columns.columns, entry.active)
    seeds = replace(seeds, strata=strata)
    return Job(
        entry=entry,
        dimensions={dimension.name: dimension for dimension in dimensions},
        exchange=Exchange.of(made.asking, ROLE, model.models[ROLE], seeds, entry.rounds),
        seeds=seeds,
        labels=made.labels,
    )


def check(model: PlanModel) -> None:
    """PlanError for a plan without `label:` or without a model to ask, or whose `where` is no condition."""
    if model.label is None:
        raise PlanError("the plan has no `label:`; say which dimensions and documents to label")
    if ROLE not in model.models:
        raise PlanError(
            f"label: it asks a model of the role {ROLE}; name one: `models: {{{ROLE}: …}}`"
        )
    assert model.label.asked
    check_seeds(columns_before(model), model.label.where or EVERY, "label")
