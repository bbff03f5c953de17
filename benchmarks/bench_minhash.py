"""How fast are MinHash signatures beside datatrove's, and is recall on the theoretical S-curve?

    make bench-minhash          DATA=../shared/data

Speed: the same English documents and parameters (5-grams, 14 bands of 8 rows, 64-bit shingle
hashes) in CPU seconds of one thread; datatrove's stage without its files, with SHA-1, and with
Python's own string hash, which bounds what a faster hash would give.

Recall: pairs planted evenly over Jaccard 0.4 to 1. One text is a run of words of a real document,
the other is the same after words were replaced, put in, taken out, or runs exchanged at an end; the
similarity of a pair is that of their sets of 5-grams, by Python's sets. A pair of similarity s meets
in a band with probability 1 - (1 - s^8)^14; the deviation of a bin is in standard errors of a sum of
such draws. One seed of hash functions serves all pairs; the mean over seeds is measured beside it.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig

from annotators.minhash import Config, step
from benchmarks.english import natural
from benchmarks.results import Figure, report
from corpus.document import document_id
from corpus.english import special
from corpus.segment import with_words

DATA = Path(os.environ.get("DATA", "../shared/data"))
PAIRS = 9000
SEEDS = range(1, 9)  # of the hash functions; the first is the default
BINS = np.linspace(0.4, 1.0, 13)
TIMED = 600  # documents
CONFIG = Config()

Shares = npt.NDArray[np.float64]
Words = list[str]


def main() -> None:
    texts = [document.text for document in natural(DATA)]
    figures = _speed(texts[:: max(1, len(texts) // TIMED)])
    pairs = list(_pairs(_vocabulary(texts), random.Random(3)))
    similar = np.array([_jaccard(*pair) for pair in pairs])
    table = _table([" ".join(words) for pair in pairs for words in pair])
    met = np.array([_met(table, seed) for seed in SEEDS])
    figures += _recall("seed 1", similar, met[0], 1)
    figures += _recall(f"mean of seeds 1 to {len(SEEDS)}", similar, met.mean(axis=0), len(SEEDS))
    report("minhash", [*figures, _cells(similar, met), _shingles(table, pairs)])


# ---------------------------------------------------------------- speed


def _speed(texts: Sequence[str]) -> list[Figure]:
    size, table, ours = sum(len(text.encode()) for text in texts) / 1e6, _table(texts), step(CONFIG)
    both, given = (size / _best(partial(ours, t)) for t in (table, with_words(table)))
    sha1 = size / _best(lambda: _datatrove(texts, None), 1)
    free = size / _best(lambda: _datatrove(texts, lambda text: hash(text) & (1 << 63) - 1), 1)
    docs = len(texts) / size
    print(f"timed on {len(texts):,} documents, {size:.2f} MB")
    return [
        *(
            Figure(
                measure=f"{name}, beside {other}",
                unit=unit,
                ours=a * k,
                reference=b * k,
                beside="datatrove",
            )
            for unit, k in (("MB/s", 1.0), ("documents/s", docs))
            for name, a in (("words found", both), ("words given", given))
            for other, b in (("SHA-1", sha1), ("Python's hash", free))
        ),
    ]


def _datatrove(texts: Sequence[str], hashed: Callable[[str], int] | None) -> None:
    """What its signature stage computes of each document; nothing is written."""
    settings = MinhashConfig(
        n_grams=CONFIG.ngram,
        num_buckets=CONFIG.bands,
        hashes_per_bucket=CONFIG.rows,
        hash_config=HashConfig(precision=64, hash_fc="sha1"),
    )
    with TemporaryDirectory() as folder:
        stage = MinhashDedupSignature(folder, settings)
    stage._hash_func = hashed or stage._hash_func
    for text in texts:
        shingles = stage.get_shingles(text)
        if shingles.size:
            stage.get_signature(shingles)


def _best(work: Callable[[], object], runs: int = 5) -> float:
    """The least CPU seconds, after one short-lived run that compiles or loads."""
    if runs > 1:
        work()
    seconds = []
    for _ in range(runs):
        start = process_time()
        work()
        seconds.append(process_time() - start)
    return min(seconds)


def _table(texts: Sequence[str]) -> pa.Table:
    ids = [document_id("bench", "", k) for k in range(len(texts))]
    return pa.table({"id": ids, "text": pa.array(texts, pa.large_string())})


# ---------------------------------------------------------------- planted pairs


def _vocabulary(texts: Sequence[str]) -> list[Words]:
    """Each text's words of small letters, without those that are cut in two (`cannot`)."""
    cut = set(special())
    return [[w for w in re.findall(r"\b[a-z]{2,}\b", text) if w not in cut] for text in texts]


def _pairs(documents: Sequence[Words], rng: random.Random) -> Iterator[tuple[Words, Words]]:
    """Pairs whose similarity is about evenly spread over 0.4 to 1."""
    long = [words for words in documents if len(words) >= 150]
    for _ in range(PAIRS):
        words = rng.choice(long)
        size = min(len(words), rng.randint(100, 400))
        start = rng.randint(0, len(words) - size)
        base, other = words[start : start + size], rng.choice(long)
        target = rng.uniform(0.4, 1.0)
        change = _exchanged if rng.random() < 0.4 else _edited
        yield base, change(base, other, target, rng)


def _edited(base: Words, other: Words, target: float, rng: random.Random) -> Words:
    """Words replaced, put in and taken out at random places until the similarity has sunk to target."""
    found = list(base)
    while _jaccard(base, found) > target:
        place, kind = rng.randrange(len(found)), rng.randrange(3)
        found[place : place + (kind != 1)] = [rng.choice(other)] if kind != 2 else []
    return found


def _exchanged(base: Words, other: Words, target: float, rng: random.Random) -> Words:
    """The end, or the beginning, exchanged for a run of another document."""
    size = len(base)
    kept = round(size * 2 * target / (1 + target))
    start = rng.randint(0, max(0, len(other) - (size - kept)))
    run = other[start : start + size - kept]
    return base[:kept] + run if rng.random() < 0.5 else run + base[size - kept :]


def _grams(words: Words) -> set[tuple[str, ...]]:
    n = CONFIG.ngram
    return {tuple(words[k : k + n]) for k in range(max(1, len(words) - n + 1))}


def _jaccard(one: Words, two: Words) -> float:
    a, b = _grams(one), _grams(two)
    return len(a & b) / len(a | b)


# ---------------------------------------------------------------- recall


def _met(table: pa.Table, seed: int) -> npt.NDArray[np.bool_]:
    """Which of the pairs, row 2k and row 2k + 1, have an equal band."""
    bands = step(Config(seed=seed))(table).column("bands").combine_chunks().flatten()
    each = np.asarray(bands, np.uint64).reshape(-1, 2, CONFIG.bands)
    found: npt.NDArray[np.bool_] = (each[:, 0] == each[:, 1]).any(axis=1)
    return found


def _recall(name: str, similar: Shares, met: Any, draws: int) -> list[Figure]:
    """The bins, the furthest of them, and all pairs as one bin."""
    figures, deviations = [], _deviations(similar, met, draws)
    for (low, high), deviation in zip(pairwise(BINS.tolist()), deviations, strict=True):
        inside = _inside(similar, low, high)
        figures.append(
            Figure(
                measure=f"recall at {low:.2f} to {high:.2f}, {name}",
                unit=f"of {inside.sum():,}, {deviation:+.2f} s.e.",
                ours=float(met[inside].mean()),
                reference=float(_theory(similar[inside]).mean()),
                beside="1 - (1 - s^8)^14",
            )
        )
    inside = similar >= BINS[0]
    pooled = abs(_deviation(met[inside], _theory(similar[inside]), draws))
    outside = sum(abs(deviation) > 2 for deviation in deviations)
    far = max(map(abs, deviations))
    return [
        *figures,
        _bounded(f"furthest bin, {name}", f"s.e.; {outside} of {len(deviations)} beyond 2", far, 2),
        _bounded(f"all {inside.sum():,} pairs, {name}", "s.e.", pooled, 2),
    ]


def _cells(similar: Shares, met: Any) -> Figure:
    """Of the bins of all seeds: how many are beyond two standard errors; chance gives 4.6 %."""
    far = [abs(z) > 2 for row in met for z in _deviations(similar, row, 1)]
    return Figure(
        measure="bins of all seeds beyond 2 s.e.",
        unit=f"share of {len(far)}",
        ours=sum(far) / len(far),
        reference=0.0455,
        beside="by chance",
    )


def _bounded(measure: str, unit: str, value: float, bound: float) -> Figure:
    return Figure(measure=measure, unit=unit, ours=value, reference=bound, beside="bound")


def _deviations(similar: Shares, met: Any, draws: int) -> list[float]:
    found = []
    for low, high in pairwise(BINS.tolist()):
        inside = _inside(similar, low, high)
        found.append(_deviation(met[inside], _theory(similar[inside]), draws))
    return found


def _inside(similar: Shares, low: float, high: float) -> npt.NDArray[np.bool_]:
    """Which pairs are of this bin; the last one has the equal pairs too."""
    found: npt.NDArray[np.bool_] = (similar >= low) & ((similar < high) | (high == BINS[-1]))
    return found


def _theory(similar: Shares) -> Shares:
    found: Shares = 1 - (1 - similar**CONFIG.rows) ** CONFIG.bands
    return found


def _deviation(met: Any, theory: Shares, draws: int) -> float:
    """Standard errors between the pairs that met and those expected, each drawn `draws` times."""
    error = np.sqrt((theory * (1 - theory)).sum() / draws)
    return float((met.sum() - theory.sum()) / error)


def _shingles(table: pa.Table, pairs: Sequence[tuple[Words, Words]]) -> Figure:
    """Whether our shingles are the 5-grams that the similarity was computed from."""
    counted = step(CONFIG)(table).column("n_shingles").to_pylist()
    exact = [len(_grams(words)) for pair in pairs for words in pair]
    same = np.mean([a == b for a, b in zip(counted, exact, strict=True)])
    return Figure(
        measure="texts with as many shingles as Python's sets",
        unit=f"of {len(exact):,}",
        ours=float(same),
        reference=1.0,
        beside="exact",
    )


if __name__ == "__main__":
    main()
