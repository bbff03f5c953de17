"""What is asked about a document beyond its language and shape: dimensions, their values and what these mean.

`taxonomy.yaml` has an entry per dimension; everything else is derived from it: the rubric that a teacher reads, the
JSON schema of its answer, the heads of the student and their columns, the documentation. Another file adds to it:
`load(path)` reads one of the same form, whose entries come after ours or take their place.

A value has a name (`adult_content`) and, in an ordinal dimension, a level: a number that rises by one from `first`. An
answer gives levels for ordinal dimensions, a name for nominal ones, a list of names for multi-label ones, and null
where the text has no answer (`abstain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from corpus.errors import PlanError
from corpus.strict_yaml import load as load_yaml
from corpus.strict_yaml import unknown

OWN = Path(__file__).parent / "taxonomy.yaml"
REASON = "reason"  # of an answer: why, before the values
# What documents, labelled sets and the student's columns call something else.
RESERVED = frozenset(("id", "text", "lang", "language", "weight", "group", REASON)) | {
    *("abstained", "tier", "source", "locator", "kind", "split", "n_tokens"),
}
LEVELS = (-128, 127)  # a level is an int8
Kind = Literal["ordinal", "nominal", "multi"]
Label = int | str | Sequence[str] | None


class Dimension(BaseModel):
    """One question about a document, and the values that answer it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    kind: Kind
    question: str
    values: dict[str, str] = Field(min_length=2)  # name -> meaning; ordinal: from least to most
    abstain: str  # when there is no answer
    source: str  # whose scale it follows
    first: int = 0  # ordinal: the level of the first value
    main: bool = False  # whether the labelled set has it

    @field_validator("values")
    @classmethod
    def _named(cls, values: dict[str, str]) -> dict[str, str]:
        bad = [name for name in values if not name.isidentifier()]
        if bad:
            raise ValueError(f"value {bad[0]!r}: a name has letters, digits and _ only")
        return values

    @property
    def labels(self) -> tuple[int | str, ...]:
        """What an answer may say: levels or names."""
        if self.kind == "ordinal":
            return tuple(range(self.first, self.first + len(self.values)))
        return tuple(self.values)

    @property
    def type(self) -> pa.DataType:
        """Of the dimension's column."""
        if self.kind == "ordinal":
            return pa.int8()
        return pa.list_(pa.string()) if self.kind == "multi" else pa.string()

    def place(self, label: int | str) -> int:
        """Of a label among the values. ValueError for one that is none of them."""
        if label not in self.labels or isinstance(label, bool | float):
            raise ValueError(f"{self.name}: {unknown('value', str(label), map(str, self.labels))}")
        return self.labels.index(label)

    def check(self, label: Any) -> None:
        """ValueError for what is no answer; null is one."""
        if label is None:
            return
        if self.kind == "multi" and not isinstance(label, list):
            raise ValueError(f"{self.name} is {label!r}; it is a list of values")
        for one in label if self.kind == "multi" else [label]:
            self.place(one)

    @property
    def rubric(self) -> str:
        """The question and every value, as a reader is told them."""
        lines = [f"## {self.name} ({self.kind})", self.question]
        for label, (name, meaning) in zip(self.labels, self.values.items(), strict=True):
            lines.append(f"- {label}{f' ({name})' if self.kind == 'ordinal' else ''}: {meaning}")
        return "\n".join([*lines, f"- null: {self.abstain}"])

    @property
    def answer(self) -> dict[str, Any]:
        """JSON schema of an answer."""
        values: list[Any] = list(self.labels)
        if self.kind == "multi":
            return {"type": ["array", "null"], "items": {"enum": values}, "uniqueItems": True}
        return {"enum": [*values, None]}


class _File(RootModel[dict[str, Dimension]]):
    """The form of `taxonomy.yaml`."""


@cache
def load(path: str = "") -> Mapping[str, Dimension]:
    """The dimensions by name: ours, then those of another file. PlanError for a mistake in it, with its line."""
    found = _read(OWN)
    return {**found, **_read(Path(path))} if path else found


def chosen(dimensions: Mapping[str, Dimension], names: Iterable[str]) -> list[Dimension]:
    """Those of these names. PlanError for one that is not there."""
    for name in names:
        if name not in dimensions:
            raise PlanError(unknown("dimension", name, dimensions))
    return [dimensions[name] for name in names]


def rubric(dimensions: Sequence[Dimension]) -> str:
    """What a teacher reads about several dimensions."""
    return "\n\n".join(dimension.rubric for dimension in dimensions)


def schema(dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """JSON schema of an answer about several dimensions: a reason in a sentence, then the values."""
    return {
        "type": "object",
        "properties": {
            REASON: {"type": "string", "maxLength": 400},
            **{dimension.name: dimension.answer for dimension in dimensions},
        },
        "required": [REASON, *(dimension.name for dimension in dimensions)],
        "additionalProperties": False,
    }


def _read(path: Path) -> dict[str, Dimension]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanError(f"taxonomy {path}: {error.strerror}") from None
    entries = load_yaml(text, str(path), _File).root
    for name, entry in entries.items():
        _check(path, name, entry, entries)
    return {name: entry.model_copy(update={"name": name}) for name, entry in entries.items()}


def _check(path: Path, name: str, entry: Dimension, entries: Mapping[str, Dimension]) -> None:
    """PlanError for a name that cannot be a column of its own, or levels that are no int8."""
    if not name.isidentifier():
        raise PlanError(f"taxonomy {path}: {name!r}: a name has letters, digits and _ only")
    if name in RESERVED or name.removesuffix("_score") in {*entries} - {name}:
        raise PlanError(f"taxonomy {path}: {name!r} is the name of another column; choose another")
    last = entry.first + len(entry.values) - 1
    if entry.first < LEVELS[0] or last > LEVELS[1]:
        raise PlanError(
            f"taxonomy {path}: {name} has levels {entry.first} to {last}; they are {LEVELS[0]} to {LEVELS[1]}"
        )
