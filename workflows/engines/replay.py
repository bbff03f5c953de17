"""Answers that are there already: a table of responses serves the calls whose ids it has. A miss is an error row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from corpus import storage
from corpus.calls import RESPONSES, Call, failure
from corpus.views import storage_options
from workflows.engines.model import EngineError, Model

ENGINE = "replay"


def ask(model: Model, calls: Iterable[Call]) -> Iterator[dict[str, Any]]:
    """A row per call, in their order: the stored one, or `replay_miss`."""
    calls = list(calls)
    assert model.responses is not None
    known = _stored(model.responses, [call.id for call in calls])
    for call in calls:
        if call.id in known:
            yield known[call.id]
        else:
            error = f"replay_miss: {model.responses} has no response to this request"
            yield failure(call, error=error, model=model.model, engine=ENGINE, seconds=0.0)


def _stored(uri: str, ids: list[bytes]) -> dict[bytes, dict[str, Any]]:
    pattern = uri if uri.endswith(".parquet") else storage.join(uri, "**", "*.parquet")
    try:
        rows = (
            pl.scan_parquet(pattern, storage_options=storage_options(uri))
            .filter(pl.col("id").is_in(ids))
            .select(RESPONSES.names)
            .collect()
        )
    except (FileNotFoundError, pl.exceptions.PolarsError, OSError) as error:
        raise EngineError(
            f"no responses can be read at {uri} ({error}); correct `responses`"
        ) from None
    return {row["id"]: row for row in rows.unique("id", maintain_order=True).iter_rows(named=True)}
