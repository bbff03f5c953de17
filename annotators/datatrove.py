"""Any filter of datatrove as an annotation: what it would decide, never what happens.

| column | type | meaning |
|---|---|---|
| `keep` | bool | the filter would keep the document; null where it raised an error |
| `reason` | string | why it would drop it, null if unsaid; `error: <type>` where it raised |

The plan names the class and its arguments: `{filter: GopherQualityFilter, options: {min_doc_words:
20}}`. A filter sees `text`, `id` (hexadecimal) and `metadata` (the reader's). What it writes into
the document is thrown away: a text that C4QualityFilter shortens stays as it was. English filters
need the package spacy.

`annotators.statistics` measures what Gopher's, C4's and FineWeb's filters decide on, far faster.
https://github.com/huggingface/datatrove
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from annotators.annotator import sidecar, sidecar_schema

if TYPE_CHECKING:
    from datatrove.pipeline.filters.base_filter import BaseFilter

VERSION = 1
SCHEMA = sidecar_schema(pa.field("keep", pa.bool_()), pa.field("reason", pa.string()))

# One decides by the order of documents, one takes a Python function: neither annotates.
REFUSED = frozenset({"SamplerFilter", "LambdaFilter"})

# What a filter may raise on a text it was not written for. A missing package is no such error.
TEXT_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def filters() -> dict[str, type[BaseFilter]]:
    """The filters that a plan may name."""
    import datatrove.pipeline.filters as library  # slow to load, and most plans name none
    from datatrove.pipeline.filters.base_filter import BaseFilter

    return {
        name: kind
        for name, kind in sorted(vars(library).items())
        if isinstance(kind, type) and issubclass(kind, BaseFilter) and name not in REFUSED
    }


@dataclass(frozen=True, kw_only=True)
class Config:
    """The class name of a filter and the arguments of its constructor."""

    filter: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = filters()
        if self.filter in REFUSED:
            raise ValueError(
                f"filter {self.filter!r} does not judge single documents; use the mixture"
            )
        if self.filter not in known:
            near = difflib.get_close_matches(self.filter, known, n=1, cutoff=0.0)
            raise ValueError(
                f"filter {self.filter!r} is not one of datatrove's; did you mean {near[0]!r}?"
            )
        try:
            known[self.filter](**self.options)
        except TypeError as error:
            raise ValueError(f"options {dict(self.options)!r} of {self.filter}: {error}") from error


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def assets(config: Config) -> Mapping[str, str]:
    """The versions of datatrove and of the tokenisers it may call."""
    found = {"datatrove": metadata.version("datatrove")}
    for name in ("spacy", "nltk"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


class Step:
    """Holds the filter; `step(documents)` is the sidecar."""

    def __init__(self, config: Config) -> None:
        self._filter = filters()[config.filter](**config.options)

    def __call__(self, documents: pa.Table) -> pa.Table:
        columns = (documents.column(name).to_pylist() for name in ("id", "text", "metadata"))
        results = [self._judge(*row) for row in zip(*columns, strict=True)]
        return sidecar(
            documents,
            SCHEMA,
            {"keep": [keep for keep, _ in results], "reason": [reason for _, reason in results]},
        )

    def _judge(self, key: bytes, text: str, known: str) -> tuple[bool | None, str | None]:
        from datatrove.data import Document
        from datatrove.pipeline.filters.base_filter import get_filter_result

        document = Document(text=text, id=key.hex(), metadata=json.loads(known or "{}"))
        try:
            keep, reason = get_filter_result(self._filter.filter_batch([document])[0])
        except TEXT_ERRORS as error:
            return None, f"error: {type(error).__name__}"
        return bool(keep), None if keep else reason


def step(config: Config) -> Step:
    return Step(config)
