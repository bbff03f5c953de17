"""A scale of the student as the page shows it: a table of shares, and what it is called in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from workflows.report import figures
from workflows.report.facts import Said, Scale
from workflows.report.scales import EMPTY, HIGHEST, LOWEST

TOP_VALUES = 5  # columns where the values have no order
TOP_ROWS = 12  # sources, and languages, by name


@dataclass(frozen=True, kw_only=True)
class Row:
    """Documents in each column, and the mean of their scores."""

    name: str
    label: str  # of a language; else ""
    group: str  # what stands above the row; "" for all documents
    documents: int
    counts: tuple[int, ...]
    mean: float | None


def columns(scale: Scale) -> list[str]:
    """Each level, or the most frequent values and the others; then no answer."""
    names = [value_name(scale, value) for value in _values(scale)]
    return [*names, *(["other values"] if _has_others(scale) else []), "no answer"]


def rows(scale: Scale) -> list[Row]:
    """All documents, then each source and each language; the smaller ones together."""
    return [
        _row(scale, [scale.all], name="All documents"),
        *_rows(scale, "By source", scale.sources, "sources"),
        *_rows(scale, "By language", scale.languages, "languages"),
    ]


def summary(scale: Scale) -> str:
    """A scale in a line, while it is folded."""
    if scale.all.unanswered == scale.all.documents:
        return "no answer"
    if scale.kind == "ordinal":
        return f"mean {scale.all.mean:.2f}"
    most = islice(scale.all.values.items(), 3)
    return ", ".join(
        f"{value_name(scale, value)} {figures.percent(figures.share(count, scale.all.documents))}"
        for value, count in most
    )


def value_name(scale: Scale, value: str) -> str:
    """A level with its name, or a value, in words."""
    if value == EMPTY:
        return "none of them"
    name = scale.levels.get(value)
    return (f"{value} {name}" if name else value).replace("_", " ")


def end_name(scale: Scale, end: str) -> str:
    """What the documents of an end have in common."""
    if scale.kind == "nominal":
        return f"Surest of {value_name(scale, end)}"
    return {LOWEST: "Lowest", HIGHEST: "Highest"}[end]


def _values(scale: Scale) -> list[str]:
    if scale.kind == "ordinal":
        return list({**dict.fromkeys(scale.levels), **scale.all.values})
    return list(islice(scale.all.values, TOP_VALUES))


def _has_others(scale: Scale) -> bool:
    """Whether there are values without a column; those of lists are not summed, as a document may have several."""
    return scale.kind == "nominal" and len(scale.all.values) > TOP_VALUES


def _rows(scale: Scale, group: str, found: Mapping[str, Said], what: str) -> list[Row]:
    of_languages = what == "languages"
    named = [
        _row(scale, [said], name=name, label=name if of_languages else "", group=group)
        for name, said in islice(found.items(), TOP_ROWS)
    ]
    rest = list(found.values())[TOP_ROWS:]
    together = [_row(scale, rest, name=f"{len(rest)} other {what}", group=group)] if rest else []
    return named + together


def _row(
    scale: Scale, found: Sequence[Said], *, name: str, label: str = "", group: str = ""
) -> Row:
    values: Counter[str] = Counter()
    for said in found:
        values.update(said.values)
    documents = sum(said.documents for said in found)
    unanswered = sum(said.unanswered for said in found)
    counts = [values[value] for value in _values(scale)]
    others = [documents - unanswered - sum(counts)] if _has_others(scale) else []
    return Row(
        name=name,
        label=label,
        group=group,
        documents=documents,
        counts=(*counts, *others, unanswered),
        mean=_mean(found),
    )


def _mean(found: Sequence[Said]) -> float | None:
    """Of the scores of all; what has an answer has a score."""
    means = [(said.mean, said.documents - said.unanswered) for said in found]
    scored = [(mean, number) for mean, number in means if mean is not None]
    total = sum(number for _, number in scored)
    return sum(mean * number for mean, number in scored) / total if total else None
