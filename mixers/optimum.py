"""The mixture that the fits like best, near the prior, under the caps; and what they say of the criteria.

Searched are the shares of cells and in each the criteria's weights, the cutoff and the power. What is made small is the
mean over the targets of the loss, as a share of what the prior has there, plus `pull` times the Kullback-Leibler
divergence of what is taken from what the prior takes (as in Olmix, arXiv 2602.12237, but over documents), plus the
share of the budget that is missed: a cell about which the fits say nothing keeps its share, and within it no document
is left out for nothing. Candidates are evaluated as the expected copies they would really give, so a cap, a scarce cell
and a tied rank count as they will. A cell that no document of the supply is in says nothing, so it stays as the prior
has it. The search is differential evolution (Storn and Price 1997, by scipy) that begins with the prior and the swarm's
best; the result is the mean over several seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import differential_evolution

from mixers.composition import REVERSED, Supply, describe, expected, missed
from mixers.mixture import Mixture
from mixers.regression import Fit

PULL = 0.01
SEEDS = 3
ROUNDS = 60
POPULATION = 64
DOCUMENTS = 3000  # a search looks at so many of the pool, of each cell alike
NATURAL = 0.01  # of the supply that the prior is taken to hold besides, so that what it leaves out can come back
LIMIT = 6.0  # of a logit, up or down
MOST_CUT, MOST_POWER = 0.9, 6.0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a search needs. `names` are the numbers that the fits were made on, in their order."""

    supply: Supply
    prior: Mixture
    budget: float
    cap: float
    fits: Sequence[Fit]
    names: Sequence[str]
    pull: float = PULL
    quality: bool = True  # False: shares alone are searched, and every cell is taken alike

    @property
    def criteria(self) -> list[str]:
        """The criteria that cells are ranked by."""
        return [name for name in self.prior.criteria if not name.startswith(REVERSED)]


def optimum(problem: Problem, starts: Sequence[Mixture], seed: int = 0) -> Mixture:
    """The mixture of the smallest predicted loss. ValueError if no target can be predicted."""
    if not problem.fits:
        raise ValueError("no target can be predicted, so there is nothing to optimise")
    small = _smaller(problem)
    cost = _cost(small)
    first = np.array([_numbers(problem, mixture) for mixture in (problem.prior, *starts)])
    bounds = _bounds(problem)
    first = np.clip(first, bounds[:, 0], bounds[:, 1])
    order = np.argsort(cost(first.T), kind="stable")
    found = []
    for number in range(SEEDS):
        random = np.random.default_rng([seed, number])
        chosen = first[order[: POPULATION // 2]]
        spread = random.normal(0, 0.3, chosen.shape) * (bounds[:, 1] - bounds[:, 0]) / 4
        population = np.vstack([chosen, np.clip(chosen + spread, bounds[:, 0], bounds[:, 1])])
        result = differential_evolution(
            cost,
            bounds,
            init=population,
            maxiter=ROUNDS,
            rng=random,
            polish=False,
            vectorized=True,
            updating="deferred",
            tol=1e-4,
        )
        found.append(result.x)
    return _mixture(problem, np.mean(found, axis=0))


def predicted(problem: Problem, mixture: Mixture) -> dict[str, float]:
    """The loss of each target that the fits expect of a mixture."""
    row = _described(problem, _copies(problem, mixture))
    return {one.target: float(one.predict(row[None])[0]) for one in problem.fits}


def divergence(taken: Floats, held: Floats) -> float:
    """Kullback-Leibler of amounts from others, in nats; `held` is above 0 wherever `taken` is."""
    p, q = taken / taken.sum(), held / held.sum()
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


def _cost(problem: Problem) -> Callable[[Floats], Floats]:
    """Of candidates, a column each."""
    before = predicted(problem, problem.prior)
    tokens = problem.supply.tokens
    taken = tokens * _copies(problem, problem.prior)
    held = taken / taken.sum() + NATURAL * tokens / tokens.sum()

    def cost(columns: Floats) -> Floats:
        every = [_copies(problem, _mixture(problem, one)) for one in columns.T]
        rows = np.array([_described(problem, copies) for copies in every])
        losses = np.mean([f.predict(rows) / before[f.target] for f in problem.fits], axis=0)
        pulled = np.array([divergence(tokens * copies, held) for copies in every])
        short = np.array([missed(problem.supply, copies, problem.budget) for copies in every])
        return np.asarray(losses + problem.pull * pulled + short)

    return cost


def _copies(problem: Problem, mixture: Mixture) -> Floats:
    return expected(problem.supply, mixture, problem.budget, problem.cap)


def _described(problem: Problem, copies: Floats) -> Floats:
    found = describe(problem.supply, copies, problem.budget)
    return np.array([found[name] for name in problem.names])


def _smaller(problem: Problem) -> Problem:
    """The same with fewer documents: every k-th of a cell, in the order of their ids, each counting k times."""
    of = problem.supply
    most = max(1, DOCUMENTS // max(1, len(of.cells)))
    chosen, weights, bounds = [], [], [0]
    for number in range(len(of.cells)):
        mine = of.of(number)
        rows = np.arange(mine.start, mine.stop)
        rows = rows[np.argsort(of.ids[rows, 0], kind="stable")]
        step = max(1, -(-len(rows) // most))
        kept = rows[::step]
        weight = of.tokens[mine].sum() / max(of.tokens[kept].sum(), 1e-9)
        chosen.append(kept)
        weights.append(np.full(len(kept), weight))
        bounds.append(bounds[-1] + len(kept))
    every, factor = np.concatenate(chosen), np.concatenate(weights)
    small = of._replace(
        ids=of.ids[every],
        rows=of.rows[every],
        tokens=of.tokens[every] * factor,
        bounds=np.array(bounds, np.int64),
        values=of.values[every],
        ranks=of.ranks[every],
    )
    return replace(problem, supply=small)


# ---------------------------------------------------------------- a mixture as numbers


def _bounds(problem: Problem) -> Floats:
    """Per cell: the logarithm of its share, then if it is ranked a logit per criterion, cutoff, and power."""
    of_cell = [(-LIMIT, LIMIT)]
    if problem.quality and problem.criteria:
        of_cell += [(-LIMIT, LIMIT)] * len(problem.criteria)
        of_cell += [(0.0, MOST_CUT), (0.0, MOST_POWER)]
    return np.array(of_cell * len(problem.prior.cells), np.float64)


def _numbers(problem: Problem, mixture: Mixture) -> Floats:
    total = sum(cell.share for cell in mixture.cells)
    found: list[float] = []
    for cell in mixture.cells:
        found.append(float(np.log(max(cell.share / total, 1e-6) * len(mixture.cells))))
        if problem.quality and problem.criteria:
            ranked = sum(cell.criteria.get(name, 0.0) for name in problem.criteria)
            for name in problem.criteria:
                weight = cell.criteria.get(name, 0.0) / ranked if ranked else 1.0
                found.append(float(np.log(max(weight, 1e-3))))
            found += [cell.cutoff, cell.power] if ranked else [0.0, 0.0]
    return np.array(found)


def _mixture(problem: Problem, numbers: Floats) -> Mixture:
    rows = numbers.reshape(len(problem.prior.cells), -1)
    there = np.diff(problem.supply.bounds) > 0
    shares = np.array([cell.share for cell in problem.prior.cells])
    shares /= shares.sum()
    found = np.exp(rows[there, 0] - rows[there, 0].max())
    shares[there] = found / found.sum() * shares[there].sum()
    cells = []
    for cell, row, share, seen in zip(problem.prior.cells, rows, shares, there, strict=True):
        update: dict[str, object] = {"share": round(float(share), 6)}
        if seen or not problem.quality:
            update |= {"criteria": {}, "cutoff": 0.0, "power": 0.0}
        if seen and len(row) > 1:
            weights = np.exp(row[1:-2] - row[1:-2].max())
            named = zip(problem.criteria, (weights / weights.sum()).round(4).tolist(), strict=True)
            update["criteria"] = dict(named)
            update["cutoff"], update["power"] = round(float(row[-2]), 4), round(float(row[-1]), 4)
        cells.append(cell.model_copy(update=update))
    criteria = {name: problem.prior.criteria[name] for name in problem.criteria}
    return problem.prior.model_copy(update={"cells": cells, "criteria": criteria})
