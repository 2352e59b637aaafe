# honeycomb.cloud: `make help` lists what there is to do. Needs root on Debian 12 or 13 with git, python3 and make; the rest is installed here.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON := /usr/bin/python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# By default molecule remembers in the home directory, by the checkout's name alone, that a lab was created, even when it is long gone.
export MOLECULE_EPHEMERAL_DIRECTORY := $(CURDIR)/.cache/molecule
# What is used of Ansible's bundle, requirements-collections.txt: filters of networks, what benchmarks compare with, what awx/configure.yml calls.
COLLECTIONS := ansible.utils ansible.posix awx.awx
# Extra arguments for ansible-playbook, for example: make cloud ARGS='--check --diff'
ARGS ?=
HOST ?= control1
PROTOCOL ?= icmp
PORT ?= 80
NODE ?= node2
LAB_STATE ?= /var/lib/honeycomb/labs/hc
# Scenarios of which nothing changed since they were proven run as long as the whole is within this time.
BUDGET ?= 75m
SCENARIOS ?=
UPGRADE ?= --upgrade
SIZES ?= 10 100 400
SUITE ?= conformance
STARTED := $(shell date +%s)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Two makes at a time must not install into one folder, therefore the lock; the second looks again then, and finds the work done.
.PHONY: setup
setup: ## Install the deployment host's Python packages into .venv
	@mkdir -p .cache && flock .cache/setup.lock $(MAKE) --silent --no-print-directory $(VENV)/.collections

$(VENV)/.complete: requirements.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends python3-venv >/dev/null; }
	@echo "Installing the pinned Python packages into $(VENV) (about a minute, once)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $(VENV)/.complete

# The file holds the list, so that a collection that is added to it is installed too.
ifneq ($(shell cat $(VENV)/.collections 2>/dev/null),$(COLLECTIONS))
.PHONY: $(VENV)/.collections
endif
$(VENV)/.collections: $(VENV)/.complete requirements-collections.txt
	@rm -rf .cache/collections
	@$(VENV)/bin/pip download --quiet --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-collections.txt \
	  --dest .cache/collections
	@$(VENV)/bin/python tests/tools/install_collections.py .cache/collections \
	  "$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" $(COLLECTIONS)
	@rm -rf .cache/collections
	@echo "$(COLLECTIONS)" >$(VENV)/.collections

.PHONY: cloud
cloud: setup ## Boot the lab and roll the whole cloud out on it; again: changes nothing
	ansible-playbook playbooks/lab/cloud.yml $(ARGS)

.PHONY: verify
verify: setup ## Prove the running cloud from a user's view
	ansible-playbook playbooks/verify.yml $(ARGS)

.PHONY: drill
drill: setup ## Cut the power of a node that carries a database, recover it elsewhere, show the timeline (NODE=node2), take the node back
	ansible-playbook playbooks/lab/state.yml -e lab_state=powered_off -e '{"lab_hosts": ["$(NODE)"]}'
	ansible-playbook playbooks/day2/node/failure.yml -e failed_node=$(NODE)
	ansible-playbook playbooks/lab/state.yml -e lab_state=started -e '{"lab_hosts": ["$(NODE)"]}'
	ansible-playbook playbooks/day2/node/rejoin.yml -e rejoined_node=$(NODE)

.PHONY: cert-report
cert-report: setup ## List every certificate with the day it expires
	ansible-playbook playbooks/day2/certificate/report.yml $(ARGS)

.PHONY: trace
trace: setup ## Tell why A cannot reach B: make trace FROM=red.front.client TO=red.back.db1 PROTOCOL=tcp PORT=5432
	ansible-playbook playbooks/day2/network/trace.yml -e trace_from=$(FROM) -e trace_to=$(TO) -e trace_protocol=$(PROTOCOL) -e trace_port=$(PORT) $(ARGS)

.PHONY: lab-status
lab-status: setup ## Show the lab's hosts
	@PYTHONPATH=collections python -m ansible_collections.honeycomb.cloud.plugins.module_utils.lab.status --state-dir $(LAB_STATE)

.PHONY: lab-shell
lab-shell: setup ## Open a shell on a lab host: make lab-shell HOST=control1
	@ssh -F $(LAB_STATE)/ssh/config $(HOST)

.PHONY: lab-down
lab-down: setup ## Remove the lab and everything it left on this machine; the caches stay
	ansible-playbook playbooks/lab/remove.yml $(ARGS)

.PHONY: test
test: lint unit sanity lab-test scenarios ## Run what must hold, on lab hosts of its own: what a change touches, and the rest in turn, within BUDGET

.PHONY: test-all
test-all: SCENARIOS = --all
test-all: lint unit sanity lab-test scenarios ## Run everything that must hold, however long it takes

.PHONY: lint
lint: setup ## Check style and documentation
	tests/tools/timed "yamllint" yamllint --strict .
	tests/tools/timed "ruff" ruff check .
	tests/tools/timed "ruff format" ruff format --check .
	tests/tools/timed "ansible-lint" ansible-lint --offline --strict
	tests/tools/timed "antsibull-docs" antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .
	tests/tools/timed "antsibull-changelog" antsibull-changelog lint

.PHONY: unit
unit: setup ## Run the unit tests, the bad-input tests and the tests of the built collection
	tests/tools/timed "unit tests" pytest -q tests/unit tests/inventory tests/package

.PHONY: sanity
sanity: setup ## Check the built collection as Galaxy and Automation Hub do: galaxy-importer, and the sanity tests of ansible-test
	tests/tools/timed "sanity tests" tests/tools/sanity

.PHONY: lab-test
lab-test: setup ## Test the lab itself: boot, power loss, partition, snapshot, repair
	ansible-playbook playbooks/lab/install.yml
	tests/tools/timed "lab tests" pytest -q tests/lab

.PHONY: scenarios
scenarios: setup ## Run the Molecule scenarios on freshly created lab hosts; some alone: make scenarios SCENARIOS='network storage'
	tests/tools/timed "scenarios" python tests/tools/scenarios.py --budget $(BUDGET) --since $(STARTED) $(SCENARIOS)

.PHONY: test-failover
test-failover: setup ## Lose nodes of the running lab in every way that tests/failover knows (12 minutes)
	HONEYCOMB_INVENTORY=$(CURDIR)/inventories/lab HONEYCOMB_LAB_STATE=$(LAB_STATE) pytest -q -p no:cacheprovider tests/failover

.PHONY: test-storage
test-storage: setup ## Lose disks, monitors and a node under the running lab's Ceph (10 minutes)
	HONEYCOMB_INVENTORY=$(CURDIR)/inventories/lab HONEYCOMB_LAB_STATE=$(LAB_STATE) pytest -q -p no:cacheprovider tests/storage

.PHONY: bench
bench: export HONEYCOMB_INVENTORY := tests/benchmarks/inventory
bench: export HONEYCOMB_LAB_STATE := /var/lib/honeycomb/labs/hcb
bench: setup ## Measure everything on a fresh lab of its own: the roll-out, tenants' networks, storage, the loss of a node (25 minutes)
	python tests/benchmarks/run.py --keep
	python tests/benchmarks/network.py
	python tests/benchmarks/storage.py
	python tests/benchmarks/failover.py
	ansible-playbook -i $(HONEYCOMB_INVENTORY) playbooks/lab/remove.yml

.PHONY: bench-network
bench-network: setup ## Measure on the running lab how fast 100 networks with 1,000 ports are declared
	python tests/benchmarks/network.py

.PHONY: bench-scale
bench-scale: setup ## Measure what the deployment host spends per host with 10, 100, 400 hosts, without a connection: make bench-scale SIZES='10 100'
	python tests/benchmarks/scale.py $(SIZES)

.PHONY: bench-storage
bench-storage: setup ## Measure storage on the running lab: lists against single calls, the SSD profile
	python tests/benchmarks/storage.py

.PHONY: bench-failover
bench-failover: setup ## Measure on the running lab how long the loss of a node with 1, 5 and 10 databases takes
	python tests/benchmarks/failover.py

.PHONY: conformance
conformance: setup ## Run Kubernetes' own tests against the running lab: make conformance, SUITE=network-policy, or with ARGS='--focus sig-apps'
	python tests/tools/conformance.py $(SUITE) $(ARGS)

.PHONY: execution-environment
execution-environment: setup ## Write the build context of the execution environment for AWX into .cache/execution-environment
	python tests/tools/execution_environment.py .cache/execution-environment

.PHONY: docs
docs: setup ## Build the reference of modules, roles and plugins as HTML into .cache/docs
	tests/tools/build-docs .cache/docs

.PHONY: tables
tables: setup ## Write the tables that follow from the components' declarations into docs/
	python tests/tools/component_tables.py

.PHONY: go-mod
go-mod: setup ## Pin another version of a program that is built from a Go module: make go-mod PROGRAM=kubernetes VERSION=1.37.2
	python tests/tools/go_modules.py $(PROGRAM) $(VERSION)

.PHONY: lock
lock: UV := .cache/lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-annotate \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
lock: ## Pin what requirements.in and requirements-collections.in name again, with hashes (UPGRADE= keeps versions that fit)
	rm -rf .cache/lock && $(PYTHON) -m venv .cache/lock && .cache/lock/bin/pip install --quiet uv==0.13.9
	$(UV) $(UPGRADE) --output-file requirements.txt requirements.in
	$(UV) --no-deps --output-file requirements-collections.txt requirements-collections.in
