"""Step `refine`: extracted text repaired piece by piece (`synth.refinement`), as a source called `<source>.refined`.

    seeds       parts -> which documents are refined (`workflows.steps.seeds`)
    ask         a request per piece; responses and acceptance, in rounds (`workflows.steps.asking`)
    documents   records (documents asked about) = documents (with a changed piece) + skipped (`unchanged`)

The original stays where a piece has no accepted answer, and a document none of whose pieces changed is not written. Of
those that are, the parent gets `superseded_by` (binary[16], null where nothing supersedes it), an annotation aligned
with its source, so that a mixture takes one of the two. Counts say how many pieces and words changed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from corpus.calls import Call, Request
from corpus.document import DOCUMENTS, ID, document_id, locator, metadata_json
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.normalise import normalise
from corpus.randomness import hash64
from synth.refinement import REFINE, changed_words, merged, most_tokens, pieces
from workflows.plan import PlanModel, Refinement
from workflows.steps import annotate, asking
from workflows.steps.asking import Asked, Exchange
from workflows.steps.context import Context
from workflows.steps.read import DEAD_LETTERS
from workflows.steps.seeds import Seeds, choose, columns_before
from workflows.steps.seeds import check as check_seeds

SUPERSEDED = pa.schema([pa.field("id", ID, nullable=False), pa.field("superseded_by", ID)])


@dataclass(frozen=True)
class Job:
    """One entry of the plan's `refine:`."""

    entry: Refinement
    exchange: Exchange
    seeds: Seeds
    documents: Folder
    dead_letters: Folder
    pages: Folder
    superseded: Folder

    @property
    def outputs(self) -> list[Folder]:
        """What `write` commits by the same key; `superseded` goes by the parts of the source."""
        return [self.dead_letters, self.pages, self.documents]

    def first(self, key: str) -> list[Request]:
        """A request for each piece of the chosen documents."""
        texts = self.seeds.texts(key)
        return [
            self._request(document, row, start, stop, 0, most_tokens(texts[row][start:stop]))
            for row, document, _ in self.seeds.chosen(key).iter_rows()
            for start, stop in pieces(texts[row])
        ]

    def again(self, asked: Asked, round_: int) -> Request:
        """The same piece with the next temperature."""
        names = ("document_id", "row", "start", "stop")
        document, row, start, stop = (asked.request[name] for name in names)
        most = json.loads(asked.request["parameters"])["max_tokens"]
        return self._request(document, row, start, stop, round_, most)

    def calls(self, key: str, requests: pa.Table) -> Iterator[Call]:
        """The prompts."""
        return self.seeds.calls(REFINE, key, requests)

    def judge(
        self,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
        before: Sequence[Asked],
    ) -> Iterator[Judged]:
        """The guards of the recipe."""
        return self.seeds.judge(REFINE, key, requests, responses)

    def question(self, request: Mapping[str, Any]) -> Hashable:
        """A piece."""
        return tuple(request[name] for name in ("document_id", "start", "stop"))

    def settle(self, key: str, answers: Sequence[Asked]) -> list[Judged]:
        """The first that is accepted."""
        return asking.first_accepted(answers)

    def write(self, key: str, found: Sequence[Asked]) -> None:
        """The documents with a changed piece, and what supersedes what."""
        part = self.seeds.parts[key]
        table = read_part(self.seeds.documents[part.source], part.name)
        by_row: dict[int, list[Asked]] = {row: [] for row in self.seeds.chosen(key)["row"]}
        for asked in found:
            by_row[asked.request["row"]].append(asked)
        counts = Counter(records=len(by_row), documents=0, failed=0, skipped=0, bytes=0)
        rows, children = [], [None] * table.num_rows
        for number, answers in by_row.items():
            original = table.slice(number, 1).to_pylist()[0]
            row = self._refined(original, answers, counts)
            if row is not None:
                rows.append(row)
                children[number] = row["id"]
        counts["skipped.unchanged"] = counts["skipped"] = len(by_row) - len(rows)
        counts["documents"] = counts["with_parents"] = len(rows)
        made = pa.Table.from_pylist(rows, schema=DOCUMENTS)
        files = [write_part(self.documents, f"part-{key}.parquet", made)] if rows else []
        sidecar = pa.table([table.column("id"), pa.array(children, ID)], schema=SUPERSEDED)
        side_file = write_part(self.superseded, part.name, sidecar)
        own = {"documents": table.num_rows, "superseded": len(rows)}
        self.superseded.commit(Entry(key=part.key, files=[side_file], counts=own))
        letters = write_part(self.dead_letters, f"part-{key}.parquet", DEAD_LETTERS.empty_table())
        self.dead_letters.commit(Entry(key=key, files=[letters]))
        self.pages.commit(Entry(key=key, files=[]))
        self.documents.commit(Entry(key=key, files=files, counts=dict(sorted(counts.items()))))

    def _refined(
        self, original: dict[str, Any], answers: Sequence[Asked], counts: Counter[str]
    ) -> dict[str, Any] | None:
        """The document with its accepted pieces; None where that changes nothing."""
        text = original["text"]
        spans = {(a.request["start"], a.request["stop"]): a for a in answers if a.judged.text}
        repaired = {span: asked.judged.text or "" for span, asked in spans.items()}
        new = normalise(merged(text, repaired))
        words = [changed_words(text[a:b], answer) for (a, b), answer in repaired.items()]
        counts["pieces"] += len({self.question(asked.request) for asked in answers})
        counts["pieces_repaired"] += sum(text[a:b] != new for (a, b), new in repaired.items())
        counts["words"] += sum(all_ for _, all_ in words)
        counts["words_changed"] += sum(changed for changed, _ in words)
        if new == text:
            return None
        counts["bytes"] += len(new.encode())
        path = f"{original['source']}/{original['id'].hex()}"
        known = {"model": min(asked.response["model"] for asked in spans.values())}
        known |= {"pieces": len(repaired)} | {
            name: value
            for name, value in json.loads(original["metadata"]).items()
            if name not in ("page_ends",)  # places in the text that it was
        }
        return original | {
            "id": document_id(self.entry.made, path, 0),
            "text": new,
            "source": self.entry.made,
            "locator": locator(path, 0),
            "parent_ids": [original["id"]],
            "provenance": f"{REFINE.name}/{REFINE.version}",
            "metadata": metadata_json(known),
        }

    def _request(
        self, document: bytes, row: int, start: int, stop: int, round_: int, most: int
    ) -> Request:
        drawn = [self.exchange.prompt, document.hex(), str(start), str(round_)]
        seed = hash64(str(self.seeds.seed), *drawn) % (1 << 31)
        asked = REFINE.parameters(round_, seed) | self.exchange.model.parameters
        return Request(
            document_id=document,
            row=row,
            start=start,
            stop=stop,
            round=round_,
            parameters=asked | {"max_tokens": min(most, asked["max_tokens"])},
        )


def run(context: Context) -> None:
    """Make the refined sources of the plan, then annotate them like any other."""
    jobs = {f"refine {e.source}": _job(context, e) for e in context.plan.model.refine}
    todo = asking.unfinished(jobs)
    asking.ask_all(context, {name: _chosen(context, job) for name, job in todo.items()})
    for job in jobs.values():
        if not job.superseded.is_complete:
            context.finish(job.superseded)
    if jobs:
        annotate.run(context, [job.entry.made for job in jobs.values()])


def _chosen(context: Context, job: Job) -> Job:
    return replace(job, seeds=choose(context, job.seeds))


def check(model: PlanModel) -> None:
    """PlanError for a role without a model, or a `where` that is no condition on what is measured before."""
    for entry in model.refine:
        place = f"refine.{entry.source}"
        if REFINE.role not in model.models:
            raise PlanError(
                f"{place}: it asks a model of the role {REFINE.role}; name one: `models: {{{REFINE.role}: …}}`"
            )
        check_seeds(columns_before(model, refined=False), entry.where or REFINE.seeds, place)


def _job(context: Context, entry: Refinement) -> Job:
    layout = context.layout
    model, made = context.plan.model.models[REFINE.role], layout.made[entry.made]
    seeds = Seeds.of(context, entry, made.candidates, REFINE.seeds, REFINE.characters[0])
    return Job(
        entry=entry,
        exchange=Exchange.of(made, REFINE.role, model, seeds, REFINE.at_most(entry.rounds)),
        seeds=seeds,
        documents=layout.documents[entry.made],
        dead_letters=layout.dead_letters[entry.made],
        pages=layout.pages[entry.made],
        superseded=layout.superseded[entry.source],
    )
