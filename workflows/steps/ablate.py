"""Step `ablate`: from a lake to the losses of proxies.

    pool      parts -> a sample of the documents that a mixture may take, with their tokens, and held-out ones
    setting   the sample -> one file that every proxy reads: a proxy's ids, the columns, the targets (one task)
    swarm     groups of members -> bits per byte of each, by target
    (the fit and the search stand between: `workflows.ablate`)
    confirm   seeds -> the same of the candidates

The sample is as large beside a proxy's training as the corpus beside the stage's budget, so that what is scarce stays
scarce; it is drawn by a hash of the id. Held-out documents are taken in the order of theirs, up to `TARGET_TOKENS` of a
target. What confirms is sampled from the other end: other documents, and other held-out ones, as far as there are more
than the swarm took. The setting grows with the sample: the driver holds two bytes for each of a proxy's ids of both
samples, a worker that trains of one, and the one task that makes it about sixteen for a token. For a proxy of a billion
tokens, of which it makes two billion ids, and a corpus as large as the budget that is 8, 4 and 16 GB.

Each phase has a folder by what decides it (`ablations/setting@fp`, `swarm@fp`, `<stage>@fp`, and in these a folder by
the mixtures that are trained), so that more seeds or another size of the proxies that confirm train no member of the
swarm again. A group's weights and sums are saved every two minutes; a group that was killed goes on from there.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from corpus import storage
from corpus.errors import PlanError
from corpus.fingerprint import fingerprint
from corpus.lake import Entry, Folder, read_part, write_part
from corpus.randomness import id_words, uniform
from corpus.tokenizer import VOCABULARY, Tokenizer
from mixers.composition import expected, supply
from mixers.mixture import NO_LANGUAGE, OTHER, Mixture
from mixers.selection import Compiled, compiled, judge
from mixers.splits import TARGETS, TRAIN, VALIDATION
from mixers.swarm import with_reverses
from mixers.targets import GRAM, LEAST_TARGET, NAMES, TARGET_TOKENS, apart, target_of, up_to
from mixers.vocabulary import Vocabulary, reduced
from workflows.engine import Item
from workflows.measures import all_fields
from workflows.plan import Plan
from workflows.steps import select
from workflows.steps.context import Context

if TYPE_CHECKING:  # it needs torch
    from mixers.ablation import Setting

VERSION = 3
Member = tuple[str, Mixture, int]  # name, mixture, seed
Ids = np.ndarray[Any, Any]
TOGETHER = 8  # members of a group
SAVE_SECONDS = 120.0
ARRAYS = "arrays.npz"
SPARE = 2  # how much more held-out text is looked at than a target takes: some of it is in the pool
OWN = "targets.jsonl"  # a copy of the user's own targets
SHOWN = ("language", "field")  # what shares are told by, as far as the plan measures it
COLUMNS = {"id", "n_tokens", "split", "source", "kind", *SHOWN}  # besides those of the mixture


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
    cap: float
    held_out: str  # the split that targets are made of
    fresh: bool  # another sample than the swarm's
    pool: Folder
    setting: Folder
    swarm: Folder  # the root of a folder per round
    root: Folder  # of what is confirmed and written
    ranks: str | None

    @property
    def mixture(self) -> Mixture:
        """The prior, with what probes rank by."""
        return with_reverses(self.options.prior)

    def compiled(self) -> Compiled:
        """The prior's SQL."""
        return compiled(self.mixture, self.select.columns, self.options.stage)


def check(plan: Plan, options: Options) -> None:
    """PlanError for what cannot be tuned."""
    model = plan.model
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
    if len(options.prior.cells) == 1 and not options.prior.criteria:
        raise PlanError(
            f"{where} has one cell and no criteria, so there is nothing to tune; add a cell or `criteria`"
        )
    budget = plan.budget(options.stage)
    if options.tokens >= budget:
        raise PlanError(
            f"--tokens {options.tokens:,}: a proxy would read as much as the stage's budget of {budget:,.0f} tokens "
            "(scaled); give fewer"
        )
    if not (model.split.validation or model.split.targets or options.targets):
        raise PlanError(
            "the plan keeps no documents for targets; set `split: {targets: 0.01}`, or give --targets"
        )


def job_of(context: Context, options: Options, *, fresh: bool = False) -> Job:
    """Where everything of this ablation lies; `fresh` for what confirms."""
    layout, model = context.layout, context.plan.model
    mixture = with_reverses(options.prior)
    of = select.job_of(layout, {options.stage: mixture})
    wanted = {*SHOWN, *compiled(mixture, of.columns, options.stage).columns}
    read = {
        f.path for columns in of.annotations.values() for n, f in columns.items() if n in wanted
    }
    read |= {folder.path for folder in layout.tokens.values()}
    prior = options.prior.model_dump(exclude={"name"})
    budget = context.plan.budget(options.stage)
    held_out = TARGETS if model.split.targets else VALIDATION
    setting = {
        "version": VERSION,
        "rules": list(prior["rules"].items()),  # a list, because the order matters
        "criteria": prior["criteria"],
        "cells": [[cell.name, cell.where] for cell in options.prior.cells],
        "sizes": [options.tokens, budget, options.vocabulary, options.seed, held_out],
        "targets": hashlib.sha256(storage.get(options.targets)).hexdigest()
        if options.targets
        else "",
        "fresh": fresh,
        "kinds": context.plan.kinds,
        "inputs": [layout.splits_root.path, *sorted(read)],
    }
    setting_path = f"ablations/setting@{fingerprint(setting)}"
    swarm = {
        "setting": setting_path,
        "prior": prior,
        "proxies": [options.proxies, options.size, options.device],
        "cap": model.repetition_cap,
    }
    swarm_path = f"ablations/swarm@{fingerprint(swarm)}"
    ended = {
        "swarm": swarm_path,
        "rounds": options.rounds,
        "confirmed": [options.confirm_size, options.seeds],
    }
    path = f"ablations/{options.stage}@{fingerprint(ended)}"
    layout.content |= {setting_path: setting, swarm_path: swarm, path: ended}
    return Job(
        select=of,
        options=options,
        rate=options.tokens / budget,
        cap=model.repetition_cap,
        held_out=held_out,
        fresh=fresh,
        pool=Folder(layout.lake, f"{setting_path}/pool"),
        setting=Folder(layout.lake, f"{setting_path}/setting"),
        swarm=Folder(layout.lake, swarm_path),
        root=Folder(layout.lake, path),
        ranks=model.tokenizer.ranks,
    )


def prepare(context: Context, job: Job) -> None:
    """The pool and the setting."""
    by_group = [
        {"key": f"{number:05d}", "group": number} for number in range(len(job.select.groups))
    ]
    if job.options.targets and not job.setting.is_complete:  # a worker may be elsewhere
        storage.put(job.setting.file_uri(OWN), storage.get(job.options.targets))
    name = "ablate fresh" if job.fresh else "ablate"
    context.fill(f"{name} pool", [job.pool], partial(sample, job), lambda: by_group)
    one = [{"key": "00000"}]
    context.fill(f"{name} setting", [job.setting], partial(gather, job), lambda: one)


def trained(
    context: Context,
    job: Job,
    root: Folder,
    name: str,
    size: str,
    groups: Sequence[Sequence[Member]],
) -> pl.DataFrame:
    """`name`, `mixture` (JSON), `seed` and a column per target: losses of proxies, trained where they are missing. They
    lie in a folder `name@fp` of these members.
    """
    items = [
        {
            "key": f"{number:05d}",
            "size": size,
            "members": [[label, mixture.model_dump_json(), seed] for label, mixture, seed in group],
        }
        for number, group in enumerate(groups)
    ]
    folder = Folder(root.root, f"{root.path}/{name}@{fingerprint({'groups': items})}")
    context.fill(
        f"ablate {name}",
        [folder],
        partial(train_group, job, folder),
        lambda: items,
        num_gpus=int(job.options.device != "cpu"),
    )
    return pl.concat([pl.DataFrame(pl.from_arrow(read_part(folder, p))) for p in folder.parts()])


def grouped(members: Sequence[Member], together: int = TOGETHER) -> list[Sequence[Member]]:
    """Neighbouring members, trained in one stack."""
    return [members[first : first + together] for first in range(0, len(members), together)]


# ---------------------------------------------------------------- tasks


def sample(job: Job, item: Item) -> Item:
    """The sampled documents of one group of parts: columns, split and tokens."""
    by, options = job.compiled(), job.options
    tables = []
    documents = 0
    for part in job.select.groups[item["group"]]:
        frame = select.frame_of(job.select, part, {options.stage: by}, SHOWN)
        rows = np.flatnonzero(_kept(job, frame, by))
        chosen = frame.select(sorted(by.columns | COLUMNS & {*frame.columns}))[rows]
        documents += frame.height
        if chosen.height:
            tokens = read_part(job.select.tokens[part.source], part.name, ["input_ids"])
            tables.append(chosen.with_columns(input_ids=_taken(tokens, rows)))
    counts = {"documents": documents, "pool": 0, "held_out": 0}
    files = []
    if tables:
        table = _few_held_out(job, pl.concat(tables, how="diagonal"))
        counts["pool"] = table.filter(split=TRAIN).height
        counts["held_out"] = table.height - counts["pool"]
        files = [write_part(job.pool, f"part-{item['key']}.parquet", table.to_arrow())]
    job.pool.commit(Entry(key=item["key"], files=files, counts=counts))
    return {"counts": {"documents": documents}}


def _kept(job: Job, frame: pl.DataFrame, by: Compiled) -> Ids:
    """Documents of the pool, and those held out for targets that the rules let pass."""
    held_out = pl.col("split") == job.held_out
    as_train = frame.with_columns(split=pl.when(held_out).then(pl.lit(TRAIN)).otherwise("split"))
    eligible = judge(as_train, by, job.mixture)["reason"].is_null().to_numpy()
    drawn = (_place(job, frame) < job.rate) & (frame["split"] == TRAIN).to_numpy()
    return np.asarray(eligible & (drawn | (frame["split"] == job.held_out).to_numpy()))


def _place(job: Job, frame: pl.DataFrame) -> Ids:
    """Where each document stands between 0 and 1, by its id; in a fresh sample the other way round."""
    ids = np.frombuffer(b"".join(frame["id"].to_list()), np.uint8).reshape(-1, 16)
    place = uniform(id_words(ids), job.options.seed, "pool")
    return 1 - place if job.fresh else place


def _few_held_out(job: Job, table: pl.DataFrame) -> pl.DataFrame:
    """The pool, and of each target the first documents of this group; with `place` and `target`."""
    placed = table.with_columns(place=pl.Series(_place(job, table)), target=target_of())
    return placed.filter((pl.col("split") == TRAIN) | (_before() < SPARE * TARGET_TOKENS))


def _before() -> pl.Expr:
    """The tokens of a document's split and target that stand before it."""
    tokens = pl.col("n_tokens").cast(pl.Int64)
    return (tokens.cum_sum() - tokens).over("split", "target", order_by="place")


def _last_places(job: Job) -> pl.DataFrame:
    """Per target the place of the last held-out document that is looked at, over all groups."""
    columns = ["split", "target", "place", "n_tokens"]
    rows = [
        pl.DataFrame(pl.from_arrow(read_part(job.pool, name, columns))).filter(split=job.held_out)
        for name in job.pool.parts()
    ]
    first = pl.concat(rows).filter(_before() < SPARE * TARGET_TOKENS)
    return first.group_by("target").agg(last=pl.col("place").max())


def _read_pool(job: Job) -> pl.DataFrame:
    """All that was sampled, but of each target only the first documents over all groups."""
    last = _last_places(job)
    needed = (pl.col("split") == TRAIN) | (pl.col("place") <= pl.col("last"))
    parts = [
        pl.DataFrame(pl.from_arrow(read_part(job.pool, name)))
        .join(last, on="target", how="left", maintain_order="left")
        .filter(needed)
        .drop("last")
        for name in job.pool.parts()
    ]
    return pl.concat(parts, how="diagonal_relaxed").sort("id")


def _taken(tokens: pa.Table, rows: Ids) -> pl.Series:
    return pl.Series(
        pl.from_arrow(tokens.column("input_ids").combine_chunks().take(pa.array(rows)))
    )


def gather(job: Job, item: Item) -> Item:
    """One file of all that proxies read."""
    if not job.pool.parts():
        raise PlanError("the rules leave no document; look at `tokenmill mixture simulate`")
    frame = _read_pool(job)
    pool = frame.filter(split=TRAIN).drop("place", "target")
    if pool.height == 0:
        raise PlanError(
            f"a pool of {job.rate:.2g} of the documents that the rules let pass has none; give more --tokens, or "
            "look at `tokenmill mixture simulate`"
        )
    own, faults = targets_of(job.setting.file_uri(OWN) if job.options.targets else "")
    tokenizer = Tokenizer(job.ranks)
    targets = _held_out(frame.filter(split=job.held_out))
    del frame
    targets |= {name: [tokenizer.encode(text) for text in texts] for name, texts in own.items()}
    pool_ids = (
        pool["input_ids"].explode(empty_as_null=False).to_numpy().astype(np.uint32, copy=False)
    )
    lengths = pool["input_ids"].list.len().to_numpy()
    pool = pool.drop("input_ids")
    short = {name: sum(len(row) < GRAM for row in rows) for name, rows in targets.items()}
    targets, shared = apart(targets, pool_ids)
    targets = {name: up_to(rows, TARGET_TOKENS) for name, rows in targets.items()}
    sizes = {name: sum(map(len, rows)) for name, rows in targets.items()}
    small = {name: size for name, size in sizes.items() if size < LEAST_TARGET}
    targets = {name: rows for name, rows in targets.items() if name not in small}
    if not targets:
        raise PlanError(
            f"no target has {LEAST_TARGET:,} tokens of held-out text ({small}); raise `split.targets`, or give "
            "--targets"
        )
    vocabulary = reduced(
        np.bincount(pool_ids, minlength=VOCABULARY).astype(np.int64),
        tokenizer.pieces,
        job.options.vocabulary,
    )
    ids, offsets = vocabulary.encode(pool_ids, _offsets(lengths))
    arrays: dict[str, Any] = {"ids": ids, "offsets": offsets, "bytes_of": vocabulary.bytes_of}
    arrays |= {"starts": vocabulary.starts, "spelt": vocabulary.spelt}
    for name, rows in targets.items():
        flat = np.concatenate(rows).astype(np.uint32)
        encoded = vocabulary.encode(flat, _offsets(np.array([len(row) for row in rows])))
        arrays |= {f"target ids {name}": encoded[0], f"target offsets {name}": encoded[1]}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    storage.put(job.setting.file_uri(ARRAYS), buffer.getvalue())
    file = write_part(job.setting, "pool.parquet", pool.to_arrow())
    notes = {
        "tokens": len(pool_ids),
        "proxy_tokens": len(ids),
        "targets": {name: sizes[name] for name in targets},
        "too_small": small,
        "short": short,
        "shared": shared,
        "faults": faults,
    }
    counts = {"documents": pool.height}
    job.setting.commit(Entry(key=item["key"], files=[file], counts=counts, notes=notes))
    return {"counts": counts}


def targets_of(path: str) -> tuple[dict[str, list[str]], dict[str, int]]:
    """The user's own targets, and how many lines of the file are none, by reason. PlanError where no line is one."""
    if not path:
        return {}, {}
    found: dict[str, list[str]] = {}
    faults: Counter[str] = Counter()
    for line in storage.get(path).split(b"\n"):
        try:
            row = json.loads(line)
        except ValueError:
            faults["not JSON"] += bool(line.strip())
            continue
        if isinstance(row, dict) and all(isinstance(row.get(k), str) for k in ("target", "text")):
            found.setdefault(row["target"], []).append(row["text"])
        else:
            faults["without `target` and `text`"] += 1
    taken = sorted(found.keys() & NAMES)
    if taken:
        raise PlanError(
            f"--targets: {path} names a target {taken[0]!r}, which is the name of held-out documents; rename it"
        )
    if not found:
        raise PlanError(f"--targets: {path} has no line with `target` and `text` ({dict(faults)})")
    return found, {reason: count for reason, count in faults.items() if count}


def _held_out(frame: pl.DataFrame) -> dict[str, list[Ids]]:
    """Held-out documents by target, in the order of their places."""
    return {
        str(name): [np.array(ids, np.uint32) for ids in rows["input_ids"].to_list() if ids]
        for (name,), rows in frame.sort("target", "place").group_by("target", maintain_order=True)
    }


def _offsets(lengths: Ids) -> Ids:
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


def setting_of(job: Job, size: str) -> Setting:
    """The setting of proxies of this size, as `mixers.ablation` takes it."""
    from mixers.ablation import Setting
    from mixers.training import RATES, Pool, Schedule

    arrays, frame, notes = _loaded(job.setting)
    counted = notes["tokens"] + frame.height  # each document with its end
    inflated = notes["proxy_tokens"] / counted
    one = Schedule(steps=1, rate=RATES[size])
    steps = max(1, round(job.options.tokens * inflated / one.tokens))
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
        supply=supply(frame, job.compiled(), job.mixture),
        prior=job.options.prior,
        budget=float(job.options.tokens),
        cap=job.cap,
        size=size,
        schedule=replace(one, steps=steps),
        device=job.options.device,
    )


@lru_cache(maxsize=2)
def _loaded(folder: Folder) -> tuple[dict[str, Any], pl.DataFrame, dict[str, Any]]:
    """A worker reads a setting once; the command has two."""
    with np.load(io.BytesIO(storage.get(folder.file_uri(ARRAYS)))) as file:
        arrays = {name: file[name] for name in file.files}
    frame = pl.DataFrame(pl.from_arrow(read_part(folder, "pool.parquet")))
    (entry,) = folder.entries().values()
    return arrays, frame, entry.notes


def notes_of(job: Job) -> dict[str, Any]:
    """What the setting holds: `tokens`, `proxy_tokens`, the tokens of each of `targets` and of those `too_small`, how
    many documents of each are `shared` with the pool and how many too `short` to tell, and the `faults` of the user's
    file.
    """
    return _loaded(job.setting)[2]


def shares(job: Job, setting: Setting, mixture: Mixture) -> dict[str, list[dict[str, Any]]]:
    """By each of SHOWN that is measured: `name`, and its share of the tokens of the pool and of what a mixture takes.

    Code has no language (`-`); where nothing was said of a document it is `other`.
    """
    of = setting.supply
    copies = expected(of, mixture, setting.budget, setting.cap)
    _, frame, _ = _loaded(job.setting)
    rows = frame[of.rows].with_columns(there=of.tokens, taken=of.tokens * copies)
    name = {column: pl.col(column).fill_null(OTHER) for column in SHOWN if column in frame.columns}
    name["language"] = (
        pl.when(pl.col("kind") == "code").then(pl.lit(NO_LANGUAGE)).otherwise(name["language"])
    )
    return {
        column: rows.group_by(name=value)
        .agg(pl.col("there", "taken").sum())
        .select(
            "name",
            natural=pl.col("there") / pl.col("there").sum(),
            recommended=pl.col("taken") / pl.col("taken").sum(),
        )
        .sort("name")
        .to_dicts()
        for column, value in name.items()
    }
