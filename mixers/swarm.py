"""The mixtures that proxies are trained on: draws around a prior, and the baselines that a result is held against.

A draw keeps the prior's rules, conditions and criteria and chooses the rest: shares of cells by a Dirichlet
distribution around the prior's, its concentration drawn too (after RegMix, arXiv 2407.01492), and in each cell the
weights of the criteria, the cutoff and the power (after QuaDMix, arXiv 2504.16511). Every `PROBE`th is a probe: it
ranks each cell by one criterion, forwards or backwards, so that usefulness which does not rise with the score is seen.
A narrow draw is for later rounds: shares lie closer to the prior's, which is the last optimum then, and half of the
cells keep its criteria, cutoff and power.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mixers.allocation import unimax
from mixers.composition import REVERSED, Supply
from mixers.mixture import Cell, Criterion, Mixture

PROBE = 6
CONCENTRATION = (2.0, 40.0)  # of the draws of shares around the prior: wide to narrow
EVEN = 0.2  # of the centre that shares are drawn around, so that a cell of no share is tried too
POWERS = (0.25, 6.0)
MOST_CUT = 0.9
KEPT = 0.5  # of the cells of a narrow draw


def with_reverses(mixture: Mixture) -> Mixture:
    """The mixture with every criterion also backwards, for probes."""
    backwards = {
        REVERSED + name: Criterion(of=c.of, worst=c.best, best=c.worst, missing=1 - c.missing)
        for name, c in mixture.criteria.items()
        if not name.startswith(REVERSED)
    }
    return mixture.model_copy(update={"criteria": mixture.criteria | backwards})


def draws(
    prior: Mixture, number: int, seed: int, *, narrow: float = 1.0, quality: bool = True
) -> list[Mixture]:
    """`number` mixtures around the prior; `narrow` above 1 draws closer to it, `quality=False` draws shares alone."""
    random = np.random.default_rng([seed, 1])
    found = []
    for n in range(number):
        shares = _shares(prior, random, narrow)
        probe = quality and bool(prior.criteria) and n % PROBE == PROBE - 1
        cells = [
            cell.model_copy(update={"share": float(share)})
            if narrow > 1 and not probe and random.random() < KEPT
            else _cell(prior, cell, float(share), random, quality=quality, probe=probe)
            for cell, share in zip(prior.cells, shares, strict=True)
        ]
        found.append(with_reverses(prior).model_copy(update={"cells": cells}))
    return found


def _shares(prior: Mixture, random: np.random.Generator, narrow: float) -> np.ndarray:
    share = np.array([cell.share for cell in prior.cells])
    share = share / share.sum() * (1 - EVEN) + EVEN / len(share)
    low, high = np.log(CONCENTRATION)
    strength = np.exp(random.uniform(low, high)) * narrow
    drawn = random.dirichlet(np.maximum(share * strength, 1e-3))
    return np.maximum(drawn, 1e-6)


def _cell(
    prior: Mixture,
    cell: Cell,
    share: float,
    random: np.random.Generator,
    *,
    quality: bool,
    probe: bool,
) -> Cell:
    names = [name for name in prior.criteria if not name.startswith(REVERSED)]
    if not quality or not names:
        return cell.model_copy(update={"share": share})
    weights = dict(zip(names, random.dirichlet(np.ones(len(names))).tolist(), strict=True))
    if probe:
        weights = {random.choice([REVERSED, ""]) + str(random.choice(names)): 1.0}
    cutoff = float(random.uniform(0, MOST_CUT)) if random.random() < 2 / 3 else 0.0
    low, high = np.log(POWERS)
    power = float(np.exp(random.uniform(low, high))) if random.random() < 2 / 3 else 0.0
    update = {"share": share, "criteria": weights, "cutoff": cutoff, "power": power}
    return cell.model_copy(update=update)


def baselines(
    prior: Mixture, supply: Supply, budget: float, epochs: float = 4.0
) -> dict[str, Mixture]:
    """What a tuned mixture has to beat: the prior, natural shares, temperature 3.3, UniMax, and the better half by the
    criteria alike.
    """
    names = [name for name in prior.criteria if not name.startswith(REVERSED)]
    tokens = np.array([supply.tokens[supply.of(n)].sum() for n in range(len(supply.cells))])
    best = {"criteria": dict.fromkeys(names, 1.0), "cutoff": 0.5, "power": 0.0}
    plain = {"criteria": {}, "cutoff": 0.0, "power": 0.0}
    found = {
        "prior": prior,
        "natural": _shared(prior, tokens, plain),
        "temperature": _shared(prior, tokens ** (1 / 3.3), plain),
        "unimax": _shared(prior, unimax(tokens, budget, epochs), plain),
    }
    return found | ({"top-k": _shared(prior, tokens, best)} if names else {})


def _shared(
    prior: Mixture, shares: Sequence[float] | np.ndarray, rest: Mapping[str, object]
) -> Mixture:
    amounts = np.asarray(shares, np.float64)
    cells = [
        cell.model_copy(update={"share": float(share), **rest})
        for cell, share in zip(prior.cells, amounts / amounts.sum(), strict=True)
    ]
    return prior.model_copy(update={"cells": cells})
