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
SOURCES := workflow/scripts tests benchmarks

.PHONY: demo test slurm-check lint format bench lock demo-models clean
.DELETE_ON_ERROR:

demo: $(READY)
	@CLOSING=later $(BIN)/snakemake $(DEMO_STUDY) --cores $(CORES)
	@$(MAKE) --no-print-directory $(DEMO)/report.html
	@PYTHONPATH=workflow/scripts $(BIN)/python -m monkeys.console $(lastword $(DEMO_STUDY))

# What the report shows; empty before the first run, complete in the second make that `demo` calls.
$(DEMO)/report.html: $(wildcard $(DEMO)/figures/* $(DEMO)/tables/*.csv $(DEMO)/overview.rst workflow/report/*.rst)
	@echo "Making the report …"
	@$(BIN)/snakemake $(DEMO_STUDY) --quiet all --report $@

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

# The lock is complete, so it is installed without resolving anything. torch comes first: from the configured index
# if that has the CPU build, else from PyTorch's own index of CPU builds.
$(READY): $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	torch=$$(grep ^torch== $(LOCK)); \
	$(BIN)/pip install --quiet --no-deps $$torch 2> .venv/torch.log || \
	$(BIN)/pip install --quiet --no-deps --index-url https://download.pytorch.org/whl/cpu $$torch || { cat .venv/torch.log; exit 1; }
	$(BIN)/pip install --quiet --no-deps -r $(LOCK)
	touch $@

lock: $(READY)
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate \
		--excludes envs/excludes.txt --output-file $(LOCK) envs/requirements.in
	grep ^torch== envs/requirements.in >> $(LOCK)

demo-models: $(READY)
	$(BIN)/snakemake $(DEMO_STUDY) --cores 2 --forceall demo_models

clean:
	rm -rf .venv .snakemake results .pytest_cache .mypy_cache .ruff_cache .hypothesis
