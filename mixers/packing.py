"""Best-fit-decreasing packing of pieces into sequences, and where documents are cut.

Packing follows Ding et al. 2024 (arXiv 2404.10830). Lengths are whole numbers of at most `capacity`, so
the bins are kept by their room: a bitset over room values finds the tightest bin that fits in a few word
operations, and n pieces pack in O(n * capacity / 64) at worst, in O(n) where there is small room to fill.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from corpus.compiled import compiled

VERSION = 1
NEAR = 16  # a paragraph end is near if it lies in the last 1/NEAR of a piece
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


def best_fit(lengths: npt.ArrayLike, capacity: int, ties: npt.ArrayLike | None = None) -> Int64s:
    """The bin of each piece. Longest first, equal lengths in the order of `ties`; each into the fullest bin it fits."""
    lengths = np.asarray(lengths, dtype=np.int64)
    if len(lengths) and (lengths.min() < 1 or lengths.max() > capacity):
        raise ValueError(f"piece lengths must lie in 1..{capacity}; cut longer documents first")
    tie = np.arange(len(lengths)) if ties is None else np.asarray(ties)
    order = np.lexsort((tie, -lengths))
    bins = np.empty(len(lengths), dtype=np.int64)
    bins[order] = _best_fit_sorted(lengths[order], capacity)
    return bins


def cut(
    length: int, seq_len: int, ends: npt.NDArray[np.bool_], *, balanced: bool
) -> list[tuple[int, int]]:
    """(start, length) of the pieces of a document of `length` tokens, `<|endoftext|>` included.

    What fits is not cut. Otherwise a piece is as long as the sequence or, `balanced`, all pieces are about equally
    long, so that a document just over the limit leaves no crumb. A cut moves back to a paragraph end (`ends[i]`: token
    i ends one) where there is one in the last 1/16 of the piece, as long as the pieces stay as few.
    """
    pieces: list[tuple[int, int]] = []
    start = 0
    count = -(-length // seq_len)
    while length - start > seq_len:
        left = max(count - len(pieces), -(-(length - start) // seq_len))
        target = min(seq_len, -(-(length - start) // left)) if balanced else seq_len
        stop = start + _paragraph_cut(ends[start : start + target], length - start, left, seq_len)
        pieces.append((start, stop - start))
        start = stop
    pieces.append((start, length - start))
    return pieces


def _paragraph_cut(
    ends: npt.NDArray[np.bool_], remaining: int, pieces_left: int, seq_len: int
) -> int:
    """How many tokens the next piece takes, given the paragraph ends among its tokens."""
    target = len(ends)
    least = remaining - (pieces_left - 1) * seq_len  # fewer would need one piece more
    first = max(least, target - target // NEAR, 1)
    candidates = np.flatnonzero(ends[first - 1 : target])
    return first + int(candidates[-1]) if len(candidates) else target


@compiled
def _best_fit_sorted(lengths: Int64s, capacity: int) -> Int64s:
    """Bins for lengths in descending order. `room_head[r]` lists the bins with room r, `next_bin` links them."""
    count = len(lengths)
    bins = np.empty(count, np.int64)
    room_head = np.full(capacity + 1, -1, np.int64)
    next_bin = np.full(count, -1, np.int64)
    words = np.zeros((capacity >> 6) + 1, np.uint64)
    one = np.uint64(1)
    opened = 0
    for index in range(count):
        need = lengths[index]
        word = need >> 6
        bits = words[word] >> np.uint64(need & 63) << np.uint64(need & 63)
        while bits == 0 and word + 1 < len(words):
            word += 1
            bits = words[word]
        if bits == 0:
            chosen = opened
            opened += 1
            room = capacity
        else:
            low = bits & (~bits + one)
            room = word << 6
            while low > one:
                low >>= one
                room += 1
            chosen = room_head[room]
            room_head[room] = next_bin[chosen]
            if room_head[room] < 0:
                words[room >> 6] &= ~(one << np.uint64(room & 63))
        bins[index] = chosen
        room -= need
        if room > 0:
            next_bin[chosen] = room_head[room]
            room_head[room] = chosen
            words[room >> 6] |= one << np.uint64(room & 63)
    return bins
