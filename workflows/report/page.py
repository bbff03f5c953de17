"""The page: one HTML file with everything inside, no script and no request, for phones and paper.

What is worth a look is said first, in words; the counts are those of the ledger.
Values come from `facts`, wording and order from here, markup from `page.html.j2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import islice

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from corpus.languages import LANGUAGES
from mixers.mixture import NO_LANGUAGE, OTHER
from workflows.report import figures, scale_table
from workflows.report.facts import Contamination, Counts, Drawn, Report, Source, Stage
from workflows.report.scan import LEVELS

RAISED = ("code", "math", "stem", "reasoning", "synthetic")  # kinds that stage 2 is to have more of
TOP_LANGUAGES = 20  # rows in sight; the others are folded
TOP_OF_STAGE = 12
MUCH_LOST = 0.5  # share of a source's documents whose loss to duplicates is worth a look
MUCH_OVERLAP = 0.8
FAR_FROM_PLANNED = 0.05
ARMS = {
    "text": "read from the text layer",
    "vl": "read by the VL model",
    "ocr": "read by OCR",
    "blank": "blank",
    "untrusted": "no trustworthy text, and nobody who was asked could read it",
    "failed": "failed",
}
PASSED = ("selected", "not_drawn", "no_supply")
REASONS = {
    "length": "outside the length bands",
    "no_supply": "in a cell without training documents",
    "not_drawn": "not drawn",
}


@dataclass(frozen=True)
class Row:
    """A row of a comparison: the share in each stage, and its ratio to that in the first."""

    name: str
    note: str
    shares: tuple[float, ...]
    tokens: tuple[int, ...]
    ratios: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True)
class Drop:
    """What fell out between two counts, and why."""

    name: str
    count: int
    of_sources: str


@dataclass(frozen=True)
class Lost:
    """What each stage loses to one reason; before it, perhaps, the count of what is left."""

    name: str
    rules: tuple[str, ...]
    drops: tuple[Drop, ...]
    before: str = ""
    counted: tuple[str, ...] = ()


def render(report: Report) -> str:
    """The page as HTML."""
    seen = {one.label for one in report.languages or () if one.label}
    return _template().render(
        report=report,
        style=Markup((resources.files(__package__) / "style.css").read_text(encoding="utf-8")),
        notes=list(notes(report)),
        known=LANGUAGES,
        seen=seen,
        unseen=[one for label, one in LANGUAGES.items() if label not in seen],
        top_languages=TOP_LANGUAGES,
        kinds=kind_rows(report.stages),
        stage_languages=language_rows(report.stages),
        failed=drops(report.sources, "failed"),
        skipped=drops(report.sources, "skipped"),
        lost=lost_rows(report.stages),
        pages=_total(source.pages for source in report.sources),
        arms=ARMS,
        levels=LEVELS,
        level_name=level_name,
        band_name=band_name,
        language_name=language_name,
        scale=scale_table,
        no_language=NO_LANGUAGE,
        incomplete=[output for output in report.outputs if not output.complete],
    )


def notes(report: Report) -> Iterable[str]:
    """What a reader should not overlook, most urgent first."""
    if report.last_error:
        yield f"The last run ended early: {report.last_error}"
    incomplete = [output for output in report.outputs if not output.complete]
    if incomplete:
        tables = ", ".join(dict.fromkeys(output.step for output in incomplete))
        yield f"Not complete: {len(incomplete)} outputs (steps {tables}). Told is what is there."
    for stage in report.stages:
        yield from shortages(stage)
    for stage in report.stages:
        yield from _draw_notes(stage)
    for one in report.contamination or ():
        yield from _overlap_notes(one)
    for source in report.sources:
        yield from _source_notes(source)


def shortages(stage: Stage) -> Iterable[str]:
    """One sentence for each budget that the supply cannot meet."""
    for band in stage.bands:
        if band.shortage:
            share = figures.percent(band.shortage / band.budget)
            what = f"documents of {band_name(band.name)} tokens" if band.name else "its documents"
            cap = f", each at most {stage.cap:g} times over all stages" if stage.cap else ""
            yield (
                f"Stage {stage.name} is short of {figures.short(band.shortage)} of "
                f"{figures.short(band.budget)} tokens ({share}): "
                f"{what} give only {figures.short(band.planned)}{cap}."
            )


def _draw_notes(stage: Stage) -> Iterable[str]:
    """Budgets are met in expectation; what the draw gave can differ where documents are few."""
    drawn = figures.share(stage.drawn.tokens, stage.planned)
    if stage.planned and abs(drawn - 1) > FAR_FROM_PLANNED:
        yield (
            f"Stage {stage.name}: the draw gave {figures.short(stage.drawn.tokens)} tokens, "
            f"{figures.percent(drawn)} of the {figures.short(stage.planned)} planned. It is exact in "
            f"expectation; here {_documents(stage.drawn.documents)} carry it."
        )


def _overlap_notes(one: Contamination) -> Iterable[str]:
    for stage, levels in one.stages.items():
        count = sum(n for level, n in levels.items() if level >= MUCH_OVERLAP)
        if count:
            yield (
                f"Stage {stage} trains on {_documents(count)} that hold "
                f"{figures.percent(MUCH_OVERLAP)} or more "
                f"of an item of {one.evaluation}."
            )


def _source_notes(source: Source) -> Iterable[str]:
    if source.redundant and source.redundant.documents > MUCH_LOST * source.documents:
        lost = figures.percent(source.redundant.documents / source.documents)
        yield f"Source {source.name}: {lost} of its documents are duplicates of others."
    if source.made and source.records and not source.documents:
        yield f"Source {source.name}: no answer of the model became a document."
    elif source.records and not source.documents:
        yield f"Source {source.name}: none of its {source.records:,} records became a document."
    if source.pages.get("untrusted"):
        yield (
            f"Source {source.name}: no trustworthy text on {source.pages['untrusted']:,} of "
            f"{sum(source.pages.values()):,} PDF pages."
        )


def drops(sources: Iterable[Source], what: str) -> list[Drop]:
    """Failed or skipped records that were read, by reason, most first, with the sources they came from."""
    found: dict[str, Counter[str]] = {}
    for source in (one for one in sources if not one.made):
        counts: Counts = getattr(source, what)
        for reason, count in counts.items():
            found.setdefault(reason, Counter())[source.name] += count
    result = [Drop(reason, sum(of.values()), _of_sources(of)) for reason, of in found.items()]
    return sorted(result, key=lambda drop: (-drop.count, drop.name))


def lost_rows(stages: tuple[Stage, ...]) -> list[Lost]:
    """The reasons of all stages: rules by what they drop, then what passed and was not drawn."""
    total: Counter[str] = Counter()
    for stage in stages:
        total.update({reason.name: reason.documents for reason in stage.reasons})
    order = sorted(total, key=lambda name: (name == "length", -total[name], name))
    rules = [_lost(name, stages) for name in order if name not in PASSED]
    passed = replace(_lost("not_drawn", stages), before="Passed every rule", counted=PASSED)
    if not total["not_drawn"]:
        passed = replace(passed, name="")
    without = [_lost("no_supply", stages)] if total["no_supply"] else []
    return [*rules, passed, *without, Lost("", (), (), "Drawn", ("selected",))]


def _lost(name: str, stages: tuple[Stage, ...]) -> Lost:
    of_stages = [{reason.name: reason for reason in stage.reasons}.get(name) for stage in stages]
    return Lost(
        name=REASONS.get(name, name.replace("split:", "in split ")),
        rules=tuple(dict.fromkeys(reason.rule for reason in of_stages if reason and reason.rule)),
        drops=tuple(
            Drop(name, reason.documents, _of_sources(reason.sources))
            if reason
            else Drop(name, 0, "")
            for reason in of_stages
        ),
    )


def kind_rows(stages: tuple[Stage, ...]) -> list[Row]:
    """The make-up of each stage by kind, and of the kinds that later stages raise, together."""
    kinds = dict.fromkeys(kind for stage in stages for kind in stage.kinds)
    rows = [_row(kind, "", stages, [stage.kinds.get(kind) for stage in stages]) for kind in kinds]
    raised = [kind for kind in kinds if kind.lower() in RAISED]
    if len(raised) > 1:
        together = [
            _add(stage.kinds[kind] for kind in raised if kind in stage.kinds) for stage in stages
        ]
        rows.append(_row(" + ".join(raised), "", stages, together, strong=True))
    return rows


def language_rows(stages: tuple[Stage, ...]) -> list[Row]:
    """The make-up by language: the largest over all stages by name, the others together."""
    total: Counter[str] = Counter()
    for stage in stages:
        for label, drawn in stage.languages.items():
            total[label] += drawn.tokens
    order = sorted(total, key=lambda label: (-total[label], label))
    rows = [
        _row(
            language_name(label),
            label if label in LANGUAGES else "",
            stages,
            [s.languages.get(label) for s in stages],
        )
        for label in islice(order, TOP_OF_STAGE)
    ]
    rest = order[TOP_OF_STAGE:]
    if rest:
        together = [
            _add(s.languages[label] for label in rest if label in s.languages) for s in stages
        ]
        rows.append(_row(f"{len(rest)} other languages", "", stages, together))
    return rows


def band_name(name: str) -> str:
    """`16384+` and `4096-16384` in words."""
    if name.endswith("+"):
        return f"{int(name[:-1]):,} and more"
    least, _, below = name.partition("-")
    return f"{int(least):,} to {int(below):,}" if below else "all lengths"


def level_name(level: float) -> str:
    """A level of contamination in words."""
    following = next((bound for bound in LEVELS if bound > level), None)
    if following is None:
        text = f"{level:.0%} and more"
    elif level:
        text = f"{level:.0%} to {following:.0%}"
    else:
        text = f"below {following:.0%}"
    return text.replace("%", f"{figures.NO_BREAK}%")


def language_name(label: str | None) -> str:
    """A label's English name; what stands for no language, in words."""
    if label == NO_LANGUAGE:
        return "program code"
    if label is None or label == OTHER:
        return "none of the 119 named"
    return LANGUAGES[label].name if label in LANGUAGES else label


def _row(
    name: str,
    note: str,
    stages: tuple[Stage, ...],
    drawn: Sequence[Drawn | None],
    *,
    strong: bool = False,
) -> Row:
    tokens = tuple(one.tokens if one else 0 for one in drawn)
    shares = tuple(
        figures.share(n, stage.drawn.tokens) for n, stage in zip(tokens, stages, strict=True)
    )
    drawn_at_all = [stage.drawn.tokens > 0 for stage in stages]
    ratios = tuple(
        figures.ratio(one, shares[0]) if number and drawn_at_all[number] and drawn_at_all[0] else ""
        for number, one in enumerate(shares)
    )
    return Row(name, note, shares, tokens, ratios, strong)


def _add(drawn: Iterable[Drawn]) -> Drawn:
    several = list(drawn)
    return Drawn(
        documents=sum(one.documents for one in several),
        copies=sum(one.copies for one in several),
        tokens=sum(one.tokens for one in several),
    )


def _total(counts: Iterable[Counts]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total.most_common())


def _of_sources(counts: Mapping[str, int]) -> str:
    """`crawl 3, web 1`; of one source only its name."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(name if len(ordered) == 1 else f"{name} {count:,}" for name, count in ordered)


def _documents(count: int) -> str:
    return "1 document" if count == 1 else f"{count:,} documents"


def _number(value: float) -> Markup:
    """A number for people, the exact one behind it."""
    exact = figures.exact(value)
    return Markup('<data value="{}" title="{}">{}</data>').format(
        f"{value:.0f}", exact, figures.short(value)
    )


def _width(share: float) -> str:
    """A bar's length; what is not nothing can be seen."""
    return f"{max(100 * min(share, 1.0), 0.6):.1f}%" if share > 0 else "0"


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "n": _number,
        "exact": figures.exact,
        "pct": figures.percent,
        "size": figures.size,
        "width": _width,
        "of_sources": _of_sources,
        "shortages": lambda stage: list(shortages(stage)),
    }
    environment.globals |= {"share": figures.share, "total": _total}
    text = (resources.files(__package__) / "page.html.j2").read_text(encoding="utf-8")
    return environment.from_string(text)


__all__ = ["render"]
