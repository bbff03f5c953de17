"""How many sequences does packing cost over gluing everything together, how long does it take, and does stage 3 keep
to its lengths?

    make bench-packing          DOCUMENTS=1000000

**Stage 1**: document lengths are drawn, seeded, from `lengths/length_hist.tsv`: a power-of-two bucket of the pooled
histogram by its count, uniform inside the bucket. The histogram counts bytes and characters; a token is taken as four
of them, and once more as one, which makes every document four times as long. `mixers.packing.cut` cuts what is longer
than 4,096 (`<|endoftext|>` counted), `best_fit` packs the pieces. The lower bound is concatenation: all tokens / 4,096,
rounded up. The Martello-Toth bound L2 says what no packing of these pieces can beat; with several buckets, each has
a last sequence of its own, and its bound is the sum of theirs.

**Stage 3**: documents with such lengths go through the rules, allocation, draw, cuts and packing of
`samples/mixtures/long_context.yaml`. The share of tokens from documents of 16,384 and more stands beside the 75 % that
is asked; the standard error is that of the draw (a document is drawn whole, or not).

The references: 0.0024 % is Ding et al. 2024 (arXiv 2404.10830); first-fit-decreasing is written out below in
plain Python over a tree of maxima. Times are CPU seconds of one thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from benchmarks.results import Figure, report
from corpus.document import ID
from corpus.tokenizer import VOCABULARY
from mixers.allocation import allocate
from mixers.mixture import Mixture
from mixers.packing import best_fit, cut
from mixers.selection import compiled, draw, judge, merge_strata, strata, with_thresholds
from mixers.sequences import COPIES, Pieces, arrange, bucket_of
from workflows.plan import load_mixture

DATA = Path(os.environ.get("DATA", "../shared/data"))
DOCUMENTS = int(os.environ.get("DOCUMENTS", "1000000"))
MIXTURE = Path(__file__).parent.parent / "samples/mixtures/long_context.yaml"
SEED, SEQ_LEN, LONG = 20240416, 4096, 32_768
BUCKETS = 64
BUCKET_TOKENS = 1 << 28  # the plan's default
PARAGRAPH = 0.01  # tokens that end a paragraph, where ends are planted
PAPER = 0.0024  # % of sequences over concatenation
STAGE, SHARE = "long_context", 75.0
LONG_BUDGET = 100_000_000  # tokens of stage 3
DRAWS = 20
Int64s = npt.NDArray[np.int64]
T = TypeVar("T")


class Packed(NamedTuple):
    """What became of some documents."""

    tokens: int
    sequences: int
    least: int  # Martello-Toth

    @property
    def bound(self) -> int:
        """Sequences of concatenation."""
        return -(-self.tokens // SEQ_LEN)


def main() -> None:
    best_fit([1, 2], SEQ_LEN)  # compile
    figures = []
    for bytes_per_token in (4, 1):
        lengths = draw_lengths(np.random.default_rng(SEED), DOCUMENTS, bytes_per_token)
        figures += _stage_1(lengths, f"{bytes_per_token} bytes a token")
    report("packing", [*figures, *_stage_3()])


def draw_lengths(rng: np.random.Generator, count: int, bytes_per_token: int) -> Int64s:
    """Tokens of `count` documents, without `<|endoftext|>`."""
    table = pl.read_csv(DATA / "lengths" / "length_hist.tsv", separator="\t")
    weight = table["count"].to_numpy() / table["count"].sum()
    low = rng.choice(table["bucket_low"].to_numpy(), count, p=weight)
    size = np.floor(low * (1 + rng.random(count)))
    return np.ceil(size / bytes_per_token).astype(np.int64)


def cut_all(lengths: Int64s, ends: npt.NDArray[np.bool_]) -> tuple[Int64s, Int64s]:
    """(document, tokens) of the pieces of documents of so many tokens; `<|endoftext|>` is counted.

    `ends`: as in `cut`, the same for all, and as long as the longest.
    """
    whole = lengths + 1
    fits, long = np.flatnonzero(whole <= SEQ_LEN), np.flatnonzero(whole > SEQ_LEN)
    sizes = [[size for _, size in cut(int(whole[n]), SEQ_LEN, ends, balanced=False)] for n in long]
    owner = np.repeat(long, [len(of_document) for of_document in sizes])
    pieces = np.array([size for of_document in sizes for size in of_document], dtype=np.int64)
    return np.concatenate([fits, owner]), np.concatenate([whole[fits], pieces])


def least_bins(pieces: Int64s, capacity: int) -> int:
    """The bound L2 of Martello and Toth 1990: pieces over half never share, and small ones fill what they leave."""
    count = np.bincount(pieces, minlength=capacity + 1)
    counts, sums = np.cumsum(count), np.cumsum(count * np.arange(capacity + 1))
    small = np.arange(capacity // 2 + 1)  # pieces below this length are left out
    huge = counts[capacity] - counts[capacity - small]
    big = counts[capacity - small] - counts[capacity // 2]
    room = big * capacity - (sums[capacity - small] - sums[capacity // 2])
    rest = sums[capacity // 2] - np.where(small > 0, sums[small - 1], 0)
    return int((huge + big + np.maximum(0, -(-(rest - room) // capacity))).max())


def first_fit(pieces: Int64s, capacity: int) -> int:
    """Sequences of first-fit-decreasing, by a tree that holds the most room below each node."""
    leaves = 1 << int(len(pieces) - 1).bit_length()
    room = [capacity] * (2 * leaves)
    opened = 0
    for size in np.sort(pieces)[::-1].tolist():
        node = 1
        while node < leaves:
            node *= 2
            if room[node] < size:
                node += 1
        opened = max(opened, node - leaves + 1)
        room[node] -= size
        while node > 1:
            node //= 2
            room[node] = max(room[2 * node], room[2 * node + 1])
    return opened


def _stage_1(lengths: Int64s, name: str) -> Iterator[Figure]:
    chance = np.random.default_rng(SEED).random(int(lengths.max()) + 1)
    owner, pieces = cut_all(lengths, chance < 0)
    packed, seconds = _timed(lambda: _packed(pieces))
    fitted, reference = _timed(lambda: first_fit(pieces, SEQ_LEN))
    yield _extra(f"{name}: sequences over concatenation, one bucket", packed, packed.bound)
    yield Figure(
        measure=f"{name}: sequences, one bucket",
        unit="sequences",
        ours=packed.sequences,
        reference=packed.least,
        beside="L2, the fewest possible",
    )
    yield Figure(
        measure=f"{name}: sequences, one bucket, beside another way to pack",
        unit="sequences",
        ours=packed.sequences,
        reference=fitted,
        beside="first-fit-decreasing",
    )
    yield Figure(
        measure=f"{name}: best fit of {len(lengths):,} documents, {len(pieces):,} pieces",
        unit="CPU s",
        ours=seconds,
        reference=reference,
        beside="first-fit-decreasing, plain Python",
    )
    at_ends = _packed(cut_all(lengths, chance < PARAGRAPH)[1])
    yield _extra(f"{name}: the same, cut at paragraph ends (1 token in 100)", at_ends, packed.bound)
    yield Figure(
        measure=f"{name}: sequences, cut at paragraph ends",
        unit="sequences",
        ours=at_ends.sequences,
        reference=at_ends.least,
        beside="L2, the fewest possible",
    )
    default = -(-packed.tokens // BUCKET_TOKENS)
    for buckets in (BUCKETS, default):
        split = _in_buckets(owner, pieces, buckets)
        sequences = sum(one.sequences for one in split)
        together = Packed(packed.tokens, sequences, 0)
        yield _extra(
            f"{name}: sequences over concatenation, {buckets} buckets", together, packed.bound
        )
        bound = sum(one.bound for one in split)
        yield _extra(f"{name}: over each bucket's own bound, {buckets} buckets", together, bound)


def _extra(measure: str, packed: Packed, bound: int) -> Figure:
    return Figure(
        measure=measure,
        unit="% extra",
        ours=100 * (packed.sequences / bound - 1),
        reference=PAPER,
        beside="Ding et al. 2024",
    )


def _packed(pieces: Int64s) -> Packed:
    sequences = int(best_fit(pieces, SEQ_LEN).max()) + 1
    return Packed(int(pieces.sum()), sequences, least_bins(pieces, SEQ_LEN))


def _in_buckets(owner: Int64s, pieces: Int64s, buckets: int) -> list[Packed]:
    ids = _ids(int(owner.max()) + 1)
    bucket = bucket_of(ids, np.zeros(len(ids)), SEED, STAGE, buckets)[owner]
    return [_packed(pieces[bucket == number]) for number in range(buckets)]


def _ids(count: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(SEED).integers(0, 256, (count, 16), dtype=np.uint8)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def _stage_3() -> Iterator[Figure]:
    mixture = load_mixture(str(MIXTURE))
    frame = _documents(draw_lengths(np.random.default_rng(SEED), DOCUMENTS, 4))
    drawn = [_draw(frame, mixture, SEED + k) for k in range(DRAWS)]
    worst = max(drawn, key=lambda table: abs(_share(table) - SHARE))
    first = drawn[0]
    chosen = first.filter(pl.col("copies") > 0)
    yield Figure(
        measure=f"stage 3: tokens from documents of 16,384 and more ({chosen.height:,} drawn)",
        unit="%",
        ours=_share(first),
        reference=SHARE,
        beside="asked",
    )
    yield Figure(
        measure=f"stage 3: the farthest of {DRAWS} draws from the share asked",
        unit="points",
        ours=abs(_share(worst) - SHARE),
        reference=3 * _standard_error(worst),
        beside="three standard errors of the draw",
    )
    pieces = _arranged(chosen)
    sequences = int(pieces.sequence[-1]) + 1
    tokens = int(pieces.length.sum())
    yield Figure(
        measure="stage 3: tokens drawn",
        unit="tokens",
        ours=tokens,
        reference=LONG_BUDGET,
        beside="budget",
    )
    yield Figure(
        measure="stage 3: tokens in pieces of 16,384 and more",
        unit="%",
        ours=100 * float(pieces.length[pieces.length >= 16_384].sum()) / tokens,
        reference=SHARE,
        beside="asked",
    )
    yield Figure(
        measure=f"stage 3: utilisation of {sequences:,} sequences of {LONG:,}",
        unit="%",
        ours=100 * tokens / (sequences * LONG),
        reference=100 * tokens / (least_bins(pieces.length, LONG) * LONG),
        beside="L2, the most possible",
    )


def _documents(lengths: Int64s) -> pl.DataFrame:
    """Documents that every rule but that on length passes."""
    frame = pl.DataFrame(
        {
            "id": pl.Series([row.tobytes() for row in _ids(len(lengths))], dtype=pl.Binary),
            "n_tokens": pl.Series(lengths).cast(pl.Int32),
        }
    )
    constant = {"kind": "docs", "source": "drawn", "language": "eng_Latn", "split": "train"}
    constant |= {"joined": False, "cluster_rank": 0, "contamination": 0.0}
    constant |= {"dup_line_frac": 0.0, "dup_5_gram": 0.0}
    return with_thresholds(frame.with_columns(pl.lit(v).alias(k) for k, v in constant.items()))


def _draw(frame: pl.DataFrame, mixture: Mixture, seed: int) -> pl.DataFrame:
    """`id`, `n_tokens`, `copies`, `expected`, `cell` of the documents that the mixture takes."""
    judged = {STAGE: judge(frame, compiled(mixture, frame.clear(), STAGE), mixture)}
    merged = merge_strata([strata(frame, judged)], [STAGE])
    result = allocate(merged, {STAGE: mixture}, {STAGE: LONG_BUDGET}, cap=4.0)
    rates = result.rates.select(STAGE, f"rate:{STAGE}")
    table = draw(frame, judged, rates, seed)[STAGE].with_columns(n_tokens=frame["n_tokens"] + 1)
    return table.filter(pl.col("cell").is_not_null())


def _long(table: pl.DataFrame) -> npt.NDArray[np.bool_]:
    return (table["n_tokens"] > 16_384).to_numpy()  # `<|endoftext|>` counted here


def _share(table: pl.DataFrame) -> float:
    """% of the drawn tokens that come from documents of 16,384 tokens and more."""
    tokens = (table["n_tokens"].cast(pl.Int64) * table["copies"]).to_numpy()
    return float(100 * tokens[_long(table)].sum() / tokens.sum())


def _standard_error(table: pl.DataFrame) -> float:
    """Of `_share`, in points: each document has a last copy with probability frac(expected)."""
    fraction = table["expected"].to_numpy().astype(np.float64) % 1.0
    size = table["n_tokens"].to_numpy().astype(np.float64)
    variance, mean = size**2 * fraction * (1 - fraction), size * table["expected"].to_numpy()
    upper = _long(table)
    above, below = mean[upper].sum(), mean[~upper].sum()
    spread = below**2 * variance[upper].sum() + above**2 * variance[~upper].sum()
    return float(100 * np.sqrt(spread) / (above + below) ** 2)


def _arranged(chosen: pl.DataFrame) -> Pieces:
    """Cut and pack the copies as the step `pack` does, token 1 standing for the end of a paragraph."""
    copies = chosen["copies"].to_numpy()
    rows = np.repeat(np.arange(chosen.height), copies)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies)
    size = chosen["n_tokens"].to_numpy()[rows].astype(np.int64) - 1
    offsets = np.concatenate([[0], np.cumsum(size)])
    values = (np.random.default_rng(SEED).random(offsets[-1]) < PARAGRAPH).astype(np.uint32)
    columns = [
        pa.array([chosen["id"][row] for row in rows.tolist()], ID),
        pa.array(number.astype(np.int16)),
        pa.array(np.zeros(len(rows), np.int32)),
        pa.array(rows.astype(np.int32)),
        pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values)),
    ]
    ends = np.zeros(VOCABULARY, dtype=np.bool_)
    ends[1] = True
    return arrange(
        pa.table(columns, schema=COPIES),
        seed=SEED,
        stage=STAGE,
        seq_len=LONG,
        balanced=True,
        paragraph_ends=ends,
    )


if __name__ == "__main__":
    main()
