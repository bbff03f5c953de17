"""Where everything of a plan lies: the fingerprint and folder of every output, computed before anything runs.

A pure function of the plan, the listings of its sources and the history of splits. Row-wise outputs are
fingerprinted per source, so adding a source re-runs nothing for the others; clusters, splits,
selections and shards are global.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from annotators import contamination, duplicates, masking, teacher
from annotators.annotator import segmenter
from corpus import normalise, tokenizer
from corpus.errors import PlanError
from corpus.fingerprint import fingerprint, library_versions
from corpus.lake import Folder
from corpus.pdf import vl
from corpus.readers import READERS, InputFile, Reader
from corpus.readers.pdf import PdfOptions
from corpus.strict_yaml import settings
from mixers import allocation, packing, selection, sequences, splits
from synth import judging, refinement
from synth.prompt import digest
from synth.recipe import Recipe
from synth.recipes import RECIPES
from synth.refinement import REFINE
from workflows.measures import DOCUMENT_COLUMNS, all_fields, annotator_of, measures
from workflows.plan import Labelling, Plan, Refinement, Source, Synthesis
from workflows.steps import strata

VERSION = (
    3  # of the steps' own glue: raised when a step's output changes without a module's VERSION
)


@dataclass(frozen=True)
class Sidecar:
    """A part-aligned output of one annotator for one source; `config` are its settings."""

    annotator: str
    config: Mapping[str, Any]
    folder: Folder


@dataclass(frozen=True)
class Made:
    """What stands between the documents that a model is shown and those that it makes."""

    prompt: str  # name and digest
    candidates: Folder
    requests: Folder  # the root of a folder per part
    responses: Mapping[str, Folder]  # by source: the root of a folder per part
    acceptance: Folder


@dataclass(frozen=True)
class Teacher:
    """What stands between documents and the labels that a teacher gives them."""

    asking: Made
    labels: Folder


@dataclass(frozen=True)
class Transcribed:
    """What stands between the drafts of a source and its documents."""

    requests: Folder  # the root of a folder per unit
    responses: Folder  # the same
    acceptance: Folder


class Layout:
    """Folders by what they hold. `content` says what each fingerprint was made of."""

    def __init__(
        self,
        plan: Plan,
        lake: str,
        listings: Mapping[str, tuple[InputFile, ...]],
        evaluation_digests: Mapping[str, str],
        previous_splits: str | None = None,
    ) -> None:
        self.plan = plan
        self.lake = lake
        self.content: dict[str, Mapping[str, Any]] = {}
        model = plan.model
        self.drafts: dict[str, Folder] = {}
        self.transcribed: dict[str, Transcribed] = {}
        self.documents = {
            s.name: self._folder("documents", s.name, self._read(s, listings[s.name]))
            for s in model.sources
        }
        self.pages = {name: self._beside("pages", name) for name in self.documents}
        self.dead_letters = {name: self._beside("dead_letters", name) for name in self.documents}
        for name, made in self.transcribed.items():
            self.transcribed[name] = replace(made, acceptance=self._beside("acceptance", name))
        self.index = self._index(evaluation_digests)
        self.sidecars = {name: self._sidecars(name) for name in self.documents}
        self.tokens = {name: self._tokens(name) for name in self.documents}
        self.made: dict[str, Made] = {}
        self.superseded: dict[str, Folder] = {}
        for refined in model.refine:
            self._refinement(refined)
        for entry in model.synthesise:
            self._synthesis(entry)
        self.teacher = self._teacher(model.label) if model.label else None
        self.clusters, self.duplicates = self._duplicates()
        self.splits_inputs = fingerprint(
            {"split": model.split.model_dump(), "seed": model.seed, "version": splits.VERSION}
            | {"clusters": self.clusters.path}
        )
        self.splits_root, self.splits = self._splits(previous_splits)
        self.selection_root, self.selections = self._selections()
        self.exchange, self.origins_root, self.shards, self.origins = self._shards()

    @property
    def priorities(self) -> dict[str, int]:
        """Of each source: whose document is kept among duplicates."""
        model = self.plan.model
        found = {s.name: s.priority for s in model.sources}
        # above its source's: where both are in a cluster, the one that supersedes must be kept
        found |= {entry.made: found[entry.source] + 1 for entry in model.refine}
        return found | {entry.made: entry.priority for entry in model.synthesise}

    def columns(self, source: str) -> dict[str, Folder]:
        """Where each column lies that is measured of a source, or stands with its documents."""
        fields = all_fields(self.plan.model)
        found = {f.name: s.folder for s in self.sidecars[source] for f in fields[s.annotator]}
        found["n_tokens"] = self.tokens[source]
        if source in self.superseded:
            found["superseded_by"] = self.superseded[source]
        return found | dict.fromkeys(DOCUMENT_COLUMNS, self.documents[source])

    def stages(self) -> list[str]:
        """Names of the stages, in the plan's order."""
        return list(self.plan.model.stages)

    def catalog(self) -> Iterator[tuple[str, str, str, Folder]]:
        """(step, table, source or stage, folder) of every output that users look at."""
        steps = {e.made: "refine" for e in self.plan.model.refine}
        steps |= {e.made: "synthesise" for e in self.plan.model.synthesise}
        steps |= dict.fromkeys(self.transcribed, "transcribe")
        for source, made in self.made.items():
            yield steps[source], "seeds", source, made.candidates
            yield steps[source], "acceptance", source, made.acceptance
        for source, transcribed in self.transcribed.items():
            yield "read", "drafts", source, self.drafts[source]
            yield "transcribe", "acceptance", source, transcribed.acceptance
        for source, folder in self.superseded.items():
            yield "refine", "annotations/superseded", source, folder
        if self.teacher is not None and self.teacher.labels.is_complete:
            yield "label", "acceptance", "labels", self.teacher.asking.acceptance
            yield "label", "labels", "", self.teacher.labels
        for source in self.documents:
            step = steps.get(source, "read")
            yield step, "documents", source, self.documents[source]
            yield step, "pages", source, self.pages[source]
            yield step, "dead_letters", source, self.dead_letters[source]
        for source, sidecars in self.sidecars.items():
            for sidecar in sidecars:
                yield "annotate", f"annotations/{sidecar.annotator}", source, sidecar.folder
            yield "annotate", "tokens", source, self.tokens[source]
        if self.index is not None:
            yield "annotate", "indexes", "contamination", self.index
        yield "deduplicate", "clusters", "", self.clusters
        for source, folder in self.duplicates.items():
            yield "deduplicate", "annotations/duplicates", source, folder
        for source, folder in self.splits.items():
            yield "split", "splits", source, folder
        for (stage, source), folder in self.selections.items():
            yield "select", f"selections/{stage}", source, folder
        for (stage, split), folder in self.shards.items():
            yield "pack", f"shards/{stage}", split, folder
        for (stage, split), folder in self.origins.items():
            yield "pack", f"origins/{stage}", split, folder

    def describe(self, folder: Folder) -> None:
        """Leave what the folder's fingerprint was made of beside its data."""
        for path, content in self.content.items():
            if folder.path == path or folder.path.startswith(path + "/"):
                folder.describe(content)

    def _folder(self, table: str, name: str, content: Mapping[str, Any], *below: str) -> Folder:
        path = f"{table}/{name}@{fingerprint(content)}"
        self.content[path] = content
        return Folder(self.lake, "/".join([path, *below]))

    def _synthesis(self, entry: Synthesis) -> None:
        """The folders of a recipe."""
        recipe = RECIPES[entry.recipe]
        seeds = {"documents": entry.documents, "targets": entry.targets, "rounds": entry.rounds}
        where = entry.where or recipe.seeds
        self._asking(recipe, entry.made, entry.sources, where, seeds)

    def _refinement(self, entry: Refinement) -> None:
        """The folders of a refined source, and of what it supersedes."""
        seeds = {"documents": entry.documents, "rounds": entry.rounds}
        where = entry.where or REFINE.seeds
        self._asking(REFINE, entry.made, entry.sources, where, seeds)
        path = self.documents[entry.made].path.split("@")[1]
        self.superseded[entry.source] = Folder(
            self.lake, f"annotations/superseded@{path}/{entry.source}"
        )

    def _asking(
        self,
        recipe: Recipe,
        made: str,
        sources: Sequence[str],
        where: str,
        seeds: Mapping[str, Any],
    ) -> None:
        """The folders of the source `made`. Requests go by the seeds and how they are asked about, documents by what is
        accepted too; responses by prompt, model and text alone, so that other seeds or guards ask nothing again.
        """
        question = {
            "prompt": f"{recipe.name}/{digest(recipe)}",
            "model": self.plan.model.models[recipe.role].model,
        }
        asked = question | {
            "recipe": [recipe.temperatures, recipe.top_p, recipe.max_tokens, recipe.characters],
            "parameters": self.plan.model.models[recipe.role].parameters,
            "samples": recipe.samples,
            "schema": recipe.schema,
            "seeds": [where, seeds, self.plan.model.seed, strata.VERSION],
            "inputs": sorted({f.path for s in sources for f in self._deciding(where, s)}),
        }
        name = f"{made}@{fingerprint(asked)}"
        answered = {s: question | {"documents": self.documents[s].path} for s in sources}
        responses = {
            source: self._folder("responses", recipe.name, content, source)
            for source, content in answered.items()
        }
        accepted = {
            "requests": name,
            "responses": sorted(f.path for f in responses.values()),
            "version": [VERSION, recipe.version, refinement.VERSION, judging.VERSIONS],
        }
        self.documents[made] = self._folder("documents", made, accepted)
        self.made[made] = Made(
            prompt=question["prompt"],
            candidates=Folder(self.lake, f"seeds/{name}"),
            requests=Folder(self.lake, f"requests/{name}"),
            responses=responses,
            acceptance=self._beside("acceptance", made),
        )
        self.content[f"seeds/{name}"] = asked
        self.pages[made] = self._beside("pages", made)
        self.dead_letters[made] = self._beside("dead_letters", made)
        self.sidecars[made] = self._sidecars(made)
        self.tokens[made] = self._tokens(made)

    def _teacher(self, entry: Labelling) -> Teacher | None:
        """The folders of a teacher. Other documents ask nothing again about those that were asked about before."""
        model = self.plan.model.models.get("judge")
        if model is None:
            return None
        dimensions = entry.asked
        question = {"prompt": f"label/{teacher.digest(dimensions)}", "model": model.model}
        settings_ = entry.model_dump(exclude={"taxonomy", "documents", "sources"})
        asked = question | {
            "ladder": [teacher.TEMPERATURES, teacher.TOP_P, teacher.MAX_TOKENS],
            "parameters": model.parameters,
            "label": settings_ | {"documents": entry.documents, "seed": self.plan.model.seed},
            "strata": strata.VERSION,
            "inputs": sorted({f.path for s in entry.sources for f in self._drawing(entry, s)}),
        }
        name = f"labels@{fingerprint(asked)}"
        self.content[f"seeds/{name}"] = asked
        responses = {
            source: self._folder(
                "responses", "labels", question | {"documents": self.documents[source].path}, source
            )
            for source in entry.sources
        }
        accepted = {"requests": name, "version": [VERSION, teacher.VERSION]}
        accepted |= {"responses": sorted(folder.path for folder in responses.values())}
        labels = self._folder("labels", "teacher", accepted)
        return Teacher(
            asking=Made(
                prompt=question["prompt"],
                candidates=Folder(self.lake, f"seeds/{name}"),
                requests=Folder(self.lake, f"requests/{name}"),
                responses=responses,
                acceptance=Folder(self.lake, f"acceptance/{labels.path.split('/', 1)[1]}"),
            ),
            labels=labels,
        )

    def _drawing(self, entry: Labelling, source: str) -> list[Folder]:
        """What decides which documents of a source are labelled."""
        student = [s.folder for s in self.sidecars[source] if s.annotator == "student"]
        return [*self._deciding(entry.where or "TRUE", source), *student]

    def _deciding(self, where: str, source: str) -> list[Folder]:
        """What decides which documents of a source are seeds: their text, and the columns that are looked at."""
        columns = self.columns(source)
        named = {*pl.sql_expr(where).meta.root_names(), "language", "n_chars"}
        return [self.documents[source], *(columns[name] for name in named & columns.keys())]

    def _beside(self, table: str, source: str) -> Folder:
        name = self.documents[source].path.split("/", 1)[1]
        return Folder(self.lake, f"{table}/{name}")

    def _read(self, source: Source, files: tuple[InputFile, ...]) -> Mapping[str, Any]:
        """What decides the documents of a source."""
        reading = self._reading(source, files)
        if not asks_pages(source):
            return reading
        return {**reading, **self._transcription(source.name, reading)}

    def _transcription(self, source: str, reading: Mapping[str, Any]) -> Mapping[str, Any]:
        """The folders of pages that a model is asked about, and what their answers add to the source's documents.
        Drafts go by what is read before, requests and responses by how pages are shown and asked.
        """
        before = {name: value for name, value in reading.items() if name != "assets"}
        before["options"] = {"passwords": reading["options"].passwords, "side": vl.SIDE}
        before["source"] = {"name": source}
        self.drafts[source] = self._folder("drafts", source, before)
        question = {
            "prompt": vl.PROMPT,
            "model": self.plan.model.models["vl"].model,
            "drafts": self.drafts[source].path,
        }
        asked = question | {
            "ladder": [vl.TEMPERATURES[: reading["options"].vl_rounds], vl.TOP_P, vl.MAX_TOKENS],
            "parameters": self.plan.model.models["vl"].parameters,
            "seed": self.plan.model.seed,
        }
        name = self.drafts[source].path.removeprefix("drafts/")
        requests = Folder(self.lake, f"requests/{name}/{fingerprint(asked)}")
        responses = self._folder("responses", "pages", question, source)
        self.transcribed[source] = Transcribed(requests, responses, acceptance=requests)
        return {
            "requests": requests.path,
            "responses": responses.path,
            "asked": asked,
            "judging": [VERSION, vl.VERSIONS],
        }

    def _reading(self, source: Source, files: tuple[InputFile, ...]) -> Mapping[str, Any]:
        reader = READERS[source.reader]
        options = settings(reader.options, source.options, source.name)
        return {
            **_reader_assets(reader, options, source.name),
            "step": ["read", VERSION, normalise.VERSION, reader.version],
            "source": source.model_dump(exclude={"path", "kind", "priority", "options"}),
            "options": options,
            "libraries": library_versions({*reader.libraries, "ftfy"}),
            "part_bytes": self.plan.model.resources.part_bytes,
            "limits": self.plan.model.limits.model_dump(),
            "files": fingerprint({"files": [[f.path, f.size] for f in files]}),
        }

    def _index(self, digests: Mapping[str, str]) -> Folder | None:
        if not digests:
            return None
        fields = {e.name: e.fields for e in self.plan.model.evaluations}
        content = {
            "version": contamination.VERSION,
            "segmenter": dict(segmenter(None)),
            "fields": fields,
            "files": dict(digests),
        }
        return self._folder("indexes", "contamination", content)

    def _sidecars(self, source: str) -> list[Sidecar]:
        index = "" if self.index is None else self.index.file_uri("index.npz")
        chosen = measures(self.plan.model, index)
        return [self._sidecar(key, values, source) for key, values in chosen.items()]

    def _sidecar(self, key: str, values: Mapping[str, Any], source: str) -> Sidecar:
        annotator = annotator_of(key)
        content: dict[str, Any] = {
            "annotator": [key, annotator.version],
            "documents": self.documents[source].path,
        }
        if key == "contamination":
            assert self.index is not None
            content["index"] = self.index.path
        else:
            config = settings(annotator.config, values, f"annotate.{key}")
            content |= {"config": values, "assets": dict(annotator.assets(config))}
        return Sidecar(key, values, self._folder("annotations", key, content, source))

    def _tokens(self, source: str) -> Folder:
        ranks = self.plan.model.tokenizer.ranks or tokenizer.default_ranks()
        content: dict[str, Any] = {
            "version": tokenizer.VERSION,
            "ranks": tokenizer.file_sha256(ranks),
            "libraries": library_versions(["gigatoken"]),
            "documents": self.documents[source].path,
        }
        if self.plan.model.mask:
            content["mask"] = masking.decided_by(self.plan.model.mask)
        return self._folder("tokens", self.plan.model.tokenizer.name, content, source)

    def _duplicates(self) -> tuple[Folder, dict[str, Folder]]:
        model = self.plan.model
        settings_ = model.deduplicate.model_dump(
            exclude={"allow", "max_cluster", "max_source_loss"}
        )
        content = {
            "version": [VERSION, duplicates.VERSION],
            "settings": settings_,
            "priorities": self.priorities,
            "inputs": self._inputs(("content_hash", "minhash")),
        }
        root = self._folder("clusters", self.plan.model.name, content)
        name = root.path.split("@")[1]
        below = {
            source: Folder(self.lake, f"annotations/duplicates@{name}/{source}")
            for source in self.documents
        }
        return root, below

    def _inputs(self, annotators: tuple[str, ...]) -> list[str]:
        chosen = [s.folder.path for of in self.sidecars.values() for s in of]
        chosen = [path for path in chosen if path.split("/")[1].split("@")[0] in annotators]
        return sorted([*chosen, *(folder.path for folder in self.tokens.values())])

    def _splits(self, previous: str | None) -> tuple[Folder, dict[str, Folder]]:
        content = {"inputs": self.splits_inputs, "previous": previous}
        root = self._folder("splits", self.plan.model.name, content)
        return root, {name: Folder(self.lake, f"{root.path}/{name}") for name in self.documents}

    def _selections(self) -> tuple[Folder, dict[tuple[str, str], Folder]]:
        model = self.plan.model
        content = {
            "version": [VERSION, selection.VERSION, allocation.VERSION],
            # lists, because the order of stages and of rules matters
            "mixtures": [
                [stage, list(m.rules.items()), m.model_dump(exclude={"name", "rules"})]
                for stage, m in self.plan.mixtures.items()
            ],
            "budgets": {stage: self.plan.budget(stage) for stage in model.stages},
            "cap": model.repetition_cap,
            "seed": model.seed,
            "kinds": self.plan.kinds,
            "inputs": self._inputs(tuple(measures(model))),
            "superseded": sorted(folder.path for folder in self.superseded.values()),
            "duplicates": self.clusters.path,
            "splits": self.splits_root.path,
        }
        root = self._folder("selections", model.name, content)
        return root, {
            (stage, source): Folder(self.lake, f"{root.path}/{stage}/{source}")
            for stage in model.stages
            for source in self.documents
        }

    def _shards(
        self,
    ) -> tuple[Folder, Folder, dict[tuple[str, str], Folder], dict[tuple[str, str], Folder]]:
        model = self.plan.model
        content = {
            "version": [VERSION, packing.VERSION, sequences.VERSION],
            "selection": self.selection_root.path,
            "seq_len": {name: stage.seq_len for name, stage in model.stages.items()},
            "sizes": [model.resources.bucket_tokens, model.resources.shard_bytes],
        }
        root = self._folder("shards", model.name, content)
        name = root.path.split("/", 1)[1]
        both = [(stage, split) for stage in model.stages for split in ("train", "validation")]
        return (
            Folder(self.lake, f"exchange/{name}"),
            Folder(self.lake, f"origins/{name}"),
            {(a, b): Folder(self.lake, f"shards/{name}/{a}/{b}") for a, b in both},
            {(a, b): Folder(self.lake, f"origins/{name}/{a}/{b}") for a, b in both},
        )


def asks_pages(source: Source) -> bool:
    """Whether a model is asked about pages of this source."""
    options = settings(READERS[source.reader].options, source.options, source.name)
    return isinstance(options, PdfOptions) and options.vl


def _reader_assets(reader: Reader, options: Any, source: str) -> Mapping[str, Any]:
    if reader.assets is None:
        return {}
    try:
        return {"assets": dict(reader.assets(options))}
    except ValueError as error:
        raise PlanError(f"{source}: {error}") from None
