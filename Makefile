# make demo   play the whole story and verify it
# make test   lint, then every test but the long campaigns
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt \
       PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet
CORE := $(shell find rust -name target -prune -o -type f -print)
GO := $(dir $(shell find tests -name go.mod))

# Tests start hundreds of processes, each of which would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow ct lint bench bench-check bench-compare docs fuzz wheel vectors notebooks clean prerequisites

demo: .venv/installed
	$(BIN)/billboard demo

# Three processes on two cores, as tests of servers wait a good part of their time. Temporary folders
# are in memory, where the machine has such a place: a disk's fsync is no part of what is tested here.
WORKERS := $(shell echo $$(( $$(nproc) * 3 / 2 )))
# Each process is started as $(1) is: with `-n` they would not heed a -O.
suite = $(if $(wildcard /dev/shm/.),TMPDIR=/dev/shm) $(1) -m pytest --dist worksteal --tx "$(WORKERS)*popen//python=$(1)"

# What a backend of the core can change runs on the portable backend too, where it is not the first.
BACKEND := $(shell grep -rl pytest.mark.backend --include='*.py' tests)

test: lint
	cargo test --lib --manifest-path rust/Cargo.toml --locked --quiet --no-default-features
	$(call suite,$(BIN)/python) -m "not slow"
	[ "$$($(BIN)/python -c 'from billboard import batches; print(batches.backend())')" = portable ] \
		|| BILLBOARD_BACKEND=portable $(call suite,$(BIN)/python) -m "backend and not slow" $(BACKEND)

# The long campaigns, and all other tests without Python's own assertions.
test-slow: .venv/developing
	@curl --version | grep -q HTTP2 \
		|| { echo "make: a curl with HTTP/2 is missing: apt-get install curl" >&2; exit 1; }
	$(call suite,$(BIN)/python) -m slow
	$(call suite,$(BIN)/python -O) -m "not slow" --hypothesis-profile=thorough

# Whether secrets show in time: valgrind and statistics, a few minutes on a quiet machine.
ct: .venv/developing
	@command -v valgrind >/dev/null \
		|| { echo "make: valgrind is missing: apt-get install valgrind" >&2; exit 1; }
	PYTHONPATH=tests $(BIN)/python -m constant_time

CHECKS := rust-format rust-lint ruff mypy stubs layers go-lint
.PHONY: $(CHECKS)

lint: .venv/developing
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
	for each in $(GO); do (cd $$each && test -z "$$(gofmt -l .)" && go vet .) || exit 1; done

# Everything beside its peers, a quarter of an hour: results in benchmarks/results.
bench: .venv/developing
	$(BIN)/python benchmarks/ratios.py

# Whether a ratio fell below its floor, two minutes.
bench-check: .venv/developing
	$(BIN)/python benchmarks/check.py

# The working tree beside another commit, core, board and push: make bench-compare BASE=main
bench-compare: .venv/developing
	$(BIN)/python benchmarks/compare.py $(BASE) $(if $(AT_LEAST),--at-least $(AT_LEAST))

# The documentation, in docs/_build/html. -E: a second run repeats the warnings of the first.
docs: .venv/developing
	$(BIN)/sphinx-build -W --keep-going -n -E -q -b html docs docs/_build/html

# A wheel for every Python from 3.11 on, that needs no Rust to install.
wheel: .venv/developing
	rm -rf dist
	$(BIN)/maturin build --release --locked --out dist

# Coverage-guided fuzzing. FUZZ_SECONDS is for all targets together; left out, each gets a minute.
fuzz: .venv/developing
	$(PIP) --group fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzz $(if $(FUZZ_SECONDS),--seconds $(FUZZ_SECONDS))

# Runs the notebooks and stores what they show.
notebooks: .venv/developing
	PYTHONPATH=tests $(BIN)/python tests/project/test_notebooks.py

vectors: .venv/developing
	$(BIN)/python tests/vectors/generate.py

clean:
	rm -rf .venv dist rust/target billboard/*.so docs/_build

# Each prerequisite, and the Debian package that has it.
prerequisites:
	@need() { command -v "$$1" >/dev/null || { echo "make: $$1 is missing: apt-get install $$2" >&2; exit 1; }; }; \
	need $(PYTHON) python3; need cc gcc; need cargo "cargo (or Rust 1.89 or newer from rustup)"; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: Python 3.11 or newer is needed: apt-get install python3, or make PYTHON=.." >&2; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "make: Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }; \
	have=$$(cargo --version | cut -d' ' -f2); \
	[ "$$(printf '%s\n' 1.89 "$$have" | sort -V | head -n 1)" = 1.89 ] \
		|| { echo "make: cargo $$have is too old, 1.89 is needed: install Rust from rustup" >&2; exit 1; }

.venv/bin/python: | prerequisites
	$(PYTHON) -m venv .venv
	$(PIP) --upgrade pip

# The package with what the command line needs, built in place.
.venv/installed: pyproject.toml constraints.txt Makefile $(CORE) | .venv/bin/python
	$(PIP) --editable '.[cli]'
	touch $@

# What the linters, tests and benchmarks need besides.
.venv/developing: .venv/installed
	@echo '#include <openssl/ec.h>' | cc -E - >/dev/null 2>&1 \
		|| { echo "make: the headers of OpenSSL are missing: apt-get install libssl-dev" >&2; exit 1; }
	@command -v go >/dev/null || { echo "make: go is missing: install 1.26 or newer from go.dev/dl" >&2; exit 1; }; \
	have=$$(GOTOOLCHAIN=local go version | sed 's/.* go\([0-9.]*\).*/\1/'); \
	[ "$$(printf '%s\n' 1.26 "$$have" | sort -V | head -n 1)" = 1.26 ] \
		|| { echo "make: go $$have is too old, 1.26 is needed: install it from go.dev/dl" >&2; exit 1; }
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null \
		|| { echo "make: nginx is missing: apt-get install nginx" >&2; exit 1; }
	$(PIP) --group dev
	touch $@
