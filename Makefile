# make demo   run the demo study: real sampling on tiny models, all figures, tables and a report
# make test   run all tests
# make slurm-check   what to fill in at the top of slurm/profile.yaml, on a cluster
# Both make the environment in .venv on first use.

PYTHON ?= python3
CORES ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
LOCK := envs/requirements.lock
BIN := .venv/bin
READY := .venv/.ready
DEMO := results/demo
DEMO_STUDY := --configfile studies/demo.yaml
SOURCES := workflow/scripts tests benchmarks envs

.PHONY: demo test slurm-check lint format bench lock demo-models clean FORCE
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/snakemake $(DEMO_STUDY) --cores $(CORES) --quiet rules reason host
	@$(MAKE) --no-print-directory $(DEMO)/report.html
	@printf '\nFigures  %s/figures/\nTables   %s/tables/\nReport   %s/report.html\n\n' $(DEMO) $(DEMO) $(DEMO)
	@cat $(DEMO)/tables/coverage.md

# What the report shows; empty before the first run, complete in the second make that `demo` calls.
$(DEMO)/report.html: $(wildcard $(DEMO)/figures/* $(DEMO)/tables/*.csv $(DEMO)/overview.rst workflow/report/*.rst)
	$(BIN)/snakemake $(DEMO_STUDY) --quiet all --report $@

test: $(READY)
	$(BIN)/python -m pytest

# What a cluster has, and whether slurm/profile.yaml fits it.
slurm-check: $(READY)
	@PYTHONPATH=workflow/scripts $(BIN)/python -m monkeys.slurm

lint: $(READY)
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/snakefmt Snakefile workflow/rules
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(READY)
	for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

# Decides itself whether there is anything to do. A Python that was named is the one that is wanted, whatever .venv has.
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
