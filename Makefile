# Everything a developer types. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# What `make generate` writes and `make check` compares: each takes --check.
GENERATORS := $(addprefix schemas/, gen_payload_structs.py gen_consumer_types.py gen_examples.py gen_reference.py \
	gen_json_schemas.py gen_asyncapi.py gen_schemas_readme.py gen_chart_schema.py compatibility.py)

# Tests wait more than they compute, so there are more workers than cores; each has its own Kafka and Redis.
WORKERS ?= 6
# Those of the tier unit compute, and each worker more collects everything once more.
UNIT_WORKERS ?= 4
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadgroup
# They start hundreds of Pythons, which would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

# What writes locks, looks for known vulnerabilities and lists components.
RELEASE_TOOLS := uv pip-audit cyclonedx-bom

.DEFAULT_GOAL := help
.PHONY: help run unit services test test-long coverage check format generate docs bench chaos order kube interop tools tools-kube clean fuzz python \
	lock audit dist sbom release-prepare release-check release-note release-notes

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  ARGS=... is handed on: make bench ARGS=--quick, make test ARGS=tests/core"
	@echo "  PYTHON=python3.12 makes the environment with another Python"

run: $(VENV)/.run ## Start broker, Redis and bridge on this machine and show events passing
	@$(BIN)/vod-bridge dev $(ARGS)

unit: $(VENV)/.test ## Run the tests that need Python alone: no Kafka, no Redis, no other program (1 min on two cores)
	@$(BIN)/pytest -n $(UNIT_WORKERS) --dist worksteal -m unit $(ARGS)

services: $(VENV)/.test ## Run the tests of the real parts alone: Kafka, Redis, Node, openssl (5 min)
	@$(PYTEST) -m "services and not long" $(ARGS)

test: $(VENV)/.test ## Run what this machine can run but the long scenarios (7 min on two cores)
	@$(PYTEST) -m "not long" $(ARGS)

test-long: $(VENV)/.test ## Run all that this machine can run, with the full number of examples (15 min)
	@BRIDGE_TEST_EXAMPLES=full $(PYTEST) $(ARGS)

coverage: $(VENV)/.test ## Hold the core, and all that decides whether an event is kept, to 100 % of their branches (2 min)
	@$(BIN)/pytest -n $(UNIT_WORKERS) --dist worksteal -m unit --cov --cov-report=term:skip-covered $(ARGS)

check: $(VENV)/.test ## Lint, format, types, generated files, locks, workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@set -e; for generator in $(GENERATORS); do $(BIN)/python $$generator --check; done
	@$(BIN)/python -m tests.release.locks --check
	@$(BIN)/zizmor --offline --quiet --persona pedantic .github

format: $(VENV)/.test ## Format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

generate: $(VENV)/.test ## Write the generated files anew
	@set -e; for generator in $(GENERATORS); do $(BIN)/python $$generator; done

bench: $(VENV)/.test ## Measure CPU per event, latency and memory on a real Kafka and Redis (ARGS=peers: beside a Go service and others; --quick; report)
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: $(VENV)/.test ## Let every fault strike the real processes under load, and account for every event
	@$(BIN)/python -m tests.end_to_end.chaos $(ARGS)

order: $(VENV)/.test ## Play 2,000 random runs of all that keeps the order per key (ARGS=--mutations: each mend taken out)
	@$(BIN)/python -m tests.order $(ARGS)

kube: $(VENV)/.test tools-kube ## Install the chart and the image on a real Kubernetes (containers: as root; ARGS=control-plane)
	@$(BIN)/python -m tests.kube $(ARGS)

interop: $(VENV)/.test ## Compile models for 4 languages, run the Java and Node consumers on real records (JDK, Maven, Node, Go; ARGS=models)
	@$(BIN)/python -m tests.interop $(ARGS)

docs: $(VENV)/.run ## Build the documentation's site into build/site; a dead link in it is an error
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict $(ARGS)
	@echo "open build/site/index.html"

fuzz: $(VENV)/.test ## Fuzz the codec and the HTTP side, 10 min each (ARGS=60: seconds; runs=20000: the same inputs each time; 'codec 3600': one of them)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@$(BIN)/python -m tests.fuzz $(or $(ARGS),600)

lock: $(VENV)/.release ## Write the image's locks anew, with the hashes of all files (deploy/locks)
	@$(BIN)/python -m tests.release.locks

audit: $(VENV)/.release ## Look for known vulnerabilities of all versions; says so where no source can be reached
	@$(BIN)/python -m tests.release.audit $(ARGS)

dist: $(VENV)/.test ## Build sdist and wheels of the commit into dist/, the same bytes everywhere (ARGS=--twice compares)
	@$(BIN)/python -m tests.release.dist $(ARGS)

sbom: $(VENV)/.release ## List the image's components in build/sbom.cdx.json (after make dist)
	@$(BIN)/python -m tests.release.sbom

release-prepare: $(VENV)/.test ## Name a version everywhere and keep its schemas: ARGS=1.2.3 (docs/howto/release.md)
	@$(BIN)/python schemas/compatibility.py --release
	@$(BIN)/python -m tests.release.version prepare $(ARGS)
	@$(MAKE) --no-print-directory generate lock

release-check: $(VENV)/.test ## Check that all is ready for the tag (ARGS=v1.2.3)
	@$(BIN)/python -m tests.release.version check $(ARGS)

release-note: $(VENV)/.test ## After the tag: note its commit, and keep its code for the tests of upgrades
	@$(BIN)/python -m tests.end_to_end.releases
	@$(BIN)/python -m tests.release.version noted

release-notes: $(VENV)/.test ## Write what the changelog says of this version into build/release-notes.md
	@$(BIN)/python -m tests.release.version notes

tools: ## Build what checks the chart into .tools, once (minutes; tools-kube: a Kubernetes too)
	@PYTHON=$(PYTHON) tests/tools/build.sh chart

tools-kube:
	@PYTHON=$(PYTHON) tests/tools/build.sh chart kube

clean: ## Remove the environment and everything that was made
	@rm -rf $(VENV) .cache .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info

# The environment is made again only where pyproject.toml or constraints.txt changed.
# .run holds what `make run` needs, .test all of that and the checks.
$(VENV)/.run: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory python
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory python
	@echo "Installing into $(VENV), with what the checks need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $(VENV)/.run $@

# In an environment of their own, of which the program's knows nothing.
$(VENV)/.release: $(VENV)/.test
	@echo "Installing $(RELEASE_TOOLS) into $(VENV)/release ..."
	@$(PYTHON) -m venv $(VENV)/release
	@$(VENV)/release/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(RELEASE_TOOLS)
	@touch $@

python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "vod-event-bridge needs Python 3.11 or later, and there is no $(PYTHON) here."; \
		echo "Install it, or name another one: make PYTHON=python3.12 ..."; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "vod-event-bridge needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make PYTHON=python3.12 ..."; exit 1; } >&2
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; } >&2
