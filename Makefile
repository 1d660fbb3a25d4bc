# Two commands do everything on a fresh machine: make demo, make test. While you work: make check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# One process for each processor; tests/conftest.py keeps together what shares something.
PYTEST := $(BIN)/pytest -n logical

.PHONY: install demo test check lint bench clean

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing; on Debian or Ubuntu: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=python3.x"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

demo: install
	$(BIN)/tapewire demo

# Style and types first: they take seconds and say what is wrong most plainly.
test: lint
	$(PYTEST)

# What needs no daemons and no reference data.
check: lint
	$(PYTEST) tests/unit tests/property

lint: install
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) .venv-bench var out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
