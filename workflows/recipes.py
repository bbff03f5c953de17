"""The recipes, and what each has made in a lake."""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from corpus import storage
from corpus.views import CATALOG, open_lake
from synth.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class Line:
    """One recipe; counts are None where the lake has nothing of it."""

    name: str
    role: str
    rounds: int
    literature: str
    requests: int | None
    documents: int | None
    rejected: int | None
    tokens: int | None  # that the model wrote


def recipes(lake: str) -> list[Line]:
    """All recipes, with counts where `lake` is a lake."""
    counts: dict[str, dict[str, int]] = {}
    if storage.exists(storage.join(storage.absolute(lake), CATALOG)):
        catalog = open_lake(lake).catalog
        rows = catalog.filter("complete", pl.col("table") == "acceptance")
        counts = {row["name"]: json.loads(row["counts"]) for row in rows.iter_rows(named=True)}
    return [
        Line(
            name=recipe.name,
            role=recipe.role,
            rounds=recipe.rounds,
            literature=recipe.literature,
            requests=found.get("requests"),
            documents=found.get("accepted"),
            rejected=found.get("rejected"),
            tokens=found.get("completion_tokens"),
        )
        for recipe in RECIPES.values()
        for found in [counts.get(f"synth.{recipe.name}", {})]
    ]
