"""The atomic verbs, on a local disk; tests/workflows/test_anywhere.py runs them on S3."""

import os

import pytest

from corpus import storage


def test_put_replaces_and_leaves_nothing_behind(tmp_path):
    uri = str(tmp_path / "a" / "b.json")
    storage.put(uri, b"1")
    storage.put(uri, b"22")
    assert storage.get(uri) == b"22"
    assert os.listdir(tmp_path / "a") == ["b.json"]


def test_create_puts_only_where_nothing_stands(tmp_path):
    uri = str(tmp_path / "lease")
    assert storage.create(uri, b"first") is True
    assert storage.create(uri, b"second") is False
    assert storage.get(uri) == b"first"
    assert os.listdir(tmp_path) == ["lease"]


def test_absent_things_are_none_empty_or_an_error(tmp_path):
    uri = str(tmp_path / "no" / "thing")
    assert storage.get_or_none(uri) is None
    assert storage.names(uri) == []
    assert storage.sizes(uri) == {}
    assert not storage.exists(uri)
    storage.remove(uri)
    with pytest.raises(FileNotFoundError):
        storage.get(uri)


def test_names_and_sizes_are_those_directly_inside(tmp_path):
    storage.put(str(tmp_path / "x" / "b"), b"12")
    storage.put(str(tmp_path / "x" / "a"), b"1")
    storage.put(str(tmp_path / "x" / "deep" / "c"), b"1")
    assert storage.names(str(tmp_path / "x")) == ["a", "b", "deep"]
    assert storage.sizes(str(tmp_path / "x")) == {"a": 1, "b": 2}


def test_a_sink_hashes_and_counts_what_passes(tmp_path):
    uri = str(tmp_path / "data.bin")
    sink = storage.Sink(uri)
    sink.write(b"ab")
    sink.write(b"c")
    sink.close()
    assert sink.bytes == 3
    assert sink.sha256 == storage.sha256_of(uri)
    # the SHA-256 of "abc" is a published test vector (FIPS 180-2, B.1)
    assert sink.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_full_disk_leaves_neither_the_file_nor_a_temporary(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        storage.put(str(tmp_path / "a" / "b"), b"1")
    assert os.listdir(tmp_path / "a") == []


@pytest.mark.parametrize(
    ("uri", "local"),
    [("lake", True), ("/a/b", True), ("file:///a", True), ("s3://bucket/a", False)],
)
def test_which_uris_are_local(uri, local):
    assert storage.is_local(uri) is local


def test_many_are_given_in_the_order_that_was_asked_for(tmp_path):
    uris = [str(tmp_path / name) for name in ("c", "a", "b")]
    for uri in uris:
        storage.put(uri, uri[-1].encode())
    assert storage.get_many(uris) == [b"c", b"a", b"b"]
    assert storage.get_many(uris[:1]) == [b"c"]
