"""Does the student read topics in languages that nobody labelled, better than fastText trained on the same labels?

    make bench-topics           DATA=../shared/data

SIB-200 has the same sentences in 119 languages, each with one of seven topics; heads are fitted on the official train
rows and judged on the official dev rows, which nothing else here sees. Ours is what `train-student --tune` makes: the
shipped vectors with numbers learnt from the labels beside them (`annotators.tuning`), and a linear head, its penalty
chosen on the first fold. The reference is a fastText classifier of the same rows (64 numbers, words, pairs of words,
n-grams of 2 to 4 characters), its epochs and rate chosen on the first fold as well; with labels in half of the
languages, 30 epochs or a rate of 2 changed that fold by less than 0.003 (2026-11-27). A sentence and its translations
are in one fold. The settings of tuning itself stand in its module.

The student's vectors have seen the train sentences with their translations, without topics: that is how they carry
over. So our figure on the fold flatters itself, and says little of how well dev rows are read.

Two settings: labels in all languages; and labels in every second language only, by family, judged on the others. The
figure of a language is macro-F1 over the topics. The interval of the difference is a paired bootstrap over the dev
sentences, each drawn with all its translations.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import fasttext_pybind
import numpy as np
import numpy.typing as npt

from annotators import student, tuning
from annotators.evaluation import LEVEL, SAMPLES, macro_f1
from annotators.fitting import fit
from annotators.student import untaught
from annotators.taxonomy import Dimension
from annotators.training import TUNED_PENALTIES
from annotators.vectors import Vectors
from benchmarks.english import rows
from benchmarks.results import Figure, report
from corpus.languages import LANGUAGES

DATA = Path(os.environ.get("DATA", "../shared/data"))
FOLDS = 5
TOPICS = (
    *("entertainment", "geography", "health", "politics"),
    *("science_technology", "sports", "travel"),
)
SCHEDULES = ((5, 1.0), (15, 0.3), (15, 1.0))  # epochs, rate
SHOWN = 8
TOPIC = Dimension(
    name="topic",
    kind="nominal",
    question="What is the sentence about?",
    values={name: name for name in TOPICS},
    abstain="never",
    source="SIB-200",
)

Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Sample(NamedTuple):
    """Rows of SIB-200, as arrays beside each other."""

    texts: npt.NDArray[np.object_]
    topics: Places
    sentences: Places
    languages: npt.NDArray[np.str_]

    def where(self, kept: npt.NDArray[np.bool_]) -> Sample:
        return Sample(
            texts=self.texts[kept],
            topics=self.topics[kept],
            sentences=self.sentences[kept],
            languages=self.languages[kept],
        )


def main() -> None:
    train, dev = sample("train"), sample("dev")
    every = sorted(LANGUAGES, key=lambda label: (LANGUAGES[label].family, label))
    figures: list[Figure] = []
    for name, labelled, judged in (
        ("labels in all languages", every, every),
        ("languages without labels", every[::2], every[1::2]),
    ):
        known = train.where(np.isin(train.languages, labelled))
        asked = dev.where(np.isin(dev.languages, judged))
        mine = best(ours, TUNED_PENALTIES, known)(asked)
        theirs = best(fasttext, SCHEDULES, known)(asked)
        figures += compared(name, asked, judged, (mine, theirs))
    report("topics", figures)


def sample(split: str) -> Sample:
    found = [
        row
        for row in rows(DATA / "lid/sib200_train_dev.jsonl.gz")
        if row["split"] == split and row["lang"] in LANGUAGES
    ]
    texts = [" ".join(row["text"].split()) for row in found]
    return Sample(
        texts=np.array(texts, object),
        topics=np.array(
            [TOPICS.index(row["category"].replace("/", "_")) for row in found], np.int64
        ),
        sentences=np.array([row["index_id"] for row in found]),
        languages=np.array([row["lang"] for row in found]),
    )


# ---------------------------------------------------------------- who answers

Answer = Callable[[Sample], Places]
Setting = TypeVar("Setting")


def best(
    train: Callable[[Sample], Callable[[Setting], Answer]],
    settings: Sequence[Setting],
    known: Sample,
) -> Answer:
    """Trained on all that is known, in the setting that is right most often on the first fold, which is kept apart."""
    apart = known.sentences % FOLDS == 0
    asked, trained = known.where(apart), train(known.where(~apart))
    scores = [float((trained(setting)(asked) == asked.topics).mean()) for setting in settings]
    print(
        train.__name__, dict(zip(settings, np.round(scores, 4).tolist(), strict=True)), flush=True
    )
    return train(known)(settings[int(np.argmax(scores))])


def ours(known: Sample) -> Callable[[float], Answer]:
    """Vectors that learnt from the rows, and a head on them, by its penalty."""
    began = time.monotonic()
    vectors = student.load(student.MODEL).reader
    assert isinstance(vectors, Vectors)
    every = np.ones(len(known.texts), bool)
    labels = tuning.Labels(TOPIC, every, known.topics, every.astype(np.float64))
    read = untaught(tuning.tuned(tuning.read(vectors, list(known.texts)), [labels]))
    raw = read.features(list(known.texts)).astype(np.float64)
    print(f"tuned on {len(every)} rows in {time.monotonic() - began:.0f} s", flush=True)
    mean, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
    features = (raw - mean) / spread

    def fitted(penalty: float) -> Answer:
        head = fit("nominal", features, known.topics, len(TOPIC.values), penalty)
        return lambda asked: head.probabilities(
            (read.features(list(asked.texts)) - mean) / spread
        ).argmax(axis=1)

    return fitted


def fasttext(known: Sample) -> Callable[[tuple[int, float]], Answer]:
    """A fastText classifier of the same rows, by its epochs and rate."""
    return lambda schedule: _fasttext(known, schedule)


def _fasttext(known: Sample, schedule: tuple[int, float]) -> Answer:
    model = fasttext_pybind.fasttext()
    with TemporaryDirectory() as folder:
        source = Path(folder) / "train.txt"
        order = np.random.default_rng(1).permutation(len(known.texts))
        lines = (f"__label__{known.topics[n]} {known.texts[n]}\n" for n in order)
        source.write_text("".join(lines), encoding="utf-8")
        fasttext_pybind.train(model, arguments(source, schedule))

    def answer(asked: Sample) -> Places:
        told = [model.predict(f"{text}\n", 1, 0.0, "strict")[0][1] for text in asked.texts]
        return np.array([int(label.removeprefix("__label__")) for label in told], np.int64)

    return answer


def arguments(source: Path, schedule: tuple[int, float]) -> Any:
    epochs, rate = schedule
    settings: Mapping[str, Any] = {
        "input": str(source),
        "output": str(source.with_suffix("")),
        "dim": 64,
        "minn": 2,
        "maxn": 4,
        "bucket": 1 << 19,
        "minCount": 1,
        "epoch": epochs,
        "lr": rate,
        "thread": 1,
        "verbose": 0,
        "label": "__label__",
        "wordNgrams": 2,
        "ws": 5,
        "neg": 5,
        "model": fasttext_pybind.model_name.supervised,
        "loss": fasttext_pybind.loss_name.softmax,
    }
    args = fasttext_pybind.args()
    for name, value in settings.items():
        setattr(args, name, value)
    return args


# ---------------------------------------------------------------- figures


def compared(
    name: str, asked: Sample, labels: Sequence[str], answers: tuple[Places, Places]
) -> Iterator[Figure]:
    """The mean over the languages, in how many ours is above, and the worst of ours."""
    mine, theirs = (by_language(asked, labels, found) for found in answers)
    differences = (mine - theirs).mean(axis=0)
    low, high = np.quantile(differences[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    yield Figure(
        measure=f"{name}: mean over {len(labels)}",
        unit=f"macro-F1 (difference {low:.3f} to {high:.3f})",
        ours=float(mine[:, 0].mean()),
        reference=float(theirs[:, 0].mean()),
        beside="fastText",
    )
    yield Figure(
        measure=f"{name}: ours is above in",
        unit="languages",
        ours=int((mine[:, 0] > theirs[:, 0]).sum()),
        reference=len(labels),
        beside="languages",
    )
    print(f"{name}: language, ours, fastText")
    for label, one, other in zip(labels, mine[:, 0], theirs[:, 0], strict=True):
        print(f"{label} {one:.3f} {other:.3f}")
    for number in np.argsort(mine[:, 0])[:SHOWN]:
        yield Figure(
            measure=f"{name}: {labels[number]}, of the worst of ours",
            unit="macro-F1",
            ours=float(mine[number, 0]),
            reference=float(theirs[number, 0]),
            beside="fastText",
        )


def by_language(asked: Sample, labels: Sequence[str], found: Places) -> Floats:
    """(languages, 1 + SAMPLES): macro-F1 of all sentences, then of each drawing of them."""
    names, places = np.unique(asked.sentences, return_inverse=True)
    weights = drawings(len(names))
    values = int(asked.topics.max()) + 1
    scores = []
    for label in labels:
        of = asked.languages == label
        cells = np.zeros((len(names), values, values))
        cells[places[of], asked.topics[of], found[of]] = 1
        drawn = weights @ cells.reshape(len(names), -1)
        scores.append(macro_f1(drawn.reshape(-1, values, values)))
    return np.array(scores)


def drawings(sentences: int) -> Floats:
    """How often each sentence is drawn, the same for all languages and both sides; first each of them once."""
    share = np.full(sentences, 1 / sentences)
    drawn = np.random.default_rng(0).multinomial(sentences, share, size=SAMPLES)
    return np.vstack([np.ones(sentences), drawn])


if __name__ == "__main__":
    sys.exit(main())
