"""The mixture file: which documents a stage takes, and how much of each cell.

A mixture is YAML that a person or `tokenmill ablate` writes:

    name: general
    rules:                       # SQL over annotations; the first that fails is the document's reason
      known_language: language is not null or kind = 'code'
      one_of_cluster: cluster_rank = 0
    weights:                     # factors on the natural share of a cell; the first match counts
      - {kind: code, weight: 1.5}
    languages: {method: unimax, epochs: 4}
    lengths:                     # token shares by document length, for the long-context stage
      - {at_least: 16384, share: 0.75}
      - {at_least: 4096, below: 16384, share: 0.25}

Instead of `weights`, a mixture may name its own cells, and choose within them document by document:

    criteria:                    # numbers over annotations, brought to 0..1; the first is worst, the second best
      schooling: {of: education_level, worst: 0, best: 4}
      brevity: {of: n_words, worst: 2000, best: 100}
    cells:                       # the first whose condition holds is the document's; none: reason `no_cell`
      - name: web
        where: kind = 'web'      # SQL, as of a rule
        share: 0.6               # of the stage's tokens; shares of cells that have no document go to the others
        criteria: {schooling: 0.7, brevity: 0.3}  # merged into one score
        cutoff: 0.2              # the worst fifth of the cell's tokens is left out
        power: 1                 # copies grow with ((rank - cutoff) / (1 - cutoff)) ** power
        ceiling: 3               # copies of a document at most
      - {name: rest, share: 0.4}

The columns a rule may name are those of the annotations of the plan plus `source`, `kind`, `n_tokens`
and `threshold_*`: FineWeb-2's thresholds for the document's own language (null where it has none).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from corpus.languages import language
from corpus.strict_yaml import unknown

NO_LANGUAGE = "-"  # the language of a cell of program code
OTHER = "other"  # of natural language that the annotator could not name
STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Weight(BaseModel):
    """A factor on the natural share of the cells that match all the keys given."""

    model_config = STRICT

    kind: str | None = None
    language: str | None = None
    source: str | None = None
    weight: float = Field(ge=0)

    @field_validator("language")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        return name if name in (None, NO_LANGUAGE, OTHER) else language(str(name)).label


class Languages(BaseModel):
    """How the budget is spread over languages.

    `natural` keeps the proportions of the supply. `temperature` gives a language a share in proportion to
    supply ** (1 / temperature). `unimax` (arXiv 2304.09151) spreads evenly, but no language is
    repeated more than `epochs` times. Documents that are not natural language keep their natural share.
    """

    model_config = STRICT

    method: Literal["natural", "temperature", "unimax"] = "natural"
    temperature: float = Field(default=1.0, gt=0)
    epochs: float = Field(default=4.0, gt=0)


class Length(BaseModel):
    """A share of the stage's tokens from documents of so many tokens (`<|endoftext|>` not counted)."""

    model_config = STRICT

    at_least: int = Field(ge=0)
    below: int | None = Field(default=None, gt=0)
    share: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Length:
        if self.below is not None and self.below <= self.at_least:
            raise ValueError(f"below={self.below} must be greater than at_least={self.at_least}")
        return self

    @property
    def name(self) -> str:
        """`16384+` or `4096-16384`."""
        return f"{self.at_least}+" if self.below is None else f"{self.at_least}-{self.below}"


class Criterion(BaseModel):
    """A number over annotations, in SQL, that is brought to 0 where it is `worst` and to 1 where it is `best`."""

    model_config = STRICT

    of: str
    worst: float
    best: float
    missing: float = Field(default=0.5, ge=0, le=1)  # for a document without a value

    @model_validator(mode="after")
    def _apart(self) -> Criterion:
        if self.worst == self.best:
            raise ValueError(f"worst and best are both {self.best:g}; they must differ")
        return self


class Cell(BaseModel):
    """A part of the supply with a share of its own, and how copies rise with quality in it (after arXiv 2504.16511)."""

    model_config = STRICT

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:+-]*$")
    where: str = "true"
    share: float = Field(ge=0)
    criteria: dict[str, float] = Field(default_factory=dict)
    cutoff: float = Field(default=0, ge=0, lt=1)
    power: float = Field(default=0, ge=0)
    ceiling: float | None = Field(default=None, gt=0)

    @field_validator("criteria")
    @classmethod
    def _weights(cls, weights: dict[str, float]) -> dict[str, float]:
        if weights and (min(weights.values()) < 0 or sum(weights.values()) <= 0):
            raise ValueError(f"weights of criteria must be 0 or more, and one above 0: {weights}")
        return weights

    @model_validator(mode="after")
    def _ranked(self) -> Cell:
        if (self.cutoff or self.power) and not self.criteria:
            raise ValueError(f"cell {self.name} has a cutoff or power but no criteria to rank by")
        return self


class Mixture(BaseModel):
    """One stage's mixture file."""

    model_config = STRICT

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    rules: dict[str, str] = Field(default_factory=dict)
    weights: list[Weight] = Field(default_factory=list)
    languages: Languages = Languages()
    lengths: list[Length] = Field(default_factory=list)
    criteria: dict[str, Criterion] = Field(default_factory=dict)
    cells: list[Cell] = Field(default_factory=list)

    @model_validator(mode="after")
    def _cells(self) -> Mixture:
        names = [cell.name for cell in self.cells]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two cells are called {min(twice)}; give each a name of its own")
        if self.cells and self.weights:
            raise ValueError(
                "a mixture has weights or cells, not both: a cell's share says as much"
            )
        if self.cells and not any(cell.share for cell in self.cells):
            raise ValueError("every cell has share 0; give one more")
        for cell in self.cells:
            for name in cell.criteria:
                if name not in self.criteria:
                    raise ValueError(
                        f"cell {cell.name}: {unknown('criterion', name, self.criteria)}"
                    )
        return self

    @model_validator(mode="after")
    def _shares(self) -> Mixture:
        if self.lengths and abs(sum(band.share for band in self.lengths) - 1) > 1e-9:
            total = sum(band.share for band in self.lengths)
            raise ValueError(f"the shares of lengths add up to {total:g}; make them add up to 1")
        ordered = sorted(self.lengths, key=lambda band: band.at_least)
        for lower, upper in pairwise(ordered):
            if lower.below is None or lower.below > upper.at_least:
                raise ValueError(
                    f"the lengths {lower.name} and {upper.name} overlap; end the first with "
                    f"below: {upper.at_least}"
                )
        return self
