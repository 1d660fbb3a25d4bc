# Two commands do everything on a fresh machine: make demo, make test. While you work: make check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMPILED := $(BIN)/python -P -c 'from tapewire import form; exit(form.FORM != form.COMPILED)'
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CC ?= cc

# One process for each processor; tests/conftest.py keeps together what shares something.
PYTEST := $(BIN)/pytest -n logical

.PHONY: install demo test check lint docs bench clean

# With a C compiler also the compiled form, if it is not there or a source has changed. TAPEWIRE_COMPILE=0 leaves that out.
install: $(STAMP)
	@if [ "$$TAPEWIRE_COMPILE" = 0 ] || $(COMPILED); then :; \
	elif ! command -v $(CC) >/dev/null; then echo "no C compiler ($(CC)): tapewire is not compiled; it runs slower, with the same results"; \
	else echo "compiling tapewire takes a minute or two"; \
		TAPEWIRE_COMPILE=1 $(PIP) install --no-build-isolation --no-deps --editable . \
		|| echo "tapewire could not be compiled, for the reason above; it runs slower, with the same results"; fi
	@$(BIN)/tapewire --version

$(STAMP): setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing; on Debian or Ubuntu: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=python3.x"; exit 1; }
	@echo "installing into $(VENV), which takes a minute or two"
	$(PYTHON) -m venv $(VENV)
	TAPEWIRE_COMPILE=0 $(PIP) install --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/tapewire demo

# Style and types first: they take seconds and say what is wrong most plainly. Then every test in the form that `install` has made,
# and the quick ones in the interpreted form, if that is another.
test: lint install
	$(PYTEST)
	! $(COMPILED) || TAPEWIRE_COMPILE=0 $(PYTEST) tests/unit tests/property

# What needs no daemons and no reference data, on the sources as they are now.
check: lint
	TAPEWIRE_COMPILE=0 $(PYTEST) tests/unit tests/property

lint: $(STAMP)
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

# The documents as a site: out/docs/site/index.html. A link that leads nowhere ends it.
docs: $(STAMP)
	$(BIN)/python -m docs.pages out/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file out/docs/mkdocs.yml
	@echo "open out/docs/site/index.html"

bench: install
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) .venv-bench var out build dist *.egg-info tapewire/compiled .mypy_cache .ruff_cache .pytest_cache .hypothesis
