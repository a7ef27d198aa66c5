# The commands of the project; `make` alone lists them. Everything happens in a virtual environment
# that the first of them makes: needed are python3, its venv module and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Two goals must not install into the environment at once; pytest is parallel by itself.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo setup check test docs bench clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 8

demo: $(VENV)/.installed ## run the main job on the prebuilt examples
	@RINGSCOPE=$(BIN)/ringscope tools/demo.sh

setup: $(VENV)/.installed-dev ## make a virtual environment with all that development needs

check: $(VENV)/.installed-dev ## lint, format, types, the guards of the project, stale pages
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary emu kernel_stub tests tools examples conftest.py $(wildcard bench)
	@$(BIN)/python -m tools.make_index --check
	@$(BIN)/python -m tools.make_docs --check
	@$(BIN)/pytest --quiet --no-header $(GUARDS)

GUARDS := $(addprefix tests/test_,$(addsuffix .py,layers project packaging public_api docs make_docs))

test: $(VENV)/.installed-dev ## run every test, in parallel
	@$(BIN)/pytest --numprocesses auto $(TESTS)

docs: $(VENV)/.installed-dev ## write anew what is generated: pages, the index of calls
	@$(BIN)/python -m tools.make_index
	@$(BIN)/python -m tools.make_docs

bench: $(VENV)/.installed-dev ## measure, as ratios in one run
	@$(BIN)/python -m bench $(BENCH)

clean: ## remove what these commands made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What it takes to run: the stamp is older than pyproject.toml when that has changed.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --editable .
	@touch $@

# What it takes to develop, which includes what it takes to run.
$(VENV)/.installed-dev: pyproject.toml
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $(VENV)/.installed $@
