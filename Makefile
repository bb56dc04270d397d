# Everything a newcomer needs: `make demo` shows the product, `make test` proves it.
# Needs Python 3.11 or newer and the network on first use; uv is fetched if it is not there.

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
RUN := .venv/bin

.PHONY: demo test lint format bench clean

demo: .venv/.ready ## start the server, play a call, show both transcripts; Ctrl-C ends it
	$(RUN)/twicetold demo $(ARGS)

test: .venv/.ready ## all tests
	$(RUN)/pytest -q $(ARGS)

lint: .venv/.ready ## style, types, and who may import whom
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

format: .venv/.ready
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

bench: .venv/.ready ## the figures of docs/benchmarks.md (about an hour on 2 cores)
	$(RUN)/python -m benchmarks $(ARGS)

clean:
	rm -rf .venv .cache dist

.venv/.ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked
	@touch $@

.cache/uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Twicetold needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .cache/uv \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
