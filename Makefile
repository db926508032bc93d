# The whole list of what can be done here. Each target sets up what it needs in .venv and can be run
# first on a fresh machine; stamp files make the second run quick.
#
#   make PYTHON=python3.12 ...   which interpreter to build .venv with (3.11 or newer)
#   make demo GIT=../project     replay another repository's history
#   make demo ALL=1              have it flow on to a region, a lake, a warehouse and a mailbox
#   make serve ARGS="--port 9000 --lab"
#   make test ARGS="-k stream"
#   make test JOBS=0             in one process; otherwise one for each core, four at the most
#   make torture KILLS=200 SEED=7
#   make fuzz REQUESTS=1000000 PAIRS=100000   ask so many spoiled requests; put so many expressions
#                                and items of each kind to the engine and to plain models
#   make bench PEERS=1           measure moto_server and dynalite in the same run
#   make bench SIZE=10000000     measure a table of so many items beside a small one

PYTHON ?= python3
GIT ?=
ALL ?=
ARGS ?=
JOBS ?= auto
PEERS ?=
SIZE ?=
REQUESTS ?= 100000
PAIRS ?= 10000
KILLS ?= 200
SEED ?=

# Modules that are compiled again by every process cost more than they take up.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core
DEMO := $(VENV)/.demo
DEV := $(VENV)/.dev
PINS := pyproject.toml constraints.txt
comma := ,

# uv is quicker but reads its own settings, so pip, which the machine's owner configured, is asked
# when it fails. The build back end is installed from the pins too: nothing is fetched unpinned.
INSTALL = { command -v uv >/dev/null && uv pip install --quiet --python $(BIN)/python $(1); } || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(1)

.DEFAULT_GOAL := help
.PHONY: help setup demo test torture fuzz check bench serve docs pin clean

help:
	@echo "make setup   build .venv with everything development needs"
	@echo "make demo    watch a git history flow through table, stream and function, verified [GIT=PATH] [ALL=1]"
	@echo "make serve   start a server on http://127.0.0.1:8000 [ARGS=...]"
	@echo "make test    run every test [JOBS=N] [ARGS=...]"
	@echo "make torture kill servers under load and prove that nothing is lost [KILLS=N] [SEED=N]"
	@echo "make fuzz    ask a server spoiled requests, and a model about expressions [REQUESTS=N] [PAIRS=N] [SEED=N]"
	@echo "make check   format, lint, types, layers, generated tables, tidiness"
	@echo "make bench   measure throughput, CPU, delay, start-up and memory [PEERS=1] [SIZE=N] [ARGS=...]"
	@echo "make docs    verify that generated pages are up to date and that links resolve"
	@echo "make pin     write constraints.txt anew with the newest versions that fit"
	@echo "make clean   remove .venv and every cache"

setup: $(DEV)

demo: $(if $(ALL),$(DEMO),$(CORE))
	@$(BIN)/headwater demo $(if $(GIT),--git $(GIT)) $(if $(ALL),--all) $(ARGS)

serve: $(CORE)
	@$(BIN)/headwater serve $(ARGS)

check: $(DEV)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@for tool in $(wildcard tools/generate_*.py); do \
		echo "$(BIN)/python $$tool --check"; $(BIN)/python $$tool --check || exit 1; done
	$(BIN)/python tools/check_docs.py
	$(BIN)/pytest -q tests/test_tidy.py

test: $(DEV)
	$(BIN)/pytest -n $(JOBS) $(ARGS)

torture: $(DEV)
	@$(BIN)/python -m tests.torture --kills $(KILLS) $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: $(DEV)
	$(BIN)/python -m tests.fuzz --requests $(REQUESTS) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.fuzz.pairs --pairs $(PAIRS) $(if $(SEED),--seed $(SEED))

bench: $(DEV)
	@$(BIN)/python -m tests.benchmarks $(if $(PEERS),--peers) $(if $(SIZE),--size $(SIZE)) $(ARGS)

docs: $(DEV)
	@for tool in $(wildcard tools/generate_*.py); do \
		echo "$(BIN)/python $$tool --check"; $(BIN)/python $$tool --check || exit 1; done
	$(BIN)/python tools/check_docs.py

pin:
	$(PYTHON) tools/pin.py

clean:
	rm -rf $(VENV) .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON) here; Headwater needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Headwater needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@{ command -v uv >/dev/null && uv venv --quiet --seed --python $(PYTHON) $(VENV); } || \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment: install its venv package, or uv." >&2; \
		exit 1; }

$(CORE): $(BIN)/python $(PINS)
	@echo "Setting up $(VENV) ..."
	@$(call INSTALL,-c constraints.txt hatchling editables)
	@$(call INSTALL,-c constraints.txt --no-build-isolation -e .)
	@touch $@

$(DEMO): $(CORE)
	@echo "Setting up $(VENV) for all of the demo ..."
	@$(call INSTALL,-c constraints.txt --no-build-isolation -e '.[demo]')
	@touch $@

$(DEV): $(CORE)
	@echo "Setting up $(VENV) for development ..."
	@$(call INSTALL,-c constraints.txt --no-build-isolation -e '.[check$(comma)test]')
	@touch $@
