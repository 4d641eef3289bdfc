# The two commands of the README: `make demo` and `make test`. Both make their own environment.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: help demo test lint unit notebooks slow test-browser docs install bench bench-peers clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: .venv/demo  ## run the quickstart: two A/B cells over six models, results in out/quickstart
	@$(BIN)/llmlab local install
	@$(BIN)/llmlab demo

test: .venv/test lint unit notebooks slow  ## everything CI checks

lint: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

unit: .venv/test  ## the quick tests
	@$(BIN)/llmlab local install
	$(BIN)/pytest -q -n 2 -m 'not slow' --ignore=tests/browser

slow: .venv/test  ## kernels, papermill, kills, crashes and long batteries; those of a file one after the other
	@$(BIN)/llmlab local install
	$(BIN)/pytest -q -n 2 --dist loadfile -m slow --ignore=tests/browser

notebooks: .venv/test
	@$(BIN)/llmlab local install
	$(BIN)/nbstripout --verify notebooks/*.ipynb
	$(BIN)/pytest -q --nbmake --nbmake-timeout=600 notebooks

test-browser: .venv/test  ## click through a real JupyterLab; screenshots in out/browser
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q chromium; } >/dev/null
	@$(BIN)/llmlab local install
	@# A browser that hangs while it starts (seen once, on a busy machine) is tried once more.
	timeout 600 $(BIN)/pytest -q tests/browser || timeout 600 $(BIN)/pytest -q tests/browser

docs: .venv/test  ## run the notebooks and build the documentation site into site/
	@$(BIN)/llmlab local install
	$(BIN)/python docs/notebooks.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q

install: .venv/demo  ## make the environment only

.venv/python:
	@test -n "$(PYTHON)" || { echo "llmlab needs Python 3.11 or newer, and there is none: install it, or make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "llmlab needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1): make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --upgrade 'pip>=25.1' 2>&1 | grep -v 'is ignored' || true
	@touch $@

.venv/demo: .venv/python pyproject.toml constraints.txt
	@echo "installing llmlab into .venv ..."
	@$(BIN)/python -m pip install -q --no-warn-script-location -c constraints.txt -e '.[demo]' 2>.venv/pip.log || { cat .venv/pip.log; exit 2; }
	@touch $@

.venv/test: .venv/demo
	@echo "installing what the tests need ..."
	@$(BIN)/python -m pip install -q -c constraints.txt --group dev 2>.venv/pip.log || { cat .venv/pip.log; exit 2; }
	@touch $@

bench: .venv/test  ## measure cost side by side and what the statistics hold, some 20 minutes; writes docs/performance.md and docs/statistics.md
	$(BIN)/python -m benchmarks.report
	$(BIN)/python -m benchmarks.intervals --write

bench-peers: .venv/test .venv-peers/installed  ## the same calls through other clients, in .venv-peers
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.report --page

.venv-peers/installed: pyproject.toml
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -q --upgrade 'pip>=25.1' 2>&1 | grep -v 'is ignored' || true
	@echo "installing the other clients into .venv-peers ..."
	@.venv-peers/bin/python -m pip install -q -e . --group bench-peers 2>.venv-peers/pip.log || { cat .venv-peers/pip.log; exit 2; }
	@touch $@

clean:  ## remove the environment and everything that was made
	rm -rf .venv .venv-peers out .llmlab
