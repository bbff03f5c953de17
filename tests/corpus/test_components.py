"""Connected components against a plain union by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from corpus.components import components


def test_by_hand():
    # 5-3-9 and 4-(-2) are two components, named by their smallest vertex
    vertices, labels = components(np.array([5, 9, 4]), np.array([3, 3, -2]))
    assert dict(zip(vertices.tolist(), labels.tolist(), strict=True)) == {
        5: 3,
        3: 3,
        9: 3,
        4: -2,
        -2: -2,
    }


def test_no_edges():
    vertices, labels = components(np.empty(0, np.int64), np.empty(0, np.int64))
    assert len(vertices) == len(labels) == 0


@given(st.lists(st.tuples(st.integers(-6, 6), st.integers(-6, 6)), max_size=20))
def test_equal_to_repeated_relabelling(edges):
    label = {v: v for edge in edges for v in edge}
    for _ in edges:
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    left, right = (np.array([e[side] for e in edges], dtype=np.int64) for side in (0, 1))
    vertices, labels = components(left, right)
    assert dict(zip(vertices.tolist(), labels.tolist(), strict=True)) == label
