"""`tokenmill ablate`: tune a stage's mixture on a swarm of proxies, and say whether the result is better.

The steps up to `split` are done where they are missing, then `workflows.steps.ablate`; everything lies in the lake
under `ablations/`, so the same command goes on where it was stopped. In the end two files stand in `<stage>@<fp>`:
`mixture.yaml`, which a plan's stage can name as it is, and `ablation.json`, the evidence (`Evidence`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
from ruamel.yaml import YAML

from corpus import storage
from corpus.errors import PlanError
from corpus.lake import Folder
from corpus.strict_yaml import unknown
from mixers.mixture import Mixture
from mixers.swarm import draws
from workflows.plan import Plan
from workflows.progress import Progress
from workflows.run import STEPS, run
from workflows.steps import ablate as step
from workflows.steps.context import Context

if TYPE_CHECKING:  # it needs torch
    from mixers.ablation import Setting, Tuned

MIXTURE, EVIDENCE = "mixture.yaml", "ablation.json"
LAST = "ablations/{}.json"  # where the ablation of a stage lies that ended last
TARGET = "target:"
BEFORE = ("read", "transcribe", "annotate", "refine", "synthesise", "deduplicate", "split")
OWN_ONLY = (
    "every target is text of your own sources, so like what is trained on; give --targets too"
)
FRESH = 1000  # how far the seeds of the confirmation are from the swarm's
Floats = npt.NDArray[np.float64]
SECOND = 2.0  # how much closer a second swarm is drawn, around the first optimum


@dataclass(kw_only=True)
class Evidence:
    """What an ablation found, for programs and for the page."""

    stage: str
    where: str  # the folder in the lake
    options: dict[str, Any]
    pool: dict[str, Any]
    fresh: dict[str, Any] = field(default_factory=dict)  # the pool of the confirmation
    swarm: dict[str, list[float]] = field(
        default_factory=dict
    )  # target -> bits per byte of each member
    described: dict[str, list[float]] = field(default_factory=dict)  # number -> of each member
    fits: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    recommended: dict[str, float] = field(default_factory=dict)  # the numbers that describe it
    natural: dict[str, float] = field(default_factory=dict)  # each cell's share of the pool
    trials: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # mixture -> target
    gains: list[dict[str, Any]] = field(default_factory=list)
    advice: str = ""
    copies: list[dict[str, Any]] = field(default_factory=list)  # by cell and tenth of its ranks
    shares: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by language, by field


def ablate(
    plan: Plan,
    lake: str,
    options: step.Options,
    *,
    address: str | None = None,
    num_cpus: int | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Do what is not done yet. PlanError for a stage without cells, and as for `tokenmill run`."""
    step.check(plan, options)
    found: list[Evidence] = []

    def ablating(context: Context) -> None:
        found.append(_ablated(context, options))

    steps = {name: STEPS[name] for name in BEFORE} | {"ablate": ablating}
    run(plan, lake, steps=steps, address=address, num_cpus=num_cpus, progress=progress)
    return found[0]


def options(plan: Plan, prior: Mixture | None, asked: Mapping[str, Any]) -> step.Options:
    """What was asked, checked. PlanError with the value and the remedy."""
    try:
        from mixers.proxy import SIZES
    except ModuleNotFoundError as error:
        raise PlanError(
            f"proxies are trained with {error.name}, which is not there; install `tokenmill[proxies]`"
        ) from error
    stage = str(asked["stage"])
    if stage not in plan.mixtures:
        raise PlanError(f"--stage: {unknown('stage', stage, plan.mixtures)}")
    for name in ("params", "confirm_params"):
        if asked[name] not in SIZES:
            where = f"--{name.replace('_', '-')}"
            raise PlanError(f"{where}: {unknown('size', str(asked[name]), SIZES)}")
    if not 256 < asked["vocabulary"] <= 1 << 16:
        raise PlanError(f"--vocabulary {asked['vocabulary']} must be 257 to 65,536")
    if not 1 <= asked["tokens"] < 1e13:
        raise PlanError(f"--tokens {asked['tokens']:g} must be a number of tokens, such as 1e6")
    if asked["targets"] and not storage.exists(asked["targets"]):
        raise PlanError(f"--targets: there is no file {asked['targets']}")
    step.targets_of(asked["targets"])
    return step.Options(
        stage=stage,
        prior=prior or plan.mixtures[stage],
        proxies=asked["proxies"],
        size=asked["params"],
        confirm_size=asked["confirm_params"],
        tokens=int(asked["tokens"]),
        vocabulary=asked["vocabulary"],
        seeds=asked["seeds"],
        seed=asked["seed"],
        rounds=asked["rounds"],
        targets=storage.absolute(asked["targets"]) if asked["targets"] else "",
        device=asked["device"],
    )


def lines(found: Evidence) -> Iterator[str]:
    """For people."""
    pool = found.pool
    yield (
        f"pool: {pool['tokens']:,} tokens ({pool['proxy_tokens']:,} for a proxy); targets: "
        + ", ".join(f"{name} {count:,}" for name, count in pool["targets"].items())
    )
    for fit in found.fits:
        yield (
            f"{fit['target']:<20} {fit['model']} reads {fit['reads']}; order of unseen members "
            f"{fit['order']:.2f} ({fit['low']:.2f} to {fit['high']:.2f})"
        )
    for name, size in pool["too_small"].items():
        yield f"no target: {name}, of {size:,} tokens"
    for reason, count in pool["faults"].items():
        yield f"left out of --targets: {count:,} lines, {reason}"
    for reason in found.refused:
        yield f"refused: {reason}"
    for name, natural in found.natural.items():
        share = found.recommended[f"share:{name}"]
        yield f"cell {name:<15} {100 * natural:6.2f} % natural, {100 * share:6.2f} % recommended"
    for gain in found.gains:
        yield (
            f"gain over {gain['over']:<15} {100 * gain['mean']:6.2f} % "
            f"({100 * gain['low']:.2f} to {100 * gain['high']:.2f})"
        )
    yield f"advice: {found.advice}"


def evidence(lake: str, stage: str) -> Evidence:
    """The ablation of a stage that ended last. PlanError if there is none."""
    lake = storage.absolute(lake)
    pointer = storage.get_or_none(storage.join(lake, LAST.format(stage)))
    if pointer is None:
        raise PlanError(
            f"the lake {lake} has no finished ablation of {stage}; make one with "
            f"`tokenmill ablate PLAN --stage {stage} --lake {lake}`"
        )
    where = json.loads(pointer)["path"]
    return Evidence(**json.loads(storage.get(storage.join(lake, where, EVIDENCE))))


def as_yaml(mixture: Mixture, comment: str) -> str:
    """A mixture file that `tokenmill run` takes as it is."""
    content = mixture.model_dump(exclude_defaults=True, exclude_none=True)
    out = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 110
    yaml.dump(content, out)
    return "".join(f"# {line}\n" for line in comment.splitlines()) + out.getvalue()


# ---------------------------------------------------------------- the work


def _ablated(context: Context, options: step.Options) -> Evidence:
    from mixers import ablation

    job = step.job_of(context, options)
    if (data := storage.get_or_none(job.root.file_uri(EVIDENCE))) is not None:
        _point_to(job)
        return Evidence(**json.loads(data))
    step.prepare(context, job)
    setting = step.setting_of(job, options.size)
    members, swarm, tuned = _searched(context, job, setting)
    candidates = ablation.candidates(setting, tuned)
    trials: dict[str, dict[str, Floats]] = {}
    warnings, fresh = list(tuned.warnings), {}
    if not options.targets:
        warnings.append(OWN_ONLY)
    if tuned.fits:
        confirming = step.job_of(context, options, fresh=True)
        step.prepare(context, confirming)
        fresh = step.notes_of(confirming)
        warnings += ablation.unmet(step.setting_of(confirming, options.confirm_size), candidates)
        trials = _confirmed(context, confirming, job.root, candidates)
    tested = fresh.get("targets", {})
    warnings += [
        f"{f.target}: too little text for the confirmation"
        for f in tuned.fits
        if f.target not in tested
    ]
    gains = ablation.gains(trials, [fit.target for fit in tuned.fits if fit.target in tested])
    found = Evidence(
        stage=options.stage,
        where=job.root.path,
        options={k: v for k, v in options.__dict__.items() if k != "prior"},
        pool=step.notes_of(job),
        fresh=fresh,
        swarm={name: values.tolist() for name, values in swarm.items()},
        described=_columns(ablation.described(setting, members)),
        fits=[
            {f.name: getattr(fit, f.name) for f in fields(fit) if f.name != "predict"}
            | {"unseen": fit.unseen.tolist()}
            for fit in tuned.fits
        ],
        refused=list(tuned.refused),
        warnings=warnings,
        recommended={
            k: v[0] for k, v in _columns(ablation.described(setting, [tuned.recommended])).items()
        },
        natural=setting.supply.shares,
        trials={m: {t: v.tolist() for t, v in of.items()} for m, of in trials.items()},
        gains=[asdict(gain) for gain in gains],
        advice=ablation.advice(gains, ablation.worse(trials)),
        copies=ablation.copies_by_rank(setting, tuned.recommended),
        shares=step.shares(job, setting, tuned.recommended),
    )
    return _written(job, found, tuned.recommended)


def _searched(
    context: Context, job: step.Job, setting: Setting
) -> tuple[list[Mixture], dict[str, Floats], Tuned]:
    """The swarm's mixtures, their losses by target, and what they say; each round drawn around the last optimum."""
    from mixers import ablation

    options, around = job.options, job.options.prior
    members: list[Mixture] = []
    losses: list[pl.DataFrame] = []
    for number in range(options.rounds):
        more = draws(around, options.proxies, options.seed + number, narrow=SECOND**number)
        named = [(f"member {n}", mixture, options.seed) for n, mixture in enumerate(more)]
        groups = step.grouped(named)
        try:
            ablation.check(setting, [*members, *more])
        except ValueError as error:
            of = setting.supply
            cells = [name for name, share in of.shares.items() if share > 0]
            raise PlanError(
                f"no fit of this swarm: {error}. The pool has documents in {', '.join(cells)}, ranked by "
                f"{', '.join(options.prior.criteria) or 'nothing'}; give the mixture other cells or criteria"
            ) from None
        name = f"round-{number + 1}"
        losses.append(step.trained(context, job, job.swarm, name, options.size, groups))
        members += more
        found = _losses(pl.concat(losses))
        tuned = ablation.tune(setting, members, found, seed=options.seed)
        around = tuned.recommended
    return members, found, tuned


def _confirmed(
    context: Context, job: step.Job, root: Folder, candidates: Mapping[str, Mixture]
) -> dict[str, dict[str, Floats]]:
    """All candidates of a seed are one group, so that they differ in their text alone. `job` is that of the fresh
    sample.
    """
    options = job.options
    seeds = range(options.seed + FRESH, options.seed + FRESH + options.seeds)
    groups = [[(name, mixture, seed) for name, mixture in candidates.items()] for seed in seeds]
    table = step.trained(context, job, root, "confirm", options.confirm_size, groups).sort("seed")
    return {name: _losses(table.filter(pl.col("name") == name)) for name in candidates}


def _losses(table: pl.DataFrame) -> dict[str, Floats]:
    """Of each target. PlanError where a proxy diverged."""
    found = {
        name.removeprefix(TARGET): table[name].to_numpy()
        for name in table.columns
        if name.startswith(TARGET)
    }
    for target, losses in found.items():
        bad = table["name"].filter(pl.Series(~np.isfinite(losses))).to_list()
        if bad:
            raise PlanError(
                f"{len(bad)} of {len(losses)} proxies diverged ({bad[0]}: the loss of {target} is no number); "
                "run again with another --seed, or with more --tokens"
            )
    return found


def _columns(design: Any) -> dict[str, list[float]]:
    return dict(zip(design.names, design.values.T.tolist(), strict=True))


def _written(job: step.Job, found: Evidence, mixture: Mixture) -> Evidence:
    """The evidence as it stands in the lake."""
    named = mixture.model_copy(update={"name": f"{job.options.stage.lower()}-tuned"})
    comment = (
        f"Written by `tokenmill ablate`: {len(next(iter(found.swarm.values())))} proxies of {job.options.size}, "
        f"{job.options.tokens:,} tokens each.\n{found.advice}"
    )
    storage.put(job.root.file_uri(MIXTURE), as_yaml(named, comment).encode())
    data = json.dumps(asdict(found), indent=1).encode()
    storage.put(job.root.file_uri(EVIDENCE), data)
    _point_to(job)
    return Evidence(**json.loads(data))


def _point_to(job: step.Job) -> None:
    """Make this the stage's last ablation, which the page shows."""
    pointer = storage.join(job.root.root, LAST.format(job.options.stage))
    storage.put(pointer, json.dumps({"path": job.root.path}).encode())
