# Two commands do everything, the installation into .venv included:
#   make demo   the pipeline on the embedded demo corpus, from recordings to a report
#   make test   lint, types, tests

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo test lint format install clean

demo: $(READY)
	dvc repro
	vcemo results

test: lint
	pytest -n 2 --dist loadgroup

lint: $(READY)
	ruff format --check .
	ruff check .
	mypy

format: $(READY)
	ruff format .
	ruff check --fix .

install: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --upgrade pip
	pip install --quiet --constraint constraints.txt --editable ".[demo,dev]"
	touch $(READY)

clean: # the environment and what the stages derived; recordings, models and results stay
	rm -rf $(VENV) data/manifest data/store data/catalog data/catalog.json data/splits data/cache data/runs
