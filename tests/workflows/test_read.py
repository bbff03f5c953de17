"""One unit of raw files: rolled over into parts, everything counted, and named errors where the machine fails."""

import json

import pyarrow as pa
import pytest

from corpus import storage
from corpus.document import DOCUMENTS, document_id
from corpus.lake import Folder, read_part
from corpus.limits import Limits
from workflows.engine import _attempt
from workflows.steps.read import Job, read_unit


def job(lake, **changes) -> Job:
    folders = {
        name: Folder(str(lake), f"{name}/s@1") for name in ("documents", "pages", "dead_letters")
    }
    values = {
        "source": "s",
        "reader": "jsonl",
        "options": {},
        "licence": "CC0-1.0",
        "limits": Limits(),
        "part_bytes": 100,
    }
    return Job(**(values | folders | changes))


def item(tmp_path, lines: list[str], key: str = "00000") -> dict:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    return {"key": key, "source": "s", "files": [["in.jsonl", str(path), path.stat().st_size]]}


def text(content: str) -> str:
    return json.dumps({"text": content})


def test_documents_roll_over_into_parts_and_every_record_is_counted(tmp_path):
    lines = [text("a" * 60), text("b" * 60), text("c" * 10), "not json", text("  ")]
    task = job(tmp_path / "lake")
    read_unit({"s": task}, item(tmp_path, lines))
    (entry,) = task.documents.entries().values()
    assert [(f.name, f.rows) for f in entry.files] == [
        ("part-00000-000.parquet", 2),
        ("part-00000-001.parquet", 1),
    ]
    counts = entry.counts
    assert (counts["records"], counts["documents"], counts["failed"], counts["skipped"]) == (
        5,
        3,
        1,
        1,
    )
    assert counts["failed.json"] == 1
    letters = read_part(task.dead_letters, "part-00000.parquet").to_pylist()
    assert [(r["locator"], r["reason"]) for r in letters] == [("in.jsonl#3", "json")]


def test_the_rows_of_documents_are_the_documented_ones(tmp_path):
    task = job(tmp_path / "lake")
    read_unit({"s": task}, item(tmp_path, [text("Cafe\u0301\r\nau lait")]))
    table = read_part(task.documents, "part-00000-000.parquet")
    assert table.schema.equals(DOCUMENTS)
    (row,) = table.to_pylist()
    assert row["id"] == document_id("s", "in.jsonl", 0)
    assert row["text"] == "Café\nau lait"
    assert row["licence"] == "CC0-1.0"
    assert row["parent_ids"] == []


def test_code_is_never_normalised(tmp_path):
    task = job(tmp_path / "lake", options={"code": True})
    read_unit({"s": task}, item(tmp_path, [text("s = 'e\u0301'\f\r\n")]))
    assert read_part(task.documents, "part-00000-000.parquet")["text"].to_pylist() == [
        "s = 'e\u0301'\f\r\n"
    ]


def test_a_unit_with_nothing_but_failures_is_committed_too(tmp_path):
    task = job(tmp_path / "lake")
    read_unit({"s": task}, item(tmp_path, ["x", "y"]))
    (entry,) = task.documents.entries().values()
    assert entry.files == []
    assert entry.counts["failed"] == 2


def attempt(task: Job, work: dict, tmp_path) -> dict:
    return _attempt(lambda i: read_unit({"s": task}, i), str(tmp_path / "stop"), work)


def test_a_file_that_is_gone_is_a_named_error_and_nothing_is_committed(tmp_path):
    task = job(tmp_path / "lake")
    work = item(tmp_path, [text("a")])
    (tmp_path / "in.jsonl").unlink()
    outcome = attempt(task, work, tmp_path)
    assert "FileNotFoundError" in outcome["error"]
    assert "in.jsonl" in outcome["error"]
    assert task.documents.entries() == {}


@pytest.mark.parametrize("where", ["write", "close"])
def test_a_full_disk_is_a_named_error_and_nothing_is_committed(tmp_path, monkeypatch, where):
    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.Sink, where, full)
    task = job(tmp_path / "lake")
    outcome = attempt(task, item(tmp_path, [text("a" * 200)]), tmp_path)
    assert "No space left on device" in outcome["error"]
    monkeypatch.undo()
    assert task.documents.entries() == {}
    assert "error" not in attempt(task, item(tmp_path, [text("a" * 200)]), tmp_path)


def test_a_task_does_not_begin_once_the_run_was_asked_to_stop(tmp_path):
    storage.put(str(tmp_path / "stop"), b"")
    assert attempt(job(tmp_path / "lake"), item(tmp_path, []), tmp_path) == {"stopped": True}


def test_reading_twice_gives_equal_bytes(tmp_path):
    lines = [text(f"document {n} " * n) for n in range(1, 40)]
    hashes = []
    for name in ("one", "two"):
        task = job(tmp_path / name)
        read_unit({"s": task}, item(tmp_path, lines))
        (entry,) = task.documents.entries().values()
        hashes.append([file.sha256 for file in entry.files])
    assert hashes[0] == hashes[1]
    assert pa.types.is_large_string(DOCUMENTS.field("text").type)
