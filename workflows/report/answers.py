"""What models were asked and answered: spending and reasons per task, and a few answers to read side by side.

Counts are those of the `acceptance` table. The answers shown are those with the smallest request ids of the first
`PARTS` parts, so the page of a lake always shows the same ones; of the rejected ones no reason comes twice before
each came once. Only the responses and the texts of those parts are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from corpus.lake import Entry, Folder, read_part
from workflows.report.facts import Answer, Counts, Round, Task

PARTS = 4
ANSWERS = 3  # of each kind
CHARACTERS = 900
SHOWN_CHARACTERS = 500
_ROUND = re.compile(r"round\.(\d+)\.requests")


def task(name: str, folder: Folder, asked: Counts, made: Counts, lake: str) -> Task:
    """The task that made a source, from its acceptance table with its counts, and those of the documents."""
    accepted, rejected, models = _answers(folder, lake)
    has_pieces = "pieces" in made
    return Task(
        name=name,
        models=models,
        requests=asked.get("requests", 0),
        accepted=asked.get("accepted", 0),
        rejected={
            reason.removeprefix("rejected."): count
            for reason, count in sorted(asked.items(), key=lambda one: -one[1])
            if reason.startswith("rejected.")
        },
        prompt_tokens=asked.get("prompt_tokens", 0),
        tokens=asked.get("completion_tokens", 0),
        rejected_tokens=asked.get("rejected_tokens", 0),
        seconds=asked.get("milliseconds", 0) / 1000,
        rounds=tuple(_rounds(asked)),
        documents=made.get("documents"),
        pieces=(made.get("pieces_repaired", 0), made["pieces"]) if has_pieces else None,
        words=(made.get("words_changed", 0), made.get("words", 0)) if has_pieces else None,
        accepted_answers=accepted,
        rejected_answers=rejected,
    )


def _rounds(asked: Counts) -> Iterator[Round]:
    numbers = sorted(int(found[1]) for name in asked if (found := _ROUND.fullmatch(name)))
    for number in numbers:
        of = f"round.{number}."
        yield Round(
            number=number,
            requests=asked[f"{of}requests"],
            accepted=asked.get(f"{of}accepted", 0),
            tokens=asked.get(f"{of}completion_tokens", 0),
        )


def _answers(
    folder: Folder, lake: str
) -> tuple[tuple[Answer, ...], tuple[Answer, ...], tuple[str, ...]]:
    """Some accepted answers, some rejected ones, and the names of the models, of the first parts."""
    rows: list[tuple[dict[str, Any], Entry]] = []
    for _, entry in sorted(folder.entries().items())[:PARTS]:
        for file in entry.files:
            rows += [(row, entry) for row in read_part(folder, file.name).to_pylist()]
    rows.sort(key=lambda one: one[0]["id"])
    accepted = [one for one in rows if one[0]["accepted"]][:ANSWERS]
    rejected = _varied([one for one in rows if not one[0]["accepted"]])
    texts = _texts(accepted + rejected, lake)
    models = tuple(sorted({row["model"] for row, _ in rows}))
    return (
        tuple(_answer(row, texts) for row, _ in accepted),
        tuple(_answer(row, texts) for row, _ in rejected),
        models,
    )


def _varied(rows: list[tuple[dict[str, Any], Entry]]) -> list[tuple[dict[str, Any], Entry]]:
    """The first of each reason before the second of any."""
    seen: dict[str, int] = {}
    order = []
    for number, (row, _) in enumerate(rows):
        seen[row["reason"]] = seen.get(row["reason"], 0) + 1
        order.append((seen[row["reason"]], number))
    return [rows[number] for _, number in sorted(order)[:ANSWERS]]


def _texts(rows: list[tuple[dict[str, Any], Entry]], lake: str) -> Mapping[bytes, tuple[str, str]]:
    """By request: the text shown and the answer, in full."""
    found: dict[bytes, tuple[str, str]] = {}
    for notes in {(e.notes["responses"], e.notes.get("about")) for _, e in rows}:
        here = [row for row, e in rows if e.notes["responses"] == notes[0]]
        answers = _responses(Folder(lake, notes[0]), {row["id"] for row in here})
        documents = _documents(lake, notes[1])
        for row in here:
            shown = documents[row["row"]][row["start"] : row["stop"]] if documents else ""
            found[row["id"]] = (shown, answers.get(row["id"]) or "")
    return found


def _responses(folder: Folder, wanted: set[bytes]) -> dict[bytes, str | None]:
    found: dict[bytes, str | None] = {}
    for name in folder.parts():
        table = read_part(folder, name, ["id", "text"]).to_pydict()
        found |= {i: t for i, t in zip(table["id"], table["text"], strict=True) if i in wanted}
    return found


def _documents(lake: str, about: str | None) -> list[str]:
    if about is None:
        return []
    path, _, name = about.rpartition("/")
    texts: list[str] = read_part(Folder(lake, path), name, ["text"]).column("text").to_pylist()
    return texts


def _answer(row: Mapping[str, Any], texts: Mapping[bytes, tuple[str, str]]) -> Answer:
    shown, text = texts[row["id"]]
    return Answer(
        document_id=row["document_id"].hex(),
        round=row["round"],
        shown=shown[:SHOWN_CHARACTERS],
        text=text[:CHARACTERS],
        cut=len(text) > CHARACTERS,
        reason=row["reason"],
        detail=row["detail"],
    )
