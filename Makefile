# Two commands bring merkat up from a fresh clone: `make build`, then `make demo`.
#
#   make build         virtual environment from hashed requirements, Rust core, `merkat` command
#   make demo          a whole venue lives through a fall, a kill and a withdrawal, in a minute
#   make check         the fast lane: formatting, lints, types, import contracts, unit tests
#   make test          every stage
#   make requirements  resolve requirements/*.txt again from pyproject.toml
#   make clean         remove what was built

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RESOLVE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-header --quiet

.DELETE_ON_ERROR:
.PHONY: build demo check test requirements clean

build: $(VENV)/.installed
	$(BIN)/python tools/build_extension.py

# The environment is made anew when its requirements change: nothing is left over from older ones.
$(VENV)/.requirements: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "merkat needs Python 3.11 or newer: make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes \
	    -r requirements/dev.txt
	touch $@

$(VENV)/.installed: $(VENV)/.requirements pyproject.toml Cargo.toml tools/install_editable.py
	$(BIN)/python tools/install_editable.py
	touch $@

demo: build
	$(BIN)/merkat demo

check: build
	$(BIN)/python tools/run_tests.py --fast

test: build
	$(BIN)/python tools/contracts.py install
	$(BIN)/python tools/run_tests.py

requirements: $(VENV)/.requirements
	$(RESOLVE) --output-file requirements/core.txt
	$(RESOLVE) --group dev --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) .nox dist target
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f src/merkat/_core*.so
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
