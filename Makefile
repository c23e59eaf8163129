# The two commands of the README are `make demo` and `make test`. Each one sets up what it needs and is safe to repeat.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
WORKERS ?= auto

.PHONY: demo test check format bench bench-accuracy bench-signals bench-cwru bench-explanation bench-statistics clean

demo: $(VENV)/.installed
	$(BIN)/heedful compare

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) tests

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --doctest-modules --import-mode=importlib -n $(WORKERS) src

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks

# Hours on two cores; what is finished is not repeated.
bench-accuracy: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.accuracy

# Classifiers on UCR sets: hours on two cores; what is finished is not repeated. The long sets: SIGNALS=--long.
bench-signals: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.signals $(SIGNALS)

# Bearings held out of the CWRU set: half an hour on two cores; what is finished is not repeated.
bench-cwru: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.cwru $(CWRU)

# Planted evidence for every mechanism, and how often maps are wrongly called true: hours on two cores, resumed.
bench-explanation: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.explanation $(EXPLANATION)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.explanation_truth

# Size and power of the trial's statistics, minutes on two cores; what is finished is not repeated.
bench-statistics: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.statistics

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[test]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
