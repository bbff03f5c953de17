"""Is a planted truth found, is what is optimal left alone, and is usefulness that bends seen?

    make bench-planted_mixture

Corpora of `benchmarks.planted_text`: (planted) two cells of known usefulness, of which the score tells in one and not
in the other, noise that scores high, a scarce cell that a target depends on, and one that no target needs; (natural)
the targets are drawn as the corpus is, so that there is nothing to gain; (bent) usefulness falls and rises with the
score.
A swarm is trained, fitted, searched and confirmed as `tokenmill ablate` does it; each fresh seed has a corpus and
held-out texts of its own. A gain is how much less the recommended mixture's proxies lose than the others', mean over
the targets that any source resembles.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np
import polars as pl

from benchmarks.planted_text import Texts, corpus
from benchmarks.results import Figure, report
from mixers.ablation import (
    Setting,
    advice,
    candidates,
    confirm,
    described,
    gains,
    train,
    tune,
    unmet,
    worse,
)
from mixers.composition import supply
from mixers.mixture import Mixture
from mixers.selection import compiled
from mixers.swarm import draws, with_reverses
from mixers.training import Pool, Schedule
from mixers.vocabulary import END, Vocabulary

PROXIES, TOGETHER = 96, 8
SEEDS = tuple(range(101, 109))
SCHEDULE = Schedule(steps=120, batch=8, length=128, rate=4e-3)
BUDGET_SHARE = 0.5  # of the pool's tokens


def main() -> None:
    figures: list[Figure] = []
    for case in sys.argv[1:] or ("planted", "natural", "bent"):
        figures += tried(case)
    report("planted_mixture", figures)


def tried(case: str) -> Iterator[Figure]:
    began = perf_counter()
    setting = made(case, 1)
    members = draws(setting.prior, PROXIES, 1)
    losses: dict[str, list[float]] = {name: [] for name in setting.targets}
    for first in range(0, PROXIES, TOGETHER):
        some = members[first : first + TOGETHER]
        for name, values in train(setting, some, [1] * len(some)).items():
            losses[name] += values.tolist()
    found = tune(setting, members, {name: np.array(v) for name, v in losses.items()})
    for one in found.fits:
        print(
            f"{case}: {one.target}: {one.model} reads {one.reads}, order {one.order:.3f} "
            f"({one.low:.3f} to {one.high:.3f}); bent {one.bent}"
        )
    print(f"{case}: refused: {found.refused}; warnings: {found.warnings}")
    print(found.recommended.model_dump_json(include={"cells"}, indent=1))
    mixtures = candidates(setting, found)
    print("\n".join(unmet(setting, mixtures)))
    every_seed = [confirm(made(case, seed), mixtures, [seed]) for seed in SEEDS]
    trials = {
        name: {t: np.concatenate([one[name][t] for one in every_seed]) for t in setting.targets}
        for name in mixtures
    }
    targets = [name for name in setting.targets if name.startswith("chain")]
    for name, of in trials.items():
        print(f"{case}: {name}: " + ", ".join(f"{t} {v.mean():.4f}" for t, v in of.items()))
    every = gains(trials, targets)
    print(f"{case}: {advice(every, worse(trials))}")
    for gain in every:
        yield Figure(
            measure=f"{case}: gain over {gain.over}",
            unit=f"% ({100 * gain.low:.2f} to {100 * gain.high:.2f})",
            ours=100 * gain.mean,
        )
    (taken,) = described(setting, [found.recommended]).values
    shares = dict(zip(found.names, taken, strict=True))
    for name, natural in setting.supply.shares.items():
        yield Figure(
            measure=f"{case}: share of {name}",
            unit="recommended, natural",
            ours=shares[f"share:{name}"],
            reference=natural,
            beside="natural",
        )
    yield Figure(measure=f"{case}: time", unit="minutes", ours=(perf_counter() - began) / 60)


def made(case: str, seed: int) -> Setting:
    found = corpus(case, seed)
    kinds = found.frame["kind"].unique(maintain_order=True).to_list()
    tokens = dict(found.frame.group_by("kind").agg((pl.col("n_tokens") + 1).sum()).iter_rows())
    prior = Mixture.model_validate(
        {
            "name": "tuned",
            "criteria": {"score": {"of": "score", "worst": 0.0, "best": 1.0}},
            "cells": [
                {"name": k, "where": f"kind = '{k}'", "share": float(tokens[k])} for k in kinds
            ],
        }
    )
    whole = with_reverses(prior)
    return Setting(
        pool=pool(found.texts),
        targets={name: pool(texts) for name, texts in found.targets.items()},
        vocabulary=Vocabulary(
            np.r_[np.ones(256), 0].astype(np.int64), np.empty(0, np.int64), np.empty(0, np.uint16)
        ),
        supply=supply(found.frame, compiled(whole, found.frame.clear(), case), whole),
        prior=prior,
        budget=min(BUDGET_SHARE * sum(tokens.values()), float(SCHEDULE.tokens)),
        cap=4.0,
        size="0.1M",
        schedule=SCHEDULE,
    )


def pool(texts: Texts) -> Pool:
    rows = [np.append(text, END) for text in texts]
    return Pool(
        np.concatenate(rows).astype(np.uint16), np.cumsum([0, *map(len, rows)]).astype(np.int64)
    )


if __name__ == "__main__":
    sys.exit(main())
