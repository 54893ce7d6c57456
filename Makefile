# Every target sets up what it needs in .venv and is quick the second time. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

NEEDED = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c '$(NEEDED)' >/dev/null 2>&1; then echo $$python; break; fi; done)
PY := .venv/bin/python
# The environment is made anew when what it is made from changes, or when the folder was moved or copied.
KEY := $(shell { pwd; cat pyproject.toml requirements.lock 2>/dev/null; } | cksum | cut -d' ' -f1)
READY := .venv/.ready-$(KEY)

MINUTES ?= 10
ARGS ?=
# Demo mode is for this machine alone: make run DEMO= ARGS="--host 0.0.0.0"
DEMO ?= --demo
JOBS ?= 3

.PHONY: help setup run test test-containers chaos check lint types shape web bench eval lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "make %-16s %s\n", $$1, $$2 }'

setup: $(READY) ## make .venv from requirements.lock
	@:

$(READY):
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c '$(NEEDED)' >/dev/null 2>&1; then \
		echo "Baton needs Python 3.11 or newer with venv, and found none. Install it, or name it: make setup PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi
	@rm -f .venv/.ready-*
	@if ! [ -x $(PY) ] || [ "$$(cat .venv/.folder 2>/dev/null)" != "$$(pwd)" ]; then \
		$(PYTHON) -m venv --clear .venv; pwd >.venv/.folder; \
	fi
	@echo "installing what requirements.lock names"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## serve two replicas on a store of their own, data in .baton (ARGS="--port 9000 ..."; DEMO= for no demo mode)
	@exec .venv/bin/baton serve --replicas 2 $(DEMO) $(ARGS)

test: setup ## every test but those of containers, chaos and bench (ARGS="-k name")
	$(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not containers and not chaos and not bench" $(ARGS)

test-containers: setup ## the tests that need a Docker engine
	@status=0; $(PY) -m pytest -m containers $(ARGS) || status=$$?; \
	if [ $$status -eq 5 ] && ! [ -d tests/containers ]; then \
		echo "make test-containers: there are no container tests yet, so nothing ran."; exit 0; \
	fi; exit $$status

chaos: setup ## break replicas, Redis and connections under load and check every history (MINUTES=10)
	$(PY) -m tests.cluster.chaos --minutes $(MINUTES) $(ARGS)

check: lint types shape web ## lint, format, types, layers and budgets, manifests, the browser's side

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: setup
	$(PY) -m mypy

shape: setup
	$(PY) -m pytest -q tests/test_layers.py tests/test_budgets.py tests/test_repo.py tests/deploy/test_kubernetes*.py

web:
	scripts/check-web

bench: setup ## measure, and print a Markdown table
	$(PY) -m bench $(ARGS)

eval: setup ## measure how well the support bot understands customers
	$(PY) -m tests.eval $(ARGS)

# --universal: one file for every Python and platform that pyproject.toml allows, with the hashes of all files of a release.
# Versions stay as they are; make lock ARGS=--upgrade takes the newest.
COMPILE = .lock-tools/bin/uv pip compile --quiet --universal --python-version 3.11 --no-python-downloads --generate-hashes \
	--no-config --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: ## write requirements*.lock from pyproject.toml (ARGS=--upgrade)
	@if ! [ -x .lock-tools/bin/uv ]; then $(PYTHON) -m venv .lock-tools && .lock-tools/bin/pip install --quiet 'uv>=0.9'; fi
	$(COMPILE) $(ARGS) --extra embedded --extra dev pyproject.toml -o requirements.lock
	$(COMPILE) --constraint requirements.lock --upgrade pyproject.toml -o requirements-runtime.lock
	$(COMPILE) --constraint requirements.lock --upgrade --group build -o requirements-build.lock

clean: ## remove what was installed, built or cached; .baton (conversations) stays
	rm -rf .venv .lock-tools node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
