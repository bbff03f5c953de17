"""A server that fails in ten ways, and a run that is killed: is a page lost, doubled, or asked again for nothing?

    make bench-faults           PAGES=2000 KILLS=5 SEED=1

Scanned pages go to a scripted reader behind an OpenAI-compatible server on loopback, in which 30 % of the calls fail:
429 with `Retry-After`, 500, a cut connection, an endless stall, no JSON, a cut answer, a loop, a refusal, another
language, nothing. The run is killed with SIGKILL at random moments and started again. Beside it stands a run without
faults and kills. A request is known by its seed; a response is committed when an entry in the lake names it.
Ends with an error where a page is lost or doubled, a text differs, a committed request is sent again, or a kill costs
more requests than one flush window and those in flight.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl

from benchmarks.results import Figure, report
from corpus.lake import Folder
from tests.scans import read, scan
from tests.servers import CONTENT, LANGUAGE, TRANSPORT, Server

PAGES, KILLS = int(os.environ.get("PAGES", "2000")), int(os.environ.get("KILLS", "5"))
SEED = int(os.environ.get("SEED", "1"))
ROOT = Path("build/faults")
PAGES_PER_FILE = 50
SHARE = 0.3
FLUSH, IN_FLIGHT = 16, 16
PLAN = """\
name: faults
sources:
  - {name: scans, reader: pdf, path: scans, kind: pdf, options: {vl: true, ocr: none}}
models:
  vl: {engine: openai, model: scripted, base_url: 'URL', timeout: 1, retries: 1, flush: FLUSH, in_flight: FLIGHT}
stages:
  general: {seq_len: 256, budget: 1.0e6, mixture: all.yaml}
resources: {part_bytes: 400000}
"""


def main() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
    (ROOT / "scans").mkdir(parents=True)
    (ROOT / "all.yaml").write_text("name: all\nrules: {some: n_tokens > 3}\n")
    for start in range(0, PAGES, PAGES_PER_FILE):
        numbers = range(start, min(start + PAGES_PER_FILE, PAGES))
        scan(ROOT / "scans" / f"{start:06d}.pdf", numbers)
    with Server(read) as server:
        started = time.monotonic()
        _run(server.url, "calm")
        calm = time.monotonic() - started
    with Server(read, faults=(LANGUAGE, *TRANSPORT, *CONTENT), share=SHARE) as server:
        started = time.monotonic()
        again, windows = _killed(server)
        stormy = time.monotonic() - started
    report(
        "faults",
        [
            *_figures(server, again, windows),
            Figure(
                measure="seconds, beside a run without faults and kills",
                unit="s",
                ours=stormy,
                reference=calm,
                beside="calm run",
            ),
        ],
    )


def _killed(server: Server) -> tuple[int, list[int]]:
    """Kill the run at `KILLS` moments, then let it finish: committed requests that came again, and per kill how many
    requests were answered twice.
    """
    draw = random.Random(SEED)
    moments = sorted(draw.randrange(PAGES // 20, PAGES) for _ in range(KILLS))
    again, windows = 0, []
    for moment in [*moments, None]:
        committed, before = _committed(), Counter(server.seeds)
        answered = set(server.seeds_answered)
        process = subprocess.Popen(_command(server.url, "stormy"), stderr=subprocess.DEVNULL)
        while process.poll() is None and (moment is None or server.came.total() < moment):
            time.sleep(0.05)
        if process.poll() is None:
            process.kill()
        elif process.returncode:
            sys.exit(f"the run failed with exit code {process.returncode}")
        process.wait()
        time.sleep(3)  # workers of a dead driver end
        sent = Counter(server.seeds) - before
        again += sum(sent[seed] for seed in committed)
        windows.append(sum(seed in answered and seed not in committed for seed in sent))
        print(
            f"  {server.came.total()} calls so far, {len(committed)} responses were committed",
            flush=True,
        )
    return again, windows[1:]


def _committed() -> set[int]:
    """Seeds of the requests whose responses are committed."""
    answered: set[bytes] = set()
    seeds: dict[bytes, int] = {}
    for path in (ROOT / "stormy").glob("responses/page@*/scans/*"):
        folder = Folder(str(ROOT / "stormy"), str(path.relative_to(ROOT / "stormy")))
        for name in folder.parts():
            answered |= set(pl.read_parquet(folder.file_uri(name), columns=["id"])["id"])
    for path in (ROOT / "stormy").glob("requests/scans@*/*"):
        folder = Folder(str(ROOT / "stormy"), str(path.relative_to(ROOT / "stormy")))
        for name in folder.parts():
            table = pl.read_parquet(folder.file_uri(name), columns=["id", "parameters"])
            seeds |= {id_: json.loads(p)["seed"] for id_, p in table.iter_rows()}
    return {seeds[id_] for id_ in answered}


def _figures(server: Server, again: int, windows: list[int]) -> list[Figure]:
    calm, stormy = _pages("calm"), _pages("stormy")
    doubled = stormy.height - stormy.unique(["id", "page"]).height
    both = calm.join(stormy, on=["id", "page"], how="full", suffix="_stormy")
    lost = both.filter(pl.col("page").is_null() | pl.col("page_stormy").is_null()).height
    given_up = stormy.filter(pl.col("arm") != "vl").height
    differ = both.filter(
        (pl.col("arm_stormy") == "vl") & (pl.col("text") != pl.col("text_stormy"))
    ).height
    kinds = dict(sorted(server.faulted.items()))
    print(f"calls: {kinds}; pages given up after all rounds: {given_up}")
    print(f"requests sent twice because of a kill: {windows}")
    if doubled or lost or differ or again or max(windows, default=0) > FLUSH + IN_FLIGHT:
        sys.exit(
            f"{lost} lost, {doubled} doubled, {differ} differ, {again} committed and sent again, {windows}"
        )
    return [
        Figure(
            measure="pages accounted for",
            unit="pages",
            ours=stormy.height,
            reference=PAGES,
            beside="pages there are",
        ),
        Figure(
            measure="texts equal to the calm run's",
            unit="pages",
            ours=stormy.height - given_up,
            reference=PAGES,
            beside="calm run",
        ),
        Figure(
            measure=f"requests sent twice, most of {KILLS} kills",
            unit="requests",
            ours=max(windows, default=0),
            reference=FLUSH + IN_FLIGHT,
            beside="flush window and in flight",
        ),
    ]


def _pages(lake: str) -> pl.DataFrame:
    files = [str(f) for f in (ROOT / lake).glob("pages/scans@*/*.parquet")]
    return pl.read_parquet(files).select("id", "page", "arm", "text")


def _run(url: str, lake: str) -> None:
    subprocess.run(_command(url, lake), check=True)


def _command(url: str, lake: str) -> list[str]:
    plan = ROOT / "plan.yaml"
    text = PLAN.replace("URL", url).replace("FLUSH", str(FLUSH)).replace("FLIGHT", str(IN_FLIGHT))
    plan.write_text(text)
    run = [sys.executable, "-m", "workflows", "--quiet", "run", str(plan)]
    return [*run, "--lake", str(ROOT / lake), "--until", "transcribe"]


if __name__ == "__main__":
    main()
