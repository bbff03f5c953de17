"""Connected components of a graph given as edges, by scipy's breadth-first search.

The label of a component is its smallest vertex. 16 bytes per edge are read and about 40 bytes per vertex held, on one
node: by this arithmetic (not measured at that size) 24 GiB carry some 400 million linked documents.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


def components(left: Int64s, right: Int64s) -> tuple[Int64s, Int64s]:
    """(vertices, labels): every vertex of the edges, ascending, and the smallest vertex it is connected with."""
    from scipy.sparse import coo_array  # slow to load, and most tasks need none of it
    from scipy.sparse.csgraph import connected_components

    if len(left) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    vertices, index = np.unique(np.concatenate([left, right]), return_inverse=True)
    ends = index.reshape(2, -1)
    ones = np.ones(len(left), dtype=np.int8)
    graph = coo_array((ones, (ends[0], ends[1])), shape=(len(vertices), len(vertices)))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(
        component, return_index=True
    )  # vertices ascend, so the first is the smallest
    return vertices, vertices[first[component]]
