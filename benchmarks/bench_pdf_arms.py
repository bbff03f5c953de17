"""How much of PDF pages comes out by the text layer and OCR together, beside plain PyMuPDF?

    make bench-pdf_arms         DATA=../shared/data

- `pdf/olmocr_bench`: statements about pages that people checked (olmOCR-Bench, arXiv 2502.18443), by kind, under the
  rules of the published checker. `present` and `absent`: a text is within `max_diffs` edits of some part of the page's
  text (or of its first `first_n`, last `last_n` characters), or is not. `order`: such a part of one text comes before
  one of another. `table` asks for cells beside each other in a Markdown or HTML table, `math` for an equation in LaTeX:
  both arms give plain text, so none of these holds; they are the VL arm's. `baseline`, one for each file: there is a
  letter or digit, nothing is repeated more than 30 times at the end, and there is no Chinese, kana or emoji.
- `pdf/gnarly`, `pdf/docling`, `pdf/pdfjs`: which arm read each page, and on what features that was decided, in
  `build/pdf_arms/routing.tsv`.
- turned and image-only pages whose text is known: `edgar_image.pdf` and `edgar-rotated90.pdf` beside the text layer of
  `edgar.pdf`; the samples' pictures beside their truth; first pages of docling in Latin script that have a sound text
  layer, drawn and turned, beside that text layer. Recall and precision are of words, as in `bench_pdf_text`.
- CPU seconds of OCR per page, in one process and on one thread, with the model loaded.
"""

from __future__ import annotations

import json
import os
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pymupdf

from benchmarks.bench_pdf_text import overlap, words
from benchmarks.results import Figure, report
from corpus.limits import Limits
from corpus.pdf.ocr import Ocr, read_page
from corpus.pdf.text_layer import read_pages, render
from corpus.readers import READERS, InputFile, Page, Record

DATA = Path(os.environ.get("DATA", "../shared/data"))
SAMPLES = Path("build/samples/pdf")
OUT = Path("build/pdf_arms")
FOLDERS = ("gnarly", "docling", "pdfjs")
MAX_REPEATS = 30
TURNS = (0, 90, 180, 270)
_FOREIGN = re.compile("[\u4e00-\u9fff\u3040-\u30ff\U0001f300-\U0001f5ff\U0001f600-\U0001f64f]")
_ASCII = str.maketrans(
    "‘’‚“”„＿–—‑‒−\u00b5", "'''\"\"\"_-----\u03bc"
)  # what the published checker holds equal


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    figures = [*unit_tests(), *routing(), *known_pages()]
    report("pdf_arms", figures)


# --- the readers ---


def ours(paths: Sequence[Path]) -> Iterator[tuple[list[str], tuple[Page, ...]]]:
    """Of each file the text of its pages as it stands in the document, and the pages."""
    reader = READERS["pdf"]
    files = [InputFile(path=path.name, uri=str(path), size=path.stat().st_size) for path in paths]
    for record in reader.read(files, reader.options(), Limits()):
        pages: tuple[Page, ...] = getattr(record, "pages", ())
        ends = record.metadata["page_ends"] if isinstance(record, Record) else [0] * len(pages)
        text = record.text if isinstance(record, Record) else ""
        yield [text[start:end] for start, end in pairwise([0, *ends])], pages


def mupdf(path: Path) -> list[str]:
    with pymupdf.open(path) as document:
        return [page.get_text("text") for page in document]


# --- olmOCR-Bench ---


def unit_tests() -> Iterator[Figure]:
    folder = DATA / "pdf" / "olmocr_bench"
    tests = [json.loads(line) for line in (folder / "tests.jsonl").read_text("utf-8").splitlines()]
    files = sorted({test["pdf"] for test in tests})
    tests += [
        {"pdf": name, "page": 1, "id": f"{name}_baseline", "type": "baseline"} for name in files
    ]
    paths = [folder / "pdfs" / name for name in files]
    mine = dict(zip(files, ours(paths), strict=True))
    for name, (_, pages) in mine.items():
        print(name, *(page.arm for page in pages))
    texts = {
        name: {"ours": mine[name][0], "PyMuPDF": mupdf(folder / "pdfs" / name)} for name in files
    }
    passed: dict[str, Counter[str]] = {"ours": Counter(), "PyMuPDF": Counter()}
    total: Counter[str] = Counter()
    with (OUT / "unit_tests.tsv").open("w", encoding="utf-8") as table:
        for test in tests:
            total[test["type"]] += 1
            held = {who: holds(test, texts[test["pdf"]][who][test["page"] - 1]) for who in passed}
            for who, result in held.items():
                passed[who][test["type"]] += result
            print(test["id"], test["type"], *map(int, held.values()), sep="\t", file=table)
    for kind in (*sorted(total), "all"):
        counts = {
            who: count.total() if kind == "all" else count[kind] for who, count in passed.items()
        }
        yield Figure(
            measure=f"olmocr_bench: {kind}, of {total.total() if kind == 'all' else total[kind]}",
            unit="tests passed",
            ours=counts["ours"],
            reference=counts["PyMuPDF"],
            beside="PyMuPDF",
        )


def holds(test: Mapping[str, Any], text: str) -> bool:
    """Whether the statement is true of the page's text."""
    check: Callable[[Mapping[str, Any], str], bool] = CHECKS[test["type"]]
    return check(test, text)


def _is_present(test: Mapping[str, Any], text: str) -> bool:
    wanted, text = folded(test["text"]), folded(text)
    if not test.get("case_sensitive", True):
        wanted, text = wanted.lower(), text.lower()
    first, last = test.get("first_n"), test.get("last_n")
    if first or last:
        text = (text[:first] if first else "") + (text[-last:] if last else "")
    return bool(near_ends(wanted, text, test.get("max_diffs", 0)))


def _is_in_order(test: Mapping[str, Any], text: str) -> bool:
    """By where the matches end: a text in front of another ends there too, as they do not overlap."""
    text, limit = folded(text), test.get("max_diffs", 0)
    before, after = (near_ends(folded(test[side]), text, limit) for side in ("before", "after"))
    return bool(before and after) and min(before) < max(after)


def _is_sound(test: Mapping[str, Any], text: str) -> bool:
    letters = any(char.isalnum() for char in text)
    return letters and not _FOREIGN.search(text) and not _repeats(text)


def _repeats(text: str) -> bool:
    """Whether the text ends in one run of up to five characters, again and again."""
    text = text.rstrip()
    return any(
        size * (MAX_REPEATS + 1) <= len(text) and text.endswith(text[-size:] * (MAX_REPEATS + 1))
        for size in range(1, 6)
    )


def _has_table(test: Mapping[str, Any], text: str) -> bool:
    assert not re.search(r"<table|^\s*\|?\s*:?-{3,}:?\s*\|", text, re.MULTILINE), "now to be judged"
    return False


def _has_equation(test: Mapping[str, Any], text: str) -> bool:
    """Whether the equation stands there in LaTeX, letter by letter."""
    found = re.findall(r"\\\((.+?)\\\)|\\\[(.+?)\\\]|\$\$(.+?)\$\$|\$(.+?)\$", text, re.DOTALL)
    return test["math"] in {group.strip() for groups in found for group in groups}


CHECKS: dict[str, Callable[[Mapping[str, Any], str], bool]] = {
    "present": _is_present,
    "absent": lambda test, text: not _is_present(test, text),
    "order": _is_in_order,
    "baseline": _is_sound,
    "table": _has_table,
    "math": _has_equation,
}


def folded(text: str) -> str:
    """As the published checker compares: no marks of emphasis, NFC, one space, plain quotes."""
    text = re.sub(r"</?[bi]>", "", re.sub(r"<br/?>", " ", text))
    for marks in (r"(\*\*|__)(.*?)\1", r"(\*|_)(.*?)\1"):
        text = re.sub(marks, r"\2", text)
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text)).translate(_ASCII)


def near_ends(pattern: str, text: str, limit: int) -> list[int]:
    """Where parts of the text end that are within `limit` edits of the pattern (Sellers 1980)."""
    if limit == 0:
        return [match.end() for match in re.finditer(re.escape(pattern), text)]
    row = list(range(len(pattern) + 1))
    ends = []
    for end, char in enumerate(text, 1):
        before, row[0] = row[0], 0
        for i, wanted in enumerate(pattern, 1):
            cost = before + (wanted != char)
            before = row[i]
            row[i] = min(cost, before + 1, row[i - 1] + 1)
        if row[-1] <= limit:
            ends.append(end)
    return ends


# --- which arm ---


def routing() -> Iterator[Figure]:
    with (OUT / "routing.tsv").open("w", encoding="utf-8") as table:
        print("folder", "file", "page", "arm", "features", sep="\t", file=table)
        for folder in FOLDERS:
            arms: Counter[str] = Counter()
            paths = sorted((DATA / "pdf" / folder).glob("*.pdf"))
            for path, (_, pages) in zip(paths, ours(paths), strict=True):
                arms.update(page.arm for page in pages)
                for page in pages:
                    features = json.dumps(dict(page.features), sort_keys=True)
                    print(
                        folder, path.name, page.number + 1, page.arm, features, sep="\t", file=table
                    )
                table.flush()
            for arm, count in sorted(arms.items()):
                yield Figure(
                    measure=f"{folder}: pages with arm {arm}",
                    unit="pages",
                    ours=count,
                    reference=arms.total(),
                    beside="all pages",
                )


# --- pages whose text is known ---


def known_pages() -> Iterator[Figure]:
    seconds: list[float] = []
    edgar = "\n".join(mupdf(DATA / "pdf" / "gnarly" / "edgar.pdf"))
    for name in ("edgar_image.pdf", "edgar-rotated90.pdf"):
        ((texts, _),) = ours([DATA / "pdf" / "gnarly" / name])
        yield from _agreement(f"gnarly/{name}", "\n".join(texts), edgar)
    truth = json.loads((SAMPLES / "truth.json").read_text("utf-8"))
    for name in ("picture.pdf", "rotated.pdf"):
        ((texts, _),) = ours([SAMPLES / name])
        yield from _agreement(f"samples/{name}", "\n".join(texts), "\n".join(truth[name]))
    for turn in TURNS:
        found, true = [], []
        for pixels, text in _drawn():
            start = time.process_time()
            _, read, _ = read_page(np.ascontiguousarray(np.rot90(pixels, turn // 90)), _rapidocr())
            seconds.append(time.process_time() - start)
            found.append(read)
            true.append(text)
        yield from _agreement(
            f"docling, drawn and turned by {turn}", *map("\n".join, (found, true))
        )
    yield Figure(measure="OCR, median page", unit="CPU s", ours=median(seconds))
    yield Figure(measure="OCR, slowest page", unit="CPU s", ours=max(seconds))


@cache
def _rapidocr() -> Ocr:
    return Ocr(engine="rapidocr")


@cache
def _drawn() -> Sequence[tuple[Any, str]]:
    """The first page of each file of docling in Latin script with a sound text layer, as pixels,
    and its text."""
    found = []
    for path in sorted((DATA / "pdf" / "docling").glob("*.pdf")):
        data = path.read_bytes()
        (page,) = read_pages(data, (), 10_000, 0, 1).pages
        latin = sum("a" <= char.lower() <= "\u024f" for char in page.text if char.isalpha())
        if page.arm == "text" and latin > 0.9 * sum(map(str.isalpha, page.text)):
            found.append((render(data, (), 0), page.text))
    return found


def _agreement(what: str, found: str, true: str) -> Iterator[Figure]:
    recall, precision = overlap(words(found), words(true), 1)
    yield Figure(
        measure=f"{what}: word recall", unit="share", ours=recall, reference=1, beside="truth"
    )
    yield Figure(
        measure=f"{what}: word precision", unit="share", ours=precision, reference=1, beside="truth"
    )


if __name__ == "__main__":
    main()
