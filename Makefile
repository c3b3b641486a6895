# Everything sets itself up: a virtual environment in .venv with the versions of requirements.lock, brought up to date when
# requirements.lock or pyproject.toml changed.

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
INSTALLED := .venv/installed
# One thread per test worker, or the workers' thread pools wait for each other.
PYTEST = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

.PHONY: help setup test test-all lint demo pages lock clean

help:
	@echo "make demo       train a model and try it (MINUTES=1 for a short one)"
	@echo "make test       ruff, mypy and the fast tests"
	@echo "make test-all   all tests, the long ones too"
	@echo "make lint       ruff and mypy only"
	@echo "make pages      write the pages of docs/ that show computed numbers"
	@echo "make setup      only set up .venv"
	@echo "make lock       write requirements.lock anew from pyproject.toml"
	@echo "make clean      remove .venv and caches"

setup: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "transduce needs Python 3.11 or newer; $(PYTHON) is" `$(PYTHON) -V 2>&1`"." \
	       "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv (once; a minute or two) ..." >&2
	@rm -f $@
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test: lint
	$(PYTEST) -m "not slow"

test-all: $(INSTALLED)
	$(PYTEST)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo: $(INSTALLED)
	@$(BIN)/python recipes/pronounce-en/demo.py $(if $(MINUTES),--minutes $(MINUTES))

pages: $(INSTALLED)
	$(BIN)/python docs/build_pages.py

lock:
	folder=`mktemp -d` && $(PYTHON) -m venv $$folder && \
	$$folder/bin/pip install --quiet torch==2.13.0 hatchling editables -e '.[dev,recipes]' && \
	{ sed -n '/^#/p' requirements.lock; \
	  $$folder/bin/pip freeze --all --exclude-editable | grep -v '^pip==' | sed 's/+cpu$$//'; } > $$folder/lock && \
	cp $$folder/lock requirements.lock && rm -rf $$folder

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find src tests recipes -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
