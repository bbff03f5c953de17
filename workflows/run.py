"""The main job: take the lake, work through the steps, say what is short.

`read -> transcribe -> annotate -> refine -> synthesise -> deduplicate -> split -> select -> pack`. Each step does only
what no manifest entry names yet. A lease keeps a second run out; SIGTERM and Ctrl-C drain (parts in flight finish), a
second signal stops at once.
"""

from __future__ import annotations

import io
import json
import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import polars as pl
from botocore.exceptions import BotoCoreError

from corpus import storage
from corpus.errors import PlanError, TokenmillError
from corpus.lake import Folder
from corpus.lease import Lease
from corpus.readers import READERS, InputFile
from corpus.sources import Listing, check_snapshot, content_digest, list_source
from corpus.strict_yaml import unknown
from corpus.views import CATALOG
from mixers.allocation import SHORT
from mixers.mixture import Mixture
from mixers.splits import TRAIN
from workflows.engine import Engine, check_address
from workflows.layout import Layout
from workflows.plan import Plan
from workflows.progress import Progress
from workflows.status import LAST_RUN
from workflows.steps import (
    annotate,
    deduplicate,
    pack,
    read,
    refine,
    select,
    split,
    synthesise,
    transcribe,
)
from workflows.steps.context import Context

log = logging.getLogger("tokenmill")
FAR = 0.05  # of the planned tokens
STEPS: Mapping[str, Callable[[Context], None]] = {
    "read": read.run,
    "transcribe": transcribe.run,
    "annotate": annotate.run,
    "refine": refine.run,
    "synthesise": synthesise.run,
    "deduplicate": deduplicate.run,
    "split": split.run,
    "select": select.run,
    "pack": pack.run,
}


def run(
    plan: Plan,
    lake: str,
    *,
    steps: Mapping[str, Callable[[Context], None]] = STEPS,
    until: str | None = None,
    address: str | None = None,
    num_cpus: int | None = None,
    progress: Progress | None = None,
) -> Layout:
    """Do what is not done yet, up to and including step `until`."""
    if until is not None and until not in steps:
        raise PlanError(f"--until: {unknown('step', until, steps)}")
    select.check_rules(plan)
    transcribe.check(plan.model)
    refine.check(plan.model)
    synthesise.check(plan.model)
    if not lake or set(lake) & set("*?["):
        raise PlanError(
            f"--lake {lake!r}: name a folder or an object-store URI, without *, ? and ["
        )
    lake = storage.absolute(lake)
    check_address(address, lake)
    check_writable(lake)
    with Lease(lake) as lease:
        layout, listings = prepare(plan, lake)
        engine = Engine(
            lake=lake,
            address=address,
            num_cpus=num_cpus or plan.model.resources.num_cpus,
            progress=progress or Progress(),
        )
        lease.on_lost = engine.drain
        context = Context(plan=plan, layout=layout, engine=engine, listings=listings)
        with engine, _drain_on_signal(engine), _recorded(lake, plan):
            for name, step in steps.items():
                try:
                    step(context)
                finally:  # an alarm says "look at them": what it found must be in the catalog
                    write_catalog(layout, plan)
                if name == until:
                    break
    return layout


def prepare(plan: Plan, lake: str) -> tuple[Layout, dict[str, tuple[InputFile, ...]]]:
    """List the sources, check them against their snapshots, lay out the lake, and write its catalog."""
    layout, listings = lay_out(plan, lake)
    for name, listing in listings.items():
        check_snapshot(lake, name, listing, partial(_digests, lake, name))
    write_catalog(layout, plan)
    return layout, {name: listing.files for name, listing in listings.items()}


def lay_out(plan: Plan, lake: str) -> tuple[Layout, dict[str, Listing]]:
    """Where everything of the plan lies, and its sources' files. Writes nothing."""
    listings = {source.name: _list(plan, source.name) for source in plan.model.sources}
    files = {name: listing.files for name, listing in listings.items()}
    digests = {
        evaluation.name: content_digest(InputFile(path="", uri=evaluation.path, size=0))
        for evaluation in plan.model.evaluations
    }
    layout = Layout(plan, lake, files, digests)
    previous = split.previous_of(lake, layout.splits_inputs)
    if previous is not None:
        layout = Layout(plan, lake, files, digests, previous)
    return layout, listings


def write_catalog(layout: Layout, plan: Plan) -> None:
    """`catalog.parquet`: step, table, name (source, or split of a stage), path and totals of each output."""
    rows = [
        {"plan": plan.model.name, "step": step, "table": table, "name": name, "path": folder.path}
        | _totals(folder.totals())
        for step, table, name, folder in layout.catalog()
    ]
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=CATALOG_SCHEMA).write_parquet(buffer)
    storage.put(storage.join(layout.lake, CATALOG), buffer.getvalue())


CATALOG_SCHEMA = {
    "plan": pl.String,
    "step": pl.String,
    "table": pl.String,
    "name": pl.String,
    "path": pl.String,
    "complete": pl.Boolean,
    "files": pl.Int64,
    "rows": pl.Int64,
    "bytes": pl.Int64,
    "counts": pl.String,
}


def shortages(layout: Layout) -> list[str]:
    """One line for each budget, and each share of a mixture's cell, that could not be met: what is short, and by how
    much.
    """
    allocation = select.read_allocation(layout.selection_root)
    if allocation is None:
        return []
    lines = []
    for name, stage in allocation["stages"].items():
        for band in stage["bands"]:
            if band["shortage"] > 0:
                what = f"documents of {band['band']} tokens" if band["band"] else "its cells"
                lines.append(
                    f"stage {name} is short of {band['shortage']:,.0f} of {band['budget']:,.0f} tokens: "
                    f"{what} give only {band['planned']:,.0f} under the repetition cap of "
                    f"{allocation['repetition_cap']:g}"
                )
        mixture = layout.plan.mixtures[name]
        of_cells = cell_shortages(
            stage["cells"], mixture, stage["budget"], allocation["repetition_cap"]
        )
        lines += [f"stage {name}: {line}" for line in of_cells]
    return lines


def cell_shortages(
    cells: Iterable[Mapping[str, Any]], mixture: Mixture, budget: float, cap: float
) -> Iterator[str]:
    """One line for each of a mixture's cells that does not get its share. `cells` are those of an `Allocation`."""
    asked: dict[str, float] = defaultdict(float)
    planned: dict[str, float] = defaultdict(float)
    for cell in cells:
        asked[cell["name"]] += cell["target"]
        planned[cell["name"]] += cell["planned"]
    for name in (cell.name for cell in mixture.cells if cell.share > 0):
        if name not in asked:
            yield f"cell {name} has no document that it could take; other cells take its share"
        elif asked[name] - planned[name] > SHORT * budget:
            yield (
                f"cell {name} gives {planned[name]:,.0f} of the {asked[name]:,.0f} tokens of its share under the "
                f"repetition cap of {cap:g} and its ceiling; other cells take the rest"
            )


def deviations(layout: Layout) -> list[str]:
    """One line for each stage whose draw is far from what was planned: few, long documents make it so."""
    allocation = select.read_allocation(layout.selection_root)
    if allocation is None:
        return []
    lines = []
    for stage in summary(layout)["stages"]:
        planned = allocation["stages"][stage["name"]]["planned"]
        if planned and abs(stage["tokens"] / planned - 1) > FAR:
            lines.append(
                f"stage {stage['name']} drew {stage['tokens']:,} of {planned:,.0f} planned tokens: documents are "
                "drawn whole, and few carry this stage; a larger --scale comes closer"
            )
    return lines


def summary(layout: Layout) -> dict[str, Any]:
    """Records and sequences of a finished run, from the totals of its outputs."""
    read = [s.name for s in layout.plan.model.sources]
    read_counts = [layout.documents[name].totals() or {"counts": {}} for name in read]
    names = ("records", "documents", "failed", "skipped")
    total = {n: sum(t["counts"].get(n, 0) for t in read_counts) for n in names}
    stages = []
    for (stage, split_name), folder in layout.shards.items():
        totals = folder.totals()
        if split_name != TRAIN or totals is None:
            continue
        seq_len = layout.plan.model.stages[stage].seq_len
        sequences, tokens = totals["rows"], totals["counts"].get("tokens", 0)
        stages.append(
            {
                "name": stage,
                "seq_len": seq_len,
                "sequences": sequences,
                "tokens": tokens,
                "utilisation": tokens / (sequences * seq_len) if sequences else 0.0,
                "shards": folder.uri,
            }
        )
    return {**total, "asked": list(_asked(layout)), "stages": stages}


def _asked(layout: Layout) -> Iterator[dict[str, Any]]:
    """Of each source that models were asked for: the counts of `acceptance`, and how many documents it has."""
    for step, table, source, folder in layout.catalog():
        totals, made = folder.totals(), layout.documents.get(source)
        if table == "acceptance" and totals is not None and made is not None:
            documents = (made.totals() or {"counts": {}})["counts"].get("documents", 0)
            yield {"name": source, "step": step, **totals["counts"], "documents": documents}


def check_writable(lake: str) -> None:
    """PlanError if nothing can be written at the lake's root."""
    try:
        storage.put(storage.join(lake, "tokenmill.json"), json.dumps({"format": 1}).encode())
    except (OSError, ValueError, ImportError, BotoCoreError) as error:
        raise PlanError(
            f"the lake {lake} cannot be written: {error}. Name a folder or an object-store URI that "
            "you may write to with --lake"
        ) from None


def _list(plan: Plan, name: str) -> Listing:
    source = next(source for source in plan.model.sources if source.name == name)
    return list_source(
        source.path, READERS[source.reader].suffixes, name=source.name, reader=source.reader
    )


def _digests(lake: str, source: str) -> dict[str, str] | None:
    """The content hashes recorded when the source was read, under whatever settings; None if it never was."""
    folders = [
        Folder(lake, f"{table}/{name}")
        for table in ("documents", "drafts")
        for name in storage.names(storage.join(lake, table))
        if name.rpartition("@")[0] == source
    ]
    entries = [entry for folder in folders for entry in folder.entries().values()]
    found: dict[str, str] = {}
    for entry in entries:
        found |= entry.notes.get("digests", {})
    return found if entries else None


def _totals(totals: Mapping[str, Any] | None) -> dict[str, Any]:
    if totals is None:
        return {"complete": False, "files": None, "rows": None, "bytes": None, "counts": None}
    numbers = {name: totals[name] for name in ("files", "rows", "bytes")}
    return {"complete": True, **numbers, "counts": json.dumps(totals["counts"])}


@contextmanager
def _recorded(lake: str, plan: Plan) -> Iterator[None]:
    """Leave in the lake how the run ended, for `tokenmill status`."""
    error: str | None = "killed"
    try:
        yield
        error = None
    except TokenmillError as failure:
        error = str(failure)
        raise
    finally:
        record = {"plan": plan.path, "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "error": error}
        storage.put(storage.join(lake, LAST_RUN), json.dumps(record).encode())


@contextmanager
def _drain_on_signal(engine: Engine) -> Iterator[None]:
    """The first SIGTERM or SIGINT drains, the second interrupts. Ray sets handlers of its own when it starts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if storage.exists(engine.stop_marker):
            raise KeyboardInterrupt
        log.warning("stopping: parts in flight finish; press again to stop at once")
        engine.drain()

    def install() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    install()
    engine.on_start = install
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
