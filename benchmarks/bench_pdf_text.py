"""How much of a book's text comes out of its PDF, in six languages, beside PyMuPDF and pypdfium2?

    make bench-pdf_text         DATA=../shared/data

Each PDF of the Debian reference comes with the publisher's plain text of the same book. Text is compared in NFKC. A
word is a run of letters, marks and digits; of Han and kana each character is a word, for neither the PDF nor the plain
text says where words end, and both break lines inside them.

- words: the multisets of words. Recall is the share of the publisher's words that are found, precision the share of
  the found words that are the publisher's.
- 5-grams: the same of runs of five words. A multiset does not see order; a line in the wrong place costs four runs at
  either end, a word that a hyphen cuts costs five. (The publisher's tables are drawn in ASCII: where a cell has several
  lines, its words stand between those of other cells, so no reader finds all runs.)

The publisher's text has no running headers and no page numbers. Those that a reader leaves in stand in for other words
that it lost, in the multiset's recall but not in that of the 5-grams.

Recall and precision are ours beside the better of the two libraries, each asked for its plain text of every page (the
mark that pdfium sets for a hyphen at a line end, U+FFFE, is taken out with the break). Speed is pages per CPU second in
one process, the better of two readings; ours has reading order, trust features, paragraphs and normal form in it.
"""

from __future__ import annotations

import gzip
import os
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pymupdf
import pypdfium2

from benchmarks.results import Figure, report
from corpus.pdf.assembly import assemble
from corpus.pdf.text_layer import read_pages

DATA = Path(os.environ.get("DATA", "../shared/data"))
LANGUAGES = ("de", "en", "es", "fr", "ja", "zh-cn")
GRAM = 5
_WORDS = re.compile(
    "[\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    "|(?:(?![\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])[^\\W_]|[\u0300-\u036f])+"
)


def main() -> None:
    figures: list[Figure] = []
    for language in LANGUAGES:
        figures += list(_of_language(language))
    report("pdf_text", figures)


def ours(data: bytes) -> str:
    return assemble([page.text for page in read_pages(data, (), 10_000, 0, 10_000).pages])[0]


def mupdf(data: bytes) -> str:
    with pymupdf.open(stream=data, filetype="pdf") as document:
        return "\n".join(page.get_text("text") for page in document)


def pdfium(data: bytes) -> str:
    with pypdfium2.PdfDocument(data) as document:
        pages = [page.get_textpage().get_text_bounded() for page in document]
    return re.sub("\ufffe(\r?\n)?", "", "\n".join(pages))


READERS: dict[str, Callable[[bytes], str]] = {"ours": ours, "PyMuPDF": mupdf, "pypdfium2": pdfium}


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    return _WORDS.findall(unicodedata.normalize("NFKC", text))


def grams(found: list[str], size: int) -> Counter[tuple[str, ...]]:
    """Runs of `size` words, with their counts."""
    return Counter(zip(*(found[start:] for start in range(size)), strict=False))


def overlap(found: list[str], true: list[str], size: int) -> tuple[float, float]:
    """Recall and precision of runs of `size` words."""
    ours, theirs = grams(found, size), grams(true, size)
    both = (ours & theirs).total()
    return both / max(theirs.total(), 1), both / max(ours.total(), 1)


def _timed(reader: Callable[[bytes], str], data: bytes) -> tuple[str, float]:
    """The text, and the CPU seconds of the better of two readings."""
    seconds = []
    for _ in range(2):
        start = time.process_time()
        text = reader(data)
        seconds.append(time.process_time() - start)
    return text, min(seconds)


def _of_language(language: str) -> Iterator[Figure]:
    folder = DATA / "pdf" / "debian_reference"
    data = (folder / f"debian-reference.{language}.pdf").read_bytes()
    true = words(
        gzip.decompress((folder / f"debian-reference.{language}.txt.gz").read_bytes()).decode()
    )
    with pymupdf.open(stream=data, filetype="pdf") as document:
        pages = document.page_count
    found, speed = {}, {}
    for name, reader in READERS.items():
        text, seconds = _timed(reader, data)
        speed[name] = pages / seconds
        found[name] = words(text)
    for size, what in ((1, "word"), (GRAM, f"{GRAM}-gram")):
        scores = {name: overlap(value, true, size) for name, value in found.items()}
        for side, measure in enumerate(("recall", "precision")):
            best = max(("PyMuPDF", "pypdfium2"), key=lambda name: scores[name][side])
            yield Figure(
                measure=f"{language}: {what} {measure}",
                unit="share",
                ours=scores["ours"][side],
                reference=scores[best][side],
                beside=best,
            )
    for name in ("PyMuPDF", "pypdfium2"):
        yield Figure(
            measure=f"{language}: speed beside {name}",
            unit="pages/CPU s",
            ours=speed["ours"],
            reference=speed[name],
            beside=name,
        )


if __name__ == "__main__":
    main()
