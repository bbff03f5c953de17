"""How many of the engine's tokens per second come through our path?

    make bench-engine          PROMPTS=500 MOST=48 tokens an answer

The same prompts, about paragraphs of the sample texts in 119 languages, with the same seeds and options: through
`answer_parts` (Ray Data, responses kept as they come) and through vLLM's own `LLM.chat`, all at once, in a process of
its own. The embedded model on CPUs. Written tokens by the second, without the start of either engine: theirs from the
call of `chat` to its return; ours from when the first call reached the engine to when the last answer was kept. That
first moment is the earliest of all (kept at - seconds in the engine), which is late by what it takes to keep an
answer, some tenths of a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.results import Figure, report
from corpus.calls import Call
from workflows.engines import Model
from workflows.engines.vllm import (
    CPU_ENVIRONMENT,
    CPU_OPTIONS,
    ENVIRONMENT,
    OPTIONS,
    answer_parts,
)

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "build" / "samples" / "model"
PROMPTS = int(os.environ.get("PROMPTS", "500"))
MOST = int(os.environ.get("MOST", "48"))
PARTS = 4
CHARACTERS = 300  # of a paragraph
LIMITS = {"max_model_len": 2048}
GOAL = 0.9
Row = dict[str, Any]


def main() -> None:
    subprocess.run([sys.executable, "samples/make_model.py", "--out", MODEL], cwd=ROOT, check=True)
    with TemporaryDirectory() as folder:
        ours = through_tokenmill(Path(folder))
        theirs = through_vllm(Path(folder))
    same = sum(ours["texts"][key] == text for key, text in theirs["texts"].items())
    what = f"{PROMPTS} prompts, {MOST} tokens at most"
    report(
        "engine",
        [
            Figure(
                measure=f"{what}: written through answer_parts",
                unit="tokens/s",
                ours=ours["tokens"] / ours["seconds"],
                reference=theirs["tokens"] / theirs["seconds"],
                beside="vLLM's LLM.chat",
            ),
            Figure(
                measure=f"{what}: prompt and written through answer_parts",
                unit="tokens/s",
                ours=(ours["tokens"] + ours["read"]) / ours["seconds"],
                reference=(theirs["tokens"] + theirs["read"]) / theirs["seconds"],
                beside="vLLM's LLM.chat",
            ),
            Figure(
                measure=f"{what}: answers",
                unit="answers",
                ours=len(ours["texts"]),
                reference=len(theirs["texts"]),
                beside="vLLM's LLM.chat",
            ),
            Figure(measure=f"{what}: equal answers", unit="share", ours=same / PROMPTS),
        ],
    )


def calls() -> Iterator[Call]:
    """One question about each of so many paragraphs, the first of each text, then the second, and so on."""
    lines = (ROOT / "samples" / "languages.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"].split("\n\n") for line in lines]
    longest = max(map(len, texts))
    paragraphs = [text[n] for n in range(longest) for text in texts if n < len(text)]
    for number in range(PROMPTS):
        paragraph = paragraphs[number % len(paragraphs)][:CHARACTERS]
        yield Call(
            id=number.to_bytes(16, "big"),
            messages=[
                {"role": "system", "content": "You answer in one or two sentences."},
                {"role": "user", "content": f"What is this about?\n\n{paragraph}"},
            ],
            parameters={"temperature": 0.7, "top_p": 0.9, "max_tokens": MOST, "seed": number},
        )


# ---------------------------------------------------------------- ours


def through_tokenmill(folder: Path) -> Row:
    """All calls, in so many parts."""
    import ray

    model = Model(
        engine="vllm", model="embedded", path=str(MODEL), device="cpu", options=dict(LIMITS)
    )
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    items = [{"key": key} for key in range(PARTS)]
    for _ in answer_parts(model, items, of_part, partial(keep, folder)):
        pass
    ray.shutdown()
    kept = [json.loads(file.read_text("utf-8")) for file in folder.glob("kept-*")]
    rows = [(at, row) for at, batch in kept for row in batch]
    assert not [row for _, row in rows if row["error"]]
    began = min(at - row["seconds"] for at, row in rows)
    return {
        "seconds": max(at for at, _ in rows) - began,
        "tokens": sum(row["completion_tokens"] for _, row in rows),
        "read": sum(row["prompt_tokens"] for _, row in rows),
        "texts": {row["id"]: row["text"] for _, row in rows},
    }


def of_part(item: Row) -> Iterator[Call]:
    return (call for n, call in enumerate(calls()) if n * PARTS // PROMPTS == item["key"])


def keep(folder: Path, item: Row, rows: list[Row]) -> None:
    """Write rows down, with the time."""
    plain = [row | {"id": row["id"].hex()} for row in rows]
    text = json.dumps([time.time(), plain])
    (folder / f"kept-{item['key']}-{uuid.uuid4()}").write_text(text, "utf-8")


# ---------------------------------------------------------------- theirs


def through_vllm(folder: Path) -> Row:
    """All calls at once, in a process of its own."""
    out = folder / "theirs.json"
    environment = os.environ | ENVIRONMENT | CPU_ENVIRONMENT
    environment["VLLM_LOGGING_LEVEL"] = "ERROR"
    command = [sys.executable, "-m", "benchmarks.bench_engine", str(out)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    found: Row = json.loads(out.read_text("utf-8"))
    return found


def chat(out: Path) -> None:
    """The engine without anything of ours around it."""
    from vllm import LLM, SamplingParams

    asked = list(calls())
    engine = LLM(model=str(MODEL), **CPU_OPTIONS, **OPTIONS, **LIMITS)
    began = time.perf_counter()
    answers = engine.chat(
        [list(call.messages) for call in asked],
        [SamplingParams(**call.parameters) for call in asked],
        use_tqdm=False,
    )
    seconds = time.perf_counter() - began
    said = {call.id.hex(): answer.outputs[0] for call, answer in zip(asked, answers, strict=True)}
    found = {
        "seconds": seconds,
        "tokens": sum(len(output.token_ids) for output in said.values()),
        "read": sum(len(answer.prompt_token_ids) for answer in answers),
        "texts": {key: output.text for key, output in said.items()},
    }
    out.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    chat(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
