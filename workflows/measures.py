"""The plan's annotations: `annotate:` maps a key to settings, where a key is `annotator` or `annotator.label`.

A label lets one annotator stand several times (`datatrove.gopher`, `datatrove.c4`); its columns then begin with the
label: `gopher_keep`. Besides what the plan lists, every document gets `content_hash` and `minhash` (set by
`deduplicate`) and, where evaluations are named, `contamination`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from annotators import ANNOTATORS, Annotator, duplicates
from corpus.document import DOCUMENTS
from corpus.errors import PlanError
from corpus.strict_yaml import settings, unknown
from workflows.plan import PlanModel

AUTOMATIC = ("content_hash", "minhash", "contamination")  # set by other sections of the plan
DOCUMENT_COLUMNS = ("licence", "date")  # of the documents table, that rules may name
TAKEN = frozenset(
    {
        "source",
        "kind",
        "split",
        "n_tokens",
        "superseded_by",
        *DOCUMENTS.names,
        *duplicates.SCHEMA.names,
    }
)
Step = Callable[[pa.Table], pa.Table]


def annotator_of(key: str) -> Annotator:
    """The annotator of a key. PlanError for one that does not exist."""
    name, _, label = key.partition(".")
    if not re.fullmatch(r"[A-Za-z0-9_]*", label):
        raise PlanError(f"annotate.{key}: a label has letters, digits and _ only")
    if name not in ANNOTATORS:
        raise PlanError(f"annotate: {unknown('annotator', name, ANNOTATORS)}")
    return ANNOTATORS[name]


def measures(model: PlanModel, index: str = "") -> dict[str, Mapping[str, Any]]:
    """Settings by key of everything that is measured, sorted. `index` is where the evaluations' n-grams lie."""
    for key in model.annotate:
        if key in AUTOMATIC:
            raise PlanError(
                f"annotate.{key}: every document gets {key}; set it under `deduplicate` or `evaluations`"
            )
    lsh = model.deduplicate
    chosen: dict[str, Mapping[str, Any]] = dict(model.annotate)
    chosen["content_hash"] = {}
    chosen["minhash"] = {"ngram": lsh.ngram, "bands": lsh.bands, "rows": lsh.rows}
    if model.evaluations:
        chosen["contamination"] = {"index": index}
    return dict(sorted(chosen.items()))


def fields(key: str, values: Mapping[str, Any]) -> list[pa.Field]:
    """The columns that a key measures, without `id`."""
    annotator = annotator_of(key)
    config = settings(annotator.config, values, f"annotate.{key}")
    try:
        schema = annotator.schema(config)
    except ValueError as error:  # a model's file that is none
        raise PlanError(f"annotate.{key}: {error}") from None
    return [field.with_name(_prefix(key) + field.name) for field in schema if field.name != "id"]


def all_fields(model: PlanModel) -> dict[str, list[pa.Field]]:
    """The columns of each key of the plan. PlanError where a column would have two meanings."""
    owner = dict.fromkeys(TAKEN, "every document")
    found = {key: fields(key, values) for key, values in measures(model).items()}
    for key, columns in found.items():
        for column in columns:
            if column.name in owner:
                raise PlanError(
                    f"annotate.{key} measures {column.name!r}, which {owner[column.name]} has already; "
                    f"give it a label of its own: `{key.partition('.')[0]}.LABEL`"
                )
            owner[column.name] = key
    return found


def step(key: str, values: Mapping[str, Any]) -> Step:
    """The function over a documents table; models are loaded once per process."""
    return _step(key, json.dumps(values, sort_keys=True))


@lru_cache(maxsize=64)
def _step(key: str, values: str) -> Step:
    annotator = annotator_of(key)
    apply = annotator.step(settings(annotator.config, json.loads(values), f"annotate.{key}"))
    prefix = _prefix(key)
    if not prefix:
        return apply

    def labelled(documents: pa.Table) -> pa.Table:
        table = apply(documents)
        return table.rename_columns([n if n == "id" else prefix + n for n in table.column_names])

    return labelled


def _prefix(key: str) -> str:
    label = key.partition(".")[2]
    return f"{label}_" if label else ""
