"""The embedded model, as `samples/make_model.py` unpacks it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SPEAKS = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
assert model.dtype == torch.bfloat16
asked = tokenizer.apply_chat_template(
    [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True, return_tensors="pt"
)["input_ids"]
said = model.generate(asked, do_sample=False, max_new_tokens=20)
print(tokenizer.decode(said[0, asked.shape[1]:], skip_special_tokens=True))
"""


def test_it_loads_and_speaks(embedded_model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPEAKS, embedded_model], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout


def test_a_second_call_does_nothing(embedded_model: Path, samples: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in embedded_model.iterdir()}
    command = [sys.executable, samples / "make_model.py", "--out", embedded_model]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"model: {embedded_model} is complete\n"
    assert {path: path.stat().st_mtime_ns for path in embedded_model.iterdir()} == before
