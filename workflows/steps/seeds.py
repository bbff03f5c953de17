"""Which documents a model is asked about, and what it is shown of them: those that meet a condition, up to a quota per
language.

    seeds  parts -> how many documents are fit, per stratum, in bins of a hash of id and seed

The chosen ones are those with the smallest hashes in their stratum, as many as its quota, cut at one of `BINS` bins:
a quota is met or exceeded by less than a bin, whatever parts and workers there are. A stratum is a language, or what
`workflows.steps.strata` tells apart in one. Of each stratum only the bins are kept that its language's quota can reach,
in a part and in the sum over parts, which is held on one node: at most as many rows as the quota for each stratum.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from annotators import duplicates
from annotators.language import identify
from corpus.calls import Call
from corpus.errors import PlanError
from corpus.guards import Judged
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.languages import LANGUAGES
from corpus.randomness import id_words, keyed
from mixers.selection import compile_expression, with_thresholds
from mixers.sequences import ids_of
from synth.judging import judged
from synth.prompt import render
from synth.recipe import Recipe, Seed
from workflows.engine import Item
from workflows.measures import all_fields
from workflows.plan import ANY, Labelling, PlanModel, Refinement, Synthesis
from workflows.steps.context import Context, Part, parts_of, read_columns
from workflows.steps.select import rule_columns, with_nulls
from workflows.steps.strata import BINS, BY_LANGUAGE, Strata, evenly, language_of, raced

log = logging.getLogger("tokenmill")
SHOWN = 5
NEEDED = {
    "language": "language",
    "n_chars": "statistics",
}  # columns, and the annotators they are of
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
    strata: Strata = BY_LANGUAGE
    limits: Mapping[str, int] = field(default_factory=dict)  # the first bin left out, per stratum

    @classmethod
    def of(
        cls,
        context: Context,
        entry: Refinement | Synthesis | Labelling,
        candidates: Folder,
        where: str,
        least: int,
    ) -> Seeds:
        """Those of an entry of the plan, before they are counted (`choose`): `where` if the entry has none."""
        layout, model = context.layout, context.plan.model
        parts = parts_of(layout, entry.sources)
        return cls(
            name=entry.made,
            where=entry.where or where,
            least=least,
            quotas=entry.documents,
            parts={f"{part.source}-{part.key.removeprefix('part-')}": part for part in parts},
            documents={source: layout.documents[source] for source in entry.sources},
            kinds=context.plan.kinds,
            annotations={source: layout.columns(source) for source in entry.sources},
            columns=columns_before(model, refined=not isinstance(entry, Refinement)),
            candidates=candidates,
            seed=model.seed,
        )

    def chosen(self, key: str) -> pl.DataFrame:
        """`row`, `id` and `language` of the chosen documents of one part."""
        limit = pl.col("stratum").replace_strict(self.limits, default=0, return_dtype=pl.Int64)
        found = fit(self, self.parts[key]).filter(pl.col("bin") < limit).sort("row")
        return found.select("row", "id", "language")

    def texts(self, key: str) -> Sequence[str]:
        """The documents of one part."""
        part = self.parts[key]
        folder = self.documents[part.source]
        return _texts(folder.root, folder.path, part.name)

    def shown(self, key: str, requests: Sequence[Mapping[str, Any]]) -> list[Seed]:
        """What each request shows of its document."""
        part, texts = self.parts[key], self.texts(key)
        labels = read_columns(self.annotations[part.source], part, ["language"]).column("language")
        return [
            shown(
                texts[request["row"]][request["start"] : request["stop"]],
                labels[request["row"]].as_py() or "",
                request["target"],
            )
            for request in requests
        ]

    def calls(self, recipe: Recipe, key: str, requests: pa.Table) -> Iterator[Call]:
        """The prompts of some requests."""
        rows = requests.to_pylist()
        for request, seed in zip(rows, self.shown(key, rows), strict=True):
            yield Call(
                id=request["id"],
                messages=render(recipe, seed),
                parameters=json.loads(request["parameters"]),
                schema=recipe.schema,
            )

    def judge(
        self,
        recipe: Recipe,
        key: str,
        requests: pa.Table,
        responses: Sequence[Mapping[str, Any]],
    ) -> Iterator[Judged]:
        """What the recipe's parser and guards say of their answers."""
        seeds = self.shown(key, requests.to_pylist())
        for seed, response in zip(seeds, responses, strict=True):
            yield judged(recipe, seed, response, identify)


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


def choose(context: Context, seeds: Seeds) -> Seeds:
    """Count the candidates and say which languages have fewer than their quota; the seeds with their limits."""
    items: list[Item] = [{"key": key} for key in seeds.parts]
    context.fill(
        f"{seeds.name} seeds", [seeds.candidates], partial(count, seeds), partial(list, items)
    )
    found = supply(seeds.candidates, seeds.quotas)
    short = shortages(seeds.quotas, found)
    if short:
        log.warning(
            "warning: %s has fewer documents than asked for: %s", seeds.name, ", ".join(short)
        )
    return replace(seeds, limits=thresholds(seeds.quotas, found))


def count(seeds: Seeds, item: Item) -> Item:
    """How many documents of a part are fit, per stratum and bin."""
    found = fit(seeds, seeds.parts[item["key"]])
    bins = needed(found.select("stratum", "bin", documents=pl.lit(1, pl.Int64)), seeds.quotas)
    file = write_part(seeds.candidates, f"{item['key']}.parquet", bins.to_arrow())
    counts = {"candidates": found.height}
    seeds.candidates.commit(Entry(key=item["key"], files=[file], counts=counts))
    return {"counts": {"documents": found.height}}


def fit(seeds: Seeds, part: Part) -> pl.DataFrame:
    """`row`, `id`, `language`, `stratum` and `bin` of the documents of a part that meet the condition."""
    condition = compile_expression(seeds.where, seeds.columns, f"{seeds.name}: where")
    condition &= pl.col("n_chars") >= seeds.least
    strata = seeds.strata
    wanted = {*condition.meta.root_names(), "language", *strata.columns}
    table = read_columns(seeds.annotations[part.source], part, wanted)
    known = with_nulls(pl.DataFrame(pl.from_arrow(table)), wanted, seeds.columns)
    here = {"source": pl.lit(part.source), "kind": pl.lit(seeds.kinds[part.source])}
    drawn = keyed(id_words(ids_of(table)), seeds.seed, f"seeds of {seeds.name}")
    uniform = pl.lit(pl.Series((drawn >> np.uint64(11)).astype(np.float64) / (1 << 53)))
    return (
        with_thresholds(known.with_columns(**here))
        .with_row_index("row")
        .with_columns(language=pl.col("language").fill_null(""))
        .with_columns(
            bin=(raced(uniform, strata.odds) * BINS).cast(pl.Int64),
            stratum=strata.name,
        )
        .filter(condition.fill_null(value=False))
        .select("row", "id", "language", "stratum", "bin")
    )


def supply(candidates: Folder, quotas: Quotas) -> pl.DataFrame:
    """`stratum`, `bin` and `documents` of all parts, as far as the quotas reach."""
    found = pl.DataFrame(schema={"stratum": pl.String, "bin": pl.Int64, "documents": pl.Int64})
    for name in candidates.parts():
        part = pl.DataFrame(pl.from_arrow(read_part(candidates, name)))
        found = needed(pl.concat([found, part.cast(found.schema)]), quotas)
    return found


def needed(bins: pl.DataFrame, quotas: Quotas) -> pl.DataFrame:
    """The sums by stratum and bin, without the bins behind those that hold the quota of the stratum's language. Where
    all there are is asked for, one bin tells.
    """
    names = bins["stratum"].unique()
    quota = {name: _quota(quotas, language_of(name)) for name in names}
    most = pl.col("stratum").replace_strict(quota, return_dtype=pl.Int64)
    before = pl.col("documents").cum_sum().over("stratum") - pl.col("documents")
    return (
        bins.with_columns(bin=pl.when(most.is_null()).then(0).otherwise("bin"))
        .group_by("stratum", "bin")
        .agg(pl.col("documents").sum())
        .sort("stratum", "bin")
        .filter(most.is_null() | (before < most))
    )


def thresholds(quotas: Quotas, found: pl.DataFrame) -> dict[str, int]:
    """The first bin that is not chosen, per stratum. The strata of a language share its quota evenly."""
    bins = {str(name): rows for (name,), rows in found.group_by("stratum")}
    have: dict[str, dict[str, int]] = defaultdict(dict)
    for name, rows in bins.items():
        have[language_of(name)][name] = int(rows["documents"].sum())
    limits: dict[str, int] = {}
    for language, strata in have.items():
        quota = _quota(quotas, language)
        if quota is None:
            limits |= dict.fromkeys(strata, BINS)
            continue
        for name, share in evenly(quota, strata).items():
            if share:
                rows = bins[name].sort("bin")
                last = int(np.searchsorted(rows["documents"].cum_sum().to_numpy(), share))
                limits[name] = int(rows["bin"][last]) + 1
    return limits


def _quota(quotas: Quotas, language: str) -> int | None:
    return quotas.get(language, quotas.get(ANY, 0))


def shortages(quotas: Quotas, found: pl.DataFrame) -> list[str]:
    """`tha_Thai 1 of 3` for each language that has fewer candidates than its quota, the first `SHOWN` by name."""
    have: Counter[str] = Counter()
    for name, documents in found.select("stratum", "documents").iter_rows():
        have[language_of(name)] += documents
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


@lru_cache(maxsize=1)
def _texts(root: str, path: str, name: str) -> Sequence[str]:
    """The texts of a part, kept while it is worked on: questions are settled one by one."""
    texts: list[str] = read_part(Folder(root, path), name, ["text"]).column("text").to_pylist()
    return texts


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
