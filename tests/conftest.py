"""What several tests share: hypothesis without deadlines, and one small lake made once."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("suite")

PLAN = """\
name: small
seed: 7
scale: 1.0e-8
sources:
  - {name: languages, reader: jsonl, path: SAMPLES/languages.jsonl, kind: web, priority: 1}
  - {name: web, reader: html, path: SAMPLES/web, kind: web}
  - {name: math, reader: jsonl, path: SAMPLES/math.jsonl, kind: math, options: {text: [problem, solution]}}
  - {name: code, reader: source_tree, path: SAMPLES/code, kind: code, options: {join: true}}
  - {name: pdf, reader: pdf, path: BUILD/pdf, kind: pdf}
  - {name: planted, reader: jsonl, path: BUILD/planted, kind: text}
annotate:
  language: {}
  statistics: {}
  source_code: {}
evaluations:
  - {name: sample-eval, path: SAMPLES/evaluation.jsonl, fields: [question, answer]}
deduplicate: {max_source_loss: 0.8}
split: {validation: 0.05}
stages:
  general: {seq_len: 1024, budget: 100.0e12, mixture: SAMPLES/mixtures/natural.yaml}
  reasoning: {seq_len: 1024, budget: 5.0e12, mixture: SAMPLES/mixtures/reasoning.yaml}
  long_context: {seq_len: 32768, budget: 40.0e12, mixture: SAMPLES/mixtures/long_context.yaml}
resources: {part_bytes: 2000000, bucket_tokens: 400000, shard_bytes: 1000000}
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The files that samples/ makes by script, without what it downloads."""
    out = tmp_path_factory.mktemp("built")
    sys.path.insert(0, str(ROOT / "samples"))
    try:
        from make_pdfs import make_pdfs
        from make_planted import make_planted
    finally:
        sys.path.remove(str(ROOT / "samples"))
    make_planted(out / "planted")
    make_pdfs(out / "pdf")
    return out


@pytest.fixture(scope="session")
def small_plan(built) -> Path:
    """A plan over samples/ that runs in half a minute: six sources, three stages, several parts and buckets."""
    path = built / "plan.yaml"
    path.write_text(PLAN.replace("SAMPLES", str(ROOT / "samples")).replace("BUILD", str(built)))
    return path


@pytest.fixture(scope="session")
def small_lake(small_plan, tmp_path_factory) -> str:
    """The lake of the small plan, made on two cores. Tests that change a lake copy it."""
    from workflows.plan import load_plan
    from workflows.run import run

    lake = str(tmp_path_factory.mktemp("lake") / "small")
    run(load_plan(str(small_plan)), lake, num_cpus=2)
    return lake


@pytest.fixture(scope="session")
def embedded_model() -> Path:
    """The embedded language model, unpacked where `make` unpacks it, by whoever comes first."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vllm is not installed: `make engine`")
    folder = ROOT / "build" / "samples" / "model"
    script = ROOT / "samples" / "make_model.py"
    subprocess.run([sys.executable, script, "--out", folder], check=True)
    return folder
