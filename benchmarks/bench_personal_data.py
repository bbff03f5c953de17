"""Are personal data found where they are, nothing found where none are, and how fast is it?

    make bench-personal_data       DATA=../shared/data

Beside Presidio's own pattern recognisers for the same kinds (no model, no context words), which the benchmark installs
into an environment of its own under `build/` and asks in the same run.

- `labelled`: the 799 sentences of Presidio's synthetic set. A span that we find counts as right where it overlaps a
  labelled one of its kind; a labelled one counts as found where a span of its kind overlaps it. US driver's licences
  have no form and are no kind of ours. Presidio's spans have scores: each kind is taken at the threshold that gives it
  the best F1 here. We have read what we miss in this set, so that it is no test of what nobody has seen.
- `examples`: libphonenumber's example of a fixed and of a mobile number of each region (North America's are of its
  fictional exchange), in an English sentence without a word for a telephone: how many are found whole? Their
  misses were read once, and showed that a French number had passed for a date.
- `none`: word problems, the Universal Declaration of Human Rights in its languages, and multiple-choice questions hold
  no personal data of these kinds; what is found there is wrong. Presidio keeps the thresholds of `labelled`. These
  were read while the rules were written (two numbers in the word problems led to rules): our zeros are those of
  texts that we know.
- speed: CPU seconds of one thread over news in 16 languages and over documentation, after a warm-up.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import phonenumbers
import pyarrow as pa
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from annotators.personal_data import KINDS, annotate
from benchmarks.results import Figure, report
from corpus.document import document_id

DATA = Path(os.environ.get("DATA", "../shared/data"))
HERE = Path(__file__).parent
THEIRS = HERE.parent / "build" / "presidio"
REQUIRED = ("presidio-analyzer==2.2.366", "phonenumbers==9.0.43", "spacy==3.8.18")
LABELS = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "national_id",
}
WITHOUT = ("math/gsm8k_train_1500", "lid/udhr", "bench/mmlu_test_half")
PLAIN = ("topic/masakhanews_16", "dedup/django_docs_versions")
TIMED = 2_000_000  # bytes of each

Span = tuple[str, int, int, float]  # kind, start, stop, score


def main() -> None:
    rows = [*_rows("pii/presidio_synth_v2")]
    texts = [row["full_text"] for row in rows]
    gold = [
        [
            (LABELS[span["entity_type"]], span["start_position"], span["end_position"], 1.0)
            for span in row["spans"]
            if span["entity_type"] in LABELS
        ]
        for row in rows
    ]
    mine, theirs = ours(texts)[0], presidio(texts)[0]
    least = {kind: _best_threshold(kind, theirs, gold) for kind in LABELS.values()}
    print("Presidio's thresholds:", least)
    figures = []
    for kind in LABELS.values():
        other = _scores(kind, _above(theirs, least), gold)
        n = sum(span[0] == kind for spans in gold for span in spans)
        for name, a, b in zip(
            ("precision", "recall", "F1"), _scores(kind, mine, gold), other, strict=True
        ):
            figures.append(_figure(f"labelled: {kind} ({n}), {name}", "share", a, b))
    figures += _examples(least["phone"])
    figures += [_wrong(name, least) for name in WITHOUT]
    figures += [_speed(name) for name in PLAIN]
    report("personal_data", figures)


# ---------------------------------------------------------------- the two


def ours(texts: Sequence[str]) -> tuple[list[list[Span]], float]:
    """The spans of each text, and CPU seconds."""
    ids = [document_id("bench", "", k) for k in range(len(texts))]
    table = pa.table({"id": ids, "text": pa.array(texts, pa.large_string())})
    annotate(table.slice(0, 100))
    start = process_time()
    found = annotate(table)
    seconds = process_time() - start
    spans = found.column("pii").to_pylist()
    return [[(s["kind"], s["start"], s["stop"], 1.0) for s in row] for row in spans], seconds


def presidio(texts: Sequence[str]) -> tuple[list[list[Span]], float]:
    """The same by Presidio's recognisers."""
    python = THEIRS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", THEIRS], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIRED], check=True)
    script = HERE / "presidio_spans.py"
    done = subprocess.run(
        [python, script], input=json.dumps(list(texts)), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    return [[tuple(span) for span in row] for row in found["spans"]], found["seconds"]


# ---------------------------------------------------------------- scores


def _above(found: Sequence[Sequence[Span]], least: dict[str, float]) -> list[list[Span]]:
    return [[span for span in row if span[3] >= least.get(span[0], 0)] for row in found]


def _best_threshold(
    kind: str, found: Sequence[Sequence[Span]], gold: Sequence[Sequence[Span]]
) -> float:
    every = sorted({span[3] for row in found for span in row if span[0] == kind}) or [0.0]
    return max(every, key=lambda least: _scores(kind, _above(found, {kind: least}), gold)[2])


def _scores(
    kind: str, found: Sequence[Sequence[Span]], gold: Sequence[Sequence[Span]]
) -> tuple[float, float, float]:
    """Precision, recall and F1 of a kind over all texts."""
    right = claimed = met = wanted = 0
    for mine, true in zip(found, gold, strict=True):
        mine, true = ([span for span in spans if span[0] == kind] for spans in (mine, true))
        claimed, wanted = claimed + len(mine), wanted + len(true)
        right += sum(_overlaps(span, true) for span in mine)
        met += sum(_overlaps(span, mine) for span in true)
    precision, recall = right / max(claimed, 1), met / max(wanted, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(span[1] < stop and start < span[2] for _, start, stop, _ in others)


def _examples(least: float) -> list[Figure]:
    figures = []
    for how in ("INTERNATIONAL", "NATIONAL"):
        numbers = sorted(
            {
                phonenumbers.format_number(number, getattr(PhoneNumberFormat, how))
                for region in phonenumbers.SUPPORTED_REGIONS
                for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
                if (number := phonenumbers.example_number_for_type(region, kind))
                and number.country_code != 1
            }
        )
        texts = [f"I left {number} at the door." for number in numbers]
        true = [[("phone", 7, 7 + len(number), 1.0)] for number in numbers]
        shares = [
            sum(
                any(one[0] == "phone" and one[1:3] == wanted[1:3] for one in row)
                for row, (wanted,) in zip(found, true, strict=True)
            )
            / len(true)
            for found in (ours(texts)[0], _above(presidio(texts)[0], {"phone": least}))
        ]
        figures.append(
            _figure(f"examples: {how.lower()} ({len(numbers)}), recall", "share", *shares)
        )
    return figures


def _wrong(name: str, least: dict[str, float]) -> Figure:
    texts = [*_texts(name)][:3000]
    mine, theirs = ours(texts)[0], _above(presidio(texts)[0], least)
    for who, found in (("ours", mine), ("Presidio", theirs)):
        counts = {kind: sum(span[0] == kind for row in found for span in row) for kind in KINDS}
        print(f"{name}, {who}:", counts)
    size = sum(len(text.encode()) for text in texts) / 1e6
    a, b = (sum(map(len, found)) / size for found in (mine, theirs))
    return _figure(f"none: found in {name.split('/')[1]} ({size:.2g} MB)", "spans per MB", a, b)


def _speed(name: str) -> Figure:
    texts, size = [], 0
    for text in _texts(name):
        texts.append(text)
        size += len(text.encode())
        if size > TIMED:
            break
    a, b = (size / 1e6 / find(texts)[1] for find in (ours, presidio))
    return _figure(f"speed: {name.split('/')[1]} ({size / 1e6:.2g} MB)", "MB/s", a, b)


def _figure(measure: str, unit: str, mine: float, theirs: float) -> Figure:
    return Figure(measure=measure, unit=unit, ours=mine, reference=theirs, beside="Presidio")


# ---------------------------------------------------------------- data


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _texts(name: str) -> Iterator[str]:
    """The strings of some length of each row, as one text."""
    for row in _rows(name):
        strings = [value for value in row.values() if isinstance(value, str) and len(value) > 30]
        if strings:
            yield "\n".join(strings)


if __name__ == "__main__":
    main()
