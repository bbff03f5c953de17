"""Step `ablate`: from a lake to the losses of proxies.

    pool      parts -> a sample of the documents that a mixture may take, with their tokens, and held-out ones
    setting   the sample -> one file that every proxy reads: a proxy's ids, the columns, the targets (one task)
    swarm     groups of members -> bits per byte of each, by target
    (the fit and the search stand between: `workflows.ablate`)
    confirm   seeds -> the same of the candidates

The sample is as large beside a proxy's training as the corpus beside the stage's budget, so that what is scarce stays
scarce; it is drawn by a hash of the id. The setting grows with the sample (two bytes a token) and is held whole by the
one task that makes it and by each worker that trains: at a billion tokens a proxy, and a corpus of its budget, 2 GB.

A group's weights and sums are saved every few minutes; a group that was killed goes on from there.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from corpus import storage
from corpus.errors import PlanError
from corpus.fingerprint import fingerprint
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.languages import LANGUAGES
from corpus.randomness import id_words, uniform
from corpus.tokenizer import VOCABULARY, Tokenizer
from mixers.composition import Supply, expected, supply
from mixers.mixture import NO_LANGUAGE, OTHER, Mixture
from mixers.selection import Compiled, compiled, judge
from mixers.splits import TARGETS, VALIDATION
from mixers.swarm import with_reverses
from mixers.vocabulary import Vocabulary, reduced
from workflows.engine import Item
from workflows.measures import all_fields
from workflows.steps import select
from workflows.steps.context import Context

VERSION = 1
TOGETHER = 8  # members of a group
SAVE_SECONDS = 120.0
TARGET_TOKENS = 40_000  # of a target, at most
LEAST_TARGET = 2_000  # tokens; a smaller target says nothing
GRAM = 13  # tokens in a row that a target's document may not share with the pool


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `tokenmill ablate` was asked."""

    stage: str
    prior: Mixture
    proxies: int
    size: str
    confirm_size: str
    tokens: int  # that a proxy reads
    vocabulary: int
    seeds: int
    seed: int
    rounds: int = 1
    targets: str = ""  # JSON Lines with `target` and `text`
    device: str = "cpu"


@dataclass(frozen=True)
class Job:
    """Folders and settings of the whole step."""

    select: select.Job
    options: Options
    rate: float  # of the documents, in the pool
    budget: float  # tokens of a proxy's training, in the tokenizer's
    cap: float
    root: Folder
    ranks: str | None

    def folder(self, name: str) -> Folder:
        """The folder of one of the phases."""
        return Folder(self.root.root, f"{self.root.path}/{name}")

    @property
    def mixture(self) -> Mixture:
        """The prior, with what probes rank by."""
        return with_reverses(self.options.prior)

    def compiled(self) -> Compiled:
        """The prior's SQL."""
        return compiled(self.mixture, self.select.columns, self.options.stage)


def check(context: Context, options: Options) -> None:
    """PlanError for what cannot be tuned."""
    model = context.plan.model
    where = f"mixture {options.prior.name}"
    columns = select.rule_columns(all_fields(model))
    compiled(with_reverses(options.prior), columns, where)
    if not options.prior.cells:
        raise PlanError(
            f"{where} has no cells, so there is nothing to tune. Name some, with shares, and `criteria` to rank "
            "by (docs/ablations.md), and give the file with --mixture"
        )
    if options.prior.lengths or options.prior.languages.method != "natural":
        raise PlanError(
            f"{where} has lengths or a language method, which proxies do not follow; leave them out of the mixture "
            "that is tuned, and make cells of what matters"
        )
    budget = context.plan.budget(options.stage)
    if options.tokens >= budget:
        raise PlanError(
            f"--tokens {options.tokens:,}: a proxy would read as much as the stage's budget of {budget:,.0f} tokens "
            "(scaled); give fewer"
        )
    if not (model.split.validation or model.split.targets):
        raise PlanError("the plan keeps no documents for targets; set `split: {targets: 0.01}`")


def job_of(context: Context, options: Options) -> Job:
    """Where everything of this ablation lies."""
    of = select.job_of(context)
    layout, model = context.layout, context.plan.model
    budget = context.plan.budget(options.stage)
    inputs = [layout.splits_root.path, layout.clusters.path]
    inputs += sorted(folder.path for folder in layout.tokens.values())
    inputs += sorted({f.path for of_ in of.annotations.values() for f in of_.values()})
    content = {
        "version": VERSION,
        "options": {k: v for k, v in options.__dict__.items() if k not in ("prior", "device")},
        "prior": options.prior.model_dump(),
        "targets": storage.get(options.targets).decode() if options.targets else "",
        "budget": budget,
        "cap": model.repetition_cap,
        "inputs": inputs,
    }
    name = f"{options.stage}@{fingerprint(content)}"
    return Job(
        select=replace(of, mixtures={options.stage: with_reverses(options.prior)}),
        options=options,
        rate=min(1.0, options.tokens / budget),
        budget=float(options.tokens),
        cap=model.repetition_cap,
        root=Folder(layout.lake, f"ablations/{name}"),
        ranks=model.tokenizer.ranks,
    )


def prepare(context: Context, job: Job) -> None:
    """The pool and the setting."""
    by_group = [
        {"key": f"{number:05d}", "group": number} for number in range(len(job.select.groups))
    ]
    context.fill("ablate pool", [job.folder("pool")], partial(sample, job), lambda: by_group)
    one = [{"key": "00000"}]
    context.fill("ablate setting", [job.folder("setting")], partial(gather, job), lambda: one)


def trained(
    context: Context,
    job: Job,
    name: str,
    size: str,
    groups: Sequence[Sequence[tuple[str, Mixture, int]]],
) -> pl.DataFrame:
    """`name`, `mixture` (JSON), `seed` and a column per target: losses of proxies, trained where they are missing."""
    items = [
        {
            "key": f"{number:05d}",
            "size": size,
            "members": [[label, mixture.model_dump_json(), seed] for label, mixture, seed in group],
        }
        for number, group in enumerate(groups)
    ]
    folder = job.folder(name)
    context.fill(f"ablate {name}", [folder], partial(train_group, job, folder), lambda: items)
    return pl.concat([pl.DataFrame(pl.from_arrow(read_part(folder, p))) for p in folder.parts()])


def grouped(
    members: Sequence[tuple[str, Mixture, int]], together: int = TOGETHER
) -> list[Sequence[tuple[str, Mixture, int]]]:
    """Neighbouring members, trained in one stack."""
    return [members[first : first + together] for first in range(0, len(members), together)]


# ---------------------------------------------------------------- tasks


def sample(job: Job, item: Item) -> Item:
    """The sampled documents of one group of parts: columns, split and tokens."""
    by, options = job.compiled(), job.options
    tables = []
    counts = {"documents": 0, "pool": 0, "held_out": 0}
    for part in job.select.groups[item["group"]]:
        frame = select.frame_of(job.select, part, {options.stage: by})
        kept = _kept(job, frame, by)
        rows = np.flatnonzero(kept)
        tokens = read_part(job.select.tokens[part.source], part.name, ["input_ids"])
        chosen = frame.select(sorted(by.columns | _ALWAYS & {*frame.columns}))[rows]
        tables.append(chosen.with_columns(input_ids=_taken(tokens, rows)))
        counts["documents"] += frame.height
        counts["pool"] += int((chosen["split"] == "train").sum())
    counts["held_out"] = sum(table.height for table in tables) - counts["pool"]
    folder = job.folder("pool")
    file = write_part(
        folder, f"part-{item['key']}.parquet", pl.concat(tables, how="diagonal").to_arrow()
    )
    folder.commit(Entry(key=item["key"], files=[file], counts=counts))
    return {"counts": {"documents": counts["documents"]}}


_ALWAYS = {"id", "n_tokens", "split", "source", "kind", "language"}


def _kept(job: Job, frame: pl.DataFrame, by: Compiled) -> np.ndarray[Any, Any]:
    """Documents of the pool, and those held out that the rules let pass."""
    mixture = job.mixture
    as_train = frame.with_columns(
        split=pl.when(pl.col("split") == TARGETS).then(pl.lit(VALIDATION)).otherwise("split")
    )
    eligible = judge(as_train, by, mixture)["reason"].is_null().to_numpy()
    ids = np.frombuffer(b"".join(frame["id"].to_list()), np.uint8).reshape(-1, 16)
    drawn = uniform(id_words(ids), job.options.seed, "pool") < job.rate
    train = (frame["split"] == "train").to_numpy()
    return np.asarray(eligible & (drawn | ~train))


def _taken(tokens: pa.Table, rows: np.ndarray[Any, Any]) -> pl.Series:
    return pl.Series(
        pl.from_arrow(tokens.column("input_ids").combine_chunks().take(pa.array(rows)))
    )


def gather(job: Job, item: Item) -> Item:
    """One file of all that proxies read."""
    folder = job.folder("pool")
    parts = [pl.DataFrame(pl.from_arrow(read_part(folder, name))) for name in folder.parts()]
    frame = pl.concat(parts, how="diagonal_relaxed").sort("id")
    pool = frame.filter(split="train")
    if pool.height == 0:
        raise PlanError(
            "the rules leave no document to train proxies on; look at `tokenmill mixture simulate`"
        )
    targets = {**_held_out(frame), **_named(job)}
    pool_ids = pool["input_ids"].explode(empty_as_null=False).to_numpy().astype(np.uint32)
    targets, shared = _apart(targets, pool_ids)
    targets = {name: rows for name, rows in targets.items() if sum(map(len, rows)) >= LEAST_TARGET}
    if not targets:
        raise PlanError(
            f"no target has {LEAST_TARGET:,} tokens of held-out text; raise `split.targets`, or give --targets"
        )
    counts = np.bincount(pool_ids, minlength=VOCABULARY).astype(np.int64)
    vocabulary = reduced(counts, Tokenizer(job.ranks).pieces, job.options.vocabulary)
    ids, offsets = vocabulary.encode(pool_ids, _offsets(pool["input_ids"].list.len().to_numpy()))
    arrays: dict[str, Any] = {"ids": ids, "offsets": offsets, "bytes_of": vocabulary.bytes_of}
    arrays |= {"starts": vocabulary.starts, "spelt": vocabulary.spelt}
    for name, rows in targets.items():
        flat = np.concatenate(rows).astype(np.uint32)
        encoded = vocabulary.encode(flat, _offsets(np.array([len(row) for row in rows])))
        arrays |= {f"target ids {name}": encoded[0], f"target offsets {name}": encoded[1]}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    out = job.folder("setting")
    storage.put(out.file_uri("arrays.npz"), buffer.getvalue())
    file = write_part(out, "pool.parquet", pool.drop("input_ids").to_arrow())
    notes = {
        "tokens": len(pool_ids),
        "proxy_tokens": len(ids),
        "bytes": int(vocabulary.bytes_of[ids].sum()),
        "targets": {n: int(sum(map(len, rows))) for n, rows in targets.items()},
        "shared": shared,
    }
    out.commit(Entry(key=item["key"], files=[file], counts={"documents": pool.height}, notes=notes))
    return {"counts": {"documents": pool.height}}


def _held_out(frame: pl.DataFrame) -> dict[str, list[np.ndarray[Any, Any]]]:
    """Held-out documents by target: code, mathematics, or the family of the language; the first ones by id."""
    splits = set(frame["split"])
    chosen = frame.filter(pl.col("split") == (TARGETS if TARGETS in splits else VALIDATION))
    found: dict[str, list[np.ndarray[Any, Any]]] = {}
    held: dict[str, int] = {}
    for row in chosen.select("kind", "language", "input_ids").iter_rows(named=True):
        name = row["kind"] if row["kind"] in ("code", "math") else _family(row["language"])
        if held.get(name, 0) >= TARGET_TOKENS or not row["input_ids"]:
            continue
        ids = np.array(row["input_ids"], np.uint32)[: TARGET_TOKENS - held.get(name, 0)]
        found.setdefault(name, []).append(ids)
        held[name] = held.get(name, 0) + len(ids)
    return found


def _family(language: str | None) -> str:
    return LANGUAGES[language].family if language in LANGUAGES else "other"


def _named(job: Job) -> dict[str, list[np.ndarray[Any, Any]]]:
    """The user's own targets."""
    if not job.options.targets:
        return {}
    tokenizer = Tokenizer(job.ranks)
    found: dict[str, list[np.ndarray[Any, Any]]] = {}
    for number, line in enumerate(storage.get(job.options.targets).decode().splitlines(), 1):
        row = json.loads(line) if line.strip() else None
        if row is None:
            continue
        if not isinstance(row, dict) or not {"target", "text"} <= row.keys():
            raise PlanError(f"{job.options.targets}:{number}: a line needs `target` and `text`")
        found.setdefault(str(row["target"]), []).append(tokenizer.encode(str(row["text"])))
    return found


def _apart(
    targets: Mapping[str, list[np.ndarray[Any, Any]]], pool: np.ndarray[Any, Any]
) -> tuple[dict[str, list[np.ndarray[Any, Any]]], dict[str, int]]:
    """The documents of each target that share no `GRAM` tokens in a row with the pool, and how many do."""
    known = np.unique(_grams(pool))
    kept, shared = {}, {}
    for name, rows in targets.items():
        clean = [row for row in rows if not np.isin(_grams(row), known).any()]
        kept[name], shared[name] = clean, len(rows) - len(clean)
    return kept, shared


def _grams(ids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A hash of each run of `GRAM` tokens."""
    words = ids.astype(np.uint64)
    total = np.zeros(max(0, len(words) - GRAM + 1), np.uint64)
    with np.errstate(over="ignore"):
        for place in range(GRAM if len(total) else 0):
            total = (total ^ words[place : place + len(total)]) * np.uint64(0x9E3779B97F4A7C15)
            total ^= total >> np.uint64(29)
    return total


def _offsets(lengths: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def train_group(job: Job, folder: Folder, item: Item) -> Item:
    """Train the members of a group in one stack, and judge them."""
    import torch

    from mixers import ablation
    from mixers.training import advance, loaded

    if job.options.device == "cpu":
        torch.set_num_threads(1)
    setting = setting_of(job, item["size"])
    mixtures = [Mixture.model_validate_json(text) for _, text, _ in item["members"]]
    seeds = [int(seed) for _, _, seed in item["members"]]
    streams = ablation.streams(setting, mixtures, seeds)
    place = storage.join(folder.uri, "_saved", item["key"])
    data = storage.get_or_none(place)
    stack = ablation.begin(setting, seeds) if data is None else loaded(data, setting.device)
    saved = time.monotonic()
    for step in range(stack.step, setting.schedule.steps):
        advance(stack, setting.pool, streams, setting.schedule, step + 1)
        if time.monotonic() - saved > SAVE_SECONDS:
            storage.put(place, stack.saved())
            saved = time.monotonic()
    losses = ablation.judged(setting, stack)
    names = {"name": [m[0] for m in item["members"]], "mixture": [m[1] for m in item["members"]]}
    table = pl.DataFrame(names | {"seed": seeds} | {f"target:{k}": v for k, v in losses.items()})
    file = write_part(folder, f"part-{item['key']}.parquet", table.to_arrow())
    tokens = setting.schedule.tokens * len(seeds)
    folder.commit(Entry(key=item["key"], files=[file], counts={"tokens": tokens}))
    storage.remove(place)
    return {"counts": {"documents": len(seeds), "tokens": tokens}}


def setting_of(job: Job, size: str) -> Any:
    """The setting of proxies of this size, as `mixers.ablation` takes it."""
    from mixers.ablation import Setting
    from mixers.training import RATES, Pool, Schedule

    arrays, frame, notes = _loaded(job.folder("setting"))
    batch, length = 16, 256
    inflated = notes["proxy_tokens"] / max(1, notes["tokens"])
    steps = max(1, round(job.options.tokens * inflated / (batch * length)))
    targets = {
        name.removeprefix("target ids "): Pool(
            arrays[name], arrays[name.replace("target ids", "target offsets", 1)]
        )
        for name in arrays
        if name.startswith("target ids ")
    }
    return Setting(
        pool=Pool(arrays["ids"], arrays["offsets"]),
        targets=targets,
        vocabulary=Vocabulary(arrays["bytes_of"], arrays["starts"], arrays["spelt"]),
        supply=_supply(job, frame),
        prior=job.options.prior,
        budget=job.budget,
        cap=job.cap,
        size=size,
        schedule=Schedule(steps=steps, batch=batch, length=length, rate=RATES[size]),
        device=job.options.device,
    )


def _supply(job: Job, frame: pl.DataFrame) -> Supply:
    return supply(frame, job.compiled(), job.mixture)


@lru_cache(maxsize=1)
def _loaded(folder: Folder) -> tuple[dict[str, Any], pl.DataFrame, dict[str, Any]]:
    """A worker reads the setting once."""
    with np.load(io.BytesIO(storage.get(folder.file_uri("arrays.npz")))) as file:
        arrays = {name: file[name] for name in file.files}
    frame = pl.DataFrame(pl.from_arrow(read_part(folder, "pool.parquet")))
    (entry,) = folder.entries().values()
    return arrays, frame, entry.notes


def notes_of(job: Job) -> dict[str, Any]:
    """What the setting holds: tokens, bytes, and the tokens of each target."""
    (entry,) = job.folder("setting").entries().values()
    return entry.notes


def by_language(job: Job, setting: Any, mixture: Mixture) -> list[dict[str, Any]]:
    """`language`, and its share of the tokens of the pool and of what a mixture takes; code is `-`."""
    of = setting.supply
    copies = expected(of, mixture, setting.budget, setting.cap)
    _, frame, _ = _loaded(job.folder("setting"))
    kind, language = (frame[name].gather(of.rows) for name in ("kind", "language"))
    rows = pl.DataFrame({"kind": kind, "language": language, "there": of.tokens})
    name = pl.when(pl.col("kind") == "code").then(pl.lit(NO_LANGUAGE)).otherwise("language")
    return (
        rows.with_columns(taken=pl.Series(of.tokens * copies))
        .group_by(language=name.fill_null(OTHER))
        .agg(pl.col("there", "taken").sum())
        .select(
            "language",
            natural=pl.col("there") / pl.col("there").sum(),
            recommended=pl.col("taken") / pl.col("taken").sum(),
        )
        .sort("language")
        .to_dicts()
    )
