"""Do the student's levels follow what others have judged: reading levels, reading ease, hate and danger?

    make bench-outside          DATA=../shared/data LABELLED=labelled.jsonl

The labels that the heads learnt from, and most of what they are measured on, are one reader's. These sets are others':

- OneStopEnglish, articles rewritten at three levels: pairs of levels of an article that the expected level puts in the
  order of the rewriting (a tie is half of one), and articles with all three in order. Beside the mean length of words,
  and the length of the text. The rewriters shortened, too.
- CLEAR, excerpts whose ease teachers compared: Spearman's correlation of the expected level with difficulty (easiness
  negated). Beside the Flesch reading ease, negated, with runs of vowels for syllables.
- Multilingual HateCheck, XSTest: of the hateful or unsafe texts those with a level of `safety_severity` above safe, the
  same share of the others, and the area under the ROC curve of the expected level. AILuminate's demonstration prompts
  have a hazard each and no safe half (some ask harmless things in a hazard's field): the share above safe. Beside
  LDNOOBW: any listed word of the language in the text.

The shipped student has no column for a dimension that was switched off, so all heads are fitted anew, with the shipped
vectors, to the labelled passages of LABELLED but those of safety and quality sets. Without these no passage that was
labelled unsafe is left, so the safety sets are judged a second time, by a head that has learnt from the others of them,
too. `python -m annotators.labels.packages FOLDER` and `python -m annotators.labels.passages FOLDER DATA LABELLED` make
LABELLED; without it the shipped heads answer, and some of OneStopEnglish was among what they could learn from. Ranks do
not depend on a head's temperature, so none is set, and nobody abstains.

Intervals of 95 %, by bootstrap over articles or excerpts; the second is of the difference to the reference, paired. The
safety sets are made from templates, of which texts are no independent sample: they have none.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from annotators import student, taxonomy
from annotators.fitting import fit, negative_log_likelihood
from annotators.heads import Head
from annotators.student import Student
from annotators.taxonomy import Dimension
from annotators.training import FOLDS, PENALTIES, targets_of
from benchmarks.english import rows
from benchmarks.results import Figure, report

DATA = Path(os.environ.get("DATA", "../shared/data"))
LABELLED = os.environ.get("LABELLED", "")
MEASURED = ("shared:safety/", "shared:quality/")  # packages whose passages are not fitted to
READING = ("education_level", "educational_value", "reasoning_depth", "information_density")
SAFETY = "safety_severity"
LEVELS = ("ele", "int", "adv")
SAMPLES = 1000
LISTS = {
    "arabic": "ar", "dutch": "nl", "french": "fr", "german": "de", "hindi": "hi", "italian": "it",
    "mandarin": "zh", "polish": "pl", "portuguese": "pt", "spanish": "es",
}  # fmt: skip
_WORD = r"[\w\u0900-\u097f]"  # `\w` has not the vowel signs of Devanagari

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Measure = Callable[[Floats, Places], Floats]  # of scores, and draws (samples, units)


@dataclass(frozen=True)
class Judge:
    """A student, and what is to be said of its heads."""

    student: Student
    remarks: Mapping[str, str]

    def probabilities(self, name: str, texts: Sequence[str]) -> Floats:
        return self.student.heads[name].probabilities(self.student.features(texts))

    def expected(self, name: str, texts: Sequence[str]) -> Floats:
        """The expected level of each text."""
        levels = np.array(self.student.dimensions[name].labels, np.float64)
        return np.asarray(self.probabilities(name, texts) @ levels)

    def reading(self) -> list[str]:
        return [name for name in READING if name in self.student.heads]


@dataclass(frozen=True)
class Judged:
    """Texts of a safety set, which of them are hateful or unsafe if not all, and which have a listed word."""

    name: str
    package: str  # its passages among the labelled ones begin so
    texts: Sequence[str]
    bad: Bools | None
    words: Bools


def main() -> None:
    shipped, labelled = student.load(student.MODEL), passages()
    if not labelled:
        judge = Judge(shipped, dict.fromkeys(shipped.heads, ", shipped head"))
        report("outside", [*articles(judge), *excerpts(judge)])
        return
    judge = judging(shipped, labelled, MEASURED, (*READING, SAFETY))
    found = [*articles(judge), *excerpts(judge)]
    for one in [*hatecheck(), *prompts()]:
        found += told_apart(judge, one)
    for one in [next(hatecheck()), *prompts()]:
        helped = judging(
            shipped, labelled, one.package, (SAFETY,), ", fitted to the other safety sets too"
        )
        found += told_apart(helped, one)
    report("outside", found)


# ---------------------------------------------------------------- who judges


def passages() -> list[Mapping[str, Any]]:
    if not LABELLED:
        print(
            "Only the shipped heads: LABELLED names no file of labelled passages. Make one with\n"
            "    python -m annotators.labels.packages FOLDER\n"
            f"    python -m annotators.labels.passages FOLDER {DATA} labelled.jsonl"
        )
        return []
    with open(LABELLED, encoding="utf-8") as file:
        return list(map(json.loads, file))


def judging(
    shipped: Student,
    labelled: Sequence[Mapping[str, Any]],
    without: str | tuple[str, ...],
    names: Sequence[str],
    remark: str = "",
) -> Judge:
    """With heads that have not seen the packages `without`."""
    kept = [row for row in labelled if not row["package"].startswith(without)]
    print(f"fitted to {len(kept)} of {len(labelled)} passages, without those of {without}:")
    off = ", switched off in the shipped student"
    return Judge(
        fitted(shipped, kept, [taxonomy.load()[name] for name in names]),
        {name: ("" if name in shipped.heads else off) + remark for name in names},
    )


def fitted(
    base: Student, labelled: Sequence[Mapping[str, Any]], asked: Sequence[Dimension]
) -> Student:
    """The vectors of a student, with heads for these dimensions."""
    raw = base.features([row["text"] for row in labelled]) * base.spread + base.mean
    mean, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
    features = np.asarray((raw - mean) / spread, np.float64)
    heads = {}
    for dimension in asked:
        labels = [row.get(dimension.name) for row in labelled]
        has = np.array([label is not None for label in labels])
        places = targets_of(dimension, labels)[has]
        counts = np.bincount(places, minlength=len(dimension.values)).tolist()
        print(f"  {dimension.name}: {int(has.sum())} labels, by level {counts}")
        heads[dimension.name] = head(dimension, features[has], places)
    dimensions = {dimension.name: dimension for dimension in asked}
    return base._replace(
        mean=mean, spread=spread, dimensions=dimensions, heads=heads, floors={}, temperatures={}
    )


def head(dimension: Dimension, x: Floats, y: Places) -> Head:
    """Fitted with the penalty that explains unseen texts best."""
    values, fold = len(dimension.values), np.arange(len(x)) % FOLDS

    def loss(penalty: float) -> float:
        unseen = np.zeros((len(x), values))
        for k in range(FOLDS):
            one = fit(dimension.kind, x[fold != k], y[fold != k], values, penalty)
            unseen[fold == k] = one.probabilities(x[fold == k])
        return negative_log_likelihood(dimension.kind, unseen, y)

    return fit(dimension.kind, x, y, values, min(PENALTIES, key=loss))


# ---------------------------------------------------------------- reading


def articles(judge: Judge) -> Iterator[Figure]:
    by_level: dict[str, dict[str, str]] = {level: {} for level in LEVELS}
    for row in rows(DATA / "quality/onestopenglish.jsonl.gz"):
        by_level[row["level"]][row["article"]] = row["text"]
    names = sorted(by_level[LEVELS[0]])
    texts = [by_level[level][name] for name in names for level in LEVELS]
    references = {"mean length of words": word_length, "length of the text": len}
    for name in judge.reading():
        ours = judge.expected(name, texts).reshape(-1, len(LEVELS))
        for what, measure in {"pairs": pairs_in_order, "articles": all_in_order}.items():
            for beside, reference in references.items():
                theirs = np.array([reference(text) for text in texts], np.float64)
                yield compared(
                    f"OneStopEnglish, {name}{judge.remarks[name]}: {what} in order, beside {beside}",
                    f"share of {len(names) * (3 if what == 'pairs' else 1)}",
                    ours,
                    theirs.reshape(ours.shape),
                    measure,
                    beside,
                )


def pairs_in_order(scores: Floats, drawn: Places) -> Floats:
    """Of the pairs of an article's levels."""
    steps = np.stack([scores[:, b] - scores[:, a] for a, b in ((0, 1), (1, 2), (0, 2))], axis=1)
    return np.asarray(((np.sign(steps) + 1) / 2).mean(axis=1)[drawn].mean(axis=1))


def all_in_order(scores: Floats, drawn: Places) -> Floats:
    right = np.asarray((np.diff(scores, axis=1) > 0).all(axis=1))
    return np.asarray(right[drawn].mean(axis=1))


def excerpts(judge: Judge) -> Iterator[Figure]:
    found = rows(DATA / "quality/clear_readability.jsonl.gz")
    texts = [row["excerpt"] for row in found]
    difficulty = -np.array([row["bt_easiness"] for row in found], np.float64)
    theirs = np.array([-reading_ease(text) for text in texts])
    for name in judge.reading():
        yield compared(
            f"CLEAR, {name}{judge.remarks[name]}: correlation with difficulty",
            f"Spearman of {len(texts):,}",
            judge.expected(name, texts),
            theirs,
            partial(spearman, difficulty),
            "Flesch reading ease",
        )


def spearman(gold: Floats, scores: Floats, drawn: Places) -> Floats:
    ranks = [rankdata(side[drawn], axis=1) for side in (gold, scores)]
    a, b = (side - side.mean(axis=1, keepdims=True) for side in ranks)
    return np.asarray((a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))


def compared(
    measure: str, unit: str, ours: Floats, theirs: Floats, of: Measure, beside: str
) -> Figure:
    """A figure with its interval, and that of the difference to the reference."""
    size = len(ours)
    drawn = np.random.default_rng(0).integers(0, size, (SAMPLES, size))
    whole = np.arange(size)[None]
    intervals = [
        "{:.3f} to {:.3f}".format(*np.quantile(sample, [0.025, 0.975]))
        for sample in (of(ours, drawn), of(ours, drawn) - of(theirs, drawn))
    ]
    return Figure(
        measure=measure,
        unit=f"{unit} ({intervals[0]}; difference {intervals[1]})",
        ours=float(of(ours, whole)[0]),
        reference=float(of(theirs, whole)[0]),
        beside=beside,
    )


def word_length(text: str) -> float:
    words = re.findall(r"\w+", text)
    return sum(map(len, words)) / max(len(words), 1)


def reading_ease(text: str) -> float:
    """Flesch 1948."""
    words = re.findall(r"[a-z']+", text.lower())
    sentences = len(re.findall(r"[.!?]+", text)) or 1
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word))) for word in words)
    count = max(len(words), 1)
    return 206.835 - 1.015 * count / sentences - 84.6 * syllables / count


# ---------------------------------------------------------------- safety


def hatecheck() -> Iterator[Judged]:
    """All of it, then each language."""
    found = rows(DATA / "safety/multilingual_hatecheck_10.jsonl.gz")
    words = np.array([listed(LISTS[row["lang"]], row["text"]) for row in found])
    bad = np.array([row["label"] == "hateful" for row in found])
    for language in ("", *LISTS):
        mine = np.array([not language or row["lang"] == language for row in found])
        yield Judged(
            f"HateCheck, {language or 'ten languages'}",
            "shared:safety/multilingual_hatecheck",
            [row["text"] for row, one in zip(found, mine, strict=True) if one],
            bad[mine],
            words[mine],
        )


def prompts() -> Iterator[Judged]:
    found = rows(DATA / "safety/xstest.jsonl.gz")
    texts = [row["prompt"] for row in found]
    bad = np.array([row["label"] == "unsafe" for row in found])
    words = np.array([listed("en", text) for text in texts])
    yield Judged("XSTest", "shared:safety/xstest", texts, bad, words)
    for language, locale in (("en", "en_us"), ("fr", "fr_fr")):
        found = rows(DATA / f"safety/ailuminate_demo_{locale}.jsonl.gz")
        texts = [row["prompt_text"] for row in found]
        words = np.array([listed(language, text) for text in texts])
        yield Judged(f"AILuminate, {language}", "shared:safety/ailuminate", texts, None, words)


def told_apart(judge: Judge, one: Judged) -> Iterator[Figure]:
    name = f"{one.name}{judge.remarks[SAFETY]}"
    answers = judge.probabilities(SAFETY, one.texts).argmax(axis=1) > 0
    if one.bad is None:
        yield above(name, "prompts", answers, one.words)
        return
    yield above(name, "hateful or unsafe", answers[one.bad], one.words[one.bad])
    yield above(name, "the others", answers[~one.bad], one.words[~one.bad])
    yield Figure(
        measure=f"{name}: expected level",
        unit=f"area under ROC of {len(one.texts):,}",
        ours=area(judge.expected(SAFETY, one.texts), one.bad),
        reference=area(one.words.astype(np.float64), one.bad),
        beside="LDNOOBW",
    )


def above(name: str, what: str, answers: Bools, words: Bools) -> Figure:
    return Figure(
        measure=f"{name}: {what} above safe",
        unit=f"share of {len(answers):,}",
        ours=float(answers.mean()),
        reference=float(words.mean()),
        beside="LDNOOBW",
    )


def area(scores: Floats, bad: Bools) -> float:
    """Under the ROC curve; ties count half."""
    ranks, hits = rankdata(scores), int(bad.sum())
    return float((ranks[bad].sum() - hits * (hits + 1) / 2) / (hits * (len(bad) - hits)))


def listed(language: str, text: str) -> bool:
    """Whether a word of the language's list is in the text; in Chinese, anywhere in it."""
    return _words(language).search(text.casefold()) is not None


@cache
def _words(language: str) -> re.Pattern[str]:
    words = (DATA / "safety/ldnoobw" / language).read_text("utf-8").split("\n")
    either = "|".join(re.escape(word.casefold()) for word in words if word.strip())
    return re.compile(either if language == "zh" else rf"(?<!{_WORD})(?:{either})(?!{_WORD})")


if __name__ == "__main__":
    sys.exit(main())
