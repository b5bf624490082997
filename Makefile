# Two commands matter: `make test` and `make quickstart`. Both make .venv first, with pinned versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/quickstart
SENTENCE := 左前降支近段管壁不规则，最狭窄处30-40％。回旋支未见明显狭窄。

DATA ?= angiography
CORPUS ?= $(notdir $(patsubst %/,%,$(DATA)))
SEEDS ?= 0,1,2
JOBS ?= 1
OPTIONS ?=
RESULTS := experiments/results

.PHONY: help install test lint quickstart tables clean

help:
	@echo "make quickstart  train on the embedded corpus, score the test split, extract from a sentence"
	@echo "make test        run the tests"
	@echo "make tables      train what the paper's tables need on DATA=$(DATA) with SEEDS=$(SEEDS), JOBS=$(JOBS) at once; print them"
	@echo "make lint        check style"
	@echo "make clean       remove .venv and the quickstart's run"

install: $(VENV)/installed

$(VENV)/installed: setup.cfg constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "error: Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

# files in their order: with the most tests first, the slow ones, which have few, would come last
test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

quickstart: install
	$(BIN)/python -m strtf.train --flagfile=experiments/quickstart.flags --run_dir=$(RUN) --resume
	$(BIN)/python -m strtf.evaluate --run_dir=$(RUN) --split=test --json=$(RUN)/test.json --html=$(RUN)/errors.html
	@echo
	@printf '%s\n' '$(SENTENCE)' | $(BIN)/python -m strtf.predict --run_dir=$(RUN) --format=triples

# a run that fails leaves its row empty; the others are printed, and make fails in the end
tables: install
	$(BIN)/python -m experiments.run --corpus=$(CORPUS) --data_dir=$(DATA) --seeds=$(SEEDS) --jobs=$(JOBS) --results=$(RESULTS) $(OPTIONS); \
	status=$$?; \
	$(BIN)/python -m strtf.tables --data_dir=$(DATA) --runs=$(RESULTS)/$(CORPUS) && exit $$status

clean:
	rm -rf $(VENV) $(RUN)
