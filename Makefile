# Two commands matter: `make study` and `make test`. Both set up what they need, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := 1
export OMP_WAIT_POLICY := PASSIVE
export TOKENIZERS_PARALLELISM := false

.DEFAULT_GOAL := help
.PHONY: help install study test coverage lint docs viz clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11 install")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed ## create .venv and install the pinned lock

study: $(VENV)/.installed ## run the whole study on the embedded data, write the report
	$(BIN)/kedro run
	@echo "The report is at $(CURDIR)/data/08_reporting/report/index.html"

test: $(VENV)/.installed-dev ## run the tests; fails below 90 % coverage
	$(BIN)/python -m pytest --cov --cov-report=

coverage: $(VENV)/.installed-dev ## say which lines the last `make test` did not reach
	@$(BIN)/coverage report --skip-covered --show-missing

lint: $(VENV)/.installed-dev ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-dev ## build the documentation, strictly
	$(BIN)/mkdocs build --strict

viz: $(VENV)/.installed ## look at the pipelines in a browser
	$(BIN)/kedro viz run

clean: ## remove everything that a run makes, caches included
	rm -rf data/.ledger mlflow.db mlruns .viz
	find data -type f ! -name .gitkeep -delete
