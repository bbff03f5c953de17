"""vLLM on CPUs, for real: through Ray with the embedded model and with one that sees, and behind a server."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pymupdf
import pytest
import ray

from corpus.calls import RESPONSES, Call
from tests import vl_model
from tests.scans import scan
from workflows.audit import audit
from workflows.engines import Model, ask
from workflows.engines.vllm import ENVIRONMENT, answer_parts
from workflows.plan import load_plan
from workflows.run import run, summary

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None, reason="vllm is not installed: `make engine`"
    ),
]
PLAN = """\
name: scanned
scale: 1.0e-9
sources:
  - {name: scans, reader: pdf, path: scans, kind: pdf, options: {vl: true, vl_rounds: ROUNDS}}
models: {vl: {MODEL, parameters: {max_tokens: 24}}}
stages:
  general: {seq_len: 64, budget: 30.0e12, mixture: all.yaml}
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 1, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
OTHER_SCHEMA = {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}
COLOURS = ("turquoise", "vermilion")
SEEDS = 40
Rows = Mapping[str, list[dict[str, Any]]]


def call(number: int, text: str, *, most: int = 8, system: str = "", **more: Any) -> Call:
    told = [{"role": "system", "content": system}] if system else []
    return Call(
        id=number.to_bytes(16, "big"),
        messages=[*told, {"role": "user", "content": text}],
        parameters={"temperature": 0.7, "max_tokens": most, "seed": number},
        **more,
    )


def answered(model: Model, parts: Mapping[str, Sequence[Call]], folder: Path) -> Rows:
    """What is kept of each part."""

    def keep(item: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        (folder / f"{item['key']}-{uuid.uuid4()}").write_bytes(pickle.dumps(rows))

    counts = answer_parts(
        model, [{"key": key} for key in parts], lambda item: parts[item["key"]], keep
    )
    found = sum(count["documents"] for count in counts)
    rows = {
        key: [row for file in folder.glob(f"{key}-*") for row in pickle.loads(file.read_bytes())]
        for key in parts
    }
    assert found == sum(map(len, rows.values()))
    return rows


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


# ---------------------------------------------------------------- text

TEXTS = {
    "seeded": [
        call(n, f"Tell me something about the number {n}.", system="You know numbers.")
        for n in range(SEEDS)
    ],
    "odd": [
        call(100, "word " * 3000),
        call(101, "Who are you? Answer in JSON.", most=60, schema=SCHEMA),
        call(102, "Yes or no? Answer in JSON.", most=60, schema=OTHER_SCHEMA),
        call(103, "Is it red or blue?", most=60, choices=COLOURS),
        call(104, "What is 1 + 1? Answer with one word.", most=200),
    ],
}


@pytest.fixture(scope="module")
def texts(cluster: None, embedded_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What the embedded model says, by part."""
    model = Model(
        engine="vllm",
        model="SmolLM2-135M-Instruct",
        path=str(embedded_model),
        device="cpu",
        flush=16,
        options={"max_model_len": 1024},
    )
    return answered(model, TEXTS, tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def odd(texts: Rows) -> Mapping[int, dict[str, Any]]:
    return {int.from_bytes(row["id"], "big"): row for row in texts["odd"]}


def test_each_call_has_one_row_in_its_part(texts: Rows) -> None:
    for part, calls in TEXTS.items():
        assert sorted(row["id"] for row in texts[part]) == sorted(call.id for call in calls)
        assert pa.Table.from_pylist(texts[part], schema=RESPONSES).num_rows == len(calls)


def test_tokens_are_counted_and_an_answer_of_all_of_them_is_cut(texts: Rows) -> None:
    for row in texts["seeded"]:
        assert row["error"] is None
        assert row["text"]
        assert 20 < row["prompt_tokens"] < 40
        assert 0 < row["completion_tokens"] <= 8
        assert row["finish_reason"] == ("length" if row["completion_tokens"] == 8 else "stop")
        assert row["seconds"] > 0
    assert "length" in {row["finish_reason"] for row in texts["seeded"]}
    assert len({row["text"] for row in texts["seeded"]}) > SEEDS // 2


def test_an_answer_that_ends_by_itself_is_whole(odd: Mapping[int, dict[str, Any]]) -> None:
    assert odd[104]["finish_reason"] == "stop"
    assert 0 < odd[104]["completion_tokens"] < 200


def test_a_prompt_that_is_too_long_is_a_row_with_its_reason(
    odd: Mapping[int, dict[str, Any]],
) -> None:
    row = odd[100]
    assert row["error"].startswith("inference: ")
    assert "maximum context length is 1024" in row["error"]
    assert row["text"] is None
    assert row["finish_reason"] is None
    assert row["seconds"] >= 0


def test_schemas_and_choices_are_obeyed_side_by_side(odd: Mapping[int, dict[str, Any]]) -> None:
    person = json.loads(odd[101]["text"])
    assert person.keys() == {"name", "age"}
    assert 1 <= person["age"] <= 99
    assert "\n" not in odd[101]["text"]
    assert [type(value) for value in json.loads(odd[102]["text"])] == [bool, bool]
    assert odd[103]["text"] in COLOURS


# ---------------------------------------------------------------- images


def page(text: str) -> bytes:
    """A page as a picture."""
    document = pymupdf.open()
    document.new_page(width=300, height=400).insert_text((40, 60), text)
    picture: bytes = document[0].get_pixmap(dpi=72).tobytes("png")
    return picture


READ = "Read this page."
SYSTEM = "You read pages."
SEEN = 13 * 9 + 2  # of 300 x 400 pixels 252 x 364 are looked at: 28 x 28 a token, between two marks
PAGES = {
    "bare": [call(n, READ, images=(page(f"Page {n}"),)) for n in range(4)],
    "told": [call(10 + n, READ, system=SYSTEM, images=(page(f"Page {n}"),)) for n in range(4)],
    "blind": [call(20, READ, system=SYSTEM)],
}


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that sees, with random weights."""
    folder = tmp_path_factory.mktemp("seeing")
    subprocess.run([sys.executable, vl_model.__file__, folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def pages(cluster: None, seeing: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    model = Model(
        engine="vllm", model="seeing", path=str(seeing), device="cpu", images=True, flush=4
    )
    return answered(model, PAGES, tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def url(seeing: Path) -> Iterator[str]:
    """An OpenAI-compatible server of the same model."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--model", str(seeing)]
    command += ["--served-model-name", "seeing", "--dtype", "bfloat16", "--enforce-eager"]
    command += ["--no-enable-chunked-prefill", "--limit-mm-per-prompt", '{"image": 1, "video": 0}']
    log = seeing / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, env={**os.environ, **ENVIRONMENT}, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server.poll, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def wait_for(address: str, ended: Callable[[], int | None], log: Path) -> None:
    stop = time.monotonic() + 400
    while time.monotonic() < stop:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert ended() is None, log.read_text("utf-8", "replace")[-3000:]
            time.sleep(0.5)
    pytest.fail(log.read_text("utf-8", "replace")[-3000:])


def test_every_page_has_a_row_and_its_picture_was_seen(pages: Rows) -> None:
    for part, calls in PAGES.items():
        assert sorted(row["id"] for row in pages[part]) == sorted(call.id for call in calls)
        assert [row["error"] for row in pages[part]] == [None] * len(calls)
    (blind,) = pages["blind"]
    assert {row["prompt_tokens"] - blind["prompt_tokens"] for row in pages["told"]} == {SEEN}


def test_a_server_is_asked_the_same(pages: Rows, url: str) -> None:
    calls = [call for part in PAGES.values() for call in part]
    model = Model(engine="openai", model="seeing", base_url=url, retries=0, in_flight=8)
    served = {row["id"]: row for row in ask(model, calls)}
    assert served.keys() == {call.id for call in calls}
    for row in (row for part in pages.values() for row in part):
        assert served[row["id"]]["error"] is None
        assert served[row["id"]]["prompt_tokens"] == row["prompt_tokens"]
        assert served[row["id"]]["completion_tokens"] > 0


def read_by(
    folder: Path, model: str, rounds: int
) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """The pages table of three scanned pages, and what was asked."""
    (folder / "scans").mkdir()
    scan(folder / "scans" / "a.pdf", [1, 2, 3])
    (folder / "all.yaml").write_text("name: all\n")
    (folder / "plan.yaml").write_text(PLAN.replace("MODEL", model).replace("ROUNDS", str(rounds)))
    lake = str(folder / "lake")
    ray.shutdown()  # the other tests' cluster: a run has one of its own
    layout = run(load_plan(str(folder / "plan.yaml")), lake, num_cpus=2, until="transcribe")
    assert audit(lake, deep=True).problems == []
    pages = pl.read_parquet(f"{layout.pages['scans'].uri}/*.parquet").sort("page")
    return pages.to_dicts(), summary(layout)["asked"][0]


def check_noise(pages: Sequence[dict[str, Any]], asked: Mapping[str, Any], rounds: int) -> None:
    """Noise is turned down in every round, each time with its reason, and OCR has the last word."""
    assert (len(pages), asked["requests"], asked["accepted"]) == (3, 3 * rounds, 0)
    assert sum(n for name, n in asked.items() if name.startswith("rejected.")) == 3 * rounds
    assert [page["attempts"] for page in pages] == [rounds] * 3
    assert all(page["guard"] and page["tokens"] > 0 and page["seconds"] > 0 for page in pages)
    assert all("rapidocr" in json.loads(page["features"])["ocr"] for page in pages)


def test_pages_go_the_whole_way_through_the_engine(seeing: Path, tmp_path: Path) -> None:
    model = f"engine: vllm, model: seeing, path: {seeing}, device: cpu, images: true"
    check_noise(*read_by(tmp_path, model, 2), 2)


def test_pages_go_the_whole_way_through_a_server(url: str, tmp_path: Path) -> None:
    model = f"engine: openai, model: seeing, base_url: '{url}', in_flight: 4"
    check_noise(*read_by(tmp_path, model, 3), 3)
