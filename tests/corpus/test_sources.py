"""Sources: listed once, cut by the listing alone, immutable afterwards."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ChangedInputError, PlanError
from corpus.readers import InputFile
from corpus.sources import check_snapshot, content_digest, cut, list_source


def file(path: str, size: int) -> InputFile:
    return InputFile(path=path, uri=path, size=size)


def test_cut_by_size_in_order():
    files = [file("a", 60), file("b", 50), file("c", 10), file("d", 200), file("e", 1)]
    units = cut(files, "file", 100)
    assert [[f.path for f in unit] for unit in units] == [["a", "b"], ["c", "d"], ["e"]]


def test_a_folder_stays_whole():
    files = [file("p/a", 90), file("p/b", 90), file("q/a", 1)]
    assert [[f.path for f in u] for u in cut(files, "folder", 100)] == [["p/a", "p/b"], ["q/a"]]


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 400))
def test_every_file_is_in_one_unit(sizes, part_bytes):
    files = [file(f"{n:03d}", size) for n, size in enumerate(sizes)]
    assert [f for unit in cut(files, "file", part_bytes) for f in unit] == files


def test_listing_takes_what_the_reader_reads_and_counts_the_rest(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/x.jsonl", "a.JSONL", "c.png"):
        (tmp_path / name).write_text("1")
    listing = list_source(str(tmp_path), (".jsonl",), name="s", reader="jsonl")
    assert [f.path for f in listing.files] == ["a.JSONL", "b/x.jsonl"]
    assert listing.ignored == {".png": 1}
    one = list_source(str(tmp_path / "c.png"), (".jsonl",), name="s", reader="jsonl")
    assert [f.path for f in one.files] == ["c.png"]  # a file that is named is taken as it is


def test_a_folder_with_nothing_to_read_is_refused(tmp_path):
    (tmp_path / "c.png").write_text("1")
    with pytest.raises(PlanError, match=r"source s: reader jsonl finds no file.*\.jsonl.*\.png"):
        list_source(str(tmp_path), (".jsonl",), name="s", reader="jsonl")


def snapshot(lake, folder):
    listing = list_source(str(folder), (".txt",), name="s", reader="text")
    digests = {f.path: content_digest(f) for f in listing.files}
    check_snapshot(str(lake), "s", listing, lambda: digests)
    return digests


@pytest.mark.parametrize("change", ["content", "size", "new", "gone"])
def test_a_changed_input_is_a_named_error(tmp_path, change):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("first")
    before = snapshot(tmp_path / "lake", folder)
    if change == "new":
        (folder / "c.txt").write_text("x")
    elif change == "gone":
        (folder / "a.txt").unlink()
    else:
        (folder / "a.txt").write_text("other" if change == "content" else "longer text")
        os.utime(folder / "a.txt", (1, 1))
    listing = list_source(str(folder), (".txt",), name="s", reader="text")
    with pytest.raises(ChangedInputError, match=r"source s .*(a|c)\.txt"):
        check_snapshot(str(tmp_path / "lake"), "s", listing, lambda: before)


def test_a_file_that_was_only_touched_is_forgiven(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("first")
    before = snapshot(tmp_path / "lake", folder)
    os.utime(folder / "a.txt", (1, 1))
    listing = list_source(str(folder), (".txt",), name="s", reader="text")
    check_snapshot(str(tmp_path / "lake"), "s", listing, lambda: before)
