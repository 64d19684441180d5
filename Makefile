# Every command does its own set-up. What they do in more than a line or two stands in tests/tools/.

export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Ansible needs an UTF-8 locale; a bare machine may name none, or one that is not there.
export LC_ALL := C.UTF-8
export PIP_DISABLE_PIP_VERSION_CHECK := 1

DEMO_VENV := .venv/.demo-ready
DEV_VENV := .venv/.dev-ready
PYTEST := pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10 --durations-min 10

.PHONY: help demo test check lint sanity unit integration molecule soak bench clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: $(DEMO_VENV) ## builds the demo estate and runs this week's maintenance on it
	ansible-playbook playbooks/demo.yml
	ansible-playbook playbooks/weekly.yml

test: $(DEV_VENV) ## everything that CI runs
	@tests/tools/packages test molecule
	@$(MAKE) --no-print-directory --output-sync=target -j2 lint sanity
	$(PYTEST) -m "not soak" tests/molecule tests/integration tests/unit

check: $(DEV_VENV) ## the quick tier while working: lint, unit, integration
	@tests/tools/packages test
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -m "not soak" tests/integration tests/unit

lint: $(DEV_VENV) ## every linter
	ruff check
	ruff format --check
	mypy -p ansible_collections.careops.maintenance.plugins -p tests
	yamllint --strict .
	ansible-lint
	antsibull-changelog lint

sanity: $(DEV_VENV) ## ansible-test sanity, on a copy of what git knows
	python -m tests.tools.sanity

unit: $(DEV_VENV) ## logic alone, seconds
	pytest tests/unit

integration: $(DEV_VENV) ## modules and playbooks against real servers
	@tests/tools/packages test
	$(PYTEST) -m "not soak" tests/integration

molecule: $(DEV_VENV) ## whole runs on real systemd hosts
	@tests/tools/packages molecule
	pytest -vv --durations 0 tests/molecule

soak: $(DEV_VENV) ## long matrices, not part of the tests
	@tests/tools/packages test molecule
	pytest -m soak

bench: $(DEV_VENV) ## measurements beside what a user would use instead
	@tests/tools/packages test
	python -m tests.bench

clean: ## removes whatever the commands above made, the demo's server too
	@tests/tools/clean

$(DEMO_VENV): requirements.txt
	@tests/tools/venv requirements.txt && touch $@

$(DEV_VENV): requirements.txt requirements-dev.txt
	@tests/tools/venv requirements-dev.txt && touch $(DEMO_VENV) $@
