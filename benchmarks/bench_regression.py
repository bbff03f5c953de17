"""Does our fit foretell the order of mixtures better than LightGBM as RegMix uses it, on RegMix's own runs?

    make bench-regression         DATA=../shared/data

Both are fitted to the 512 training runs of the 1M proxy, 13 losses each; ours chooses its model per target by
cross-validation on these. Then the test mixtures of the 1M, 60M and 1B models are read, once. Figures are Spearman's
rank correlations per domain; the interval of a difference is a paired bootstrap over the test mixtures, the same for
all domains. LightGBM stops early on a tenth of the training runs; RegMix's own notebook stopped on the test runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.results import Figure, report
from mixers.regression import SHARE, Design, fit, light_gbm, rank_correlation

DATA = Path(os.environ.get("DATA", "../shared/data")) / "mixing"
SAMPLES = 1000
Floats = npt.NDArray[np.float64]


def main() -> None:
    design, losses, domains = runs("train", "1m")
    fits = [fit(name, design, losses[:, n]) for n, name in enumerate(domains)]
    for one in fits:
        shown = {name: round(error, 4) for name, error in one.errors.items()}
        print(f"{one.target}: {one.model}; order of unseen training runs {one.order:.4f}; {shown}")
    ours = [one.predict for one in fits]
    theirs = [light_gbm(design, losses[:, n]) for n in range(len(domains))]
    figures: list[Figure] = []
    for size in ("1m", "60m", "1B"):
        asked, measured, _ = runs("test", size)
        found = [np.stack([f(asked.values) for f in of], axis=1) for of in (ours, theirs)]
        figures += compared(size, domains, measured, found[0], found[1])
    report("regression", figures)


def runs(split: str, size: str) -> tuple[Design, Floats, list[str]]:
    """Mixtures and losses that have the same index."""
    mixtures = pl.read_csv(DATA / f"{split}_mixture_{size}.csv")
    measured = pl.read_csv(DATA / f"{split}_pile_loss_{size}.csv")
    both = mixtures.join(measured, on="index", how="inner", maintain_order="left")
    domains = [c for c in measured.columns if c != "index"]
    shares = [c for c in mixtures.columns if c != "index"]
    names = [SHARE + c.removeprefix("train_the_pile_") for c in shares]
    short = [c.removeprefix("metric/the_pile_").removesuffix("_val_loss") for c in domains]
    return Design(names, both[shares].to_numpy()), both[domains].to_numpy(), short


def compared(
    size: str, domains: list[str], measured: Floats, ours: Floats, theirs: Floats
) -> Iterator[Figure]:
    """Each domain, and the mean."""
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(measured), (SAMPLES, len(measured)))
    every = np.vstack([np.arange(len(measured)), drawn])
    scores = np.array(
        [
            [
                [rank_correlation(found[rows, n], measured[rows, n]) for n in range(len(domains))]
                for rows in every
            ]
            for found in (ours, theirs)
        ]
    )
    means = np.concatenate([scores, scores.mean(axis=2, keepdims=True)], axis=2)
    low, high = np.quantile((means[0] - means[1])[1:], [0.025, 0.975], axis=0)
    for n, name in enumerate([*domains, f"mean of {len(domains)}"]):
        yield Figure(
            measure=f"{size}, {len(measured)} mixtures: {name}",
            unit=f"rank correlation (difference {low[n]:.4f} to {high[n]:.4f})",
            ours=float(means[0, 0, n]),
            reference=float(means[1, 0, n]),
            beside="LightGBM, RegMix's settings",
        )


if __name__ == "__main__":
    sys.exit(main())
