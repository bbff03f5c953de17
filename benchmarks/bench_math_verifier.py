"""Are answers to mathematical problems found, the same ones accepted and others rejected, and how fast?

    make bench-math_verifier

Two sets. `math/gsm8k_train_1500.jsonl.gz` of DATA: the reference solutions' answers are looked for, compared with
themselves as others would write them and with altered ones, and the arithmetic of the solutions is worked again (the
steps that fail are printed: they are the reference's own). `latex_pairs.tsv` of the tests: pairs of answers by kind,
written for this project. The code has since been fitted to them, so their figures are not those of unseen answers:
docs/mathematics.md has what each batch gave when it was new.

The reference is math-verify alone in the same run: `parse` of both answers (marked as mathematics, but for plain
numbers and words), `verify` of the two in both orders, with its own limits off, in this process. Times are wall
seconds of one process; ours has a child, whose start is not counted.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from math_verify import parse
from math_verify import verify as verify_parsed

from benchmarks.results import Figure, report
from synth.math.arithmetic import annotated_steps, steps
from synth.math.final_answers import final_answer
from synth.math.verify import Mathematics

DATA = Path(os.environ.get("DATA", "../shared/data"))
PROBLEMS = DATA / "math" / "gsm8k_train_1500.jsonl.gz"
PAIRS = Path("tests/synth/math/latex_pairs.tsv")
LIBRARY = "math-verify 0.9.0"
FORMULA = re.compile(r"\\[a-zA-Z{}]|[\^_(){}\[\]=<>|]|(?<!\w)[a-z](?!\w)")
SAMPLE = 300  # problems whose answers are compared


class Pair(NamedTuple):
    """Two answers, whether they are the same, and what kind they are of."""

    left: str
    right: str
    equal: bool
    kind: str


def main() -> None:
    solutions, figures = [str(problem["answer"]) for problem in problems()], []
    references = [solution.rpartition("####")[2].strip() for solution in solutions]
    figures += found_answers(solutions, references)
    figures += arithmetic_steps(solutions)
    with Mathematics() as mathematics:
        mathematics.equivalent("1/2", "0.5")
        by_library("1/2", "0.5")
        shown = list(islice(references, SAMPLE))
        renderings = [Pair(x, y, True, name) for x in shown for name, y in written_otherwise(x)]
        altered = [Pair(x, y, False, name) for x in shown for name, y in changed(x)]
        figures += compared("GSM8K", renderings, mathematics)
        figures += compared("GSM8K", altered, mathematics)
        figures += of_pairs(list(pairs()), mathematics)
    report("math_verifier", figures)


def problems() -> Iterator[dict[str, object]]:
    with gzip.open(PROBLEMS, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def pairs() -> Iterator[Pair]:
    for line in PAIRS.read_text("utf-8").splitlines()[1:]:
        left, right, equal, kind = line.split("\t")
        yield Pair(left, right, equal == "1", kind)


def found_answers(solutions: Sequence[str], references: Sequence[str]) -> list[Figure]:
    """As they stand, and in the form in which models write them."""
    boxed = [f"So it is ${x}$.\n\nThe final answer is $\\boxed{{{x}}}$." for x in references]
    said = [f"We add them up. The answer is {x}." for x in references]
    return [
        Figure(
            measure=f"GSM8K, 1,500 solutions: answers found, {name}",
            unit="share",
            ours=share(final_answer(text) == x for text, x in zip(texts, references, strict=True)),
        )
        for name, texts in (("as written (####)", solutions), ("boxed", boxed), ("said", said))
    ]


def arithmetic_steps(solutions: Sequence[str]) -> list[Figure]:
    """How many of the reference's own steps hold."""
    figures = []
    for name, look in (("annotated", annotated_steps), ("written in sentences", in_sentences)):
        found = [look(solution) for solution in solutions]
        checked = sum(one.checked for one in found)
        wrong = [text for one in found for text in one.wrong]
        print(f"{name}: {len(wrong)} of {checked} steps do not hold:", *wrong, sep="\n    ")
        measure = f"GSM8K: steps that hold, {name} ({checked:,})"
        figures.append(Figure(measure=measure, unit="share", ours=1 - len(wrong) / checked))
    return figures


def in_sentences(solution: str):  # type: ignore[no-untyped-def]
    """The steps outside of the annotations."""
    lines = (part.partition(">>")[2] if k else part for k, part in enumerate(solution.split("<<")))
    return steps("".join(lines))


def written_otherwise(number: str) -> Iterator[tuple[str, str]]:
    """A number as others would write it."""
    bare = number.replace(",", "")
    grouped = f"{int(bare):,}" if bare.lstrip("-").isdigit() else bare
    yield "separators", bare if bare != number else grouped
    yield "boxed", rf"\boxed{{{bare}}}"
    yield "dollars", rf"\${grouped}"
    yield "one dollar sign", f"${grouped}"
    yield "decimals", f"{bare}.00" if "." not in bare else f"{bare}0"
    yield "math", f"${bare}$"
    yield "named", f"x = {bare}"
    yield "counted", f"{grouped} apples"


def changed(number: str) -> Iterator[tuple[str, str]]:
    """Numbers that it is not."""
    bare = number.replace(",", "")
    yield "one more", str(float(bare) + 1) if "." in bare else str(int(bare) + 1)
    yield "a tenth", f"{float(bare) / 10:.6f}" if float(bare) else "0.1"
    yield "another sign", f"-{bare}" if not bare.startswith("-") else bare[1:]
    yield "a digit more", f"{bare}7"
    yield "a little more", f"{bare}.01" if "." not in bare else f"{bare}1"


def compared(name: str, these: Sequence[Pair], mathematics: Mathematics) -> list[Figure]:
    """Share of right decisions by kind."""
    ours, _ = decided(these, mathematics.equivalent)
    theirs, _ = decided(these, by_library)
    word = "accepted" if these[0].equal else "rejected"
    return [
        Figure(
            measure=f"{name}: {word}, {kind}",
            unit="share",
            ours=share(ours[k] for k in places),
            reference=share(theirs[k] for k in places),
            beside=LIBRARY,
        )
        for kind, places in grouped(pair.kind for pair in these)
    ]


def of_pairs(these: Sequence[Pair], mathematics: Mathematics) -> list[Figure]:
    """The pairs file: both classes, each kind, and pairs per second."""
    before = mathematics.undecided.copy()
    ours, our_time = decided(these, mathematics.equivalent)
    theirs, their_time = decided(these, by_library)
    print("not decided:", dict(mathematics.undecided - before))
    for k, pair in enumerate(these):
        if not ours[k]:
            print("wrong:", *pair, sep="\t")
    groups = [("the same, accepted", [k for k, pair in enumerate(these) if pair.equal])]
    groups += [("not the same, rejected", [k for k, pair in enumerate(these) if not pair.equal])]
    groups += list(grouped(pair.kind for pair in these))
    figures = [
        Figure(
            measure=f"pairs: {name} ({len(places):,})",
            unit="share right",
            ours=share(ours[k] for k in places),
            reference=share(theirs[k] for k in places),
            beside=LIBRARY,
        )
        for name, places in groups
    ]
    speed = Figure(
        measure="pairs: speed",
        unit="pairs/s",
        ours=len(these) / our_time,
        reference=len(these) / their_time,
        beside=LIBRARY,
    )
    return [*figures, speed]


def decided(these: Sequence[Pair], same: Callable[[str, str], bool]) -> tuple[list[bool], float]:
    """Whether each decision is right, and the seconds for all."""
    start = time.perf_counter()
    right = [same(pair.left, pair.right) == pair.equal for pair in these]
    return right, time.perf_counter() - start


def by_library(left: str, right: str) -> bool:
    """What math-verify says alone, asked the way its users do."""
    a, b = parsed(left), parsed(right)
    return bool(
        verify_parsed(a, b, timeout_seconds=None) or verify_parsed(b, a, timeout_seconds=None)
    )


def parsed(text: str) -> list[object]:
    """Plain numbers and words as they are, for its reader of plain expressions; all else marked as mathematics."""
    marked = "$" in text.replace("\\$", "") or "\\boxed" in text
    found: list[object] = []
    if marked or not FORMULA.search(text):
        found = parse(text, parsing_timeout=None)
    return found or parse(f"${text}$", parsing_timeout=None)


def grouped(kinds: Iterator[str]) -> Iterator[tuple[str, list[int]]]:
    """Places by kind, in the order of their first."""
    places: dict[str, list[int]] = defaultdict(list)
    for k, kind in enumerate(kinds):
        places[kind].append(k)
    yield from places.items()


def share(outcomes: Iterator[bool]) -> float:
    found = list(outcomes)
    return sum(found) / len(found)


if __name__ == "__main__":
    main()
