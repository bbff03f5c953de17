"""Do the statistics give the decisions of datatrove's English filters, and how much faster are they?

    make bench-statistics       DATA=../shared/data

Four filters of datatrove with their default thresholds, beside decisions from our columns, on the
same English documents: natural ones that the segmenter was not fitted on, ones that it was fitted
on, and made ones around the thresholds. C4's filter edits what it keeps: the texts that survive are
compared too. Every difference is printed, with the first words that differ.

Times are CPU seconds of one thread: each filter of datatrove alone, and the four after each other
on each document, as a pipeline runs them (it keeps the words of the last documents in a cache).
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
from datatrove.utils.text import split_into_parts, split_into_words

from annotators import c4
from annotators.annotator import Step
from annotators.statistics import annotate
from benchmarks.decisions import FILTERS, Row, columns, ours, theirs
from benchmarks.english import English, made, natural, seen
from benchmarks.results import Figure, report
from corpus.characters import flags as character_flags
from corpus.document import document_id
from corpus.segment import with_words, words
from corpus.texts import text_bytes

DATA = Path(os.environ.get("DATA", "../shared/data"))
MADE = 1500
TIMED = 600  # documents
LEAST_EQUAL = 0.995


def main() -> None:
    sets = {"natural": natural(DATA), "fitted": seen(DATA)[::3]}
    book = "\n".join(document.text for document in sets["natural"][:900])  # over 100,000 words
    sets["made"] = [*made(sets["natural"], MADE), English("made: book", "school texts", book)]
    figures = _speed(sets["natural"][:: max(1, len(sets["natural"]) // TIMED)])
    for name, documents in sets.items():
        figures += _agreement(name, documents)
    report("statistics", figures)


def table(texts: Sequence[str]) -> pa.Table:
    """The columns of documents that annotators of texts read."""
    ids = [document_id("bench", "", k) for k in range(len(texts))]
    return pa.table({"id": ids, "text": pa.array(texts, pa.large_string())})


# ---------------------------------------------------------------- agreement


@dataclass(frozen=True)
class Judged:
    """A document, both lists of words, our columns, and datatrove's reason and text per filter."""

    document: English
    ours: list[str]
    theirs: list[str]
    row: Row
    verdicts: dict[str, tuple[str | None, str]]

    def parting(self) -> str:
        """The first words that differ."""
        counts = f"{len(self.ours)} words and {len(self.theirs)}"
        for k, (mine, other) in enumerate(zip(self.ours, self.theirs, strict=False)):
            if mine != other:
                return f"{counts}, {self.ours[k : k + 4]} for {self.theirs[k : k + 4]}"
        return counts if self.ours != self.theirs else "the same words"


def _agreement(name: str, documents: Sequence[English]) -> list[Figure]:
    found = _judge(documents)
    print(f"\n# {name}: {len(found):,} documents,", dict(Counter(d.kind for d in documents)))
    figures = [_same_words(name, found)]
    for judge in FILTERS:
        figures += _compare(name, judge, found)
    return figures + _survivors(name, [item for item in found if _both_keep(item, "C4 quality")])


def _same_words(name: str, found: Sequence[Judged]) -> Figure:
    apart = [item for item in found if item.ours != item.theirs]
    print(f"{name}: the words of {len(apart)} of {len(found):,} differ")
    for item in apart:
        print(f"  {item.document.kind}, {item.document.name}: {item.parting()}")
    share = 1 - len(apart) / len(found)
    return Figure(measure=f"{name}: same words", unit=f"share of {len(found):,}", ours=share)


def _judge(documents: Sequence[English]) -> list[Judged]:
    texts = [document.text for document in documents]
    found, judges = words(table(texts)), {name: kind() for name, (kind, _) in FILTERS.items()}
    rows = annotate(table(texts)).to_pylist()
    judged = []
    for k, (document, row) in enumerate(zip(documents, rows, strict=True)):
        data, mine = document.text.encode(), slice(*found.offsets[k : k + 2])
        verdicts = {name: theirs(judge, document.text) for name, judge in judges.items()}
        spans = zip(found.starts[mine], found.ends[mine], strict=True)
        tokens = [data[a:b].decode() for a, b in spans]
        judged.append(Judged(document, tokens, split_into_words(document.text), row, verdicts))
    return judged


def _both_keep(item: Judged, judge: str) -> bool:
    return item.verdicts[judge][0] is None and ours(judge, item.row) is None


def _compare(name: str, judge: str, found: Sequence[Judged]) -> list[Figure]:
    pairs = [(item.verdicts[judge][0], ours(judge, item.row)) for item in found]
    reasons = Counter(reason or "kept" for reason, _ in pairs)
    print(f"{judge}:", dict(reasons.most_common()))
    _show(
        judge, [(item, pair) for item, pair in zip(found, pairs, strict=True) if len({*pair}) > 1]
    )
    kept = f", {reasons['kept']:,} kept"
    equal = [(theirs_ is None) == (mine is None) for theirs_, mine in pairs]
    return [
        _share(f"{name}: {judge}, keep or drop", kept, equal),
        _share(f"{name}: {judge}, reason", kept, [theirs_ == mine for theirs_, mine in pairs]),
    ]


def _show(judge: str, apart: Sequence[tuple[Judged, tuple[str | None, str | None]]]) -> None:
    """Every difference; one line for those of equal reasons that lie not in the words."""
    groups: dict[str, list[str]] = defaultdict(list)
    for item, pair in apart:
        values = {column: item.row[column] for column in columns(judge, pair)}
        cause = f"datatrove {pair[0]}, we {pair[1]}; {values}; {item.parting()}"
        groups[cause].append(f"{item.document.kind}, {item.document.name}")
    for cause, names in groups.items():
        print(f"  {cause}: {len(names)}, {'; '.join(names)}")


def _share(measure: str, unit: str, equal: Sequence[bool]) -> Figure:
    share = float(np.mean(equal))
    print(f"{measure}: {len(equal) - sum(equal)} of {len(equal):,} differ")
    unit = f"share of {len(equal):,}{unit}"
    return Figure(measure=measure, unit=unit, ours=share, reference=LEAST_EQUAL, beside="bound")


# ---------------------------------------------------------------- what C4's filter leaves


def _survivors(name: str, kept: Sequence[Judged]) -> list[Figure]:
    """Of the documents that both keep: the text that is left, and the number of its lines."""
    texts = [(item.document.text, item.verdicts["C4 quality"][1]) for item in kept]
    left = c4_texts([text for text, _ in texts])
    equal = [text == other for text, (_, other) in zip(left, texts, strict=True)]
    lines = [
        item.row["c4_kept_lines"] == other.count("\n") + 1
        for item, (_, other) in zip(kept, texts, strict=True)
    ]
    for item, text, same in zip(kept, left, equal, strict=True):
        if not same:
            print(f"  {item.document.name}: ours {text[:200]!r}")
    edited = f", {sum(text != other for text, other in texts):,} edited"
    return [
        _share(f"{name}: C4 quality, text that is left", edited, equal),
        _share(f"{name}: C4 quality, c4_kept_lines", edited, lines),
    ]


def c4_texts(texts: Sequence[str]) -> list[str]:
    """What C4's rules leave of each text, by the kernels that `annotators.c4` counts with."""
    data, offsets = text_bytes(table(texts))
    flags = character_flags(data)
    phrases = np.frombuffer("".join(c4._PHRASES).encode(), np.uint8)
    bounds = np.cumsum([0, *map(len, c4._PHRASES)])
    left = []
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        lines: list[str] = []
        while start < stop:
            end, after = c4._line(data, flags, start, stop)
            a, b = c4._trim(flags, start, end)
            count, longest = c4._words_of(flags, a, b)
            line = np.empty(b - a, np.uint8)
            size = c4._clean(data, flags, a, b, line, 0)
            verdict = c4._verdict(line, 0, size, count, phrases, bounds)
            if longest <= c4.MAX_WORD and verdict == c4._KEPT:
                lines.append(line[:size].tobytes().decode())
            start = after
        left.append("\n".join(lines).strip())
    return left


# ---------------------------------------------------------------- speed


def _speed(documents: Sequence[English]) -> list[Figure]:
    texts = [document.text for document in documents]
    judges = {name: kind() for name, (kind, _) in FILTERS.items()}
    for judge in judges.values():
        theirs(judge, "This loads the tokeniser. " * 20)
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"timed on {len(texts):,} natural documents, {size:.2f} MB")
    together = size / _seconds(lambda: _judge_all(list(judges.values()), texts))
    alone = {n: size / _seconds(partial(_judge_all, [j], texts)) for n, j in judges.items()}
    found, given = table(texts), with_words(table(texts))
    both, columns_only = (size / _best(annotate, documents) for documents in (found, given))
    figures = [
        _pace("words found", both, together, "its four filters"),
        _pace("words given", columns_only, together, "its four filters"),
        _pace(
            "words found",
            both,
            1 / sum(1 / speed for speed in alone.values()),
            "its four filters, apart",
        ),
    ]
    return figures + [_pace("words found", both, speed, name) for name, speed in alone.items()]


def _pace(measure: str, speed: float, other: float, beside: str) -> Figure:
    return Figure(
        measure=f"{measure}, beside {beside}",
        unit="MB/s",
        ours=speed,
        reference=other,
        beside="datatrove",
    )


def _judge_all(judges: Sequence[Any], texts: Sequence[str]) -> None:
    split_into_parts.cache_clear()
    for text in texts:
        for judge in judges:
            theirs(judge, text)


def _best(step: Step, documents: pa.Table) -> float:
    """The least CPU seconds of five runs, after one that compiles."""
    step(documents)
    return min(_seconds(lambda: step(documents)) for _ in range(5))


def _seconds(work: Callable[[], object]) -> float:
    start = process_time()
    work()
    return process_time() - start


if __name__ == "__main__":
    main()
