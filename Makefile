# Everything a newcomer needs: `make demo` shows the product, `make test` proves it.
# Needs Python 3.11 or newer and the network on first use; uv is fetched if it is not there.

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
RUN := .venv/bin
# Our Python is the machine's own: uv is not to fetch another one from somewhere else.
export UV_PYTHON_DOWNLOADS = never
export UV_PYTHON ?= $(shell command -v $(PYTHON))
# Kept bytecode halves the time in which a process starts, and a server is several.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo page test test-all both test-python test-page lint format bench dist clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

demo: .venv/.ready ## start the server, play a call, show both transcripts and the page; Ctrl-C ends it
	@UV=$(UV) $(RUN)/python web/build.py || true
	$(RUN)/twicetold demo $(ARGS)

page: .venv/.ready ## build the page that the server shows to browsers
	@UV=$(UV) $(RUN)/python web/build.py

# Python's and the page's at once: either waits for most of its time, for processes to start or for
# speech to pass. The page's say what they have to say when the others are done. Left out of `test`
# is what takes seconds by itself: pytest's `slow`, and in the browser all but `@quick`.
test: page ## tests of everything, the long ones left out
	@$(MAKE) --no-print-directory both PYTHON_TESTS='-m "not slow"' PAGE_TESTS="--grep @quick"

test-all: page ## all tests
	@$(MAKE) --no-print-directory both

both: page
	@mkdir -p .cache
	@$(MAKE) --no-print-directory test-page >.cache/test-page.txt 2>&1 & page=$$!; \
	  $(MAKE) --no-print-directory test-python; python=$$?; \
	  echo "The page's tests (.cache/test-page.txt):"; \
	  wait $$page; page=$$?; cat .cache/test-page.txt; [ $$python -eq 0 ] && [ $$page -eq 0 ]

# On real servers where there are any; CARRIERS=require makes the absence of one a failure. Three
# at a time, on two cores as well: most of them wait for a process or for speech to pass.
test-python: .venv/.ready
	@$(RUN)/python -m tests.carriers.kafka_jars || true
	$(RUN)/pytest -q -n 3 --dist worksteal $(PYTHON_TESTS) $(ARGS)

# In Chromium where there is one; PAGE_E2E=require makes its absence a failure.
test-page: page
	@UV=$(UV) $(RUN)/python web/build.py run test
	@UV=$(UV) $(RUN)/python web/build.py run e2e $(PAGE_TESTS)

lint: .venv/.ready ## style, types, and who may import whom
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports --no-cache
	@UV=$(UV) $(RUN)/python web/build.py run check

format: .venv/.ready ## put style right
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .
	@UV=$(UV) $(RUN)/python web/build.py run format

bench: .venv/.ready ## the measurements of docs/benchmarks.md; without ARGS it names them
	$(RUN)/python -m benchmarks $(ARGS)

# Not grep -q, which ends at the first hit: whoever still writes into the pipe complains of it.
dist: page ## the wheel and the source archive, with the page in them
	@rm -rf dist
	$(UV) build --quiet --out-dir dist
	@$(PYTHON) -m zipfile -l dist/*.whl | grep twicetold/page/index.html >/dev/null || { echo "The wheel lacks the page."; exit 1; }
	@! tar tzf dist/*.tar.gz | grep node_modules >/dev/null || { echo "The source archive holds what others have written."; exit 1; }

clean: ## forget all that was installed
	rm -rf .venv .cache dist web/node_modules src/twicetold/page

# A machine behind a proxy with a certificate of its own trusts it; uv does only when told.
.venv/.ready: pyproject.toml uv.lock | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Twicetold needs Python 3.11 or newer; name one with PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up in .venv; the first time takes a minute or two."
	@$(UV) sync --quiet --locked 2>/dev/null || $(UV) sync --quiet --locked --system-certs \
	  || { echo "If it could not build pocketsphinx, which comes compiled for Python 3.11 and 3.13 only: use one of them, or install a compiler (Debian and Ubuntu: apt-get install build-essential python3-dev)."; exit 1; }
	@touch $@

# uv from the package index: in an environment of its own, or, where Debian's python3 comes
# without venv, by whatever pip there is.
.cache/uv/bin/uv:
	@if $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
	  $(PYTHON) -m venv .cache/uv && .cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv; \
	else \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .cache/uv uv; \
	fi || { rm -rf .cache/uv; echo "uv could not be installed. It takes pip and the network; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
