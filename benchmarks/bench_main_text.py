"""Does the main text of HTML pages hold what people marked as content, and nothing else?

    make bench-main_text

Three sets, each scored as its own project scores it:

- `aeb`, 76 pages with their full article body: word 4-grams, TP, FP and FN of a page divided by their sum; precision
  and recall are means over the pages for which they are defined, F1 is of the two means;
- `trafilatura`, 410 pages with up to six segments that must occur and up to six that must not: whitespace runs made
  one space, a segment counts where the text contains it; F1 of the counts summed over all pages;
- `readability`, 73 pages with the cleaned article as HTML: scored as `aeb` by that HTML's text. It holds everything
  that the article's element holds, so what keeps more text scores higher.

The rules of `corpus.boilerplate` come from reading every other page of `aeb` and `trafilatura` (the first, third, … in
order of the file names); the score of both halves is printed. The other half and `readability` served as a check of
totals: that short texts stay whole, and that links to other sites do, was settled there. Pages per second are CPU
seconds of this process, after a warm-up. Ours includes title and date, as does the entry that says so; the other
libraries give the text alone.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import mean
from typing import Any

import justext
import trafilatura
from lxml import html as lxml_html
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from benchmarks.results import Figure, report
from corpus.html import main_text

DATA = Path(os.environ.get("DATA", "../shared/data")) / "web"
WORD = re.compile(r"\w+")
WARM_UP = (  # a date that only dateparser reads, which builds its tables once
    b"<html><body><p class='date'>16 marca 2021</p><p>" + b"Ten words make a text. " * 50 + b"</p>"
)


@dataclass(frozen=True)
class Page:
    """A page and what is known of its text: all of it, or segments of it and of what is beside it."""

    html: bytes
    url: str | None
    text: str = ""
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


Extract = Callable[[bytes, str | None], str]
Score = Callable[[Sequence[tuple[Page, str]]], float]


def main() -> None:
    logging.disable(logging.CRITICAL)
    figures: list[Figure] = []
    for name, (read, score) in SETS.items():
        pages = list(read())
        ours, our_speed = _run(_ours, pages)
        halves = [score(list(zip(pages, ours, strict=True))[half::2]) for half in (0, 1)]
        print(f"{name}: ours, halves: development {halves[0]:.4f}, held out {halves[1]:.4f}")
        ours_score = score(list(zip(pages, ours, strict=True)))
        for library, extract in LIBRARIES.items():
            texts, speed = _run(extract, pages)
            found = score(list(zip(pages, texts, strict=True)))
            figures.append(_figure(f"{name}: F1, {library}", "F1", ours_score, found, library))
            figures.append(
                _figure(f"{name}: speed, {library}", "pages/s", our_speed, speed, library)
            )
    report("main_text", figures)


def _figure(measure: str, unit: str, ours: float, reference: float, beside: str) -> Figure:
    return Figure(measure=measure, unit=unit, ours=ours, reference=reference, beside=beside)


def _run(extract: Extract, pages: Sequence[Page]) -> tuple[list[str], float]:
    """The texts, and pages per CPU second."""
    extract(WARM_UP, None)
    start = time.process_time()
    texts = [extract(page.html, page.url) for page in pages]
    return texts, len(pages) / (time.process_time() - start)


def _ours(html: bytes, url: str | None) -> str:
    return main_text(html, url).text


def _trafilatura(html: bytes, url: str | None, **options: Any) -> str:
    return trafilatura.extract(html, url=url, **options) or ""


def _trafilatura_with_metadata(html: bytes, url: str | None) -> str:
    found: Any = trafilatura.bare_extraction(
        html, url=url, include_comments=False, with_metadata=True
    )
    return (found.text or "") if found else ""


def _resiliparse(html: bytes, url: str | None) -> str:
    page = bytes_to_str(html, detect_encoding(html))
    return extract_plain_text(page, main_content=True, comments=False, links=False, alt_texts=False)


def _justext(html: bytes, url: str | None) -> str:
    """With the thresholds and the stop-words of all languages that trafilatura's evaluation gives it."""
    try:
        found = justext.justext(html, _stop_words(), 50, 200, 0.1, 0.2, 0.2, 200, True)
    except (ValueError, AssertionError):  # a page that its parser does not take
        return ""
    return "\n".join(paragraph.text for paragraph in found if not paragraph.is_boilerplate)


@cache
def _stop_words() -> frozenset[str]:
    return frozenset().union(*map(justext.get_stoplist, justext.get_stoplists()))


LIBRARIES: dict[str, Extract] = {
    "trafilatura, defaults": _trafilatura,
    "trafilatura, no comments": partial(_trafilatura, include_comments=False),
    "trafilatura, no comments, title and date": _trafilatura_with_metadata,
    "trafilatura, precision": partial(_trafilatura, include_comments=False, favor_precision=True),
    "trafilatura, recall": partial(_trafilatura, include_comments=False, favor_recall=True),
    "resiliparse": _resiliparse,
    "jusText": _justext,
}


def _aeb() -> Iterator[Page]:
    for name, page in sorted(json.loads((DATA / "aeb/ground-truth.json").read_bytes()).items()):
        html = gzip.decompress((DATA / f"aeb/html/{name}.html.gz").read_bytes())
        yield Page(html, page["url"], text=page.get("articleBody", ""))


def _segments() -> Iterator[Page]:
    pages = json.loads((DATA / "trafilatura/evaldata.json").read_bytes())
    for url, page in sorted(pages.items(), key=lambda item: str(item[1]["file"])):
        html = gzip.decompress((DATA / f"trafilatura/html/{page['file']}.gz").read_bytes())
        yield Page(html, url, present=tuple(page["with"]), absent=tuple(page["without"]))


def _readability() -> Iterator[Page]:
    for folder in sorted(path for path in (DATA / "readability").iterdir() if path.is_dir()):
        html, expected = (
            gzip.decompress((folder / f"{name}.html.gz").read_bytes())
            for name in ("source", "expected")
        )
        text = " ".join(lxml_html.fromstring(expected.decode()).itertext())
        yield Page(html, None, text=text)


def _shingle_f1(results: Sequence[tuple[Page, str]]) -> float:
    precisions, recalls = [], []
    for page, text in results:
        true, found = _shingles(page.text), _shingles(text)
        both = (true & found).total()
        if found:
            precisions.append(both / found.total())
        if true:
            recalls.append(both / true.total())
    precision, recall = mean(precisions), mean(recalls)
    return 2 * precision * recall / (precision + recall)


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    """Runs of four words with their counts; a shorter text is one run."""
    words = WORD.findall(text)
    runs = (tuple(words[start : start + 4]) for start in range(max(1, len(words) - 3)))
    return Counter(run for run in runs if run)


def _segment_f1(results: Sequence[tuple[Page, str]]) -> float:
    true = false = missed = 0
    for page, text in results:
        plain = _one_spaced(text)
        hits = sum(_one_spaced(segment) in plain for segment in page.present)
        true, missed = true + hits, missed + len(page.present) - hits
        false += sum(_one_spaced(segment) in plain for segment in page.absent)
    return 2 * true / (2 * true + false + missed)


def _one_spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


SETS: dict[str, tuple[Callable[[], Iterator[Page]], Score]] = {
    "aeb": (_aeb, _shingle_f1),
    "trafilatura": (_segments, _segment_f1),
    "readability": (_readability, _shingle_f1),
}


if __name__ == "__main__":
    main()
