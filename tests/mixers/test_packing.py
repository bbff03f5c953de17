"""Best fit against its definition, and cuts by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixers.packing import best_fit, cut


def plain_best_fit(lengths: list[int], capacity: int) -> list[int]:
    """The definition: longest first, into the fullest bin that still has room, the latest made of equals."""
    room: list[int] = []
    stamp: list[int] = []
    bins = [0] * len(lengths)
    for turn, index in enumerate(sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))):
        fitting = [b for b in range(len(room)) if room[b] >= lengths[index]]
        if fitting:
            chosen = min(fitting, key=lambda b: (room[b], -stamp[b]))
        else:
            chosen = len(room)
            room.append(capacity)
            stamp.append(0)
        room[chosen] -= lengths[index]
        stamp[chosen] = turn
        bins[index] = chosen
    return bins


def test_by_hand():
    # 7 and 3 fill one bin, 6 and 4 another, 5 stands alone
    assert best_fit([3, 7, 6, 5, 4], 10).tolist() == [0, 0, 1, 2, 1]


@given(
    st.integers(1, 200).flatmap(
        lambda c: st.tuples(st.just(c), st.lists(st.integers(1, c), max_size=60))
    )
)
def test_equals_the_definition(case):
    capacity, lengths = case
    assert best_fit(lengths, capacity).tolist() == plain_best_fit(lengths, capacity)


@given(st.lists(st.integers(1, 4096), min_size=1, max_size=300))
def test_no_bin_overflows_and_few_are_half_empty(lengths):
    bins = best_fit(lengths, 4096)
    used = np.bincount(bins, weights=lengths)
    assert used.max() <= 4096
    assert (
        len(used) <= 11 / 9 * -(-sum(lengths) // 4096) + 3
    )  # best fit decreasing: 11/9 OPT + 4 at worst


def test_a_piece_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"1\.\.10"):
        best_fit([11], 10)


def ends(length: int, *at: int) -> np.ndarray:
    """`at`: how many tokens stand before each paragraph end, that token included."""
    marks = np.zeros(length, dtype=bool)
    marks[[n - 1 for n in at]] = True
    return marks


@pytest.mark.parametrize(
    ("length", "at", "balanced", "expected"),
    [
        (64, (), False, [(0, 64)]),  # what fits is not cut
        (100, (), False, [(0, 64), (64, 36)]),
        (100, (62,), False, [(0, 62), (62, 38)]),  # a paragraph ends near the limit
        (100, (50,), False, [(0, 64), (64, 36)]),  # not near
        (128, (62,), False, [(0, 64), (64, 64)]),  # cutting early would need a third piece
        (100, (), True, [(0, 50), (50, 50)]),  # balanced: no crumb
        (100, (48,), True, [(0, 48), (48, 52)]),
        (129, (), True, [(0, 43), (43, 43), (86, 43)]),
    ],
)
def test_cuts_by_hand(length, at, balanced, expected):
    assert cut(length, 64, ends(length - 1, *at), balanced=balanced) == expected


@given(
    st.integers(1, 500),
    st.integers(1, 64),
    st.lists(st.integers(0, 498), max_size=30),
    st.booleans(),
)
def test_pieces_tile_the_document_with_the_fewest_cuts(length, seq_len, marks, balanced):
    flags = np.zeros(max(length - 1, 0), dtype=bool)
    flags[[m for m in marks if m < len(flags)]] = True
    pieces = cut(length, seq_len, flags, balanced=balanced)
    assert len(pieces) == -(-length // seq_len)
    assert all(1 <= size <= seq_len for _, size in pieces)
    assert [start for start, _ in pieces] == [
        sum(s for _, s in pieces[:n]) for n in range(len(pieces))
    ]
    assert sum(size for _, size in pieces) == length
