# Countersign's commands. `make` alone lists them.

VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= var
PYTEST_ARGS ?=
# Tests wait for processes, databases and browsers most of the time: more of them run at once than there are cores.
TESTS_AT_ONCE ?= 4
# What `make test-services` uses; the tests make and drop a database of their own, test_countersign.
SERVICES_DATABASE_URL = $(or $(DATABASE_URL),postgres://postgres@127.0.0.1:5432/countersign)
SERVICES_REDIS_URL = $(or $(REDIS_URL),redis://127.0.0.1:6379/9)

PYTHON_RUN = $(VENV)/bin/python
CODE = config review agents tools
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run manage test test-services lint format deploy-check check lock clean venv venv-dev bench bench-growth chaos chaos-quick attack

help:
	@echo "make run             start Countersign here, on SQLite, with a demo (PORT=8001, HOST=…, DATA=folder, DEMO=no)"
	@echo "make manage do=…     a management command on the data of 'make run', such as do='createsuperuser'"
	@echo "make test            all tests that need no server"
	@echo "make test-services   the same tests on PostgreSQL and Redis (DATABASE_URL, REDIS_URL)"
	@echo "make check           lint, types, directions of imports, migrations and production settings"
	@echo "make format          put the code into its form"
	@echo "make lock            write the lock files anew from pyproject.toml"
	@echo "make bench           Countersign beside what people would use instead (BENCH='--quick', 'overhead', '--help', …)"
	@echo "make bench-growth    what pages and the queue cost at a thousand and a million finished tasks (BENCH=…)"
	@echo "make chaos           break everything around Countersign, and check that it keeps its promises (CHAOS='--help', …)"
	@echo "make attack          a model that is entirely an attacker's, and what it gets done: nothing"
	@echo "make chaos-quick     a short form of it"
	@echo "make clean           remove the virtual environment and what tools left (never the data folder)"

venv:
	@sh scripts/venv $(VENV) requirements.lock

venv-dev:
	@sh scripts/venv $(VENV) requirements-dev.lock requirements.lock

run: venv
	@exec $(PYTHON_RUN) manage.py up --host "$(HOST)" --port "$(PORT)" --data-dir "$(DATA)" $(if $(filter no,$(DEMO)),--no-demo)

manage: venv
	@COUNTERSIGN_DATA="$(DATA)" $(PYTHON_RUN) manage.py $(do)

test: venv-dev
	@env -u DATABASE_URL -u REDIS_URL $(PYTHON_RUN) -m pytest -n $(TESTS_AT_ONCE) -m "not services" $(PYTEST_ARGS)

test-services: venv-dev
	@DATABASE_URL="$(SERVICES_DATABASE_URL)" REDIS_URL="$(SERVICES_REDIS_URL)" $(PYTHON_RUN) -m pytest -n $(TESTS_AT_ONCE) $(PYTEST_ARGS)

bench: venv
	@$(PYTHON_RUN) -m bench $(BENCH)

bench-growth: venv
	@$(PYTHON_RUN) -m bench.growth $(BENCH)

check: lint deploy-check

lint: venv-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy $(CODE) manage.py
	$(VENV)/bin/lint-imports
	DJANGO_SETTINGS_MODULE=tests.settings $(PYTHON_RUN) manage.py makemigrations --check --dry-run

# Production's settings, complete and with nothing real in them.
deploy-check: export COUNTERSIGN_ENV_FILE = /dev/null
deploy-check: export SECRET_KEY = only-for-this-check-0123456789-abcdefghijklmnopqrstuvwxyz
deploy-check: export ALLOWED_HOSTS = countersign.example
deploy-check: export DATABASE_URL = postgres://countersign@database.example/countersign
deploy-check: export REDIS_URL = redis://redis.example/0
deploy-check: venv-dev
	$(PYTHON_RUN) manage.py collectstatic --noinput --verbosity 0
	$(PYTHON_RUN) manage.py check --deploy --fail-level WARNING

format: venv-dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

lock:
	@sh scripts/lock $(if $(filter yes,$(UPGRADE)),--upgrade)

clean:
	rm -rf $(VENV) .venv-lock staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

chaos: venv
	@exec $(PYTHON_RUN) -m chaos $(CHAOS)

attack: venv
	@$(PYTHON_RUN) manage.py attack

# The short form, for every change. It judges no time, so that a busy machine only makes it longer.
chaos-quick: venv
	@$(PYTHON_RUN) -m chaos --tasks 40 --seconds 12 --workers 2 --seed 1 --no-recovery --patience 600 $(CHAOS)
