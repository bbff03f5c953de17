"""What does it cost to train proxies stacked, beside one by one, and beside the machine's own products of matrices?

    make bench-proxies           SIZES=0.2M,1M  MEMBERS=8

Members are trained on the same random text for a few steps: stacked in two processes of a core each (as `tokenmill
ablate` does on two cores), one by one with two threads, and one by one in two processes. The share is of model FLOPs
(six for each weight and token, and attention within the sequence) in what a product of two 2,048 x 2,048 matrices
reaches on both cores in float32, in the same run. Every process keeps freed memory, as the engine's workers do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np

from benchmarks.results import Figure, report
from workflows.engine import MALLOC

SIZES = os.environ.get("SIZES", "0.2M,1M").split(",")
MEMBERS = int(os.environ.get("MEMBERS", "8"))
BATCH, LENGTH, VOCABULARY = 8, 256, 2048
SECONDS = 10.0
CORES = 2


def main() -> None:
    if len(sys.argv) > 1:
        size, members, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        print(tokens_per_second(size, members, threads))
        return
    report("proxies", list(figures()))


def figures() -> Iterator[Figure]:
    from mixers.proxy import architecture

    products = matrix_flops()
    yield Figure(measure="product of 2,048 x 2,048", unit="GFLOP/s", ours=products / 1e9)
    for size in SIZES:
        stacked = sum(run([(size, MEMBERS // CORES, 1)] * CORES))
        threads = sum(run([(size, 1, CORES)]))
        processes = sum(run([(size, 1, 1)] * CORES))
        best = max(threads, processes)
        yield Figure(
            measure=f"{size}: {MEMBERS} stacked in {CORES} processes",
            unit="tokens/s",
            ours=stacked,
            reference=best,
            beside="one by one, " + ("two threads" if threads == best else "two processes"),
        )
        flops = stacked * architecture(size, VOCABULARY).flops(LENGTH)
        yield Figure(
            measure=f"{size}: share of the products' rate",
            unit="model FLOPs",
            ours=flops / products,
            reference=0.35,
            beside="the goal at 1M",
        )


def run(asked: list[tuple[str, int, int]]) -> list[float]:
    """Tokens a second of processes side by side."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bench_proxies", *map(str, one)],
            stdout=subprocess.PIPE,
            env={**os.environ, **MALLOC, "OMP_NUM_THREADS": str(one[2])},
        )
        for one in asked
    ]
    return [float(process.communicate()[0].split()[-1]) for process in started]


def tokens_per_second(size: str, members: int, threads: int) -> float:
    import torch

    from mixers.proxy import architecture
    from mixers.training import Pool, Schedule, advance, begun, stream

    torch.set_num_threads(threads)
    random = np.random.default_rng(0)
    offsets = np.cumsum([0, *random.integers(50, 600, 400)]).astype(np.int64)
    pool = Pool(random.integers(0, VOCABULARY, offsets[-1]).astype(np.uint16), offsets)
    streams = [stream(pool, random.permutation(400)) for _ in range(members)]
    by = Schedule(steps=1 << 30, batch=BATCH, length=LENGTH)
    stack = begun(architecture(size, VOCABULARY), range(members))
    advance(stack, pool, streams, by, 2)
    began, steps = perf_counter(), 0
    while perf_counter() - began < SECONDS:
        advance(stack, pool, streams, by, stack.step + 1)
        steps += 1
    return members * steps * BATCH * LENGTH / (perf_counter() - began)


def matrix_flops() -> float:
    import torch

    torch.set_num_threads(CORES)
    a = torch.randn(2048, 2048)
    _ = a @ a
    began, count = perf_counter(), 0
    while perf_counter() - began < 4:
        _ = a @ a
        count += 1
    return count * 2 * 2048**3 / (perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
