# Two commands bring merkat up from a fresh clone: `make build`, then `make demo`.
#
#   make build         virtual environment from hashed requirements, Rust extension, the `merkat` command
#   make demo          an hour of generated order flow through the venue
#   make check         the fast lane: formatting, lints, types, import contracts, unit tests
#   make test          every stage
#   make requirements  resolve requirements/*.txt again from pyproject.toml
#   make clean         remove what was built

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DELETE_ON_ERROR:
.PHONY: build demo check test requirements clean

build: $(VENV)/.installed
	$(BIN)/python tools/build_extension.py

# The environment is made anew when its requirements change, so nothing is left over from older ones.
$(VENV)/.requirements: requirements/dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "merkat needs Python 3.11 or newer: set PYTHON")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

$(VENV)/.installed: $(VENV)/.requirements pyproject.toml Cargo.toml tools/install_editable.py
	$(BIN)/python tools/install_editable.py
	touch $@

demo: build
	$(BIN)/merkat flow

check: build
	$(BIN)/python tools/run_tests.py --fast

test: build
	$(BIN)/python tools/run_tests.py

requirements: $(VENV)/.requirements
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --quiet --output-file requirements/core.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --quiet --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) .nox dist target .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f src/merkat/_core*.so
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
