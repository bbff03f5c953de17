"""What do all heads of the student cost in one pass over the text, beside a fastText model for each dimension?

    make bench-student          DATA=../shared/data

The texts are the Declaration of Human Rights in its 500 translations and Django's manuals, as whole documents. The
reference is as many fastText classifiers as the student has dimensions, each of the student's own size (64 numbers,
n-grams of 1 to 4 characters) and with the dimension's number of values, asked through fastText's library about all of
each text; what they were trained on does not change their speed. The student's seconds have its identifier of
languages in them, and the columns as Arrow. It reads at most 8 windows of 512 bytes of a text, they read it all: the
second figure is on texts that are no longer than that, which both read whole. CPU seconds of one core; thirty
trillion tokens are taken for 4.2 bytes each, as the samples have.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import fasttext_pybind
import pyarrow as pa

from annotators import student, vectors
from benchmarks.english import rows, text_of_markup
from benchmarks.results import Figure, report
from corpus.document import document_id

DATA = Path(os.environ.get("DATA", "../shared/data"))
TOKENS, BYTES = 30e12, 4.2
SHORT = vectors.WINDOWS.windows * vectors.WINDOWS.window_bytes
GOAL = 5


def main() -> None:
    config = student.Config()
    step = student.step(config)
    whole = texts()
    short = [piece for text in whole for piece in pieces(text)]
    sizes = [len(dimension.values) for dimension in student.dimensions(config).values()]
    with TemporaryDirectory() as folder:
        models = [classifier(Path(folder), values, whole) for values in sizes]
        figures = []
        for name, found in (("whole documents", whole), (f"texts of {SHORT} bytes", short)):
            size = sum(len(text.encode()) for text in found) / 1e6
            table = documents(found)
            ours = size / best(lambda table=table: step(table))
            theirs = size / best(lambda found=found: asked(models, found))
            figures.append(
                Figure(
                    measure=f"{name}, {len(sizes)} dimensions",
                    unit="MB/s",
                    ours=ours,
                    reference=theirs,
                    beside="a fastText model for each",
                )
            )
            if found is whole:
                hours = TOKENS * BYTES / 1e6 / ours / 3600
                figures.append(
                    Figure(measure="30T tokens of such documents", unit="core hours", ours=hours)
                )
    report("student", figures)


def texts() -> list[str]:
    found = [text_of_markup(row["html"].encode()) for row in rows(DATA / "lid/udhr.jsonl.gz")]
    return found + [row["text"] for row in rows(DATA / "dedup/django_docs_versions.jsonl.gz")]


def pieces(text: str) -> list[str]:
    """About SHORT bytes each, at the ends of characters."""
    data = text.encode()
    cut = [data[lo : lo + SHORT].decode("utf-8", "ignore") for lo in range(0, len(data), SHORT)]
    return [piece for piece in cut if piece.strip()]


def classifier(folder: Path, values: int, whole: Sequence[str]) -> Any:
    """A fastText model of the student's size that tells so many values apart."""
    rng = random.Random(values)
    lines = [
        f"__label__{n % values} {' '.join(text.split())[:400]}\n" for n, text in enumerate(whole)
    ]
    rng.shuffle(lines)
    source = folder / f"{values}.txt"
    source.write_text("".join(lines), encoding="utf-8")
    args = fasttext_pybind.args()
    settings = {
        "input": str(source),
        "output": str(folder / "model"),
        "dim": 64,
        "minn": 1,
        "maxn": 4,
        "bucket": 1 << 17,
        "minCount": 1,
        "epoch": 1,
        "lr": 0.1,
        "thread": 1,
        "verbose": 0,
        "label": "__label__",
        "wordNgrams": 1,
        "ws": 5,
        "neg": 5,
    }
    settings["model"] = fasttext_pybind.model_name.supervised
    settings["loss"] = fasttext_pybind.loss_name.softmax
    for name, value in settings.items():
        setattr(args, name, value)
    model = fasttext_pybind.fasttext()
    fasttext_pybind.train(model, args)
    return model


def asked(models: Sequence[Any], found: Sequence[str]) -> None:
    for model in models:
        for text in found:
            model.predict(" ".join(text.split()) + "\n", 1, 0.0, "replace")


def documents(found: Sequence[str]) -> pa.Table:
    ids = [document_id("bench", "", k) for k in range(len(found))]
    return pa.table({"id": ids, "text": pa.array(found, pa.large_string())})


def best(run: Any) -> float:
    times = []
    for _ in range(3):
        began = process_time()
        run()
        times.append(process_time() - began)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
