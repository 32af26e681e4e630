# make demo   sets up an environment of its own and shows the gate at work, offline
# make test   sets up and runs every check
# make demo-live   lets a real model in this machine write, and shows what the checks say of it
# A second call installs nothing. Needs Python 3.11-3.13, git and make; uses uv where it is there.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo demo-live test lint check bench bench-benefit bench-collapse bench-inherited docs clean

# Bytecode makes the commands start twice as fast.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALL := VENV=$(VENV) tools/install

demo: $(VENV)/.core
	rm -rf synthgate-demo
	$(BIN)/synthgate demo

demo-live: $(VENV)/.local
	$(BIN)/python tools/demo_live.py

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/rows.py
	$(BIN)/python benchmarks/blend.py --rows 100000 --near
	$(BIN)/python benchmarks/exec.py
	$(BIN)/python benchmarks/retrieve.py
	$(BIN)/python benchmarks/gsm8k.py
	$(BIN)/python benchmarks/audit_plan.py --check

# The proofs of docs/evidence.md, from minutes to half an hour; each renews its part of the page.
bench-benefit bench-collapse bench-inherited: bench-%: $(VENV)/.dev
	$(BIN)/python benchmarks/$*.py

docs: $(VENV)/.dev
	$(BIN)/python tools/generate_docs.py

$(VENV)/.core: pyproject.toml tools/install
	$(INSTALL) .
	touch $@

$(VENV)/.local: pyproject.toml tools/install
	$(INSTALL) '.[local]'
	touch $@ $(VENV)/.core

$(VENV)/.dev: pyproject.toml tools/install
	$(INSTALL) '.[dev]'
	touch $@ $(VENV)/.core $(VENV)/.local

clean:
	rm -rf $(VENV) synthgate-demo synthgate-live .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
