# `make run` trains the denoising autoencoder and writes its report;
# `make test` runs the tests. Both make .venv when it is missing or out of date.
# Another interpreter: make run PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test lint docs clean

run: $(VENV)/.installed
	$(BIN)/python launch.py --config=experiments/denoising.py --workdir=runs/denoising

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Writes the tables of README.md and docs/ from benchmarks/results, the page of
# options from the code, and updates links to lines of code.
docs: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/results_tables.py
	$(BIN)/python docs/deconvolutional_networks.py
	$(BIN)/python docs/options.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV)
