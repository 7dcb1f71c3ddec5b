# make demo: the main job on the embedded model.   make test: every gate.   make help: the rest.
PYTHON ?= python3
VENV   ?= .venv
OUT    ?= out/induction
# Test processes at once; each keeps torch on one thread.
JOBS   ?= 2
# Handed to pip, e.g. PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
# for the small CPU build of torch on Linux.
PIP_FLAGS ?=

BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS)
INPUTS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers unit bench format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

$(VENV)/.created:
	@$(PYTHON) -c "import sys; v = sys.version_info; v >= (3, 10) or sys.exit('circuitgraph needs Python >= 3.10; $(PYTHON) is %d.%d: make PYTHON=python3.11 ...' % v[:2])"
	$(PYTHON) -m venv $(VENV)
	@$(PIP) "pip>=23"
	@touch $@

$(VENV)/.installed: $(VENV)/.created $(INPUTS)
	$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) -c constraints.txt -e ".[test]"
	@touch $@

demo: $(VENV)/.installed  ## install, validate specs/induction.yaml on the embedded model
	@echo "circuitgraph validate specs/induction.yaml -o $(OUT)"
	@$(BIN)/circuitgraph validate specs/induction.yaml -o $(OUT); code=$$?; \
	case $$code in \
	0) ;; \
	1) echo "exit code 1: a claim was refuted" ;; \
	3) echo "exit code 3: no claim was refuted, but not every one was supported" ;; \
	*) exit $$code ;; \
	esac
	@test -s $(OUT)/report.json && test -s $(OUT)/report.html
	@echo
	@echo "report:  $(OUT)/report.html"
	@echo "numbers: $(OUT)/report.json"
	@test -s $(OUT)/diagram.svg && echo "diagram: $(OUT)/diagram.svg" || echo "diagram: $(OUT)/diagram.mmd (no Graphviz here)"

test: lint types layers unit  ## install the test extras; lint, types, layers, tests

lint: $(VENV)/.installed-test  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test  ## pyright: strict above the engine, standard elsewhere
	$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(VENV)/.installed-test  ## import-linter: imports run one way
	$(BIN)/lint-imports

unit: $(VENV)/.installed-test  ## pytest
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -q

bench: $(VENV)/.installed  ## costs as ratios to the bare forward pass
	$(BIN)/python -m benchmarks --write docs/benchmarks.md

format: $(VENV)/.installed-test  ## rewrite the code as ruff wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment, caches and results
	rm -rf $(VENV) out build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
