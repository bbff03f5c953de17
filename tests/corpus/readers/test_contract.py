"""What every reader keeps, whatever it reads."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pymupdf
import pytest
import zstandard

from corpus.limits import Limits
from corpus.readers import READERS, Failed, InputFile, Record, Skipped

LIMITS = Limits(cpu_seconds=5, max_bytes=1 << 20, max_pages=50)
WORDS = "The harbour of the town was built in the time of the old king and still has three quays. "


def _jsonl() -> bytes:
    rows = [{"text": f"{WORDS} {i}"} for i in range(5)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": [f"{WORDS} {i}" for i in range(5)]}), sink, row_group_size=2)
    return sink.getvalue()


def _html() -> bytes:
    return f"<html><body><article><p>{WORDS * 3}</p></article></body></html>".encode()


def _warc() -> bytes:
    records = b""
    for i, kind in enumerate(["warcinfo", "response", "request", "response"]):
        http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + _html()
        head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/{i}\r\n"
        head += f"Content-Type: application/http\r\nContent-Length: {len(http)}\r\n\r\n"
        records += head.encode() + http + b"\r\n\r\n"
    return records


def _pdf() -> bytes:
    document = pymupdf.open()
    for _ in range(3):
        document.new_page().insert_textbox(pymupdf.Rect(50, 50, 500, 300), WORDS * 3)
    data: bytes = document.tobytes()
    return data


VALID: Mapping[str, tuple[str, Callable[[], bytes], int]] = {
    "jsonl": ("a.jsonl", _jsonl, 5),
    "parquet": ("a.parquet", _parquet, 5),
    "text": ("a.txt", lambda: WORDS.encode(), 1),
    "html": ("a.html", _html, 1),
    "warc": ("a.warc", _warc, 2),
    "pdf": ("a.pdf", _pdf, 1),
    "source_tree": ("repository/a.py", lambda: b"import os\nprint(os.sep)\n", 1),
}
DAMAGED: Mapping[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "garbage": lambda data: bytes((i * 7919) % 251 for i in range(4000)),
    "text garbage": lambda data: b"{[<%PDF WARC/1.0 PAR1" * 50,
    "nul": lambda data: b"\0" * 5000,
    "half": lambda data: data[: len(data) // 2],
    "without end": lambda data: data[:-3],
    "flipped": lambda data: data[: len(data) // 2] + b"\xff\x00\xff" + data[len(data) // 2 + 3 :],
    "long line": lambda data: b'{"text": "' + b"a" * (2 << 20),
    "deep": lambda data: b"[" * 100_000,
    "half a gzip": lambda data: gzip.compress(data, mtime=0)[:-12],
    "half a zstd": lambda data: zstandard.compress(data)[:-4],
    "gzip with a tail": lambda data: gzip.compress(data, mtime=0) + b"tail",
    "bomb": lambda data: gzip.compress(bytes(64 << 20)),
}

assert set(VALID) == set(READERS), "a new reader needs an entry here"


def files_of(root: Path, name: str, data: bytes) -> list[InputFile]:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return [InputFile(path=name, uri=str(path), size=len(data))]


def read(name: str, files: Sequence[InputFile]) -> list[Record | Failed | Skipped]:
    reader = READERS[name]
    return list(reader.read(files, reader.options(), LIMITS))


@pytest.mark.parametrize("name", READERS)
def test_options_are_a_frozen_dataclass(name: str) -> None:
    options = READERS[name].options
    assert is_dataclass(options)
    assert options() == options(**{field.name: field.default for field in fields(options)})
    assert all(suffix == suffix.lower() for suffix in READERS[name].suffixes)


@pytest.mark.parametrize("compress", [bytes, lambda data: gzip.compress(data), zstandard.compress])
@pytest.mark.parametrize("name", READERS)
def test_a_good_file(name: str, compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path, make, expected = VALID[name]
    if name == "parquet" and compress is not bytes:
        pytest.skip("Parquet is compressed inside")
    results = read(name, files_of(tmp_path, path, compress(make())))
    records = [result for result in results if isinstance(result, Record)]
    assert len(records) == expected
    assert not any(isinstance(result, Failed) for result in results)
    for record in records:
        assert record.path == path
        assert record.text.strip()
        record.text.encode()
        assert "/" in record.provenance
        json.dumps(dict(record.metadata), allow_nan=False).encode()


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", READERS)
def test_damage_is_counted_and_never_raised(name: str, damage: str, tmp_path: Path) -> None:
    path, make, _ = VALID[name]
    files = files_of(tmp_path, path, DAMAGED[damage](make()))
    results = read(name, files)
    assert results == read(name, files)
    identities = [(result.path, result.index) for result in results]
    assert len(set(identities)) == len(identities)
    for result in results:
        if isinstance(result, Record):
            assert result.text.strip()
            result.text.encode()
        else:
            assert result.reason.replace("_", "").isalpha()
            assert result.reason.islower()
    if damage != "empty":
        assert results


@pytest.mark.parametrize("name", ["jsonl", "warc"])
def test_what_stands_before_the_damage_is_read(name: str, tmp_path: Path) -> None:
    path, make, expected = VALID[name]
    whole = make()
    results = read(name, files_of(tmp_path, path, whole[: int(len(whole) * 0.9)]))
    assert sum(isinstance(result, Record) for result in results) == expected - 1
    assert isinstance(results[-1], Failed)
    assert sum(isinstance(result, Failed) for result in results) == 1


@pytest.mark.parametrize("name", READERS)
def test_one_bad_file_does_not_hide_the_next(name: str, tmp_path: Path) -> None:
    path, make, expected = VALID[name]
    bad = files_of(tmp_path, path.replace("a.", "_bad."), b"\x1f\x8b\x08 broken")
    results = read(name, [*bad, *files_of(tmp_path, path, make())])
    assert sum(isinstance(result, Record) for result in results) == expected


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_is_an_error_of_the_system(name: str, tmp_path: Path) -> None:
    missing = InputFile(path=VALID[name][0], uri=str(tmp_path / "missing"), size=1)
    with pytest.raises(FileNotFoundError):
        read(name, [missing])


@pytest.mark.parametrize("name", ["jsonl", "parquet", "warc"])
def test_records_stream(name: str, tmp_path: Path) -> None:
    """The first record comes before the last file is opened."""
    path, make, _ = VALID[name]
    missing = InputFile(path="z", uri=str(tmp_path / "missing"), size=1)
    reader = READERS[name]
    stream = reader.read([*files_of(tmp_path, path, make()), missing], reader.options(), LIMITS)
    assert next(stream).path == path
    stream.close()  # type: ignore[attr-defined]


def test_any_uri_of_fsspec(tmp_path: Path) -> None:
    file = files_of(tmp_path, "a.txt", WORDS.encode())[0]
    remote: Any = InputFile(path=file.path, uri=f"file://{file.uri}", size=file.size)
    assert read("text", [remote]) == read("text", [file])
