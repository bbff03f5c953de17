"""JSON lines and Parquet: which fields become what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.limits import Limits
from corpus.readers import READERS, Failed, InputFile, Record, Skipped, jsonl

ROW: dict[str, Any] = {
    "question": "What is 2 + 2?",
    "answer": "4",
    "meta": {"lang": "eng", "score": 0.5},
    "key": 7,
    "day": "2024-01-31",
    "terms": "MIT",
}
OPTIONS: dict[str, Any] = {
    "text": ["question", "answer"],
    "id": "key",
    "date": "day",
    "licence": "terms",
    "metadata": ["meta.lang", "absent"],
}


def read(name: str, path: Path, **options: Any) -> list[Record | Failed | Skipped]:
    file = InputFile(path=path.name, uri=str(path), size=path.stat().st_size)
    reader = READERS[name]
    return list(reader.read([file], reader.options(**options), Limits()))


def write(name: str, root: Path, rows: list[dict[str, Any]]) -> Path:
    path = root / f"a.{name}"
    if name == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_fields(name: str, tmp_path: Path) -> None:
    (record,) = read(name, write(name, tmp_path, [ROW]), **OPTIONS)
    assert isinstance(record, Record)
    assert record.text == "What is 2 + 2?\n\n4"
    assert (record.date, record.licence) == ("2024-01-31", "MIT")
    assert record.metadata == {"id": 7, "meta.lang": "eng"}
    assert not record.code


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_outcomes(name: str, tmp_path: Path) -> None:
    path = write(
        name, tmp_path, [{"text": "a", "n": 1}, {"text": None, "n": 1}, {"text": " ", "n": 1}]
    )
    assert [type(result) for result in read(name, path)] == [Record, Skipped, Skipped]
    (first, *_) = read(name, path, text="n")
    assert isinstance(first, Failed)
    assert first.reason == "wrong_type"
    (first, *_) = read(name, path, text="txet")
    assert isinstance(first, Failed)
    assert first.reason == "missing_field"
    assert "text" in first.detail


def test_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "a"}\r\n\n{"text": "b\\ud800"}\nnot json\n[1]\n'
        b'{"text": "\xff"}\n{"text": "z"}'
    )
    found = [
        (result.index, result.text if isinstance(result, Record) else result.reason)
        for result in read("jsonl", path)
    ]
    assert found == [(0, "a"), (2, "b\ufffd"), (3, "json"), (4, "json"), (5, "encoding"), (6, "z")]


@pytest.mark.parametrize(
    ("format", "content", "expected"),
    [
        ("html_text", "<h1>Title</h1><p>Words.</p>", "Title\n\nWords."),
        ("xml", "<page><info>no</info><title>Title</title><p>Words.</p></page>", "Title\n\nWords."),
    ],
)
def test_formats(format: str, content: str, expected: str, tmp_path: Path) -> None:
    path = write("jsonl", tmp_path, [{"text": content}])
    (record,) = read("jsonl", path, format=format, ignore=["info"])
    assert isinstance(record, Record)
    assert record.text == expected
    assert record.provenance.startswith(f"jsonl/{jsonl.VERSION}+")


@pytest.mark.parametrize("wrong", [{"format": "pdf"}, {"text": []}, {"metadata": "key"}])
def test_wrong_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        READERS["jsonl"].options(**wrong)
