"""Step `synthesise`: documents out of documents, by recipes, each a source of its own called `synth.<recipe>`.

    seeds       parts -> which documents are asked about (`workflows.steps.seeds`)
    ask         requests, responses and acceptance, in rounds (`workflows.steps.asking`)
    documents   records (requests) = documents + failed, by reason: each request is a document or a dead letter

A part of seeds is a part of the synthetic source. What one recipe made can be the seeds of another, which stands below
it in the plan; recipes that do not wait for each other are asked together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from annotators import language
from corpus.calls import Call, Request
from corpus.document import DOCUMENTS, document_id, locator, metadata_json
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.normalise import normalise
from corpus.randomness import hash64
from synth.judging import chosen, judged
from synth.prompt import render
from synth.recipe import Recipe, Seed
from synth.recipes import RECIPES
from workflows.plan import PlanModel, Synthesis
from workflows.steps import annotate, asking
from workflows.steps.asking import Asked, Exchange
from workflows.steps.context import Context, parts_of
from workflows.steps.read import DEAD_LETTERS
from workflows.steps.seeds import Seeds, choose, columns_before, shown, span_end
from workflows.steps.seeds import check as check_seeds


@dataclass(frozen=True)
class Job:
    """One entry of the plan's `synthesise:`."""

    entry: Synthesis
    exchange: Exchange
    seeds: Seeds
    documents: Folder
    dead_letters: Folder
    pages: Folder

    @property
    def recipe(self) -> Recipe:
        """What is asked, and how answers are judged."""
        return RECIPES[self.entry.recipe]

    @property
    def outputs(self) -> list[Folder]:
        """What `write` commits."""
        return [self.dead_letters, self.pages, self.documents]

    def first(self, key: str) -> list[Request]:
        """Each chosen document from its beginning, as often as the recipe says."""
        texts, most = self.seeds.texts(key), self.recipe.characters[1]
        return [
            self._request(document, row, 0, span_end(texts[row], most), 0, sample, target)
            for row, document, label in self.seeds.chosen(key).iter_rows()
            for target in [self._target(document, label)]
            for sample in range(self.recipe.samples)
        ]

    def again(self, asked: Asked, round_: int) -> Request:
        """The same with the next temperature."""
        names = ("document_id", "row", "start", "stop")
        document, row, start, stop = (asked.request[name] for name in names)
        sample, target = asked.request["sample"], asked.request["target"]
        return self._request(document, row, start, stop, round_, sample, target)

    def calls(self, key: str, requests: pa.Table) -> Iterator[Call]:
        """The prompts."""
        for request, seed in zip(requests.to_pylist(), self._shown(key, requests), strict=True):
            yield Call(
                id=request["id"],
                messages=render(self.recipe, seed),
                parameters=json.loads(request["parameters"]),
                schema=self.recipe.schema,
            )

    def judge(
        self,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
        before: Sequence[Asked],
    ) -> Iterator[Judged]:
        """The recipe's parser and guards."""
        for seed, response in zip(self._shown(key, requests), responses, strict=True):
            yield judged(self.recipe, seed, response, language.identify)

    def question(self, request: Mapping[str, Any]) -> Hashable:
        """A span, and the language to write in."""
        return tuple(request[name] for name in ("document_id", "start", "stop", "target"))

    def settle(self, key: str, answers: Sequence[Asked]) -> list[Judged]:
        """The one that the recipe chooses, else the first."""
        if self.recipe.choose is None:
            return asking.first_accepted(answers)
        request = answers[0].request
        table = pa.table({name: [request[name]] for name in ("row", "start", "stop", "target")})
        (seed,) = self._shown(key, table)
        return chosen(self.recipe, seed, [asked.judged for asked in answers])

    def write(self, key: str, found: Sequence[Asked]) -> None:
        """Documents, and a dead letter for each request that came to nothing."""
        part = self.seeds.parts[key]
        licences = read_part(self.seeds.documents[part.source], part.name, ["licence"])
        made = [asked for asked in found if asked.judged.text is not None]
        rows = [
            self._document(part.source, asked, licences.column("licence")[row].as_py())
            for asked in made
            for row in [asked.request["row"]]
        ]
        failed = [asked for asked in found if asked.judged.text is None]
        counts = Counter(records=len(found), documents=len(rows), failed=len(failed), skipped=0)
        counts.update(f"failed.{asked.judged.reason}" for asked in failed)
        counts["with_parents"] = len(rows)
        counts["bytes"] = sum(len(row["text"].encode()) for row in rows)
        table = pa.Table.from_pylist(rows, schema=DOCUMENTS)
        files = [write_part(self.documents, f"part-{key}.parquet", table)] if rows else []
        letters = pa.Table.from_pylist([_letter(asked) for asked in failed], schema=DEAD_LETTERS)
        letter_file = write_part(self.dead_letters, f"part-{key}.parquet", letters)
        self.dead_letters.commit(Entry(key=key, files=[letter_file]))
        self.pages.commit(Entry(key=key, files=[]))
        self.documents.commit(Entry(key=key, files=files, counts=dict(sorted(counts.items()))))

    def _document(self, source: str, asked: Asked, licence: str | None) -> dict[str, Any]:
        request = asked.request
        path = "/".join([source, request["document_id"].hex(), *filter(None, [request["target"]])])
        known = {
            "recipe": self.recipe.name,
            "model": asked.response["model"],
            "span": [request["start"], request["stop"]],
            "round": request["round"],
        }
        return {
            "id": document_id(self.entry.source, path, request["sample"]),
            "text": normalise(asked.judged.text or ""),
            "source": self.entry.source,
            "locator": locator(path, request["sample"]),
            "date": None,
            "licence": licence,
            "parent_ids": [request["document_id"]],
            "provenance": f"{self.recipe.name}/{self.recipe.version}",
            "metadata": metadata_json(known),
        }

    def _shown(self, key: str, requests: pa.Table) -> list[Seed]:
        texts, labels = self.seeds.texts(key), self.seeds.languages(key)
        spans = zip(
            *(requests.column(n).to_pylist() for n in ("row", "start", "stop", "target")),
            strict=True,
        )
        return [
            shown(texts[row][start:stop], labels[row], target) for row, start, stop, target in spans
        ]

    def _target(self, document: bytes, label: str) -> str:
        """The language to write in, drawn for each document; "" where the recipe writes in the seed's."""
        others = [target for target in self.entry.targets if target != label]
        draw = hash64(str(self.seeds.seed), "target", document.hex())
        return others[draw % len(others)] if others else ""

    def _request(
        self,
        document: bytes,
        row: int,
        start: int,
        stop: int,
        round_: int,
        sample: int,
        target: str,
    ) -> Request:
        drawn = [str(self.seeds.seed), self.exchange.prompt, document.hex(), str(round_)]
        drawn += [str(sample)] if sample else []
        seed = hash64(*drawn) % (1 << 31)
        return Request(
            document_id=document,
            row=row,
            start=start,
            stop=stop,
            sample=sample,
            round=round_,
            target=target,
            parameters=self.recipe.parameters(round_, seed),
        )


def run(context: Context) -> None:
    """Make the synthetic sources of the plan, each level from those above it, and annotate them like any other."""
    for entries in levels(context.plan.model):
        jobs = {entry.recipe: _job(context, entry) for entry in entries}
        todo = {name: job for name, job in jobs.items() if not job.exchange.acceptance.is_complete}
        for job in todo.values():
            choose(context, job.seeds)
        asking.ask_all(context, todo)
        annotate.run(context, [entry.source for entry in entries])


def levels(model: PlanModel) -> list[list[Synthesis]]:
    """The recipes, those first that need no other's documents."""
    level: dict[str, int] = {}
    for entry in model.synthesise:
        level[entry.source] = (
            max((level.get(source, -1) for source in entry.sources), default=-1) + 1
        )
    return [
        [entry for entry in model.synthesise if level[entry.source] == number]
        for number in sorted(set(level.values()))
    ]


def check(model: PlanModel) -> None:
    """PlanError for a role without a model, or a `where` that is no condition on what is measured before."""
    for entry in model.synthesise:
        recipe, place = RECIPES[entry.recipe], f"synthesise.{entry.recipe}"
        if recipe.role not in model.models:
            raise PlanError(
                f"{place}: it asks a model of the role {recipe.role}; name one: `models: {{{recipe.role}: …}}`"
            )
        if recipe.language == "target" and not entry.targets:
            raise PlanError(f"{place}: it needs `targets`, the languages to write in")
        if recipe.language != "target" and entry.targets:
            raise PlanError(f"{place}: it writes in the language of its seed; leave out `targets`")
        check_seeds(model, entry.where or recipe.seeds, place)


def _letter(asked: Asked) -> dict[str, str]:
    request = asked.request
    where = f"{request['document_id'].hex()}#{request['sample']}, round {request['round']}"
    return {"locator": where, "reason": asked.judged.reason, "detail": asked.judged.detail}


def _job(context: Context, entry: Synthesis) -> Job:
    layout, model = context.layout, context.plan.model
    recipe, made = RECIPES[entry.recipe], layout.made[entry.source]
    parts = {
        f"{part.source}-{part.key.removeprefix('part-')}": part
        for part in parts_of(layout, entry.sources)
    }
    return Job(
        entry=entry,
        exchange=Exchange.of(made, recipe, model.models[recipe.role], parts),
        seeds=Seeds(
            name=f"recipe {recipe.name}",
            where=entry.where or recipe.seeds,
            least=recipe.characters[0],
            quotas=entry.documents,
            parts=parts,
            documents={source: layout.documents[source] for source in entry.sources},
            kinds=context.plan.kinds,
            annotations={source: layout.columns(source) for source in entry.sources},
            columns=columns_before(model),
            candidates=made.candidates,
            seed=model.seed,
        ),
        documents=layout.documents[entry.source],
        dead_letters=layout.dead_letters[entry.source],
        pages=layout.pages[entry.source],
    )
