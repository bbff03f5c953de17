"""`tokenmill label`: a teacher labels some documents of a lake, and what it said becomes a labelled set.

The steps up to `annotate` are done where they are missing, then `workflows.steps.label`. The set is JSON Lines as
`tokenmill train-student` and `tokenmill evaluate` read it (`workflows.labelled`): a row per document with its whole
text, `lang`, a key per dimension, `id`, `source`, and `teacher`, the model's name. A label that fewer answers agree on
than asked for is left out, and counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.lake import read_part
from corpus.languages import LANGUAGES
from workflows.engines import Model
from workflows.labelled import LANG
from workflows.layout import Layout
from workflows.plan import Plan
from workflows.progress import Progress
from workflows.run import STEPS, run
from workflows.steps import label as step

SMALL = 2e9  # bytes of weights; a teacher with fewer is not to be trusted
LABELLING = {name: STEPS[name] for name in ("read", "transcribe", "annotate")} | {"label": step.run}


@dataclass(kw_only=True)
class Labelled:
    """What a teacher said, in numbers."""

    teacher: str
    requests: int = 0
    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    tokens: int = 0  # that it wrote
    documents: int = 0
    languages: int = 0
    labels: dict[str, dict[str, int]] = field(default_factory=dict)  # dimension -> label -> texts
    votes: dict[str, float] = field(default_factory=dict)  # mean share that says the label
    unsure: dict[str, int] = field(default_factory=dict)  # labels left out
    warning: str = ""


def label(
    plan: Plan,
    lake: str,
    out: Path,
    *,
    agreement: float = 0.5,
    address: str | None = None,
    num_cpus: int | None = None,
    progress: Progress | None = None,
) -> Labelled:
    """Ask for what is not answered yet, and write the labelled set to `out`. PlanError as for `tokenmill run`."""
    step.check(plan.model)
    layout = run(plan, lake, steps=LABELLING, address=address, num_cpus=num_cpus, progress=progress)
    model = plan.model.models[step.ROLE]
    found = Labelled(teacher=model.model, warning=untrusted(model))
    _count_answers(layout, found)
    with out.open("w", encoding="utf-8") as file:
        for row in _rows(layout, agreement, found):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return found


def untrusted(model: Model) -> str:
    """Why a teacher's labels are worth little, as far as its size says; "" where it says nothing."""
    folder = Path(model.path or model.model)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if not 0 < size < SMALL:
        return ""
    return (
        f"{model.model} has {size / 1e9:.2f} GB of weights: a model this small shows that the route works, "
        "and its labels are not to be trusted; do not train a student on them"
    )


def lines(found: Labelled) -> Iterator[str]:
    """For people."""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in found.rejected.items())
    yield (
        f"{found.requests:,} requests = {found.accepted:,} accepted + "
        f"{sum(found.rejected.values()):,} rejected{f' ({reasons})' if reasons else ''}; "
        f"{found.tokens:,} tokens written by {found.teacher}"
    )
    yield f"{found.documents:,} documents labelled, in {found.languages} languages"
    for name, counts in found.labels.items():
        said = ", ".join(f"{value} {count:,}" for value, count in counts.items())
        unsure = found.unsure.get(name, 0)
        left_out = f"; {unsure:,} left out, too few agree" if unsure else ""
        yield f"{name:<22} {found.votes[name]:.2f} of the answers say the label: {said}{left_out}"


def _count_answers(layout: Layout, found: Labelled) -> None:
    assert layout.teacher is not None
    counts = (layout.teacher.asking.acceptance.totals() or {"counts": {}})["counts"]
    found.requests, found.accepted = counts.get("requests", 0), counts.get("accepted", 0)
    found.tokens = counts.get("completion_tokens", 0)
    rejected = {k.removeprefix("rejected."): n for k, n in counts.items() if k[:9] == "rejected."}
    found.rejected = dict(sorted(rejected.items(), key=lambda one: (-one[1], one[0])))


def _rows(layout: Layout, agreement: float, found: Labelled) -> Iterator[dict[str, Any]]:
    """The labelled documents, part by part; counts them in `found`."""
    assert layout.teacher is not None
    assert layout.plan.model.label is not None
    names = layout.plan.model.label.dimensions
    labels: dict[str, Counter[str]] = {name: Counter() for name in names}
    shares = dict.fromkeys(names, 0.0)
    answered, unsure = Counter[str](), Counter[str]()
    languages: set[str] = set()
    folder = layout.teacher.labels
    for part in folder.parts():
        for row in read_part(folder, part).to_pylist():
            document = _document(row, found.teacher)
            for label in row["labels"]:
                name, share = label["dimension"], label["votes"] / label["answers"]
                shares[name] += share
                answered[name] += 1
                if share < agreement:
                    unsure[name] += 1
                    continue
                labels[name][label["label"].strip('"')] += 1
                document[name] = json.loads(label["label"])
            languages.add(row["language"])
            found.documents += 1
            yield document
    found.languages = len(languages - {""})
    found.labels = {name: dict(sorted(counts.items())) for name, counts in labels.items()}
    found.votes = {name: shares[name] / max(answered[name], 1) for name in names}
    found.unsure = dict(unsure)


def _document(row: Mapping[str, Any], teacher: str) -> dict[str, Any]:
    found = {"id": row["id"].hex(), "source": row["source"], "teacher": teacher}
    if row["language"] in LANGUAGES:
        found[LANG] = row["language"]
    return found | {"text": row["text"]}
