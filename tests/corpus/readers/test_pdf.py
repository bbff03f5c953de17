"""PDF files: pages, their ends, pages that OCR reads, and pages that fail."""

from __future__ import annotations

import importlib.metadata
import os
from collections import Counter
from pathlib import Path

import pymupdf
import pytest

from corpus.errors import PlanError
from corpus.limits import Limits
from corpus.readers import READERS, Failed, InputFile, Record, Skipped, pdf
from corpus.strict_yaml import settings

DATA = Path(os.environ.get("TOKENMILL_DATA", Path(__file__).parents[4] / "shared" / "data"))


def read(*paths: Path, **options: object) -> list[Record | Failed | Skipped]:
    files = [InputFile(path=p.name, uri=str(p), size=p.stat().st_size) for p in paths]
    reader = READERS["pdf"]
    return list(reader.read(files, reader.options(**options), Limits(cpu_seconds=10)))


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


SCANNED = "It was scanned on a Monday,"


def scan(path: Path, before: str, *scanned: str, after: str) -> Path:
    """A page of text, pages that are pictures of text, a page of text."""
    document = pymupdf.open(made(path, before, *([""] * len(scanned)), after))
    for number, text in enumerate(scanned, 1):
        drawn = pymupdf.open()
        drawn.new_page(width=300, height=120).insert_text((20, 50), text, fontsize=12)
        box = pymupdf.Rect(100, 100, 400, 220)
        document[number].insert_image(box, pixmap=drawn[0].get_pixmap(dpi=150))
    path.write_bytes(document.tobytes())
    return path


def test_a_picture_of_a_page_is_read_by_ocr(tmp_path: Path) -> None:
    path = scan(tmp_path / "a.pdf", "First comes text.", SCANNED, after="as the stamp on it says.")
    (record,) = read(path)
    assert isinstance(record, Record)
    assert record.text == f"First comes text.\n\n{SCANNED} as the stamp on it says."
    assert [page.arm for page in record.pages] == ["text", "ocr", "text"]
    assert record.metadata["page_ends"] == [17, 46, 71]
    engine = f"rapidocr-{importlib.metadata.version('rapidocr')}"
    assert record.provenance.endswith(f"+{engine}")
    features = record.pages[1].features
    assert (features["ocr"], features["n_chars"], features["rotation"]) == (engine, 0, 0)
    assert [record] == read(path)


def test_without_ocr_the_page_waits(tmp_path: Path) -> None:
    path = scan(tmp_path / "a.pdf", "First comes text.", SCANNED, after="Last comes text.")
    (record,) = read(path, ocr="none")
    assert isinstance(record, Record)
    assert record.text == "First comes text.\n\nLast comes text."
    assert [page.arm for page in record.pages] == ["text", "untrusted", "text"]
    assert "+" not in record.provenance
    assert not any(name.startswith("ocr") for name in record.pages[1].features)


def test_a_page_that_takes_too_long_waits_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MAX_BAD_PAGES", 1)
    path = scan(tmp_path / "a.pdf", "First.", SCANNED, SCANNED, after="Last.")
    (record,) = read(path, ocr_cpu_seconds=0.5)
    assert isinstance(record, Record)
    assert record.text == "First.\n\nLast."
    assert [page.arm for page in record.pages] == ["text", "untrusted", "untrusted", "text"]
    first, late, given_up, last = (page.features.get("ocr_error") for page in record.pages)
    assert late in ("cpu_limit", "time_limit")  # of time there is ten times as much
    assert (first, given_up, last) == (None, "given_up", None)


def test_options() -> None:
    options = settings(pdf.PdfOptions, {"ocr": "tesseract", "ocr_languages": ["de", "ar"]}, "pdf")
    assert options.settings.languages == ("de", "ar")
    assert pdf.assets(pdf.PdfOptions(ocr="none")) == {}
    assert pdf.assets(pdf.PdfOptions())["rapidocr"] == importlib.metadata.version("rapidocr")
    for wrong in ({"ocr": "ocrad"}, {"ocr_languages": ["ar"]}, {"ocr_cpu_seconds": 0}):
        with pytest.raises(PlanError):
            settings(pdf.PdfOptions, wrong, "pdf")


def test_blank_is_skipped(tmp_path: Path) -> None:
    (result,) = read(made(tmp_path / "a.pdf", "", ""))
    assert isinstance(result, Skipped)
    assert result.reason == "blank"


@pytest.mark.skipif(not (DATA / "pdf" / "pdfjs").is_dir(), reason="the shared data is not here")
def test_pdfs_of_bug_reports_pass() -> None:
    paths = sorted((DATA / "pdf" / "pdfjs").glob("*.pdf"))
    results = read(*paths, ocr="none")
    assert [result.path for result in results] == [path.name for path in paths]
    counts = Counter(type(result) for result in results)
    assert counts[Record] > 0.6 * len(paths)
    assert not any(r.reason in ("crash", "cpu_limit") for r in results if isinstance(r, Failed))
