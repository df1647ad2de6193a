# Everything a newcomer needs: `make demo` shows undisc at work, `make test` decides a merge.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

.PHONY: help demo viewer test check bench bench-quick fuzz fuzz-files lock vectors reference torture soak clean

help:
	@echo "make demo          let a study cross between two nodes on this machine"
	@echo "make demo KEEP=1   the same, and leave both nodes running"
	@echo "make test          everything that decides a merge"
	@echo "make check         only the quick checks: style, types, walls, vectors"
	@echo "make torture       kill nodes, cut their power, break their lines: KILLS=1000 CUTS=300 SWEEP=1 PASSES=20 NETWORK=50 SEED=... SUMMARY=..."
	@echo "make soak          let two nodes work for MINUTES=15, and see that nothing grows: SEED=... SUMMARY=soak.json"
	@echo "make viewer        fetch the full viewer (OHIF) with npm and build it into the package"
	@echo "make bench         measure undisc beside what else moves images (about 20 minutes)"
	@echo "make bench-quick   the same with 200 slices, once; also ONLY=fetch,curl,dicomweb SLICES= ROUNDS= JSON="
	@echo "make fuzz          send bytes from nowhere through every decoder, for SECONDS=60 (JOBS, TARGET, INPUT)"
	@echo "make fuzz-files    send hostile and mutated images through a whole node: FILES=20000 (JOBS, SEED)"
	@echo "make reference     generate the reference pages again"
	@echo "make vectors       generate the conformance vectors again"
	@echo "make lock          lock the newest allowed versions of all dependencies"
	@echo "make clean         remove the virtual environment and caches"

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: undisc needs Python 3.11 or newer"; echo "hint: make demo PYTHON=python3.11"; exit 1; }
	@echo "installing into $(VENV) (once; about half a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	@$(PIP) install --require-hashes -r requirements/bench.txt
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev requirements/fuzz.txt
	@$(PIP) install --require-hashes -r requirements/fuzz.txt
	@touch $@

demo: $(VENV)/.run
	@$(BIN)/undisc-node demo $(if $(KEEP),--keep)

viewer:
	@$(PYTHON) node/viewer/build.py

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python protocol/vectors/generate.py --check

# Without npm or a line the viewer is left out, and its tests are skipped.
test: check $(VENV)/.bench
	@$(PYTHON) node/viewer/build.py || echo "the tests of the full viewer are skipped"
	$(BIN)/python -m pytest

bench: $(VENV)/.bench
	@PYTHONPATH=tests $(BIN)/python -m bench $(if $(SLICES),--slices $(SLICES)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(STUDIES),--studies $(STUDIES)) $(if $(JSON),--json $(JSON))

bench-quick:
	@$(MAKE) --no-print-directory bench SLICES=$(or $(SLICES),200) ROUNDS=$(or $(ROUNDS),1)

fuzz: $(VENV)/.fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzz.campaign --seconds $(or $(SECONDS),60) --jobs $(or $(JOBS),1) \
		--target "$(TARGET)" $(if $(INPUT),--input $(INPUT))

fuzz-files: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python -m support.hostile_campaign --files $(or $(FILES),20000) --jobs $(or $(JOBS),1) \
		--seed $(or $(SEED),1)

vectors: $(VENV)/.dev
	$(BIN)/python protocol/vectors/generate.py

torture: $(VENV)/.dev
	PYTHONPATH=tests nice $(BIN)/python -m support.torture --kills $(or $(KILLS),1000) --cuts $(or $(CUTS),300) \
		--sweep $(or $(SWEEP),1) --passes $(or $(PASSES),20) --network $(or $(NETWORK),50) \
		$(if $(SEED),--seed $(SEED)) --summary $(or $(SUMMARY),torture.json)

soak: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python -m support.soak --minutes $(or $(MINUTES),15) \
		$(if $(SEED),--seed $(SEED)) --summary $(or $(SUMMARY),soak.json)

reference: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python -m support.reference

lock:
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/build.in -o requirements/build.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml requirements/dev.in -o requirements/dev.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/bench.in -o requirements/bench.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/fuzz.in -o requirements/fuzz.txt

clean:
	rm -rf $(VENV) .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
