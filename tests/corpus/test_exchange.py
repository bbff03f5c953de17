"""Every row arrives once, in its partition, in the order of the map tasks."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from corpus.exchange import read_partition, write_partitioned
from corpus.lake import Folder


def write(folder: Folder, name: str, rows: list[tuple[int, int]]) -> None:
    table = pa.table(
        {"value": pa.array([v for _, v in rows], pa.int64()), "list": [[v] for _, v in rows]}
    )
    write_partitioned(folder, name, table, np.array([p for p, _ in rows], dtype=np.int64))


def test_rows_come_back_by_partition_in_file_order(tmp_path):
    folder = Folder(str(tmp_path), "x")
    write(folder, "b.parquet", [(1, 10), (0, 11), (1, 12)])
    write(folder, "a.parquet", [(1, 20), (7, 21)])
    one = read_partition(folder, ["a.parquet", "b.parquet"], 1)
    assert one is not None
    assert one.column_names == ["value", "list"]
    assert one.column("value").to_pylist() == [20, 10, 12]
    assert read_partition(folder, ["a.parquet", "b.parquet"], 3) is None


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=20), max_size=4)
)
def test_nothing_is_lost_or_doubled(tmp_path_factory, files):
    folder = Folder(str(tmp_path_factory.mktemp("x")), "x")
    names = [f"{number}.parquet" for number in range(len(files))]
    for name, rows in zip(names, files, strict=True):
        write(folder, name, rows)
    for partition in range(5):
        expected = [v for rows in files for p, v in rows if p == partition]
        found = read_partition(folder, names, partition)
        assert ([] if found is None else found.column("value").to_pylist()) == expected
