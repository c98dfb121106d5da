# Two commands do all the set-up: `make run` and `make test`. They need Python 3.11 or newer with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help run demo test hunt check bench sdl readme lock format clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: $(VENV)/run.stamp ## Start the sandbox exchange and the server (SERVICE_PORT, DATA_DIR are honoured)
	@exec $(BIN)/kite-services run

demo: $(VENV)/run.stamp ## Start everything, query, subscribe, break the upstream, and print what was seen
	@exec $(BIN)/python -m tools.demo

test: $(VENV)/dev.stamp ## Run every test, on SQLite and PostgreSQL
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

hunt: $(VENV)/dev.stamp ## Run the property tests with examples that no run had before
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --hypothesis-profile hunt -m hypothesis $(ARGS)

check: $(VENV)/dev.stamp ## Linters, types, import contracts, dependencies, SDL and migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m tools.check_sdl
	$(BIN)/python -m tools.check_migrations
	$(BIN)/python -m tools.check_readme
	$(BIN)/python -m tools.check_house

bench: $(VENV)/dev.stamp ## Measure what must be fast, beside its peers; figures go to build/bench.json
	$(BIN)/python -m bench

sdl: $(VENV)/dev.stamp ## Write schema/schema.graphql anew
	$(BIN)/python -m tools.check_sdl --write

readme: $(VENV)/dev.stamp ## Write the README's table of settings anew
	$(BIN)/python -m tools.check_readme --write

lock: $(VENV)/dev.stamp ## Pin the ranges of pyproject.toml in the lock files
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK) -o requirements-dev.lock

format: $(VENV)/dev.stamp ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the environment and the data of the sandbox
	rm -rf $(VENV) .data build node_modules tests/js/node_modules bench/node_modules

# Most of a run is waiting for sockets and processes: on two cores three workers take half the time of one.
WORKERS = 3
LOCK = --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
