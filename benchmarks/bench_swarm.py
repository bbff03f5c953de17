"""Do mixtures tuned on small proxies help on real text, and are the fits right about members they have not seen?

    make bench-swarm         DATA=../shared/data PROXIES=64 PARAMS=0.2M TOKENS=2.5e5 CONFIRM=1M SEEDS=3

The plan `swarm.yaml` over labelled data and Python's own library: `tokenmill ablate` as a user would run it, into a
lake of its own, where it goes on if it was stopped. An hour or more on two cores. Targets are held-out documents by
language family, of code and of mathematics, and the Declaration of Human Rights, which no source resembles. Of each
target: the rank correlation of predicted and measured losses, by cross-validation over members; of the recommended
mixture: how much less its proxies lose on fresh seeds than those of the others.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from benchmarks.bench_identification import paragraphs
from benchmarks.lakes import LAKES
from benchmarks.results import Figure, report
from workflows.ablate import ablate, lines, options
from workflows.plan import load_plan
from workflows.progress import Progress

PLAN = Path(__file__).parent / "swarm.yaml"
LONGEST = 12_000  # bytes of a file of Python's library
DECLARATION = ("en", "fr", "es", "de", "ru", "sw", "ha", "yo", "hi", "zh")  # its languages


def main() -> None:
    lake = Path(LAKES).absolute() / "swarm"
    lake.mkdir(parents=True, exist_ok=True)
    targets = lake / "declaration.jsonl"
    with targets.open("w", encoding="utf-8") as file:
        for code, text in paragraphs():
            if code in DECLARATION:
                file.write(json.dumps({"target": "declaration", "text": text}) + "\n")
    library = sorted(Path(os.__file__).parent.glob("*.py"))
    with (lake / "code.jsonl").open("w", encoding="utf-8") as file:
        for path in library:
            if path.stat().st_size <= LONGEST:
                file.write(json.dumps({"text": path.read_text("utf-8")}) + "\n")
    os.environ["CODE"] = str(lake / "code.jsonl")
    plan = load_plan(str(PLAN))
    found = ablate(
        plan,
        str(lake),
        options(
            plan,
            None,
            {
                "stage": "general",
                "proxies": int(os.environ.get("PROXIES", "64")),
                "params": os.environ.get("PARAMS", "0.2M"),
                "tokens": float(os.environ.get("TOKENS", "2.5e5")),
                "confirm_params": os.environ.get("CONFIRM", "1M"),
                "seeds": int(os.environ.get("SEEDS", "3")),
                "seed": 0,
                "rounds": 1,
                "vocabulary": 2048,
                "targets": str(targets),
                "device": "cpu",
            },
        ),
        progress=Progress(quiet=False),
    )
    print("\n".join(lines(found)))
    figures = [
        Figure(
            measure=f"order of unseen members: {fit['target']}",
            unit=f"Spearman ({fit['low']:.2f} to {fit['high']:.2f})",
            ours=fit["order"],
        )
        for fit in found.fits
    ]
    figures += [
        Figure(
            measure=f"gain over {gain['over']}",
            unit=f"% ({100 * gain['low']:.2f} to {100 * gain['high']:.2f})",
            ours=100 * gain["mean"],
        )
        for gain in found.gains
    ]
    report("swarm", figures)


if __name__ == "__main__":
    sys.exit(main())
