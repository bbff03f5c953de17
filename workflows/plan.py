"""The plan: one YAML file that says what goes in, what is measured, and what comes out.

`load_plan` parses it strictly (see `corpus.strict_yaml`) together with the mixture files it names, and checks
readers, settings, paths and stages before anything runs. `workflows.run.check` adds annotators and rules.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from annotators.masking import placeholder
from annotators.personal_data import KINDS
from annotators.taxonomy import Dimension, chosen
from annotators.taxonomy import load as load_taxonomy
from annotators.teacher import TEMPERATURES
from corpus import storage
from corpus.errors import PlanError
from corpus.languages import LANGUAGES
from corpus.limits import Limits
from corpus.readers import READERS
from corpus.strict_yaml import load, settings, unknown
from mixers.mixture import Mixture
from synth.recipe import Role
from synth.recipes import RECIPES
from workflows.engines.model import Model

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
RESERVED = frozenset({"id", "split", "n_tokens", "documents", "tokens", "row", "cell"})  # columns
SYNTHETIC = "synthetic"  # the kind of what recipes make
ANY = "*"  # languages that are not named
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


def _languages(documents: dict[str, int | None]) -> dict[str, int | None]:
    for label in documents:
        if label not in LANGUAGES and label != ANY:
            raise ValueError(unknown("language", label, [ANY, *LANGUAGES]))
    return documents


Quotas = Annotated[  # documents by language label or `*`; null for all there are
    dict[str, Annotated[int, Field(ge=0)] | None], Field(min_length=1), AfterValidator(_languages)
]


class Source(BaseModel):
    """An immutable snapshot of raw files that one reader reads."""

    model_config = STRICT

    name: str = Field(pattern=NAME)
    reader: str
    path: str
    kind: str = Field(pattern=NAME)
    options: dict[str, Any] = Field(default_factory=dict)
    licence: str | None = None
    priority: int = Field(default=0, ge=-1000, le=1000)

    @field_validator("reader")
    @classmethod
    def _known(cls, reader: str) -> str:
        if reader not in READERS:
            raise ValueError(unknown("reader", reader, READERS))
        return reader


class Evaluation(BaseModel):
    """A benchmark that training data must not quote: JSONL, one item a line."""

    model_config = STRICT

    name: str = Field(pattern=NAME)
    path: str
    fields: list[str] = Field(min_length=1)


class Synthesis(BaseModel):
    """One recipe over some sources. `documents` says how many seeds are asked about, per language or for `*`, each
    other.
    """

    model_config = STRICT

    recipe: str
    sources: list[str] = Field(min_length=1)
    documents: Quotas
    targets: list[str] = Field(default_factory=list)  # languages to write in, for recipes that ask
    where: str | None = None  # SQL over annotations; the recipe's own by default
    rounds: Annotated[int, Field(ge=1)] | None = None  # at most; the recipe's own by default
    priority: int = Field(
        default=-1, ge=-1000, le=1000
    )  # a synthetic copy gives way to the real one

    @property
    def made(self) -> str:
        """The source that its documents make."""
        return f"synth.{self.recipe}"

    @field_validator("recipe")
    @classmethod
    def _known_recipe(cls, recipe: str) -> str:
        if recipe not in RECIPES:
            raise ValueError(unknown("recipe", recipe, RECIPES))
        return recipe

    @field_validator("targets")
    @classmethod
    def _known_targets(cls, targets: list[str]) -> list[str]:
        for label in targets:
            if label not in LANGUAGES:
                raise ValueError(unknown("language", label, LANGUAGES))
        return targets


class Refinement(BaseModel):
    """Extracted text of one source repaired by a model. `documents` says how many are asked about, as for recipes; all
    where it is left out.
    """

    model_config = STRICT

    source: str
    documents: Quotas = {ANY: None}
    where: str | None = None  # SQL over annotations; every document by default
    rounds: Annotated[int, Field(ge=1)] | None = None  # at most; REFINE's own by default

    @property
    def made(self) -> str:
        """The source that the repaired documents make."""
        return f"{self.source}.refined"

    @property
    def sources(self) -> list[str]:
        """The sources whose documents are shown to the model."""
        return [self.source]


class Labelling(BaseModel):
    """What a teacher is asked about some documents by `tokenmill label`. `documents` says how many, per language or for
    `*`, each other.
    """

    model_config = STRICT

    dimensions: list[str] = Field(min_length=1)
    documents: Quotas
    sources: list[str] = Field(min_length=1)
    taxonomy: str | None = None  # a file of dimensions that adds to ours
    where: str | None = None  # SQL over annotations; every document by default
    samples: int = Field(default=1, ge=1, le=64)  # independent answers to each question
    per_call: int = Field(default=4, ge=1)  # dimensions
    active: float = Field(
        default=4.0, ge=1
    )  # how much sooner a document is drawn that the student is wholly unsure of
    rounds: int = Field(default=len(TEMPERATURES), ge=1, le=len(TEMPERATURES))

    @property
    def made(self) -> str:
        """How requests and seeds are named."""
        return "labels"

    @property
    def asked(self) -> list[Dimension]:
        """What is asked. PlanError for a dimension that does not exist."""
        return chosen(load_taxonomy(self.taxonomy or ""), self.dimensions)


class Deduplicate(BaseModel):
    """MinHash-LSH settings (arXiv 2107.06499 uses the same family) and the alarms."""

    model_config = STRICT

    ngram: int = Field(default=5, ge=1, le=50)
    bands: int = Field(default=14, ge=1, le=100)
    rows: int = Field(default=8, ge=1, le=50)
    threshold: float = Field(default=0.75, gt=0, le=1)
    max_bucket: int = Field(default=100_000, ge=2)
    max_cluster: int = Field(default=10_000, ge=2)
    max_source_loss: float = Field(default=0.9, gt=0, le=1)
    allow: list[str] = Field(default_factory=list)


class Split(BaseModel):
    """Shares of the groups of documents that are kept out of training."""

    model_config = STRICT

    validation: float = Field(default=0.005, ge=0, lt=1)
    targets: float = Field(default=0.0, ge=0, lt=1)


class Tokenizer(BaseModel):
    """The tokenizer; `ranks` is a path to a tiktoken ranks file, by default the packaged Qwen one."""

    model_config = STRICT

    name: str = Field(default="qwen2.5", pattern=NAME)
    ranks: str | None = None


class Stage(BaseModel):
    """One stage of training: how long its sequences are, how many tokens, from which mixture."""

    model_config = STRICT

    seq_len: int = Field(ge=16, le=1 << 22)
    budget: float = Field(gt=0)
    mixture: str


class Resources(BaseModel):
    """Sizes. `num_cpus` never changes a byte of output; part and bucket sizes do."""

    model_config = STRICT

    num_cpus: int | None = Field(default=None, ge=1)
    part_bytes: int = Field(default=128 << 20, ge=1 << 10)
    bucket_tokens: int = Field(default=1 << 28, ge=1 << 12)
    shard_bytes: int = Field(default=256 << 20, ge=1 << 16)


class LimitsModel(BaseModel):
    """Limits on one document while a reader works on it."""

    model_config = STRICT

    cpu_seconds: float = Field(default=30.0, gt=0)
    memory_bytes: int = Field(default=2 << 30, ge=256 << 20)
    max_bytes: int = Field(default=256 << 20, ge=1)
    max_pages: int = Field(default=5000, ge=1)

    def limits(self) -> Limits:
        """The same as the readers take it."""
        return Limits(**self.model_dump())


class PlanModel(BaseModel):
    """The plan as it stands in its file."""

    model_config = STRICT

    name: str = Field(pattern=NAME)
    seed: int = Field(default=0, ge=0)
    scale: float = Field(default=1.0, gt=0)
    repetition_cap: float = Field(default=4.0, gt=0)
    sources: list[Source] = Field(min_length=1)
    annotate: dict[str, dict[str, Any]] = Field(default_factory=dict)  # see workflows.measures
    evaluations: list[Evaluation] = Field(default_factory=list)
    models: dict[Role, Model] = Field(default_factory=dict)  # by role
    refine: list[Refinement] = Field(default_factory=list)
    synthesise: list[Synthesis] = Field(default_factory=list)
    label: Labelling | None = None
    deduplicate: Deduplicate = Deduplicate()
    split: Split = Split()
    tokenizer: Tokenizer = Tokenizer()
    mask: dict[str, str] = Field(default_factory=dict)  # placeholder by kind of personal data
    stages: dict[Annotated[str, Field(pattern=NAME)], Stage] = Field(min_length=1)
    limits: LimitsModel = LimitsModel()
    resources: Resources = Resources()

    @field_validator("mask", mode="before")
    @classmethod
    def _named(cls, mask: Any) -> Any:
        """A list of kinds stands for the placeholder that each has."""
        for kind in mask if isinstance(mask, list | dict) else ():
            if kind not in KINDS:
                raise ValueError(unknown("kind of personal data", str(kind), KINDS))
        return {kind: placeholder(kind) for kind in mask} if isinstance(mask, list) else mask

    @model_validator(mode="after")
    def _unique(self) -> PlanModel:
        for what, names in (
            ("source", [source.name for source in self.sources]),
            ("evaluation", [evaluation.name for evaluation in self.evaluations]),
            ("refinement of", [entry.source for entry in self.refine]),
            ("recipe", [entry.recipe for entry in self.synthesise]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} {twice[0]!r} is named twice; give each its own name")
        self._check_made()
        taken = sorted(RESERVED & self.stages.keys())
        if taken:
            raise ValueError(f"a stage cannot be called {taken[0]!r}; give it another name")
        if self.split.validation + self.split.targets >= 1:
            raise ValueError("split.validation + split.targets must stay below 1")
        return self

    def _check_made(self) -> None:
        """What models make goes by names of its own, from sources that are there before."""
        read = [source.name for source in self.sources]
        there = list(read)
        made = [(f"refine {e.source}", e.sources, e.made, read) for e in self.refine]
        made += [(f"synthesise {e.recipe}", e.sources, e.made, there) for e in self.synthesise]
        made += [("label", self.label.sources, self.label.made, read)] if self.label else []
        for where, sources, name, known in made:
            if name in read:
                raise ValueError(f"a source is called {name!r}, as what {where} makes; rename it")
            for source in sources:
                if source not in known:
                    raise ValueError(f"{where}: {unknown('source', source, known)}")
            there.append(name)


class Plan:
    """A plan that has been checked, with its mixtures and with absolute paths."""

    def __init__(self, model: PlanModel, path: str, mixtures: dict[str, Mixture]) -> None:
        self.model = model
        self.path = path
        self.mixtures = mixtures  # by stage

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each source."""
        found = {source.name: source.kind for source in self.model.sources}
        found |= {entry.made: found[entry.source] for entry in self.model.refine}
        return found | {entry.made: SYNTHETIC for entry in self.model.synthesise}

    def budget(self, stage: str) -> float:
        """Tokens asked of a stage, scaled."""
        return self.model.stages[stage].budget * self.model.scale


def load_plan(path: str, *, scale: float | None = None, models: bool = True) -> Plan:
    """Read and check a plan; without `models` all that asks one is left out. PlanError names every mistake with its
    line.
    """
    text = _read(path, "plan")
    model = load(text, path, PlanModel)
    folder = os.path.dirname(storage.absolute(path))
    if scale is not None:
        if not 0 < scale < math.inf:
            raise PlanError(f"--scale {scale:g} must be a number greater than 0")
        model = model.model_copy(update={"scale": scale})
    if not models:
        model = model.model_copy(
            update={"models": {}, "refine": [], "synthesise": [], "label": None}
            | {"sources": [_without_model(source) for source in model.sources]}
        )
    model = model.model_copy(
        update={
            "sources": [
                source.model_copy(update={"path": _resolve(folder, source.path)})
                for source in model.sources
            ],
            "models": {
                role: one.model_copy(update={"path": one.path and _resolve(folder, one.path)})
                for role, one in model.models.items()
            },
            "label": _resolved(folder, model.label),
            "tokenizer": model.tokenizer.model_copy(
                update={"ranks": model.tokenizer.ranks and _resolve(folder, model.tokenizer.ranks)}
            ),
            "evaluations": [
                item.model_copy(update={"path": _resolve(folder, item.path)})
                for item in model.evaluations
            ],
        }
    )
    _check_settings(model, path)
    mixtures = {
        name: load_mixture(_resolve(folder, stage.mixture), f"{path}: stages.{name}.mixture")
        for name, stage in model.stages.items()
    }
    return Plan(model, path, mixtures)


def _resolved(folder: str, label: Labelling | None) -> Labelling | None:
    if label is None or label.taxonomy is None:
        return label
    return label.model_copy(update={"taxonomy": _resolve(folder, label.taxonomy)})


def _without_model(source: Source) -> Source:
    options = {name: value for name, value in source.options.items() if name[:2] != "vl"}
    return source.model_copy(update={"options": options})


def load_mixture(path: str, where: str = "") -> Mixture:
    """Read and check one mixture file."""
    return load(_read(path, f"{where}: mixture" if where else "mixture"), path, Mixture)


def _check_settings(model: PlanModel, path: str) -> None:
    for source in model.sources:
        where = f"{path}: source {source.name}: options"
        settings(READERS[source.reader].options, source.options, where)
        if not storage.exists(source.path):
            raise PlanError(
                f"{path}: source {source.name}: there is nothing at {source.path}; correct `path` "
                "(it is relative to the plan's folder)"
            )
    if model.tokenizer.ranks and not os.path.isfile(model.tokenizer.ranks):
        raise PlanError(f"{path}: tokenizer.ranks: there is no file {model.tokenizer.ranks}")
    for role, one in model.models.items():
        if one.path and not storage.exists(one.path):
            raise PlanError(
                f"{path}: models.{role}: there is nothing at {one.path}; correct `path`"
            )
    for evaluation in model.evaluations:
        if not storage.exists(evaluation.path):
            raise PlanError(
                f"{path}: evaluation {evaluation.name}: there is no file {evaluation.path}"
            )


def _resolve(folder: str, path: str) -> str:
    if not storage.is_local(path):
        return path
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path)))


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanError(f"there is no {what} file {path}") from None
    except IsADirectoryError:
        raise PlanError(
            f"{path} is a folder; name the plan file, or `tokenmill init {path}` to write one"
        ) from None
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: the {what} file is not UTF-8 text ({error.reason})") from None
