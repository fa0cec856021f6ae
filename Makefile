# Everything sets itself up: Python 3.11 or newer, git and make are all that a machine needs.
#
#   make demo         watch a whole recovery against a simulated WhatsApp network
#   make test         every test                          make test ARGS="tests/unit -k pacing"
#   make check        format, lint, layers, types
#   make bench        what durability costs, as ratios
#   make constraints  pin the newest versions that fit
#   make clean        remove what the others made
#
#   PYTHON=/path/to/python3 chooses the interpreter of .venv; WORKERS=0 runs the tests one after another.

PYTHON ?=
ARGS ?=
WORKERS ?= 6
BIN := .venv/bin
SOURCES := $(wildcard orchestrator tests benchmarks migrations)

export PYTHON
.DEFAULT_GOAL := help
.PHONY: help demo test check bench constraints clean

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/.installed-run
	@$(BIN)/rejoin demo $(ARGS)

# Bytecode is kept whatever the caller's environment says: else every worker and every process under test
# compiles the same files again, at half a minute of processor time in all.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

check: .venv/.installed-dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: .venv/.installed-dev
	$(BIN)/python -m benchmarks $(ARGS)

constraints:
	@sh packaging/constraints.sh

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# A moved or copied checkout is installed anew: scripts and the editable install hold its absolute path.
$(shell grep -qsxF '$(CURDIR)' .venv/.installed-run || rm -f .venv/.installed-run .venv/.installed-dev)

# The development installation holds the run-time one: its stamp comes with the other's.
.venv/.installed-run .venv/.installed-dev: pyproject.toml constraints.txt packaging/venv.sh
	@sh packaging/venv.sh $(subst .installed-,,$(@F))
