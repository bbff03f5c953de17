"""What does it cost to choose a mixture anew over a hundred million documents, and is the choice what was asked?

    make bench-selection         ROWS=100 (millions)  STAGES=1  LAKES=…

Annotations made by a seeded generator (language, kind, two numbers to rank by, tokens), in parts of a million rows, and
a mixture of five cells with criteria, cutoffs and ceilings. Timed is the step `select` but for finding its folders: sum
strata, solve, draw; on Ray, with all cores. With STAGES=2 a second stage ranks the same documents otherwise, so that
strata are as many as the bins of both together. Memory is that of the command and all its processes together.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.lakes import LAKES
from benchmarks.results import Figure, report
from benchmarks.watch import watching
from corpus.lake import Entry, Folder, write_part
from mixers.mixture import Mixture
from workflows.engine import Engine, Item
from workflows.steps import select
from workflows.steps.context import Part

PART = 1_000_000
PARTS = int(os.environ.get("ROWS", "100"))
CAP = 4.0
SHARE = 0.4  # of the supply's tokens, asked for
MIXTURE = Mixture.model_validate(
    {
        "name": "made",
        "rules": {"unique": "cluster_rank = 0"},
        "criteria": {
            "level": {"of": "level", "worst": 0, "best": 5},
            "words": {"of": "n_words", "worst": 50, "best": 2000},
        },
        "cells": [
            {"name": "code", "where": "kind = 'code'", "share": 0.2, "ceiling": 3},
            {
                "name": "english",
                "where": "language = 'eng_Latn'",
                "share": 0.4,
                "criteria": {"level": 2, "words": 1},
                "cutoff": 0.3,
                "power": 1.5,
            },
            {
                "name": "chinese",
                "where": "language = 'zho_Hans'",
                "share": 0.2,
                "criteria": {"level": 1},
                "cutoff": 0.5,
            },
            {"name": "swahili", "where": "language = 'swh_Latn'", "share": 0.1, "ceiling": 4},
            {"name": "rest", "share": 0.1, "criteria": {"words": 1}, "power": 1},
        ],
    }
)
OTHERWISE = MIXTURE.model_copy(
    update={
        "cells": [
            cell.model_copy(
                update={"criteria": {name: 3 - weight for name, weight in cell.criteria.items()}}
            )
            for cell in MIXTURE.cells
        ]
    }
)
MIXTURES = {"stage": MIXTURE, "later": OTHERWISE}
STAGES = list(MIXTURES)[: int(os.environ.get("STAGES", "1"))]
SOURCES = ("web", "code")  # and their kinds
CODE = 10  # one part of so many
LANGUAGES = ["eng_Latn", "zho_Hans", "swh_Latn", "deu_Latn", "fra_Latn"]
WEIGHTS = [0.5, 0.2, 0.01, 0.15, 0.14]


def main() -> None:
    lake = Path(LAKES).absolute() / "selection"
    shutil.rmtree(lake, ignore_errors=True)
    job = made(lake)
    engine = Engine(lake=str(lake))
    items: list[Item] = [{"key": f"{n:05d}", "group": n} for n in range(PARTS)]
    started = time.monotonic()
    with watching(os.getpid()) as seen, engine:
        engine.map("make", partial(make, job), items)
        made_in = time.monotonic() - started
        seen.peak = 0
        engine.map("strata", partial(select.sum_group, job), items)
        summed = time.monotonic() - started - made_in
        supply = sum(
            pl.read_parquet(job.strata.file_uri(name))["tokens"].sum()
            for name in job.strata.parts()
        )
        budget = SHARE * supply / len(STAGES)
        solving = time.monotonic()
        found = select.solve(job, dict.fromkeys(STAGES, budget), CAP)
        solved = time.monotonic() - solving
        engine.map("select", partial(select.select_group, job), items)
        seconds = time.monotonic() - started - made_in
    drawn = expected = 0.0
    most = 0
    for (part,) in job.groups:
        folders = [job.selections[stage, part.source] for stage in STAGES]
        of_stages = [
            pl.read_parquet(folder.file_uri(part.name), columns=["copies", "expected"])
            for folder in folders
        ]
        tokens = pl.read_parquet(job.tokens[part.source].file_uri(part.name), columns=["n_tokens"])
        split = pl.read_parquet(job.splits[part.source].file_uri(part.name), columns=["split"])
        sizes = (tokens["n_tokens"] + 1) * (split["split"] == "train")
        for chosen in of_stages:
            drawn += float((sizes * chosen["copies"]).sum())
            expected += float((sizes * chosen["expected"].fill_null(0).cast(pl.Float64)).sum())
        most = max(most, int(sum(chosen["copies"] for chosen in of_stages).max()))
    rows = PARTS * PART
    stages = f", {len(STAGES)} stages" if len(STAGES) > 1 else ""
    report(
        "selection",
        [
            Figure(measure=f"{rows:,} rows{stages}: strata", unit="s", ours=summed),
            Figure(measure=f"{rows:,} rows{stages}: solving", unit="s", ours=solved),
            Figure(measure=f"{rows:,} rows{stages}: in all", unit="s", ours=seconds),
            Figure(measure=f"strata{stages}", unit="rows on the driver", ours=found.rates.height),
            Figure(
                measure=f"memory of all processes{stages}",
                unit="GB",
                ours=seen.peak / 1e9,
                reference=4.0,
                beside="the goal",
            ),
            Figure(
                measure=f"tokens expected{stages}",
                unit="tokens",
                ours=expected,
                reference=budget * len(STAGES),
                beside="asked",
            ),
            Figure(
                measure=f"tokens drawn{stages}",
                unit="tokens",
                ours=drawn,
                reference=expected,
                beside="expected",
            ),
            Figure(
                measure=f"copies at most{stages}",
                unit="",
                ours=most,
                reference=CAP,
                beside="the cap",
            ),
        ],
    )
    shutil.rmtree(lake)


def made(lake: Path) -> select.Job:
    def folder(path: str) -> Folder:
        return Folder(str(lake), path)

    columns = {
        "language": pl.String,
        "level": pl.Int8,
        "n_words": pl.Int32,
        "cluster_rank": pl.Int32,
        "kind": pl.String,
    }

    def of(table: str) -> dict[str, Folder]:
        return {source: folder(f"{table}@0/{source}") for source in SOURCES}

    return select.Job(
        root=folder("selections/made@0"),
        groups=tuple(
            (Part(n, SOURCES[n % CODE == 0], f"part-{n:05d}.parquet", PART, 0),)
            for n in range(PARTS)
        ),
        documents={},
        tokens=of("tokens/made"),
        splits=of("splits/made"),
        annotations={
            source: {name: at for name in columns if name != "kind"}
            for source, at in of("annotations/made").items()
        },
        selections={
            (stage, source): at
            for stage in STAGES
            for source, at in of(f"selections/made@0/{stage}").items()
        },
        kinds=dict(zip(SOURCES, SOURCES, strict=True)),
        mixtures={stage: MIXTURES[stage] for stage in STAGES},
        columns=pl.DataFrame(schema=columns | {"source": pl.String}),
        seed=1,
    )


def make(job: select.Job, item: Item) -> Item:
    """One part of all that is read."""
    random = np.random.default_rng(item["group"])
    (part,) = job.groups[item["group"]]
    ids = random.bytes(16 * PART)
    words = np.minimum(random.lognormal(5.5, 1, PART), 1e6).astype(np.int32)
    frame = pl.DataFrame(
        {
            "id": [ids[n : n + 16] for n in range(0, len(ids), 16)],
            "n_tokens": (words * random.uniform(1.2, 3, PART)).astype(np.int32),
            "split": np.where(random.random(PART) < 0.001, "validation", "train"),
            "language": random.choice(LANGUAGES, PART, p=WEIGHTS),
            "level": random.integers(0, 6, PART).astype(np.int8),
            "n_words": words,
            "cluster_rank": (random.random(PART) < 0.2).astype(np.int32),
        }
    )
    for of, names in (
        (job.tokens[part.source], ["n_tokens"]),
        (job.splits[part.source], ["split"]),
        (
            job.annotations[part.source]["language"],
            ["language", "level", "n_words", "cluster_rank"],
        ),
    ):
        file = write_part(of, part.name, frame.select("id", *names).to_arrow())
        of.commit(Entry(key=part.key, files=[file]))
    return {}


if __name__ == "__main__":
    sys.exit(main())
