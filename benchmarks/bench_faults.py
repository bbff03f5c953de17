"""Is every page there, once and with the right text, when a model's server fails in every way and the run is killed?

    make bench-faults           PAGES=2000 KILLS=5 SEED=1

Scanned pages (`tests.scans`) are read by a scripted model on loopback, twice: by an undisturbed run, and by one whose
server fails at 30 % of its calls, in all ten ways of `tests.servers`, while the run (`tokenmill run`, a process) is
killed with SIGKILL at random moments of asking and started again. Counted are pages in the lake and requests at the
server: a request is told by the seed that it carries. What was committed is read from the lake after each kill.
Exits with 1 where a figure is not what it has to be.
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
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import psutil

from benchmarks.results import Figure, report
from corpus import open_lake
from corpus.lake import Folder
from tests.scans import read_page, scan
from tests.servers import CONTENT, TRANSPORT, Server
from workflows.audit import audit

FAULTS = (*TRANSPORT, *CONTENT)
SHARE = 0.3
FLUSH, IN_FLIGHT = 32, 16
PAGES_OF_FILE = 25
TURNED, BLANK = 37, 53  # every so many pages one is turned, one is blank
PLAN = """\
name: faults
sources:
  - {name: scans, reader: pdf, path: SCANS, kind: pdf, options: {vl: true, ocr: none}}
models:
  vl: {engine: openai, model: scripted, base_url: 'URL', timeout: 3, retries: 4, flush: FLUSH, in_flight: IN_FLIGHT}
stages:
  general: {seq_len: 64, budget: 1.0e3, mixture: all.yaml}
resources: {part_bytes: 65536, num_cpus: 2}
"""


@dataclass
class Kill:
    """What was there when the run was dead."""

    committed: set[str]
    came: Counter[str]
    answered: Counter[str]


@dataclass
class Found:
    """What one run left, and what was seen at its server."""

    lake: str
    seconds: float
    server: Server
    kills: list[Kill] = field(default_factory=list)

    @property
    def pages(self) -> pl.DataFrame:
        """The pages as they were read."""
        return open_lake(self.lake).pages("scans").sort("id", "page").collect()

    def sent_again(self) -> int:
        """Requests that were sent after their response was committed."""
        return sum(
            self.server.came[key] > kill.came[key] for kill in self.kills for key in kill.committed
        )

    def lost(self) -> list[int]:
        """Of each kill, the requests that had been answered, were not committed, and so were sent once more."""
        return [len(kill.answered.keys() - kill.committed) for kill in self.kills]


def main() -> None:
    pages, kills, seed = (
        int(os.environ.get(name, default))
        for name, default in (("PAGES", "2000"), ("KILLS", "5"), ("SEED", "1"))
    )
    folder = Path(os.environ.get("LAKES", "build/lakes")) / "faults"
    shutil.rmtree(folder, ignore_errors=True)
    calm, stormy = compare(folder, pages, kills, seed)
    report("faults", figures(calm, stormy, pages))
    print("faults:", dict(sorted(stormy.server.faulted.items())))
    print("attempts:", dict(sorted(Counter(stormy.pages["attempts"].to_list()).items())))
    problems = problems_of(calm, stormy, pages, kills)
    if problems:
        sys.exit("\n".join(problems))
    print("every page is there once, with the text of the undisturbed run")


def compare(folder: Path, pages: int, kills: int, seed: int) -> tuple[Found, Found]:
    """The undisturbed run, and the other."""
    folder.mkdir(parents=True)
    make_scans(folder / "scans", pages)
    with Server(read_page, identity=_seed) as server:
        calm = _run(folder, "calm", server, [])
    moments = random.Random(seed)
    with Server(read_page, identity=_seed, faults=FAULTS, share=SHARE) as server:
        calls = pages / (kills + 1)
        stormy = _run(
            folder, "stormy", server, [moments.uniform(0.2, 1) * calls for _ in range(kills)]
        )
    return calm, stormy


def make_scans(folder: Path, pages: int) -> None:
    """Files of a few pages each."""
    folder.mkdir()
    for start in range(0, pages, PAGES_OF_FILE):
        numbers = range(start, min(start + PAGES_OF_FILE, pages))
        shown = [None if n % BLANK == BLANK - 1 else n for n in numbers]
        turns = [90 * (n // TURNED % 3 + 1) if n % TURNED == 0 else 0 for n in numbers]
        scan(folder / f"{start:06d}.pdf", shown, turns)


def figures(calm: Found, stormy: Found, pages: int) -> list[Figure]:
    """What the two runs came to."""
    counts = Counter(stormy.pages["arm"].to_list())
    requests = sum(stormy.pages["attempts"].to_list())
    return [
        Figure(measure="pages accounted for", unit="pages", ours=stormy.pages.height, reference=pages, beside="all"),
        Figure(
            measure="pages with the same arm and text",
            unit="pages",
            ours=_same(calm, stormy),
            reference=pages,
            beside="the undisturbed run",
        ),
        Figure(measure="pages read by the model", unit="pages", ours=counts["vl"]),
        Figure(
            measure="requests",
            unit="requests",
            ours=requests,
            reference=sum(calm.pages["attempts"].to_list()),
            beside="the undisturbed run",
        ),
        Figure(
            measure="calls that failed at the server",
            unit="share",
            ours=1 - stormy.server.faulted["none"] / stormy.server.came.total(),
            reference=SHARE,
            beside="asked for",
        ),
        Figure(measure="requests sent again though committed", unit="requests", ours=stormy.sent_again()),
        Figure(
            measure="most requests answered twice for one kill",
            unit="requests",
            ours=max(stormy.lost(), default=0),
            reference=FLUSH,
            beside="a flush window",
        ),
        Figure(measure="seconds", unit="s", ours=stormy.seconds, reference=calm.seconds, beside="the undisturbed run"),
    ]  # fmt: skip


def problems_of(calm: Found, stormy: Found, pages: int, kills: int) -> list[str]:
    """What does not hold."""
    found = stormy.pages
    checks = {
        f"{found.height} rows for {pages} pages": found.height == pages,
        "a page stands there twice": found.select("id", "page").is_unique().all(),
        "a page has another arm or text than in the undisturbed run": _same(calm, stormy) == pages,
        "a document has another text": _documents(calm).equals(_documents(stormy)),
        f"killed {len(stormy.kills)} times of {kills}": len(stormy.kills) == kills,
        f"{stormy.sent_again()} committed requests were sent again": stormy.sent_again() == 0,
        f"answered twice per kill: {stormy.lost()}": max(stormy.lost(), default=0)
        <= FLUSH + IN_FLIGHT,
        "the server did not fail in every way": set(FAULTS) <= stormy.server.faulted.keys(),
        "the undisturbed run sent a request twice": set(calm.server.came.values()) == {1},
    }
    ledger = audit(stormy.lake, deep=True).problems
    return [what for what, holds in checks.items() if not holds] + ledger


# ---------------------------------------------------------------- helpers


def _run(folder: Path, name: str, server: Server, waits: Sequence[float]) -> Found:
    """A run to its end, killed after so many further calls each time."""
    lake, started = str(folder / name), time.monotonic()
    command = [sys.executable, "-m", "workflows", "--quiet", "run", str(_plan(folder, server))]
    command += ["--lake", lake, "--until", "transcribe"]
    found = Found(lake, 0.0, server)
    for wait in [*waits, float("inf")]:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = server.came.total() + wait
        while process.poll() is None and server.came.total() < until:
            time.sleep(0.01)
        if process.poll() is not None:
            if process.returncode:
                sys.exit(f"the run failed with exit code {process.returncode}")
            break
        _kill(process)
        found.kills.append(Kill(_committed(lake), server.came.copy(), server.answered.copy()))
        print(f"{name}: killed after {server.came.total()} calls", flush=True)
    found.seconds = time.monotonic() - started
    return found


def _plan(folder: Path, server: Server) -> Path:
    (folder / "all.yaml").write_text("name: all\n")
    text = PLAN.replace("SCANS", str((folder / "scans").absolute())).replace("URL", server.url)
    text = text.replace("FLUSH", str(FLUSH)).replace("IN_FLIGHT", str(IN_FLIGHT))
    path = folder / "plan.yaml"
    path.write_text(text)
    return path


def _kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the run. What it had started ends by itself, and then nobody sends or commits any more."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    for one in alive:
        one.kill()
    psutil.wait_procs(alive)


def _committed(lake: str) -> set[str]:
    """The seeds of the requests that have a committed response."""
    ids: set[bytes] = set()
    for folder in _folders(lake, "responses"):
        for name in folder.parts():
            ids |= set(pl.read_parquet(folder.file_uri(name), columns=["id"])["id"])
    seeds: dict[bytes, str] = {}
    for folder in _folders(lake, "requests"):
        for name in folder.parts():
            rows = pl.read_parquet(folder.file_uri(name), columns=["id", "parameters"]).iter_rows()
            seeds |= {id_: _key(json.loads(parameters)) for id_, parameters in rows}
    return {seeds[id_] for id_ in ids}


def _folders(lake: str, table: str) -> list[Folder]:
    manifests = Path(lake, table).glob("**/_manifest")
    return [Folder(lake, str(path.parent.relative_to(lake))) for path in manifests]


def _seed(body: bytes) -> str:
    return _key(json.loads(body))


def _key(parameters: dict[str, object]) -> str:
    return f"{parameters['seed']} at {parameters['temperature']}"


def _same(calm: Found, stormy: Found) -> int:
    both = calm.pages.join(stormy.pages, on=["id", "page"])
    return both.filter(
        (pl.col("arm") == pl.col("arm_right")) & (pl.col("text") == pl.col("text_right"))
    ).height


def _documents(found: Found) -> pl.DataFrame:
    documents = open_lake(found.lake).documents("scans", annotations=[])
    return documents.select("id", "text", "metadata").sort("id").collect()


if __name__ == "__main__":
    main()
