# make demo         run the demo study: real sampling from tiny models, all figures, tables and a report
# make test         run the tests that need only Python, make and git
# make check        for development: lint, types and quick tests; make test-all runs all tests
# make slurm-check  on a cluster: print the settings for the top of slurm/profile.yaml
# All of them create the environment in .venv on first use.

PYTHON ?= python3
CORES ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
LOCK := envs/requirements.lock
BIN := .venv/bin
READY := .venv/.ready
DEMO := results/demo
DEMO_STUDY := --configfile studies/demo.yaml
SOURCES := workflow/scripts tests benchmarks envs

LINTS := lint-snakefmt lint-snakemake lint-ruff lint-format lint-mypy
PYTEST := $(BIN)/python -m pytest --quiet --dist loadgroup

.PHONY: demo check test test-all slurm-check lint $(LINTS) format bench reference lock demo-models clean FORCE
.DELETE_ON_ERROR:

demo: $(READY)
	@CLOSING=later $(BIN)/snakemake $(DEMO_STUDY) --cores $(CORES)
	@$(MAKE) --no-print-directory $(DEMO)/report.html
	@PYTHONPATH=workflow/scripts $(BIN)/python -m monkeys.console $(lastword $(DEMO_STUDY))

# Prerequisites are the files shown in the report: none before the first run, all in the second make that `demo` calls.
$(DEMO)/report.html: $(wildcard $(DEMO)/figures/* $(DEMO)/tables/*.csv $(DEMO)/overview.rst workflow/report/*.rst)
	@echo "Making the report …"
	@$(BIN)/snakemake $(DEMO_STUDY) --quiet all --report $@

# More processes than cores, because some tests do not wait for the CPU; fewer with Slurm's tests, which use CPU time of
# their own.
TEST_PROCESSES = $(shell echo $$(($(CORES) + 2)))
TEST_ALL_PROCESSES = $(shell echo $$(($(CORES) + 1)))

check: $(READY)
	@$(MAKE) --no-print-directory --jobs $(CORES) --output-sync=target lint
	$(PYTEST) -n $(CORES) --quick tests/unit

test: $(READY)
	$(PYTEST) -n $(TEST_PROCESSES) tests/unit tests/workflow

test-all: $(READY)
	@$(MAKE) --no-print-directory --jobs $(CORES) --output-sync=target lint
	$(PYTEST) -n $(TEST_ALL_PROCESSES) --nothing-skipped

# Print what a cluster offers, and check slurm/profile.yaml against it.
slurm-check: $(READY)
	@PYTHONPATH=workflow/scripts $(BIN)/python -m monkeys.slurm

lint: $(LINTS)

lint-snakefmt: $(READY)
	$(BIN)/snakefmt --check Snakefile workflow/rules

lint-snakemake: $(READY)
	$(BIN)/snakemake --lint

lint-ruff: $(READY)
	$(BIN)/ruff check $(SOURCES)

lint-format: $(READY)
	$(BIN)/ruff format --check $(SOURCES)

lint-mypy: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/snakefmt Snakefile workflow/rules
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# The schema for editors and docs/config.md, from the classes of a study's settings.
reference: $(READY)
	@PYTHONPATH=workflow/scripts $(BIN)/python -m monkeys.study --reference

bench: $(READY)
	for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

# install.py itself decides whether there is anything to do. A PYTHON given by the user replaces that of .venv.
$(READY): FORCE
	@$(PYTHON) envs/install.py $(if $(filter file,$(origin PYTHON)),,--named)

FORCE:

lock: $(READY)
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate \
		--excludes envs/excludes.txt --output-file $(LOCK) envs/requirements.in
	grep ^torch== envs/requirements.in >> $(LOCK)

demo-models: $(READY)
	$(BIN)/snakemake $(DEMO_STUDY) --cores 2 --forceall demo_models

clean:
	rm -rf .venv .snakemake results .pytest_cache .mypy_cache .ruff_cache .hypothesis
