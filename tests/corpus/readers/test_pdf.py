"""PDF files: pages, their ends, and pages that fail."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pymupdf
import pytest

from corpus.limits import Limits
from corpus.readers import READERS, Failed, InputFile, Record, Skipped

DATA = Path(os.environ.get("TOKENMILL_DATA", Path(__file__).parents[4] / "shared" / "data"))


def read(*paths: Path) -> list[Record | Failed | Skipped]:
    files = [InputFile(path=p.name, uri=str(p), size=p.stat().st_size) for p in paths]
    reader = READERS["pdf"]
    return list(reader.read(files, reader.options(), Limits(cpu_seconds=10)))


def made(path: Path, *texts: str) -> Path:
    document = pymupdf.open()
    for text in texts:
        page = document.new_page()
        if text:
            page.insert_textbox(pymupdf.Rect(50, 50, 500, 300), text)
        if text == "picture":
            page.draw_rect(pymupdf.Rect(60, 60, 300, 300), fill=(0, 0, 1))
    path.write_bytes(document.tobytes())
    return path


def test_pages_are_joined(tmp_path: Path) -> None:
    (record,) = read(made(tmp_path / "a.pdf", "The first page ends with a har-", "", "bour."))
    assert isinstance(record, Record)
    assert record.text == "The first page ends with a harbour."
    assert [page.arm for page in record.pages] == ["text", "blank", "text"]
    assert record.metadata == {"page_ends": [30, 30, 35], "n_pages": 3}


def test_blank_is_skipped(tmp_path: Path) -> None:
    (result,) = read(made(tmp_path / "a.pdf", "", ""))
    assert isinstance(result, Skipped)
    assert result.reason == "blank"


@pytest.mark.skipif(not (DATA / "pdf" / "pdfjs").is_dir(), reason="the shared data is not here")
def test_pdfs_of_bug_reports_pass() -> None:
    paths = sorted((DATA / "pdf" / "pdfjs").glob("*.pdf"))
    results = read(*paths)
    assert [result.path for result in results] == [path.name for path in paths]
    counts = Counter(type(result) for result in results)
    assert counts[Record] > 0.6 * len(paths)
    assert not any(r.reason in ("crash", "cpu_limit") for r in results if isinstance(r, Failed))
