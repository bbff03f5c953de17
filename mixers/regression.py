"""Losses of a swarm's members from the numbers that describe their mixtures: three models, and which one to believe.

| model | loss of a target | after |
|---|---|---|
| `log_linear` | c + exp(b + x w), w kept small | Olmix, arXiv 2602.12237 |
| `gaussian_process` | x w + a smooth function of x (Matern 3/2), each number weighted by a linear fit | |
| `light_gbm` | a sum of 1,000 trees at most | RegMix, arXiv 2407.01492, its settings |

Shares of tokens enter the second as logarithms: a domain's loss falls by about as much from 1 % to 2 % as from 2 % to
4 %. Per target the model with the smallest error on members that it was not fitted to is taken. A target whose order
not even that one foretells is refused: averaged in, it would add noise to every decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Predict = Callable[[Floats], Floats]
SHARE = "share:"
# Added to a share before its logarithm. Of 0.001, 0.003 and 0.01 the best on RegMix's 512 training runs by
# cross-validation (mean rank correlation 0.9903, 0.9906, 0.9895; LightGBM with RegMix's settings 0.9873).
SMALL = 3e-3
LENGTHS = (0.05, 0.1, 0.2, 0.4, 0.8)
NOISES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)
PENALTIES = (1e-5, 1e-3, 1e-1)
FOLDS = 8
SAMPLES = 1000
LEVEL = 0.95
LEAST_BEND = 0.05  # the lower end of the share of error that bending takes away, or it is chance
LEAST_ORDER = 0.3  # the lower end of a target's rank correlation, or it is refused


@dataclass(frozen=True)
class Design:
    """What describes the members: names, and (members, names)."""

    names: Sequence[str]
    values: Floats

    @staticmethod
    def of(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Design:
        """From the numbers of each member."""
        return Design(names, np.array([[row[name] for name in names] for row in rows], np.float64))

    def only(self, columns: Sequence[int]) -> Design:
        """Some of the columns."""
        return Design([self.names[n] for n in columns], self.values[:, columns])

    def with_logs(self) -> Floats:
        """The values, shares as logarithms."""
        share = np.array([name.startswith(SHARE) for name in self.names])
        return np.where(share, np.log(np.maximum(self.values, 0) + SMALL), self.values)


def log_linear(design: Design, losses: Floats, penalty: float | None = None) -> Predict:
    """Fit one target; the penalty on the slopes by cross-validation unless it is given."""
    if penalty is None:
        unseen = [
            _held_out(partial(log_linear, penalty=one), design, losses, 3) for one in PENALTIES
        ]
        penalty = PENALTIES[int(np.argmin([np.mean((one - losses) ** 2) for one in unseen]))]
    x, scale = _standard(design.values)
    y, low, spread = losses, float(losses.min()), float(losses.std()) or 1.0

    def loss(flat: Floats) -> tuple[float, Floats]:
        raised = np.exp(np.clip(flat[1] + x @ flat[2:], -50, 50))
        error = (flat[0] + raised - y) / spread
        slope = error * raised / spread
        gradient = np.concatenate([[error.sum() / spread], [slope.sum()], x.T @ slope]) / len(y)
        gradient[2:] += penalty * flat[2:]
        return float((error**2).mean() / 2 + penalty / 2 * (flat[2:] ** 2).sum()), gradient

    start = np.concatenate(
        [[low - spread], [np.log(y.mean() - low + spread)], np.zeros(x.shape[1])]
    )
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return lambda asked: found[0] + np.exp(np.clip(found[1] + scale(asked) @ found[2:], -50, 50))


def gaussian_process(design: Design, losses: Floats) -> Predict:
    """Fit one target; length and noise by the error on each member left out, which has a closed form (Rasmussen and
    Williams 2006, 5.4.2).
    """
    x, scale = _standard(design.with_logs())
    middle, spread = float(losses.mean()), float(losses.std()) or 1.0
    y = (losses - middle) / spread
    plain = np.abs(np.linalg.solve(x.T @ x + 5 * np.eye(x.shape[1]), x.T @ y))
    weight = plain / max(plain.max(), 1e-9) + 0.02
    u = x * weight
    best: tuple[float, float, Floats] | None = None
    for length in LENGTHS:
        values, vectors = np.linalg.eigh(_kernel(u, u, length))
        turned = vectors.T @ y
        for noise in NOISES:
            solved = vectors @ (turned / (values.clip(0) + noise))
            diagonal = (vectors**2 / (values.clip(0) + noise)).sum(axis=1)
            error = float(((solved / diagonal) ** 2).mean())
            if best is None or error < best[0]:
                best = error, length, solved
    assert best is not None
    _, length, solved = best

    def predict(asked: Floats) -> Floats:
        logs = Design(design.names, asked).with_logs()
        kernel = _kernel(scale(logs) * weight, u, length)
        return np.asarray(kernel @ solved * spread + middle)

    return predict


def light_gbm(design: Design, losses: Floats) -> Predict:
    """Fit one target with RegMix's settings: rate 0.01, 1,000 trees at most, stopped early on a tenth that is then used
    too. Too few members for a leaf give the mean.
    """
    settings = {
        "objective": "regression",
        "metric": "l2",
        "learning_rate": 0.01,
        "seed": 42,
        "verbosity": -1,
        "num_threads": 1,
        "deterministic": True,
    }
    cut = round(len(losses) * 0.9)
    fitted = lightgbm.Dataset(design.values[:cut], losses[:cut], params={"verbosity": -1})
    kept = lightgbm.Dataset(design.values[cut:], losses[cut:], reference=fitted)
    stop = lightgbm.early_stopping(3, verbose=False)
    trees = lightgbm.train(settings, fitted, 1000, valid_sets=[kept], callbacks=[stop])
    whole = lightgbm.Dataset(design.values, losses, params={"verbosity": -1})
    model = lightgbm.train(settings, whole, max(1, trees.best_iteration))
    return lambda asked: np.asarray(model.predict(asked), np.float64)


MODELS: Mapping[str, Callable[[Design, Floats], Predict]] = {
    "log_linear": log_linear,
    "gaussian_process": gaussian_process,
    "light_gbm": light_gbm,
}


# What a fit may read: of more, only what makes unseen members' errors smaller.
SETS: Mapping[str, tuple[str, ...]] = {
    "shares": ("share",),
    "quality": ("share", "quality"),
    "repeats": ("share", "quality", "repeats"),
    "bend": ("share", "quality", "bend"),
}
MONOTONE, BENT = "quality", "bend"


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The model that is believed of one target."""

    target: str
    model: str
    reads: str  # one of `SETS`
    numbers: int  # how many those are
    predict: Predict  # of rows of the whole design
    unseen: Floats  # (members,): each predicted by a model that was not fitted to it
    errors: Mapping[str, float]  # root mean square on unseen members, by model and what it reads
    bent: (
        tuple[float, float] | None
    )  # share of the squared error of `quality` that goes with `bend`
    order: float  # rank correlation of `unseen` with what was measured
    low: float  # its interval
    high: float

    @property
    def refused(self) -> str:
        """Why the target is left out of decisions, or nothing."""
        if self.low >= LEAST_ORDER:
            return ""
        return (
            f"{self.target}: its order over unseen members is foretold with {self.order:.2f} "
            f"({self.low:.2f} to {self.high:.2f}), which must be {LEAST_ORDER} at least"
        )

    @property
    def bends(self) -> str:
        """Where usefulness does not rise with a criterion, so that no mixture of ours fits it, or nothing."""
        if self.bent is None or self.bent[0] <= LEAST_BEND:
            return ""
        low, high = self.bent
        return (
            f"{self.target}: usefulness bends: {100 * low:.0f} to {100 * high:.0f} % of the error goes if both ends "
            "of a criterion may help. Copies that rise with the score do not fit; mend the criterion or split the cell"
        )


def fit(target: str, design: Design, losses: Floats) -> Fit:
    """The model of one target and what it reads, by cross-validation. ValueError as for `readable`.

    What is read is settled by the first two models; the trees, which take longest, then read the same.
    """
    columns = readable(design)
    unseen = {
        (model, name): _held_out(MODELS[model], design.only(chosen), losses, FOLDS)
        for name, chosen in columns.items()
        for model in ("log_linear", "gaussian_process")
    }
    reads = _read(unseen, list(columns), losses)
    chosen = columns[reads]
    unseen["light_gbm", reads] = _held_out(light_gbm, design.only(chosen), losses, FOLDS)
    best = _best(unseen, reads, losses)
    low, high = interval(losses, unseen[best])
    predict = MODELS[best[0]](design.only(chosen), losses)
    return Fit(
        target=target,
        model=best[0],
        reads=reads,
        numbers=len(chosen),
        predict=lambda asked: predict(asked[:, chosen]),
        unseen=unseen[best],
        errors={" ".join(key): _error(found, losses) for key, found in unseen.items()},
        bent=_bent(unseen, losses) if {MONOTONE, BENT} <= columns.keys() else None,
        order=rank_correlation(losses, unseen[best]),
        low=low,
        high=high,
    )


def readable(design: Design) -> dict[str, list[int]]:
    """The columns that a fit may read, by set. ValueError for fewer than `FOLDS` members, or if nothing varies among
    them.
    """
    if len(design.values) < FOLDS:
        raise ValueError(f"{len(design.values)} members; a fit takes {FOLDS} at least")
    every = {name: _columns(design, kinds) for name, kinds in SETS.items()}
    shares = every["shares"]
    found = {n: c for n, c in every.items() if c and (n == "shares" or len(c) > len(shares))}
    if not found:
        raise ValueError("nothing varies among the members")
    return found


def _columns(design: Design, kinds: tuple[str, ...]) -> list[int]:
    """Those of these kinds that vary."""
    varies = design.values.std(axis=0) > 1e-9
    named = np.array([name.split(":")[0] in kinds for name in design.names])
    return [int(n) for n in np.flatnonzero(varies & named)]


def _error(found: Floats, losses: Floats) -> float:
    return float(np.sqrt(np.mean((found - losses) ** 2)))


def _best(unseen: Mapping[tuple[str, str], Floats], reads: str, losses: Floats) -> tuple[str, str]:
    """The model of the smallest error among those that read this."""
    return min(
        (key for key in unseen if key[1] == reads), key=lambda key: _error(unseen[key], losses)
    )


def _read(unseen: Mapping[tuple[str, str], Floats], sets: Sequence[str], losses: Floats) -> str:
    """The first set but for those that are better by more than a standard error."""
    squares = {name: (unseen[_best(unseen, name, losses)] - losses) ** 2 for name in sets}
    chosen = sets[0]
    for name in sets[1:]:
        gone = squares[chosen] - squares[name]
        if gone.mean() > gone.std() / np.sqrt(len(gone)):
            chosen = name
    return chosen


def _bent(unseen: Mapping[tuple[str, str], Floats], losses: Floats) -> tuple[float, float]:
    """The share of the squared error on unseen members that goes when the model may bend; its interval over members."""
    best = {
        reads: (unseen[_best(unseen, reads, losses)] - losses) ** 2 for reads in (MONOTONE, BENT)
    }
    drawn = np.random.default_rng(0).integers(0, len(losses), (SAMPLES, len(losses)))
    means = {reads: squares[drawn].mean(axis=1) for reads, squares in best.items()}
    gone = 1 - means[BENT] / np.maximum(means[MONOTONE], 1e-300)
    low, high = np.quantile(gone, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's, ties at their mean rank; 0 where one does not vary."""
    a, b = rankdata(one) - (len(one) + 1) / 2, rankdata(other) - (len(other) + 1) / 2
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length else 0.0


def interval(one: Floats, other: Floats, seed: int = 0) -> tuple[float, float]:
    """Of the rank correlation, by drawing members anew."""
    drawn = np.random.default_rng(seed).integers(0, len(one), (SAMPLES, len(one)))
    found = [rank_correlation(one[rows], other[rows]) for rows in drawn]
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _held_out(
    model: Callable[[Design, Floats], Predict], design: Design, losses: Floats, folds: int
) -> Floats:
    fold = np.random.default_rng(0).permutation(len(losses)) % folds
    found = np.empty(len(losses))
    for k in range(folds):
        out = fold == k
        part = Design(design.names, design.values[~out])
        found[out] = model(part, losses[~out])(design.values[out])
    return found


def _standard(values: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
    middle, spread = values.mean(axis=0), values.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    return (values - middle) / spread, lambda asked: (asked - middle) / spread


def _kernel(one: Floats, other: Floats, length: float) -> Floats:
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    far = np.sqrt(3 * length * squares.clip(0))
    return np.asarray((1 + far) * np.exp(-far) + one @ other.T)
