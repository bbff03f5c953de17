"""Folders exist through their entries only, and say so when a file is damaged."""

import pyarrow as pa
import pytest

from corpus.errors import CorruptPartError
from corpus.lake import Entry, Folder, PartWriter, iter_part, read_part, same_ids, write_part


def table(*numbers: int) -> pa.Table:
    return pa.table({"n": pa.array(numbers, pa.int64())})


def test_a_file_without_an_entry_does_not_exist(tmp_path):
    folder = Folder(str(tmp_path), "t/a@1")
    file = write_part(folder, "part-0.parquet", table(1, 2))
    assert folder.parts() == []
    folder.commit(Entry(key="0", files=[file], counts={"documents": 2}))
    assert folder.parts() == ["part-0.parquet"]
    assert read_part(folder, "part-0.parquet").column("n").to_pylist() == [1, 2]


def test_compaction_keeps_every_entry_and_later_ones_join_in(tmp_path):
    folder = Folder(str(tmp_path), "t/a@1")
    for key in ("b", "a"):
        folder.commit(Entry(key=key, files=[], counts={"x": 1}))
    folder.compact()
    folder.commit(Entry(key="c", files=[], counts={"x": 5}))
    assert list(folder.entries()) == ["a", "b", "c"]
    assert not folder.is_complete
    folder.complete(folder.entries())
    assert folder.totals() == {"keys": 3, "files": 0, "rows": 0, "bytes": 0, "counts": {"x": 7}}
    assert [p.name for p in sorted((tmp_path / "t/a@1/_manifest").iterdir())] == [
        "complete.json",
        "segment-00000.jsonl",
        "segment-00001.jsonl",
    ]


def test_a_compaction_that_was_killed_halfway_loses_and_doubles_nothing(tmp_path):
    folder = Folder(str(tmp_path), "t/a@1")
    folder.commit(Entry(key="a", files=[], counts={"x": 1}))
    single = (tmp_path / "t/a@1/_manifest/a.json").read_bytes()
    folder.compact()
    (tmp_path / "t/a@1/_manifest/a.json").write_bytes(single)  # killed before it was removed
    assert {k: e.counts for k, e in folder.entries().items()} == {"a": {"x": 1}}


def test_equal_rows_give_equal_bytes_however_they_arrive(tmp_path):
    folder = Folder(str(tmp_path), "t/a@1")
    whole = PartWriter(folder, "one.parquet", table().schema)
    whole.write(table(1, 2, 3))
    pieces = PartWriter(folder, "two.parquet", table().schema)
    for number in (1, 2, 3):
        pieces.write(table(number))
    assert whole.close().sha256 == pieces.close().sha256


def test_row_groups_are_bounded_and_an_empty_file_keeps_its_schema(tmp_path, monkeypatch):
    monkeypatch.setattr("corpus.lake.ROW_GROUP_BYTES", 64)
    folder = Folder(str(tmp_path), "t/a@1")
    writer = PartWriter(folder, "p.parquet", table().schema)
    for number in range(40):
        writer.write(table(number))
    assert writer.close().rows == 40
    groups = list(iter_part(folder, "p.parquet"))
    assert len(groups) == 5
    assert sum(group.num_rows for group in groups) == 40
    write_part(folder, "empty.parquet", table())
    assert read_part(folder, "empty.parquet").schema.names == ["n"]


@pytest.mark.parametrize("damage", ["truncate", "remove", "garbage"])
def test_a_damaged_part_is_a_named_error(tmp_path, damage):
    folder = Folder(str(tmp_path), "t/a@1")
    write_part(folder, "p.parquet", table(*range(1000)))
    path = tmp_path / "t/a@1/p.parquet"
    if damage == "remove":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if damage == "truncate" else b"x" * len(data))
    with pytest.raises(CorruptPartError, match=r"p\.parquet"):
        read_part(folder, "p.parquet")


def test_misaligned_sidecars_are_a_named_error():
    left = pa.table({"id": [b"a", b"b"]})
    same_ids(left, left, "x")
    with pytest.raises(CorruptPartError, match="annotations/x"):
        same_ids(left, pa.table({"id": [b"b", b"a"]}), "annotations/x")


def test_an_entry_that_is_committed_again_counts_although_the_old_one_is_in_a_segment(tmp_path):
    folder = Folder(str(tmp_path), "t")
    for key in ("a", "b"):
        folder.commit(Entry(key=key, files=[], counts={"n": 1}))
    folder.compact()
    folder.commit(Entry(key="a", files=[], counts={"n": 2}))
    assert {key: entry.counts["n"] for key, entry in folder.entries().items()} == {"a": 2, "b": 1}
