# make demo       play the whole story and verify it
# make test       lint, then every test but the long campaigns
# make notebook   JupyterLab with the notebooks
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt \
       PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet
CORE := $(shell find rust -name target -prune -o -type f -print)
GO := $(dir $(shell find tests -name go.mod))

# What each goal needs of the system, in the words of .ci/prerequisites: all of it is looked for first.
GOALS := $(or $(MAKECMDGOALS),demo)
NEEDS := python compiler rust $(if $(filter-out demo docs wheel clean,$(GOALS)),headers) \
         $(if $(filter test lint,$(GOALS)),rust-linters) $(if $(filter test-slow,$(GOALS)),http2 chromium) \
         $(if $(filter ct,$(GOALS)),valgrind)
# Where rustup puts cargo: shells that are older than that do not look there.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# Tests start hundreds of processes, each of which would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow ct lint bench bench-check bench-compare docs fuzz wheel vectors \
        notebook notebook-outputs clean prerequisites

# Temporary folders are in memory, where the machine has such a place with a GiB free: a disk's fsync
# is no part of what is shown and tested here.
MEMORY := $(shell df --output=avail /dev/shm 2>/dev/null | awk '$$1 + 0 > 2^20 { print "TMPDIR=/dev/shm" }')

demo: .venv/installed
	$(MEMORY) $(BIN)/billboard demo

# Three processes on two cores, as tests of servers wait a good part of their time.
WORKERS := $(shell echo $$(( $$(nproc) * 3 / 2 )))
# Each process is started as $(1) is: with `-n` they would not heed a -O.
suite = $(MEMORY) $(1) -m pytest --dist worksteal --tx "$(WORKERS)*popen//python=$(1)"

# What a backend of the core can change runs on the portable backend too, where it is not the first.
BACKEND := $(shell grep -rl pytest.mark.backend --include='*.py' tests)

test: lint
	cargo test --lib --manifest-path rust/Cargo.toml --locked --quiet --no-default-features
	$(call suite,$(BIN)/python) -m "not slow"
	[ "$$($(BIN)/python -c 'from billboard import batches; print(batches.backend())')" = portable ] \
		|| BILLBOARD_BACKEND=portable $(call suite,$(BIN)/python) -m "backend and not slow" $(BACKEND)

# The long campaigns, and all other tests without Python's own assertions.
test-slow: .venv/group-test
	$(call suite,$(BIN)/python) -m slow
	$(call suite,$(BIN)/python -O) -m "not slow" --hypothesis-profile=thorough

# Whether secrets show in time: valgrind and statistics, a few minutes on a quiet machine.
ct: .venv/group-test
	PYTHONPATH=tests $(BIN)/python -m constant_time

CHECKS := rust-format rust-lint ruff mypy stubs layers go-lint
.PHONY: $(CHECKS)

lint: .venv/group-test
	@$(MAKE) --jobs=2 --output-sync --no-print-directory $(CHECKS)

rust-format:
	cargo fmt --manifest-path rust/Cargo.toml --check

rust-lint:
	cargo clippy --manifest-path rust/Cargo.toml --quiet --release --locked --all-targets -- -D warnings

ruff:
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet

mypy:
	$(BIN)/mypy

stubs:
	$(BIN)/stubtest billboard._core

layers:
	$(BIN)/lint-imports --no-logo

go-lint:
	export GOTOOLCHAIN=local; go=$(CURDIR)/$(BIN)/go; gofmt=$$($$go env GOROOT)/bin/gofmt; \
	for each in $(GO); do (cd $$each && test -z "$$($$gofmt -l .)" && $$go vet .) || exit 1; done

# Everything beside its peers, a quarter of an hour: results in benchmarks/results.
bench: .venv/group-bench
	$(BIN)/python benchmarks/ratios.py

# Whether a ratio fell below its floor, two minutes.
bench-check: .venv/group-bench
	$(BIN)/python benchmarks/check.py

# The working tree beside another commit, core, board and push: make bench-compare BASE=main
bench-compare: .venv/group-bench
	$(BIN)/python benchmarks/compare.py $(BASE) $(if $(AT_LEAST),--at-least $(AT_LEAST))

# The documentation, in docs/_build/html. -E: a second run repeats the warnings of the first.
docs: .venv/group-docs
	$(BIN)/sphinx-build -W --keep-going -n -E -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

# A wheel for every Python from 3.11 on, that needs no Rust to install.
wheel: .venv/bin/python
	@echo "Building a wheel (a minute or two) .."
	@$(PIP) --group wheel
	rm -rf dist
	$(BIN)/maturin build --release --locked --out dist

# Coverage-guided fuzzing. FUZZ_SECONDS of it for all targets together; left out, each gets a minute.
fuzz: .venv/group-fuzz
	@echo "Compiling the core once more, with counters (some minutes at the first time) .."
	PYTHONPATH=tests $(BIN)/python -m fuzz $(if $(FUZZ_SECONDS),--seconds $(FUZZ_SECONDS))

# JupyterLab, with what the notebooks need.
notebook: .venv/installed
	@echo "Installing what the notebooks need (a minute or two) .."
	@$(PIP) 'anonymous-billboard[notebook]'
	cd notebooks && ../$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root)

# Runs the notebooks and stores what they show.
notebook-outputs: .venv/group-test
	PYTHONPATH=tests $(BIN)/python tests/project/test_notebooks.py

vectors: .venv/group-test
	$(BIN)/python tests/vectors/generate.py

clean:
	rm -rf .venv dist rust/target billboard/*.so docs/_build

prerequisites:
	@PYTHON=$(PYTHON) .ci/prerequisites $(NEEDS)

# What failed halfway is made again: a .venv with an old pip.
.DELETE_ON_ERROR:

.venv/bin/python: | prerequisites
	@echo "Making .venv .."
	@$(PYTHON) -m venv .venv
	@$(PIP) --upgrade pip

# The package with what the command line needs, built in place.
.venv/installed: pyproject.toml constraints.txt Makefile $(CORE) | .venv/bin/python
	@echo "Installing the packages that the demo needs (a minute or two) .."
	@$(PIP) --only-deps '.[cli]'
	@echo "Compiling the core (a minute or two) .."
	@$(PIP) --no-deps --editable .
	@touch $@

# What a group of dependencies in pyproject.toml adds.
.venv/group-%: .venv/installed
	@echo "Installing what the group $* of pyproject.toml needs (a minute or two) .."
	@$(PIP) --group $*
	@touch $@
