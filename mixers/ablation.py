"""From a pool of documents to a recommended mixture: train a swarm, fit, search, confirm. Plain functions over arrays.

    members = draws(setting.prior, 96, seed=1)          # `setting`: a pool, targets, a prior, a size (`Setting`)
    losses = train(setting, members, [1] * 96)          # bits per UTF-8 byte by target
    found = tune(setting, members, losses)              # fits, the optimum, the optimum without instance terms
    trials = confirm(setting, candidates(setting, found), seeds=[11, 12, 13])
    advice(gains(trials, [fit.target for fit in found.fits]), worse(trials))

A pool stands for the corpus at the scale of a proxy: if the proxy reads a millionth of the stage's budget, the pool is
a millionth of the corpus, so that a scarce cell is as scarce, and repeated as often, as it will be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student_t

from mixers.allocation import SHORT
from mixers.composition import Supply, describe, drawn, expected, missed, order
from mixers.mixture import Mixture
from mixers.optimum import PULL, Problem, optimum
from mixers.proxy import architecture
from mixers.regression import LEVEL, SHARE, Design, Fit, fit, readable
from mixers.swarm import baselines
from mixers.training import (
    Pool,
    Schedule,
    Stack,
    Stream,
    advance,
    begun,
    bits_per_byte,
    stream,
)
from mixers.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
RECOMMENDED, DOMAINS, PRIOR = "recommended", "domain-level", "prior"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What proxies are trained on and judged by."""

    pool: Pool  # a document per row of the frame that the supply was made from
    targets: Mapping[str, Pool]
    vocabulary: Vocabulary
    supply: Supply
    prior: Mixture
    budget: float  # tokens of a proxy's training, as the supply counts them
    cap: float  # copies of a document at most
    size: str  # one of `mixers.proxy.SIZES`
    schedule: Schedule
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a swarm says."""

    names: Sequence[str]  # of the numbers that describe a mixture
    fits: Sequence[Fit]  # of the targets that can be predicted
    refused: Sequence[str]  # why the others are left out
    warnings: Sequence[str]  # what no mixture of ours can follow, and of what there is too little
    recommended: Mixture
    domains: Mixture | None  # the same machinery without instance terms, where anything is ranked


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much less one mixture's proxies lose than another's: mean over targets and seeds, in shares of the latter."""

    over: str
    mean: float
    low: float
    high: float


def train(setting: Setting, mixtures: Sequence[Mixture], seeds: Sequence[int]) -> dict[str, Floats]:
    """One proxy on each mixture, all in one stack; (members,) bits per byte by target. A seed draws copies, order and
    first weights.
    """
    stack = begin(setting, seeds)
    read = streams(setting, mixtures, seeds)
    advance(stack, setting.pool, read, setting.schedule, setting.schedule.steps)
    return judged(setting, stack)


def begin(setting: Setting, seeds: Sequence[int]) -> Stack:
    """A stack of a proxy per seed, before its training."""
    return begun(architecture(setting.size, setting.vocabulary.size), seeds, setting.device)


def streams(setting: Setting, mixtures: Sequence[Mixture], seeds: Sequence[int]) -> list[Stream]:
    """What each proxy reads: the copies that its mixture's draw gives, in an order of its seed."""
    of, found = setting.supply, []
    for mixture, seed in zip(mixtures, seeds, strict=True):
        copies = drawn(of, expected(of, mixture, setting.budget, setting.cap), seed)
        found.append(stream(setting.pool, order(of, copies, seed)))
    return found


def judged(setting: Setting, stack: Stack) -> dict[str, Floats]:
    """Bits per byte of a trained stack by target."""
    return {
        name: bits_per_byte(stack, target, setting.vocabulary, setting.schedule.length)
        for name, target in setting.targets.items()
    }


def described(setting: Setting, mixtures: Sequence[Mixture]) -> Design:
    """The numbers of each member, shares first."""
    of, budget = setting.supply, setting.budget
    rows = [describe(of, expected(of, one, budget, setting.cap), budget) for one in mixtures]
    shares = [SHARE + name for name in setting.supply.cells]
    return Design.of(rows, [*shares, *(name for name in rows[0] if name not in shares)])


def check(setting: Setting, mixtures: Sequence[Mixture]) -> None:
    """ValueError if no fit could be made of a swarm of these."""
    readable(described(setting, mixtures))


def unmet(setting: Setting, mixtures: Mapping[str, Mixture]) -> list[str]:
    """Mixtures that leave out so much that the caps do not let them meet the budget."""
    of, found = setting.supply, []
    for name, mixture in mixtures.items():
        short = missed(of, expected(of, mixture, setting.budget, setting.cap), setting.budget)
        if short > SHORT:
            found.append(
                f"{name} gives {100 * (1 - short):.0f} % of the tokens that a proxy reads, so its proxies read their "
                f"documents again, over the cap of {setting.cap:g} copies"
            )
    return found


def tune(
    setting: Setting,
    mixtures: Sequence[Mixture],
    losses: Mapping[str, Floats],
    *,
    seed: int = 0,
    pull: float = PULL,
) -> Tuned:
    """Fit every target, and search. Where no target can be predicted, the prior is recommended."""
    design = described(setting, mixtures)
    every = [fit(name, design, found) for name, found in losses.items()]
    kept = [one for one in every if not one.refused]
    problem = Problem(
        supply=setting.supply,
        prior=setting.prior,
        budget=setting.budget,
        cap=setting.cap,
        fits=kept,
        names=design.names,
        pull=pull,
    )
    plain = replace(problem, quality=False)
    return Tuned(
        names=design.names,
        fits=kept,
        refused=[one.refused for one in every if one.refused],
        warnings=[one.bends for one in kept if one.bends] + _few(len(mixtures), kept),
        recommended=optimum(problem, mixtures, seed) if kept else setting.prior,
        domains=optimum(plain, mixtures, seed) if kept and problem.criteria else None,
    )


def _few(members: int, fits: Sequence[Fit]) -> list[str]:
    """A warning, if fits read more numbers than the members can tell apart."""
    numbers = max((one.numbers for one in fits), default=0)
    least = 3 * (numbers + 1)
    if members >= least:
        return []
    return [
        f"{members} members for fits of {numbers} numbers; three times one more than the numbers, {least}, are the "
        "least (arXiv 2602.12237)"
    ]


def candidates(setting: Setting, found: Tuned) -> dict[str, Mixture]:
    """What a confirmation trains: the recommendation, the domain-level optimum, and the baselines."""
    tuned = {RECOMMENDED: found.recommended}
    if found.domains is not None:
        tuned[DOMAINS] = found.domains
    return tuned | baselines(setting.prior, setting.supply, setting.budget)


def confirm(
    setting: Setting, mixtures: Mapping[str, Mixture], seeds: Sequence[int]
) -> dict[str, dict[str, Floats]]:
    """(seeds,) bits per byte by mixture and target; all mixtures of a seed in one stack, so that they differ in their
    text alone.
    """
    found: dict[str, dict[str, list[float]]] = {
        m: {t: [] for t in setting.targets} for m in mixtures
    }
    for seed in seeds:
        losses = train(setting, list(mixtures.values()), [seed] * len(mixtures))
        for target, values in losses.items():
            for name, value in zip(mixtures, values.tolist(), strict=True):
                found[name][target].append(value)
    return {m: {t: np.array(v) for t, v in of.items()} for m, of in found.items()}


def gains(
    trials: Mapping[str, Mapping[str, Floats]], targets: Sequence[str], of: str = RECOMMENDED
) -> list[Gain]:
    """What a mixture gains over each other one, on these targets; intervals over seeds by Student's t, paired."""
    found = []
    for name, losses in trials.items() if targets else ():
        if name == of:
            continue
        gain = np.mean([1 - trials[of][t] / losses[t] for t in targets], axis=0)
        spread = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else np.inf
        wide = spread * float(student_t.ppf((1 + LEVEL) / 2, max(1, len(gain) - 1)))
        mean = float(gain.mean())
        found.append(Gain(over=name, mean=mean, low=mean - wide, high=mean + wide))
    return found


def worse(
    trials: Mapping[str, Mapping[str, Floats]], of: str = RECOMMENDED, than: str = PRIOR
) -> list[Gain]:
    """The targets, predicted or refused, on which a mixture surely loses more than another; `over` is the target."""
    if not trials:
        return []
    two = {name: trials[name] for name in (of, than)}
    every = [replace(gain, over=t) for t in trials[of] for gain in gains(two, [t], of)]
    return [gain for gain in every if gain.high < 0]


def copies_by_rank(setting: Setting, mixture: Mixture) -> list[dict[str, float | str]]:
    """For each cell and tenth of its tokens, worst first by its score: mean expected copies."""
    of = setting.supply
    copies = expected(of, mixture, setting.budget, setting.cap)
    rows: list[dict[str, float | str]] = []
    for number, cell in enumerate(mixture.cells):
        mine = of.of(number)
        weights = np.array([cell.criteria.get(name, 0.0) for name in of.criteria])
        by_score = np.argsort(of.values[mine] @ weights, kind="stable")
        tokens, found = of.tokens[mine][by_score], copies[mine][by_score]
        tenth = np.minimum(9, 10 * (np.cumsum(tokens) - tokens / 2) / max(tokens.sum(), 1))
        held = np.bincount(tenth.astype(int), tokens, 10)
        taken = np.bincount(tenth.astype(int), tokens * found, 10)
        rows += [
            {"cell": cell.name, "tenth": place, "copies": float(taken[place] / held[place])}
            for place in range(10)
            if held[place]
        ]
    return rows


def advice(found: Sequence[Gain], losing: Sequence[Gain] = ()) -> str:
    """Whether to change: only where the gain over the present mixture is above noise. `found` is empty where no target
    could be predicted and confirmed; `losing` are the targets of `worse`.
    """
    if not found:
        return "keep your present mixture: no target can be predicted from this swarm and confirmed"
    over = next(gain for gain in found if gain.over == PRIOR)
    shown = f"{100 * over.mean:.2f} % ({100 * over.low:.2f} to {100 * over.high:.2f})"
    if over.low > 0:
        even = [g.over for g in found if g.low <= 0 and g.over != PRIOR]
        beside = f"; not surely better than {', '.join(even)}" if even else ""
        lost = [f"{g.over} ({100 * g.mean:.2f} %)" for g in losing]
        beside += f"; surely worse on {', '.join(lost)}" if lost else ""
        return f"take the recommended mixture: its loss is lower by {shown}{beside}"
    if over.high < 0:
        return f"keep your present mixture: the recommended one's loss is higher, {shown}"
    return f"keep your present mixture: the difference is within noise, {shown}"
