# Two commands matter: `make test` and `make quickstart`. Both make .venv first, with pinned versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/quickstart
SENTENCE := 左前降支近段管壁不规则，最狭窄处30-40％。回旋支未见明显狭窄。

.PHONY: help install test lint quickstart clean

help:
	@echo "make quickstart  train on the embedded corpus, score the test split, extract from a sentence"
	@echo "make test        run the tests"
	@echo "make lint        check style"
	@echo "make clean       remove .venv and the quickstart's run"

install: $(VENV)/installed

$(VENV)/installed: setup.cfg constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "error: Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

quickstart: install
	$(BIN)/python -m strtf.train --flagfile=experiments/quickstart.flags --run_dir=$(RUN) --resume
	$(BIN)/python -m strtf.evaluate --run_dir=$(RUN) --split=test --json=$(RUN)/test.json
	@echo
	@printf '%s\n' '$(SENTENCE)' | $(BIN)/python -m strtf.predict --run_dir=$(RUN) --format=triples

clean:
	rm -rf $(VENV) $(RUN)
