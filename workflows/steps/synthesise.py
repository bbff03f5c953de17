"""Step `synthesise`: documents out of documents, by recipes, each a source of its own called `synth.<recipe>`.

    seeds       parts -> which documents are asked about (`workflows.steps.seeds`)
    ask         requests, responses and acceptance, in rounds (`workflows.steps.asking`)
    documents   records (requests) = documents + failed, by reason: each request is a document or a dead letter

A part of seeds is a part of the synthetic source. What one recipe made can be the seeds of another, which stands below
it in the plan; recipes that do not wait for each other are asked together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from corpus.calls import Call, Request
from corpus.document import DOCUMENTS, document_id, locator, metadata_json
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.normalise import normalise
from corpus.randomness import hash64
from synth.code.trust import refused
from synth.judging import chosen
from synth.recipe import Recipe
from synth.recipes import RECIPES
from workflows.plan import PlanModel, Synthesis
from workflows.steps import annotate, asking
from workflows.steps.asking import Asked, Exchange
from workflows.steps.context import Context
from workflows.steps.read import DEAD_LETTERS
from workflows.steps.seeds import Seeds, choose, columns_before, span_end
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
        return self.seeds.calls(self.recipe, key, requests)

    def judge(
        self,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
        before: Sequence[Asked],
    ) -> Iterator[Judged]:
        """The guards of the recipe."""
        return self.seeds.judge(self.recipe, key, requests, responses)

    def question(self, request: Mapping[str, Any]) -> Hashable:
        """A span, and the language to write in."""
        return tuple(request[name] for name in ("document_id", "start", "stop", "target"))

    def settle(self, key: str, answers: Sequence[Asked]) -> list[Judged]:
        """The one that the recipe chooses, else the first."""
        if self.recipe.choose is None:
            return asking.first_accepted(answers)
        (seed,) = self.seeds.shown(key, [answers[0].request])
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
            "id": document_id(self.entry.made, path, request["sample"]),
            "text": normalise(asked.judged.text or ""),
            "source": self.entry.made,
            "locator": locator(path, request["sample"]),
            "date": None,
            "licence": licence,
            "parent_ids": [request["document_id"]],
            "provenance": f"{self.recipe.name}/{self.recipe.version}",
            "metadata": metadata_json(known),
        }

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
            parameters=self.recipe.parameters(round_, seed) | self.exchange.model.parameters,
        )


def run(context: Context) -> None:
    """Make the synthetic sources of the plan, each level from those above it, and annotate them like any other."""
    for entries in levels(context.plan.model):
        jobs = {entry.recipe: _job(context, entry) for entry in entries}
        todo = asking.unfinished(jobs)
        asking.ask_all(context, {name: _chosen(context, job) for name, job in todo.items()})
        annotate.run(context, [entry.made for entry in entries])


def levels(model: PlanModel) -> list[list[Synthesis]]:
    """The recipes, those first that need no other's documents."""
    level: dict[str, int] = {}
    for entry in model.synthesise:
        level[entry.made] = max((level.get(source, -1) for source in entry.sources), default=-1) + 1
    return [
        [entry for entry in model.synthesise if level[entry.made] == number]
        for number in sorted(set(level.values()))
    ]


def _chosen(context: Context, job: Job) -> Job:
    return replace(job, seeds=choose(context, job.seeds))


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
        if recipe.role == "code" and (reason := refused()):
            raise PlanError(f"{place}: {reason}")
        check_seeds(columns_before(model), entry.where or recipe.seeds, place)


def _letter(asked: Asked) -> dict[str, str]:
    request = asked.request
    where = f"{request['document_id'].hex()}#{request['sample']}, round {request['round']}"
    return {"locator": where, "reason": asked.judged.reason, "detail": asked.judged.detail}


def _job(context: Context, entry: Synthesis) -> Job:
    layout = context.layout
    recipe = RECIPES[entry.recipe]
    model, made = context.plan.model.models[recipe.role], layout.made[entry.made]
    seeds = Seeds.of(context, entry, made.candidates, recipe.seeds, recipe.characters[0])
    return Job(
        entry=entry,
        exchange=Exchange.of(made, recipe.role, model, seeds, recipe.at_most(entry.rounds)),
        seeds=seeds,
        documents=layout.documents[entry.made],
        dead_letters=layout.dead_letters[entry.made],
        pages=layout.pages[entry.made],
    )
