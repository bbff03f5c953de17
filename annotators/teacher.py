"""A teacher: what a language model is shown of a document, and what its answer says along the taxonomy's dimensions.

A call asks about several dimensions at once (`groups`); the rubric is in English for every language, the answer is a
JSON object with a short reason before the labels (`annotators.taxonomy.schema`). A long document is shown by its
beginning and a passage from further on, whose place is drawn from the document's id.

Of several answers to one question (`combined`) the label is the level in the middle, the most frequent name, or the
names that most answers have; how many agree stands beside it. Everything here is a pure function: answers can be judged
anew without a model.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import median_low
from typing import Any

from annotators.taxonomy import REASON, Dimension, Label, rubric, schema
from corpus.calls import canonical
from corpus.guards import Judged, Verdict, truncated
from corpus.prompts import Parts, filled, parts
from corpus.randomness import hash64

VERSION = 2
HEAD, LATER = 4000, 2000  # characters that are shown of a longer document
GAP = "[…]"
TEMPERATURES = (0.3, 0.6, 0.9)  # one per round
TOP_P = 0.95
MAX_TOKENS = 512


@dataclass(frozen=True, kw_only=True)
class Voted:
    """What several answers come to: the label, and how many of them say so."""

    label: Label
    votes: int
    answers: int


def groups(dimensions: Sequence[Dimension], per_call: int) -> list[tuple[str, ...]]:
    """The names that are asked about together."""
    names = [dimension.name for dimension in dimensions]
    return [tuple(names[lo : lo + per_call]) for lo in range(0, len(names), per_call)]


def digest(dimensions: Sequence[Dimension]) -> str:
    """12 hex digits of all that decides what is asked: the prompt, the rubric, how much is shown."""
    key = [_source(), rubric(dimensions), HEAD, LATER, GAP]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]


def shown(text: str, document: bytes) -> str:
    """The whole text, or its first `HEAD` characters and `LATER` others from further on."""
    if len(text) <= HEAD + LATER:
        return text
    places = len(text) - HEAD - LATER + 1
    place = HEAD + hash64("teacher", document.hex()) % places
    return f"{text[:HEAD]}\n\n{GAP}\n\n{text[place : place + LATER]}"


def messages(
    text: str, document: bytes, name: str, dimensions: Sequence[Dimension]
) -> list[dict[str, str]]:
    """What is asked about a document: `name` is that of its language in English, "" where it is not known."""
    part = shown(text, document)
    return filled(
        _parts(),
        rubric=rubric(dimensions),
        name=name,
        cut=part != text,
        gap=GAP,
        names=[dimension.name for dimension in dimensions],
        text=part,
    )


def parameters(round_: int, seed: int) -> dict[str, Any]:
    """What the engine is told besides the messages."""
    temperature = TEMPERATURES[round_]
    return {"temperature": temperature, "top_p": TOP_P, "max_tokens": MAX_TOKENS, "seed": seed}


def judged(response: Mapping[str, Any], dimensions: Sequence[Dimension]) -> Judged:
    """What becomes of a row of `corpus.calls.RESPONSES`: its text is the answer as canonical JSON."""
    if response["error"] is not None:
        return Judged.of_error(response["error"])
    whole = truncated(response["finish_reason"])
    if not whole.passed:
        return Judged(text=None, verdicts=(whole,))
    try:
        answer = parse(response["text"], dimensions)
    except ValueError as error:
        return Judged.failed("form", str(error)[:200])
    return Judged(text=canonical(answer), verdicts=(Verdict(guard="form", passed=True),))


def parse(answer: str, dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """The labels with their reason. ValueError for what is no such object, or has a label that is none."""
    wanted = schema(dimensions)["required"]
    found = _object(answer)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(f"without {', '.join(missing)}")
    if not isinstance(found[REASON], str):
        raise ValueError(f"{REASON} is no text")
    for dimension in dimensions:
        dimension.check(found[dimension.name])
    return {name: found[name] for name in wanted}


def _object(answer: str) -> dict[str, Any]:
    """The first JSON object of a text. ValueError where there is none."""
    start, error = answer.find("{"), "no JSON object"
    while start >= 0:
        try:
            found: dict[str, Any] = json.JSONDecoder().raw_decode(answer, start)[0]
            return found
        except ValueError as fault:
            error = str(fault)
        except RecursionError:  # as deep further on
            raise ValueError("nested too deep") from None
        start = answer.find("{", start + 1)
    raise ValueError(error)


def combined(dimension: Dimension, labels: Sequence[Label]) -> Voted:
    """What one or more answers about a dimension come to. Null where most say null."""
    said = [label for label in labels if label is not None]
    label: Label
    if 2 * len(said) < len(labels) or not said:
        label = None
    elif dimension.kind == "ordinal":
        label = median_low(int(one) for one in said)  # type: ignore[arg-type]
    elif dimension.kind == "nominal":
        label = Counter(map(str, said)).most_common(1)[0][0]
    else:
        counts = Counter(name for names in said for name in set(names))  # type: ignore[arg-type]
        label = [name for name in dimension.values if 2 * counts[name] > len(said)]
    votes = sum(_equal(one, label) for one in labels)
    return Voted(label=label, votes=votes, answers=len(labels))


def _equal(one: Label, other: Label) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return set(one) == set(other)
    return one == other


@cache
def _source() -> str:
    return (files("annotators") / "prompts" / "label.md").read_text(encoding="utf-8")


@cache
def _parts() -> Parts:
    return parts(_source(), "annotators/prompts/label.md")
