"""How many planted errors do the guards on a model's answers find, and how many good answers do they turn away?

    make bench-guards         DATA=../shared/data

Documents are passages of SIB-200 (six sentences that are parallel over all languages), of the Universal Declaration of
Human Rights and of GNOME's help (both parallel too) in LANGUAGES; in half of those with digits of their own script the
numbers are written in them, and those that are not English end in an address. To these come Django's documentation
(addresses and identifiers), GSM8K's solutions (formulas), and web articles at three reading levels (OneStopEnglish: an
article is a good rewriting of the same article at another level).

- recall: of answers with a planted error (`benchmarks/planted_answers.py`, which shares no code with the guards), the
  share that the guard for it rejects. Half of them were made for a damaged source, half for the clean one.
- false: of good answers, the share that it rejects. Good are the clean text for its own source (untouched), and for a
  source damaged by slips that refinement is for: line ends, hyphens, spaces, punctuation, ligatures, a typing slip in
  some 300 letters, a running head and page numbers (refined). `false, one of all` is the share that any guard rejects.

Thresholds were set on the passages whose hash is even (`HALF=0`); figures are of the other half. `DETAILS=guard,guard`
prints the answers that these judged wrongly.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree, html

from annotators import ANNOTATORS
from benchmarks.planted_answers import (
    ERRORS,
    INSTRUCTIONS,
    Draft,
    damaged,
    leaked,
    native_digits,
    numbered,
    retold,
    with_address,
    with_table,
)
from benchmarks.results import Figure, report
from corpus import guards
from corpus.guards import Verdict
from corpus.languages import LANGUAGES as KNOWN
from synth.text import grounding

DATA = Path(os.environ.get("DATA", "../shared/data"))
HALF = int(os.environ.get("HALF", "1"))
DETAILS = os.environ.get("DETAILS", "").split(",")
GOAL_RECALL, GOAL_FALSE = 0.95, 0.02
SURE = 0.5  # least score of the language identifier
LANGUAGES = (
    *(
        "eng_Latn",
        "deu_Latn",
        "fra_Latn",
        "spa_Latn",
        "tur_Latn",
        "vie_Latn",
        "ind_Latn",
        "fin_Latn",
        "swh_Latn",
    ),
    *(
        "rus_Cyrl",
        "ukr_Cyrl",
        "ell_Grek",
        "heb_Hebr",
        "arb_Arab",
        "pes_Arab",
        "urd_Arab",
        "hin_Deva",
        "mar_Deva",
    ),
    *(
        "ben_Beng",
        "tam_Taml",
        "kat_Geor",
        "kor_Hang",
        "zho_Hans",
        "zho_Hant",
        "jpn_Jpan",
        "tha_Thai",
        "mya_Mymr",
    ),
)
SIB_GROUP, SIB_EVERY = 6, 4  # sentences of a passage; every which of them is read
PROSE = (400, 6_000)  # characters of a passage of the others

# Which guards are there for an error; each is measured.
MEANT = {
    "looped lines": ("repeated_lines", "gzip_ratio"),
    "looped sentences": ("repeated_sentences", "gzip_ratio"),
    "looped characters": ("character_run",),
    "noise": ("invention",),
    "number dropped": ("numbers",),
    "number altered": ("numbers",),
    "names swapped": ("names",),
    "name replaced": ("names",),
    "invented sentence": ("invention",),
    "passage dropped": ("dropped",),
    "table cut": ("unclosed",),
    "translated": ("language",),
    "half translated": ("language",),
    "refusal": ("refusal",),
    "address altered": ("urls",),
    "formula altered": ("formulas",),
    "leaked": ("prompt_leak",),
}


@dataclass(frozen=True)
class Passage:
    """A text, its language, and what tells it apart from others and ties it to its translations."""

    text: str
    language: str
    key: str

    @property
    def half(self) -> int:
        return hashlib.sha256(self.key.encode()).digest()[0] % 2


@dataclass
class Tally:
    """Rejected and all, by language."""

    rejected: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)

    def add(self, language: str, rejected: bool) -> None:
        self.rejected[language] += rejected
        self.all[language] += 1

    @property
    def share(self) -> float:
        return self.rejected.total() / max(self.all.total(), 1)

    def by_language(self) -> dict[str, float]:
        return {name: self.rejected[name] / count for name, count in sorted(self.all.items())}


Tallies = defaultdict[tuple[str, str], Tally]


def main() -> None:
    passages = [p for p in [*sib(), *udhr(), *gnome(), *django(), *gsm8k()] if p.half == HALF]
    print(f"{len(passages)} passages, {len({p.language for p in passages})} languages")
    found: Tallies = defaultdict(Tally)
    judge = Judge()
    for draft in drafts(passages):
        _errors(draft, judge, found)
        _good(draft, judge, found)
        _retold(draft, found)
    _overlap(found)
    report("guards", list(_figures(found)))
    _print_languages(found)


# ---------------------------------------------------------------- judging


class Judge:
    """All guards on one answer: the guard's name and its verdict."""

    def __init__(self) -> None:
        annotator = ANNOTATORS["language"]
        self._label = annotator.step(annotator.config())
        self._known: dict[str, set[str]] = {}

    def __call__(self, source: str, answer: str, instructions: str) -> dict[str, Verdict]:
        verdicts = [guard(answer) for guard in guards.ALONE.values()]
        verdicts.append(guards.prompt_leak(answer, instructions, source))
        verdicts += [
            guard(source, answer) for name, guard in grounding.REFINED.items() if name != "language"
        ]
        expected, found = self.labels(source), self.labels(answer)
        verdicts.append(grounding.language(source, answer, expected, found))
        return {verdict.guard: verdict for verdict in verdicts}

    def labels(self, text: str) -> set[str]:
        """The labels of a text's pieces of which the identifier is sure."""
        if text not in self._known:
            pieces = grounding.pieces(text)
            ids = pa.array([b"0" * 16] * len(pieces), pa.binary(16))
            found = self._label(pa.table({"id": ids, "text": pieces}))
            scores, labels = (
                found.column(c).to_pylist() for c in ("language_group_score", "language_group")
            )
            sure = [
                label for label, score in zip(labels, scores, strict=True) if (score or 0) >= SURE
            ]
            self._known[text] = {label for label in sure if label}
        return self._known[text]


def _errors(draft: Draft, judge: Judge, found: Tallies) -> None:
    instructions = draft.rng.choice(INSTRUCTIONS)
    plant: dict[str, Callable[[Draft], str | None]] = {
        **ERRORS,
        "leaked": lambda d: leaked(d, instructions),
    }
    source = damaged(draft)
    for n, (error, make) in enumerate(plant.items()):
        answer = make(draft)
        if answer is None or answer == draft.text:
            continue
        given = source if (n + len(draft.text)) % 2 else draft.text
        verdicts = judge(given, answer, instructions)
        meant = MEANT[error]
        for guard in meant:
            found[error, guard].add(draft.language, not verdicts[guard].passed)
        found[error, "any"].add(draft.language, any(not v.passed for v in verdicts.values()))
        if meant[0] in DETAILS and verdicts[meant[0]].passed:
            print(f"MISSED {draft.language} {error}\n  {_difference(draft.text, answer)}")


def _good(draft: Draft, judge: Judge, found: Tallies) -> None:
    instructions = draft.rng.choice(INSTRUCTIONS)
    for kind, source, answer in (
        ("untouched", draft.text, draft.text),
        ("refined", damaged(draft), draft.text),
        ("with table", draft.text, with_table(draft)[0]),
    ):
        verdicts = judge(source, answer, instructions)
        if kind == "with table":
            verdicts = {name: verdicts[name] for name in ("unclosed", *guards.ALONE)}
        for name, verdict in verdicts.items():
            found[kind, name].add(draft.language, not verdict.passed)
            if name in DETAILS and not verdict.passed:
                print(f"FALSE {draft.language} {kind}: {name}: {verdict.detail}")
        found[kind, "any"].add(draft.language, any(not v.passed for v in verdicts.values()))


RETOLD = {
    "number altered": grounding.numbers_grounded,
    "name replaced": grounding.names_grounded,
}


def _retold(draft: Draft, found: Tallies) -> None:
    """Guards of synthesis. Names only where capitals mark them."""
    told = retold(draft)
    cased = draft.language[-4:] in ("Latn", "Cyrl", "Grek")
    for error, guard in RETOLD.items():
        if error == "name replaced" and not cased:
            continue
        for what, answer in (("retold", told.text), (f"retold, {error}", ERRORS[error](told))):
            if answer is not None and (what == "retold" or answer != told.text):
                verdict = guard(draft.text, numbered(answer))
                found[what, guard.__name__].add(draft.language, not verdict.passed)


def _difference(text: str, answer: str) -> str:
    """Where an answer departs from the text."""
    start = next((n for n, (a, b) in enumerate(zip(text, answer, strict=False)) if a != b), 0)
    return (
        f"{text[max(0, start - 30) : start + 60]!r} -> {answer[max(0, start - 30) : start + 60]!r}"
    )


def _overlap(found: Tallies) -> None:
    """A rewriting is neither a copy nor an invention; the text itself and another text are."""
    articles: dict[str, dict[str, str]] = defaultdict(dict)
    for row in _rows("quality/onestopenglish.jsonl.gz"):
        articles[row["article"]][row["level"]] = row["text"]
    chosen = [(name, levels) for name, levels in sorted(articles.items()) if len(levels) == 3]
    chosen = [item for item in chosen if Passage("", "", item[0]).half == HALF]
    for n, (_, levels) in enumerate(chosen):
        source, *rewritten = (levels[level] for level in sorted(levels))
        other = next(iter(chosen[n - 1][1].values()))
        for answer in rewritten:
            found["rewritten", "overlap"].add(
                "eng_Latn", not grounding.overlap(source, answer).passed
            )
        found["copied", "overlap"].add("eng_Latn", not grounding.overlap(source, source).passed)
        found["other text", "overlap"].add("eng_Latn", not grounding.overlap(source, other).passed)


# ---------------------------------------------------------------- figures


def _figures(found: Tallies) -> Iterator[Figure]:
    measured = [(error, guard) for error, meant in MEANT.items() for guard in meant]
    measured += [(f"retold, {error}", guard.__name__) for error, guard in RETOLD.items()]
    for error, guard in [*measured, ("copied", "overlap"), ("other text", "overlap")]:
        tally = found[error, guard]
        what = f"{error} ({tally.all.total()} in {len(tally.all)} languages): {guard}, recall"
        yield Figure(
            measure=what, unit="share", ours=tally.share, reference=GOAL_RECALL, beside="goal"
        )
    for guard in [*guards.ALONE, "prompt_leak", *grounding.REFINED]:
        for kind in ("untouched", "refined"):
            tally = found[kind, guard]
            what = f"{kind}: {guard}, false"
            yield Figure(
                measure=what, unit="share", ours=tally.share, reference=GOAL_FALSE, beside="goal"
            )
    told = [("retold", guard.__name__) for guard in RETOLD.values()]
    for kind, guard in (("with table", "unclosed"), *told, ("rewritten", "overlap")):
        tally = found[kind, guard]
        what = f"{kind}: {guard}, false"
        yield Figure(
            measure=what, unit="share", ours=tally.share, reference=GOAL_FALSE, beside="goal"
        )
    for kind in ("untouched", "refined"):
        tally = found[kind, "any"]
        what = f"{kind} ({tally.all.total()} in {len(tally.all)} languages): false, one of all"
        yield Figure(
            measure=what, unit="share", ours=tally.share, reference=GOAL_FALSE, beside="goal"
        )


def _print_languages(found: Tallies) -> None:
    """Each measure's languages that miss the goal."""
    for (what, guard), tally in found.items():
        good = what in ("untouched", "refined", "with table", "retold", "rewritten")
        bad = {
            name: share
            for name, share in tally.by_language().items()
            if (share > GOAL_FALSE if good else share < GOAL_RECALL) and guard != "any"
        }
        if bad:
            listed = ", ".join(
                f"{name} {share:.2f} of {tally.all[name]}" for name, share in bad.items()
            )
            print(f"{what}: {guard}: {listed}")


# ---------------------------------------------------------------- passages


def drafts(passages: Sequence[Passage]) -> Iterator[Draft]:
    """Each passage beside another of its language and its translation; native digits in every other of them."""
    same: dict[str, list[Passage]] = defaultdict(list)
    parallel: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        same[passage.language].append(passage)
        parallel[passage.key].append(passage)
    for passage in passages:
        rng = random.Random(f"{passage.key} {passage.language}")
        others = [p for p in same[passage.language] if p.key != passage.key]
        translations = [p for p in parallel[passage.key] if p.language != passage.language]
        if not others:
            continue
        translation = rng.choice(
            translations or [p for p in passages if p.language != passage.language]
        )
        native = rng.random() < 0.5
        draft = Draft(
            text=passage.text,
            language=passage.language,
            other=rng.choice(others).text,
            translation=translation.text,
            rng=rng,
        )
        if not passage.language.startswith("eng"):
            draft = replace(draft, text=with_address(draft))
        if native:
            draft = replace(draft, text=native_digits(draft.text, draft.language))
        yield draft


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def sib() -> Iterator[Passage]:
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for row in _rows("lid/sib200_train_dev.jsonl.gz"):
        if row["lang"] in LANGUAGES:
            found[row["lang"]][row["index_id"]] = row["text"].strip()
    for language, sentences in found.items():
        gap = "" if language[-4:] in ("Hans", "Hant", "Jpan") else " "
        ids = sorted(sentences)
        for start in range(0, len(ids) - SIB_GROUP, SIB_GROUP * SIB_EVERY):
            group = [sentences[n] for n in ids[start : start + SIB_GROUP]]
            text = f"{gap.join(group[:3])}\n{gap.join(group[3:])}"
            yield Passage(text, language, f"sib {start}")


def udhr() -> Iterator[Passage]:
    """Every third stretch of ten paragraphs; of several versions of a language the first."""
    seen = set()
    for row in _rows("lid/udhr.jsonl.gz"):
        script = re.search(r'script="?(\w{4})', row["html"])
        names = [label for label in LANGUAGES if row["iso6393"] in (label[:3], _macro(label))]
        if row["iso6393"] == "cmn":
            names = ["zho_Hant" if "hant" in row["bcp47"].lower() else "zho_Hans"]
        dialect = row["code"][0].isdigit()
        if dialect or not names or names[0] in seen or (script and script[1] != names[0][-4:]):
            continue
        seen.add(names[0])
        leaves = html.fromstring(row["html"]).xpath("//p | //li[not(.//p)]")
        paragraphs = [leaf.text_content() for leaf in leaves]
        lines = [" ".join(text.split()) for text in paragraphs]
        for start in range(0, len(lines) - 10, 30):
            yield Passage("\n".join(lines[start : start + 10]), names[0], f"udhr {start}")


def _macro(label: str) -> str:
    return {"swh_Latn": "swa", "pes_Arab": "fas", "arb_Arab": "ara", "ind_Latn": "ind"}.get(
        label, ""
    )


def gnome() -> Iterator[Passage]:
    tags = {KNOWN[label].bcp47.lower(): label for label in LANGUAGES if label in KNOWN}
    tags |= {"zh_cn": "zho_Hans", "zh_tw": "zho_Hant", "en": "eng_Latn"}
    for row in _rows("lid/gnome_help_pages_42.jsonl.gz"):
        label = tags.get(row["lang"].lower())
        if label is None:
            continue
        root = etree.fromstring(row["xml"].encode())
        blocks = [
            b for b in root.iter("{*}p", "{*}title", "{*}desc") if b.tag.endswith(("p", "title"))
        ]
        lines = [" ".join("".join(block.itertext()).split()) for block in blocks]
        text = "\n".join(line for line in lines if line)
        if PROSE[0] // 2 <= len(text) <= PROSE[1]:
            yield Passage(text, label, f"gnome {row['page']}")


def django() -> Iterator[Passage]:
    for row in _rows("dedup/django_docs_versions.jsonl.gz"):
        if row["version"] == "5.2" and PROSE[0] <= len(row["text"]) <= PROSE[1]:
            yield Passage(row["text"].strip(), "eng_Latn", row["path"])


def gsm8k() -> Iterator[Passage]:
    for n, row in enumerate(_rows("math/gsm8k_train_1500.jsonl.gz")):
        if n % 10 == 0:
            answer = re.sub(r"<<[^>]*>>", "", row["answer"])
            yield Passage(f"{row['question']}\n{answer}", "eng_Latn", f"gsm8k {n}")


if __name__ == "__main__":
    main()
