"""Does the student read topics in languages that nobody labelled, better than fastText trained on the same labels?

    make bench-topics           DATA=../shared/data

SIB-200 has the same sentences in 119 languages, each with one of seven topics; heads are fitted on the official train
rows and judged on the official dev rows. Ours is a linear head on the shipped student's vectors, whose penalty is
chosen on a fifth of the train sentences. The reference is a fastText classifier trained on the same rows (64 numbers,
words, pairs of words, n-grams of 2 to 4 characters), whose epochs are chosen on the same fifth. The student's vectors
have seen the train sentences with their translations, without topics: that is how they carry over.

Two settings: labels in all languages; and labels in every second language only, by family, judged on the others. The
figure of a language is macro-F1 over the topics. The interval of the difference is a paired bootstrap over the dev
sentences, each drawn with all its translations.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fasttext_pybind
import numpy as np
import numpy.typing as npt

from annotators import student
from annotators.evaluation import macro_f1
from annotators.fitting import fit
from benchmarks.english import rows
from benchmarks.results import Figure, report
from corpus.languages import LANGUAGES

DATA = Path(os.environ.get("DATA", "../shared/data"))
PENALTIES = (16.0, 256.0, 4096.0, 65536.0)
EPOCHS = (5, 15)
SAMPLES = 1000
SHOWN = 8

Row = Mapping[str, Any]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Answer = Callable[[Sequence[Row]], Places]  # a place among TOPICS for each row


def main() -> None:
    found = [r for r in rows(DATA / "lid/sib200_train_dev.jsonl.gz") if r["lang"] in LANGUAGES]
    topics = sorted({row["category"] for row in found})
    train = [row for row in found if row["split"] == "train"]
    dev = [row for row in found if row["split"] == "dev"]
    every = sorted(LANGUAGES, key=lambda label: (LANGUAGES[label].family, label))
    figures: list[Figure] = []
    for name, labelled, judged in (
        ("labels in all languages", every, every),
        ("languages without labels", every[::2], every[1::2]),
    ):
        known = [row for row in train if row["lang"] in set(labelled)]
        asked = [row for row in dev if row["lang"] in set(judged)]
        answers = [chosen(make, known, topics) for make in (ours, fasttext)]
        figures += compared(name, asked, judged, topics, [answer(asked) for answer in answers])
    report("topics", figures)


def chosen(
    make: Callable[[Sequence[Row], Sequence[str]], Iterator[Callable[[Sequence[Row]], Answer]]],
    known: Sequence[Row],
    topics: Sequence[str],
) -> Answer:
    """The classifier of the setting that is best on a fifth of the sentences, trained on all."""
    apart = [row for row in known if row["index_id"] % 5 == 0]
    others = [row for row in known if row["index_id"] % 5]
    gold = places(apart, topics)
    scores = [(trained(others)(apart) == gold).mean() for trained in make(known, topics)]
    best = int(np.argmax(scores))
    print(f"{make.__name__}: setting {best}, right on the fifth {scores[best]:.3f}")
    return list(make(known, topics))[best](known)


def places(found: Sequence[Row], topics: Sequence[str]) -> Places:
    return np.array([topics.index(row["category"]) for row in found], np.int64)


def ours(
    known: Sequence[Row], topics: Sequence[str]
) -> Iterator[Callable[[Sequence[Row]], Answer]]:
    """A head on the shipped vectors, for each penalty."""
    base = student.load(student.MODEL)
    raw = base.features([row["text"] for row in known])
    mean, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)

    def features(found: Sequence[Row]) -> Floats:
        of = base.features([row["text"] for row in found])
        return np.asarray((of - mean) / spread, np.float64)

    def trainer(penalty: float) -> Callable[[Sequence[Row]], Answer]:
        def trained(found: Sequence[Row]) -> Answer:
            gold = places(found, topics)
            head = fit("nominal", features(found), gold, len(topics), penalty)
            return lambda asked: head.probabilities(features(asked)).argmax(axis=1)

        return trained

    yield from map(trainer, PENALTIES)


def fasttext(
    known: Sequence[Row], topics: Sequence[str]
) -> Iterator[Callable[[Sequence[Row]], Answer]]:
    """A fastText classifier, for each number of epochs."""

    def trainer(epochs: int) -> Callable[[Sequence[Row]], Answer]:
        def trained(found: Sequence[Row]) -> Answer:
            model = classifier(found, topics, epochs)

            def answer(asked: Sequence[Row]) -> Places:
                told = [model.predict(line(row), 1, 0.0, "strict")[0][1] for row in asked]
                return np.array([int(label.removeprefix("__label__")) for label in told], np.int64)

            return answer

        return trained

    yield from map(trainer, EPOCHS)


def classifier(found: Sequence[Row], topics: Sequence[str], epochs: int) -> Any:
    with TemporaryDirectory() as folder:
        source = Path(folder) / "train.txt"
        order = np.random.default_rng(1).permutation(len(found))
        labels = places(found, topics)
        lines = (f"__label__{labels[n]} {line(found[n])}" for n in order)
        source.write_text("".join(lines), encoding="utf-8")
        args = fasttext_pybind.args()
        settings = {
            "input": str(source),
            "output": str(Path(folder) / "model"),
            "dim": 64,
            "minn": 2,
            "maxn": 4,
            "bucket": 1 << 19,
            "minCount": 1,
            "epoch": epochs,
            "lr": 0.3,
            "thread": 1,
            "verbose": 0,
            "label": "__label__",
            "wordNgrams": 2,
            "ws": 5,
            "neg": 5,
            "model": fasttext_pybind.model_name.supervised,
            "loss": fasttext_pybind.loss_name.softmax,
        }
        for name, value in settings.items():
            setattr(args, name, value)
        model = fasttext_pybind.fasttext()
        fasttext_pybind.train(model, args)
        return model


def line(row: Row) -> str:
    return " ".join(row["text"].split()) + "\n"


def compared(
    name: str,
    asked: Sequence[Row],
    labels: Sequence[str],
    topics: Sequence[str],
    answers: Sequence[Places],
) -> Iterator[Figure]:
    """The mean over the languages, in how many ours is above, and the worst of ours."""
    gold = places(asked, topics)
    sentences = sorted({row["index_id"] for row in asked})
    drawn = np.random.default_rng(0).multinomial(
        len(sentences), np.full(len(sentences), 1 / len(sentences)), size=SAMPLES
    )
    weights = np.vstack([np.ones(len(sentences)), drawn])  # first all of them, once
    place = {index: n for n, index in enumerate(sentences)}
    of = np.array([place[row["index_id"]] for row in asked])
    scores = np.zeros((2, len(labels), len(weights)))
    for number, label in enumerate(labels):
        mine = np.array([row["lang"] == label for row in asked])
        for side, found in enumerate(answers):
            cells = np.zeros((len(sentences), len(topics) ** 2))
            cells[of[mine], gold[mine] * len(topics) + found[mine]] = 1
            matrices = (weights @ cells).reshape(-1, len(topics), len(topics))
            scores[side, number] = macro_f1(matrices)
    mean = scores.mean(axis=1)
    low, high = np.quantile((mean[0] - mean[1])[1:], [0.025, 0.975])
    yield Figure(
        measure=f"{name}: mean over {len(labels)}",
        unit=f"macro-F1 (difference {low:.3f} to {high:.3f})",
        ours=float(mean[0, 0]),
        reference=float(mean[1, 0]),
        beside="fastText",
    )
    above = int((scores[0, :, 0] > scores[1, :, 0]).sum())
    yield Figure(
        measure=f"{name}: ours is above in",
        unit="languages",
        ours=above,
        reference=len(labels),
        beside="languages",
    )
    for number in np.argsort(scores[0, :, 0])[:SHOWN]:
        yield Figure(
            measure=f"{name}: {labels[number]}, of the worst of ours",
            unit="macro-F1",
            ours=float(scores[0, number, 0]),
            reference=float(scores[1, number, 0]),
            beside="fastText",
        )


if __name__ == "__main__":
    sys.exit(main())
