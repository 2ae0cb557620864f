# Every target is one line that anyone could type. `make help` lists them.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LABGRID := .venv-labgrid/.ready
OCPP ?= 2.0.1
KEEP ?=
BENCH ?=
HIL := -p hil.plugin hil/scenarios $(patsubst %,--bench %,$(sort $(wildcard hil/benches/*.toml)))
HIL += -n 4 --dist loadgroup --junitxml build/hil/junit.xml
HIL_REPORT := python -m hil.report build/hil/results build/hil/report.html
NOT_BUILT := deb image boot-test boot-test-long

.PHONY: help venv check format test test-again test-slow test-independent browser test-browser labgrid-venv test-labgrid test-boot-tools test-hsm demo bench hil hil-quick pics schema diagram lock clean $(NOT_BUILT)

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/'

venv: $(READY) ## create .venv with locked dependencies (every other target does it by itself)

$(READY): requirements/dev.txt requirements/source.txt pyproject.toml packaging/make-venv
	@sh packaging/make-venv $(VENV) && touch $(READY)

check: $(READY) ## format, lint, types, import contracts
	$(BIN)/ruff format --check && $(BIN)/ruff check && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

format: $(READY) ## format all code
	$(BIN)/ruff check --fix-only && $(BIN)/ruff format

test: $(READY) ## unit and story tests
	$(BIN)/pytest -n 4 --dist worksteal -m "not slow and not browser"

test-again: $(READY) ## what failed in the last `make test`, once more, one after the other: fails too, or is unsteady
	$(BIN)/pytest -m "not slow and not browser" --last-failed --last-failed-no-failures none

browser: ## a browser for `make test-browser`: Debian's chromium, installed if there is none (as root)
	@for name in chromium chromium-browser google-chrome; do command -v $$name && exit 0; done; [ "$$(id -u)" = 0 ] || { echo "make browser: a browser is needed; install chromium, or call me as root" >&2; exit 1; }; apt-get update && apt-get install -y --no-install-recommends chromium

test-browser: $(READY) browser ## look at the report of the bench with a real browser
	$(BIN)/pytest -m browser

test-slow: $(READY) ## tests that take minutes: kills, long random sequences
	$(BIN)/pytest -n 8 --dist worksteal -m "slow and not labgrid and not independent and not boot_tools and not hsm"

test-independent: $(READY) ## sessions at a strict OCPP 1.6 server by other people; installs Debian's node if there is none (as root)
	@command -v npm >/dev/null || { [ "$$(id -u)" = 0 ] || { echo "make test-independent: install nodejs and npm, or call me as root" >&2; exit 1; }; apt-get update && apt-get install -y --no-install-recommends nodejs npm; }
	npm ci --prefix tests/independent_csms && $(BIN)/pytest -m independent

labgrid-venv: $(LABGRID) ## create .venv-labgrid: labgrid apart, since its fork of pyserial would overwrite ours

$(LABGRID): requirements/labgrid.txt packaging/make-labgrid-venv
	@sh packaging/make-labgrid-venv .venv-labgrid && touch $(LABGRID)

test-labgrid: $(READY) $(LABGRID) ## a bench that a real labgrid lends; installs Debian's ser2net if there is none (as root)
	@[ -x /usr/sbin/ser2net ] || { [ "$$(id -u)" = 0 ] || { echo "make test-labgrid: install ser2net, or call me as root" >&2; exit 1; }; apt-get update && apt-get install -y --no-install-recommends ser2net; }
	$(BIN)/pytest -m labgrid

test-boot-tools: $(READY) ## boot loaders by their own tools; installs Debian's avrdude if there is none (as root)
	@command -v avrdude >/dev/null || { [ "$$(id -u)" = 0 ] || { echo "make test-boot-tools: install avrdude, or call me as root" >&2; exit 1; }; apt-get update && apt-get install -y --no-install-recommends avrdude; }
	$(BIN)/pytest -m boot_tools

test-hsm: $(READY) ## the station's key on a token: SoftHSM; installs Debian's softhsm2 and opensc if there are none (as root)
	@command -v softhsm2-util pkcs11-tool >/dev/null && [ -e /usr/lib/softhsm/libsofthsm2.so ] || { [ "$$(id -u)" = 0 ] || { echo "make test-hsm: install softhsm2 and opensc, or call me as root" >&2; exit 1; }; apt-get update && apt-get install -y --no-install-recommends softhsm2 opensc; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r requirements/pkcs11.txt && $(BIN)/pytest -m hsm

demo: $(READY) ## one charging session, live; OCPP=1.6 or 2.0.1; KEEP=1 leaves it running
	$(BIN)/pilotline-bench demo --ocpp $(OCPP) $(if $(KEEP),--keep)

bench: $(READY) ## benchmarks: a table and a JSON file; BENCH=--quick: fewer and shorter runs
	$(BIN)/python -m tests.benchmarks $(BENCH)

hil: $(READY) ## every scenario on every bench of hil/benches; verdicts and plots in build/hil/report.html
	rm -rf build/hil; $(BIN)/pytest $(HIL); played=$$?; $(BIN)/$(HIL_REPORT) && exit $$played

hil-quick: $(READY) ## each scenario on one bench, and the same report
	rm -rf build/hil; $(BIN)/pytest $(HIL) --bench-quick; played=$$?; $(BIN)/$(HIL_REPORT) && exit $$played

pics: $(READY) ## the conformance page of OCPP 1.6 in build/: text and HTML, each claim with its tests
	$(BIN)/python -m tests.conformance build/pics.txt build/pics.html

schema: $(READY) ## write docs/agent-config.schema.json
	$(BIN)/python -m agent.config_check > docs/agent-config.schema.json

diagram: $(READY) ## write what is drawn from tables: the session's states, the tables of faults
	$(BIN)/python -m agent.domain.state_diagram ARCHITECTURE.md && $(BIN)/python -m agent.domain.fault_table docs/technician.md && $(BIN)/python -m agent.csms.v16.fault_names docs/csms-operator.md

lock: $(READY) ## resolve the dependencies anew into requirements/
	sh packaging/lock $(BIN)

clean: ## remove .venv and all caches
	rm -rf $(VENV) .venv-labgrid .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info

$(NOT_BUILT):
	@echo "make $@: not built; README.md says what this version can do." >&2; exit 1
