# Everything runs in .venv at the root, made from constraints.txt. Nothing else on the machine changes.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(if $(shell command -v $(name)),$(name))))
BIN := .venv/bin
# One more than the two cores of a small machine: tests of Spark wait for it half of their time.
WORKERS ?= 3
# What `make demo` runs on: polars or spark.
ENGINE ?= polars

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench docs clean

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

demo: .venv/.ready-$(ENGINE) ## Run the stock-prices example with Dagster, and say how to look at it
	LAKTORY_DAGSTER_ENGINE=$(ENGINE) $(BIN)/laktory-dagster run examples/stock_prices/pipeline.yaml

test: lint ## Style, types, architecture and all tests
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

lint: .venv/.ready-dev ## Style, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.ready-dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.ready-dev ## Measure speed and memory against hand-written code
	$(BIN)/python -m benchmarks

docs: .venv/.ready-dev ## Write the generated reference pages and the JSON Schema
	$(BIN)/python tools/reference.py

clean: ## Remove what the examples wrote
	rm -rf examples/*/warehouse .dagster_home

.venv/.ready-ui: .venv/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[ui]"
	@touch $@

.venv/.ready-polars: .venv/.ready-ui
	@touch $@

.venv/.ready-spark: .venv/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[ui,spark]"
	@touch $@ .venv/.ready-ui

.venv/.ready-dev: .venv/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@ .venv/.ready-ui .venv/.ready-spark

.venv/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, $(PYTHON) is older; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@
