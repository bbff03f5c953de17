"""Which documents a model is asked about: those that meet a condition, up to a quota per language.

    seeds  parts -> how many documents are fit, per language, in bins of a hash of id and seed

The chosen ones are those with the smallest hashes in their language, as many as its quota, cut at one of `BINS` bins:
a quota is met or exceeded by less than a bin, whatever parts and workers there are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from annotators import duplicates
from corpus.errors import PlanError
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.languages import LANGUAGES
from corpus.randomness import id_words, keyed
from mixers.selection import compile_expression, with_thresholds
from mixers.sequences import ids_of
from synth.recipe import Seed
from workflows.engine import Item
from workflows.measures import all_fields
from workflows.plan import ANY, PlanModel
from workflows.steps.context import Context, Part, read_columns
from workflows.steps.select import rule_columns, with_nulls

log = logging.getLogger("tokenmill")
BINS = 4096
SHOWN = 5
NEEDED = {
    "language": "language",
    "n_chars": "statistics",
}  # columns, and the annotators they are of
Supply = dict[str, npt.NDArray[np.int64]]  # candidates per bin, by language
Quotas = Mapping[str, int | None]  # by language or `*`; None for all there are


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """The documents of some parts, and which of them are wanted."""

    name: str  # of who asks; another name draws others
    where: str  # SQL over annotations
    least: int  # characters
    quotas: Quotas
    parts: Mapping[str, Part]  # by key of an item
    documents: Mapping[str, Folder]  # by source
    kinds: Mapping[str, str]  # of the sources
    annotations: Mapping[str, Mapping[str, Folder]]  # source -> column -> folder
    columns: pl.DataFrame  # empty: names and types that `where` may use
    candidates: Folder
    seed: int

    def chosen(self, key: str) -> pl.DataFrame:
        """`row` and `id` of the chosen documents of one part. The counting must be done."""
        limits = thresholds(self.quotas, supply(self.candidates))
        limit = pl.col("language").replace_strict(limits, default=0, return_dtype=pl.Int64)
        return fit(self, self.parts[key]).filter(pl.col("bin") < limit).sort("row").drop("bin")

    def texts(self, key: str) -> list[str]:
        """The documents of one part."""
        part = self.parts[key]
        table = read_part(self.documents[part.source], part.name, ["text"])
        texts: list[str] = table.column("text").to_pylist()
        return texts

    def languages(self, key: str) -> list[str]:
        """Their labels, "" where none is known."""
        part = self.parts[key]
        table = read_columns(self.annotations[part.source], part, ["language"])
        return [label or "" for label in table.column("language").to_pylist()]


def check(columns: pl.DataFrame, where: str, place: str) -> None:
    """PlanError where seeds cannot be chosen by these columns."""
    for column, annotator in NEEDED.items():
        if column not in columns.columns:
            raise PlanError(
                f"{place}: documents are chosen by {column}; add `{annotator}` to `annotate`"
            )
    compile_expression(where, columns, f"{place}: where")


def columns_before(model: PlanModel, *, refined: bool = True) -> pl.DataFrame:
    """An empty frame with what is known of a document before it is deduplicated and split, or not even refined."""
    later = {"split", *duplicates.SCHEMA.names, *([] if refined else ["superseded_by"])}
    found = rule_columns(all_fields(model))
    return found.select(name for name in found.columns if name not in later)


def choose(context: Context, seeds: Seeds) -> None:
    """Count the candidates, and say which languages have fewer than their quota."""
    items: list[Item] = [{"key": key} for key in seeds.parts]
    context.fill(
        f"{seeds.name} seeds", [seeds.candidates], partial(count, seeds), partial(list, items)
    )
    short = shortages(seeds.quotas, supply(seeds.candidates))
    if short:
        log.warning(
            "warning: %s has fewer documents than asked for: %s", seeds.name, ", ".join(short)
        )


def count(seeds: Seeds, item: Item) -> Item:
    """How many documents of a part are fit, per language and bin."""
    found = fit(seeds, seeds.parts[item["key"]])
    bins = found.group_by("language", "bin").agg(documents=pl.len()).sort("language", "bin")
    file = write_part(seeds.candidates, f"{item['key']}.parquet", bins.to_arrow())
    counts = {"candidates": found.height}
    seeds.candidates.commit(Entry(key=item["key"], files=[file], counts=counts))
    return {"counts": {"documents": found.height}}


def fit(seeds: Seeds, part: Part) -> pl.DataFrame:
    """`row`, `id`, `language` and `bin` of the documents of a part that meet the condition."""
    condition = compile_expression(seeds.where, seeds.columns, f"{seeds.name}: where")
    condition &= pl.col("n_chars") >= seeds.least
    wanted = {*condition.meta.root_names(), "language"}
    table = read_columns(seeds.annotations[part.source], part, wanted)
    known = with_nulls(pl.DataFrame(pl.from_arrow(table)), wanted, seeds.columns)
    here = {"source": pl.lit(part.source), "kind": pl.lit(seeds.kinds[part.source])}
    bins = keyed(id_words(ids_of(table)), seeds.seed, f"seeds of {seeds.name}") >> np.uint64(
        64 - 12
    )
    return (
        with_thresholds(known.with_columns(**here))
        .with_row_index("row")
        .with_columns(
            bin=pl.Series(bins.astype(np.int64)), language=pl.col("language").fill_null("")
        )
        .filter(condition.fill_null(value=False))
        .select("row", "id", "language", "bin")
    )


def supply(candidates: Folder) -> Supply:
    """Candidates by language and bin, summed over parts: languages x `BINS` numbers at most."""
    found: Supply = {}
    for name in candidates.parts():
        for language, at, documents in zip(
            *read_part(candidates, name).to_pydict().values(), strict=True
        ):
            found.setdefault(language, np.zeros(BINS, np.int64))[at] += documents
    return found


def thresholds(quotas: Quotas, found: Supply) -> dict[str, int]:
    """The first bin that is not chosen, per language."""
    limits = {}
    for language, bins in found.items():
        quota = quotas.get(language, quotas.get(ANY, 0))
        enough = BINS if quota is None else int(np.searchsorted(bins.cumsum(), quota)) + 1
        limits[language] = min(enough, BINS) if quota != 0 else 0
    return limits


def shortages(quotas: Quotas, found: Supply) -> list[str]:
    """`tha_Thai 1 of 3` for each language that has fewer candidates than its quota, the first `SHOWN` by name."""
    have = {language: int(found[language].sum()) for language in found}
    asked = dict.fromkeys(have, quotas.get(ANY, 0)) | dict(quotas)
    asked.pop(ANY, None)
    wanted = [(language, quota) for language, quota in sorted(asked.items()) if quota is not None]
    short = [f"{k} {have.get(k, 0)} of {n}" for k, n in wanted if have.get(k, 0) < n]
    more = [f"and {len(short) - SHOWN} more languages"] if len(short) > SHOWN else []
    return short[:SHOWN] + more


def shown(text: str, language: str, target: str = "") -> Seed:
    """What a model is shown of a document."""

    def name(label: str) -> str:
        return LANGUAGES[label].name if label in LANGUAGES else ""

    return Seed(
        text=text,
        language=language,
        name=name(language),
        target=target,
        target_name=name(target),
    )


def span_end(text: str, most: int) -> int:
    """Where a span of at most `most` characters ends: behind a paragraph, else a line, else a space, of its second
    half.
    """
    if len(text) <= most:
        return len(text)
    for end in ("\n\n", "\n", " "):
        found = text.rfind(end, most // 2, most)
        if found > 0:
            return found
    return most
