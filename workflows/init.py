"""`tokenmill init DIR`: look at a folder and write a short plan for what lies there."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from corpus import storage
from corpus.errors import PlanError
from corpus.readers import READERS, InputFile

KINDS = {"warc": "web", "html": "web", "pdf": "pdf", "source_tree": "code"}
ORDER = (
    "warc",
    "pdf",
    "jsonl",
    "parquet",
    "html",
    "text",
    "source_tree",
)  # the first that takes a file has it
CODE_SHARE = 0.5  # a folder with more files of code than this is a source tree
HEAD_COMMENT = """\
# A first plan for {folder}, written by `tokenmill init`.
# Run it with: tokenmill run {plan}
# The budgets are those of a full corpus; `scale` brings them down to what lies here.
"""


@dataclass(frozen=True)
class Found:
    """What one top-level folder (or the loose files) holds for one reader."""

    reader: str
    path: str
    files: int
    bytes: int


def survey(folder: str) -> list[Found]:
    """Which reader fits which part of a folder. PlanError if there is nothing to read."""
    root = storage.absolute(folder)
    if not os.path.isdir(root):
        raise PlanError(f"there is no folder {folder}; `tokenmill init` looks at a local folder")
    found: list[Found] = []
    names = sorted(name for name in os.listdir(root) if not name.startswith("."))
    for name in names:
        path = os.path.join(root, name)
        if os.path.isdir(path):
            found += _inside(path, name)
    loose = [name for name in names if os.path.isfile(os.path.join(root, name))]
    for name in loose:
        reader = _reader_of(name, os.path.join(root, name))
        if reader is not None and reader != "source_tree":
            found.append(Found(reader, name, 1, os.path.getsize(os.path.join(root, name))))
    if not found:
        raise PlanError(f"{folder} has no file that a reader takes; readers: {', '.join(READERS)}")
    return found


def write_plan(folder: str, plan: str) -> list[Found]:
    """Survey `folder` and write the plan and its mixtures. PlanError if the plan exists."""
    found = survey(folder)
    target = Path(plan)
    if target.exists():
        raise PlanError(f"{plan} exists already; name another file with --out, or remove it")
    target.parent.mkdir(parents=True, exist_ok=True)
    mixtures = target.parent / "mixtures"
    mixtures.mkdir(exist_ok=True)
    for name, content in MIXTURES.items():
        if not (mixtures / name).exists():
            (mixtures / name).write_text(content, encoding="utf-8")
    relative = os.path.relpath(storage.absolute(folder), target.parent.resolve())
    comment = HEAD_COMMENT.format(folder=folder, plan=plan)
    target.write_text(comment + _yaml(_plan(found, relative)), encoding="utf-8")
    return found


def _inside(path: str, name: str) -> list[Found]:
    """One source per reader in a folder; a folder that is mostly code is one source tree."""
    count: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for root, _, files in os.walk(path):
        for file in sorted(files):
            full = os.path.join(root, file)
            if os.path.isfile(full) and (reader := _reader_of(file, full)):
                count[reader] += 1
                size[reader] += os.path.getsize(full)
    if count["source_tree"] > CODE_SHARE * sum(count.values()):
        return [Found("source_tree", name, sum(count.values()), sum(size.values()))]
    return [Found(r, name, count[r], size[r]) for r in ORDER if count[r] and r != "source_tree"]


def _reader_of(name: str, path: str) -> str | None:
    for reader in ORDER:
        suffixes = tuple(suffix for suffix in READERS[reader].suffixes if suffix)
        if suffixes and name.lower().endswith(suffixes):
            recognise = READERS[reader].recognise
            file = InputFile(path=name, uri=path, size=os.path.getsize(path))
            if recognise is None or recognise(file):
                return reader
    return (
        "source_tree"
        if re.search(r"\.(py|js|ts|c|h|cc|cpp|hpp|go|rs|java|rb|sh|sql)$", name)
        else None
    )


def _plan(found: list[Found], folder: str) -> dict[str, Any]:
    total = sum(item.bytes for item in found)
    names: Counter[str] = Counter()
    sources = []
    for item in found:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.splitext(item.path)[0]).strip("-") or "files"
        name = (
            f"{stem}-{item.reader}"
            if any(f.path == item.path and f != item for f in found)
            else stem
        )
        names[name] += 1
        if names[name] > 1:
            name = f"{name}-{names[name]}"
        sources.append(
            {
                "name": name,
                "reader": item.reader,
                "path": os.path.normpath(os.path.join(folder, item.path)),
                "kind": KINDS.get(item.reader, "text"),
            }
        )
    return {
        "name": "first",
        "seed": 1,
        "scale": float(f"{max(total / 4, 1) / 35.3e12:.1e}"),  # about 4 bytes of text a token
        "sources": sources,
        "annotate": {"language": {}, "statistics": {}, "source_code": {}},
        "stages": {
            "general": {"seq_len": 4096, "budget": 30e12, "mixture": "mixtures/general.yaml"},
            "reasoning": {"seq_len": 4096, "budget": 5e12, "mixture": "mixtures/reasoning.yaml"},
            "long_context": {
                "seq_len": 32768,
                "budget": 0.3e12,
                "mixture": "mixtures/long_context.yaml",
            },
        },
    }


def _yaml(content: dict[str, Any]) -> str:
    stream = StringIO()
    YAML().dump(content, stream)
    return stream.getvalue()


_RULES = "rules:\n  one_of_cluster: cluster_rank = 0\n  not_superseded: superseded_by is null\n"
MIXTURES = {
    "general.yaml": f"name: general\n{_RULES}  enough_words: n_tokens >= 20\n",
    "reasoning.yaml": (
        f"name: reasoning\n{_RULES}  enough_words: n_tokens >= 20\n"
        "weights:\n  - {kind: code, weight: 2.0}\n"
    ),
    "long_context.yaml": (
        f"name: long_context\n{_RULES}"
        "lengths:\n  - {at_least: 16384, share: 0.75}\n  - {at_least: 4096, below: 16384, share: 0.25}\n"
    ),
}
