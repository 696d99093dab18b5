# What a person does with this repository, from a clone and a Python alone.

# Plain `=`, so that a shell's own HOST or PORT does not decide; `make demo PORT=9000` does.
HOST = 127.0.0.1
PORT = 8000
VENV = .venv
# More words: make test ARGS="-k presence -x", make faults ARGS="--seeds 7 --faults kill",
# make screenshots ARGS=folder
ARGS =
# Another Django than the pinned one, as in 6.1: for the cells of test-matrix.
DJANGO =

RUN = $(VENV)/bin/python
PIP = $(RUN) -m pip --disable-pip-version-check install --quiet
# Files are spread over two processes: the tests wait for servers more than they compute.
PYTEST = $(RUN) -m pytest --ds=tests.settings --numprocesses=2 --dist=loadfile

# The first that runs and is new enough is taken; PYTHON=... is tried alone.
CANDIDATES = $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
NEW_ENOUGH = import ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL = help
.PHONY: help demo test check audit faults defences screenshots bench test-matrix matrix-cell clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo.stamp ## Serve the demo at HOST and PORT until Ctrl-C
	@trap 'exit 0' INT; $(RUN) manage.py demo --host $(HOST) --port $(PORT)

test: $(VENV)/tests.stamp ## Test on SQLite and in memory, then on PostgreSQL and Redis
	TEST_BACKEND=sqlite $(PYTEST) $(ARGS)
	TEST_BACKEND=postgres $(PYTEST) $(ARGS)

check: $(VENV)/tests.stamp ## Check format, style, types and layers
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

audit: $(VENV)/tests.stamp ## Compare the pinned versions with the holes known of them, offline
	$(RUN) -m tests.audit

faults: $(VENV)/tests.stamp ## Break everything under load and judge what was heard, up to an hour
	$(RUN) -m tests.faults $(ARGS)

defences: $(VENV)/tests.stamp ## Take each defence out in a copy and demand that its tests fail, half an hour
	$(RUN) -m tests.defences $(ARGS)

screenshots: $(VENV)/tests.stamp ## Take pictures of the admin and the board, light, dark and narrow
	$(RUN) -m tests.screenshots $(ARGS)

bench: $(VENV)/tests.stamp ## Measure latency, saves, sequencing, reconnecting and the board, on this machine
	$(RUN) -m benchmarks $(ARGS)

test-matrix: ## Test on the oldest and the newest Python and Django, where they are installed
	@$(MAKE) --no-print-directory matrix-cell VERSION=3.11 DJANGO=5.2
	@$(MAKE) --no-print-directory matrix-cell VERSION=3.13 DJANGO=6.1

# A name on the PATH may be a shim for a version that is not active, so each is tried.
matrix-cell:
	@for python in python$(VERSION) $(HOME)/.pyenv/versions/$(VERSION)*/bin/python$(VERSION); do \
		if $$python -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then \
			echo "== Python $(VERSION), Django $(DJANGO)"; \
			exec $(MAKE) --no-print-directory test PYTHON=$$python DJANGO=$(DJANGO) \
				VENV=.venv-py$(subst .,,$(VERSION))-django$(subst .,,$(DJANGO)); \
		fi; \
	done; \
	echo "== Python $(VERSION) is not installed: Django $(DJANGO) was not tested on it"

clean: ## Remove what was made here: environments, caches and the demo's database
	rm -rf .venv .venv-* build dist screenshots *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f demo.sqlite3 demo.sqlite3-*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@for python in $(CANDIDATES); do \
		if $$python -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then \
			$$python -m venv $(VENV) && touch $@; exit; \
		fi; \
	done; \
	echo "No Python 3.11 or newer, with venv, among: $(CANDIDATES)" >&2; \
	echo "Install one, or name it: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/demo.stamp: requirements.txt $(VENV)/made.stamp
	@echo "Installing requirements.txt into $(VENV)"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/tests.stamp: tests/requirements.txt requirements.txt $(VENV)/made.stamp
	@echo "Installing tests/requirements.txt into $(VENV)"
	@$(PIP) -r tests/requirements.txt
	@$(if $(DJANGO),$(PIP) "Django~=$(DJANGO).0")
	@touch $@
