"""Every row arrives once, in its partition, in the order of the map tasks."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import storage
from corpus.errors import CorruptPartError
from corpus.exchange import read_partition, write_partitioned
from corpus.lake import File, Folder


def write(folder: Folder, key: str, rows: list[tuple[int, int]], count: int = 8) -> File:
    table = pa.table(
        {"value": pa.array([v for _, v in rows], pa.int64()), "list": [[v] for _, v in rows]},
        schema=pa.schema({"value": pa.int64(), "list": pa.list_(pa.int64())}),
    )
    partitions = np.array([p for p, _ in rows], dtype=np.int64)
    return write_partitioned(folder, key, lambda at: table.take(pa.array(at)), partitions, count)


def test_rows_come_back_by_partition_in_file_order(tmp_path):
    folder = Folder(str(tmp_path), "x")
    b = write(folder, "b", [(1, 10), (0, 11), (1, 12)])
    a = write(folder, "a", [(1, 20), (7, 21)])
    one = read_partition(folder, [a, b], 1, 8)
    assert one is not None
    assert one.column_names == ["value", "list"]
    assert one.column("value").to_pylist() == [20, 10, 12]
    assert read_partition(folder, [a, b], 3, 8) is None
    assert read_partition(folder, [], 1, 8) is None


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=20), max_size=4)
)
def test_nothing_is_lost_or_doubled(tmp_path_factory, files):
    folder = Folder(str(tmp_path_factory.mktemp("x")), "x")
    written = [write(folder, f"{number}", rows, 5) for number, rows in enumerate(files)]
    for partition in range(5):
        expected = [v for rows in files for p, v in rows if p == partition]
        found = read_partition(folder, written, partition, 5)
        assert ([] if found is None else found.column("value").to_pylist()) == expected


def test_the_file_is_what_its_entry_says(tmp_path):
    folder = Folder(str(tmp_path), "x")
    file = write(folder, "a", [(1, 20), (7, 21)])
    assert (file.rows, file.name) == (2, "part-a.exchange")
    assert storage.sha256_of(folder.file_uri(file.name)) == file.sha256
    assert storage.sizes(folder.uri) == {file.name: file.bytes}


@pytest.mark.parametrize("damage", [None, b"\0", b"\1", b"\xff"])
def test_damage_is_named(tmp_path, damage):
    folder = Folder(str(tmp_path), "x")
    file = write(folder, "a", [(1, 20), (7, 21)])
    place = tmp_path / "x" / file.name
    place.unlink() if damage is None else place.write_bytes(damage * file.bytes)
    with pytest.raises(CorruptPartError, match="remove this folder"):
        read_partition(folder, [file], 1, 8)
