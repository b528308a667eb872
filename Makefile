# Everything happens in .venv, made here on first use; nothing else on the machine is touched.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test gate prove soak endurance bench bench-peers lint wheel constraints clean

# Where Python is told to keep no compiled files, every process that a test starts compiles all anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-input
MODERN = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "syncd needs Python 3.11 or newer; $(PYTHON) is missing or older." \
	"Name another one: make PYTHON=python3.11 ..." >&2; exit 1; }

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: .venv/.stamp  ## watch syncd work, on emulated platforms
	@$(BIN)/syncd demo

test: .venv/.stamp  ## lint, types and the tests that every change must pass
	@$(MAKE) --no-print-directory -j 2 lint gate

gate: .venv/.stamp
	$(BIN)/python -m pytest -q -n 3 --dist worksteal

prove: .venv/.stamp  ## the tests that take long; stopped, it goes on where it was: make prove SEEDS=300
	$(BIN)/python -m pytest -q -n auto --dist worksteal -o console_output_style=count \
		--prove $(if $(SEEDS),--seeds $(SEEDS)) $(ONLY)

soak: .venv/.stamp  ## play new simulated days; stopped, it goes on where it was: make soak SEEDS=3000
	@$(BIN)/python -m tests.lab.simulate.soak $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first $(FIRST)) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(AGAIN),--again) $(if $(REPORT),--report)

HOURS ?= 72
endurance: .venv/.stamp  ## live through days of faults and draw what the process holds: make endurance HOURS=72
	@$(BIN)/python -m syncd.lab.simulate.long_run --hours $(HOURS)

bench: .venv/.stamp  ## measure speed and calls: make bench PARTS="starts cycles" SIZES=1000,10000
	$(BIN)/python -m syncd.lab.bench $(PARTS) $(if $(SIZES),--sizes $(SIZES)) --json bench.json

bench-peers: .venv/.stamp  ## the same beside vdirsyncer, which gets an environment of its own
	$(BIN)/python -m syncd.lab.bench.peers $(if $(SIZES),--sizes $(SIZES)) --environment .venv-peers

lint: .venv/.stamp  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

wheel: .venv/.stamp  ## build dist/syncd-VERSION-py3-none-any.whl
	rm -rf dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

# Resolved anew in an empty environment, so that what is no longer needed goes, and what is new comes.
constraints:  ## take the newest versions that pyproject.toml allows
	@$(MODERN)
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(PYTHON) -m venv "$$fresh"; \
	"$$fresh/bin/python" $(PIP_INSTALL) '.[dev]'; \
	"$$fresh/bin/python" -m pip --disable-pip-version-check freeze --exclude syncd \
		| LC_ALL=C sort --ignore-case > "$$fresh/constraints.txt"; \
	! grep -v '^[A-Za-z0-9._-]*==[^ ;]*$$' "$$fresh/constraints.txt" >&2; \
	cp "$$fresh/constraints.txt" constraints.txt

clean:  ## remove what was made here
	rm -rf .venv .venv-peers bench.json dist build *.egg-info .pytest_cache .prove .mypy_cache .ruff_cache .hypothesis
	find syncd tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp: pyproject.toml constraints.txt
	@$(MODERN)
	@echo "setting up .venv (once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@
