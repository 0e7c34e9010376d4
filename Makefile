PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROTO_VENV := build/proto-venv
PEERS_VENV := build/peers-venv
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help demo test test-peers soak bench bench-nn bench-peers bench-recovery bench-data bench-scale lint format proto dashboards lock clean

help:                ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

demo: $(VENV)/demo   ## train on handwritten digits: a service, a job, its model
	$(BIN)/chainrule demo

test: $(VENV)/development $(PROTO_VENV)/installed   ## run all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

test-peers: $(PEERS_VENV)/installed   ## compare gradients, optimizers and schedules with PyTorch (some GB)
	$(PEERS_VENV)/bin/python tests/peers/compare.py $(ARGS)

soak: $(VENV)/development   ## run the long tests: schedules and processes full of faults
	$(BIN)/python -m pytest -m soak --timeout=3600 $(ARGS)

bench: $(VENV)/development   ## measure whole training by two workers, beside its limit and other libraries
	$(BIN)/python tests/benchmarks/bench.py $(and $(wildcard $(PEERS_VENV)/installed),--peers $(PEERS_VENV)/bin/python) $(ARGS)

bench-peers: $(PEERS_VENV)/installed   ## install what `make bench` compares with: PyTorch and scikit-learn (some GB)

bench-nn: $(VENV)/development   ## measure the training step and the optimizers, one thread, beside their limits
	$(BIN)/python tests/benchmarks/bench_nn.py $(ARGS)

bench-data: $(VENV)/development   ## measure the ingest of 2 million rows beside pyarrow alone, its memory, and predictions
	$(BIN)/python tests/benchmarks/bench_data.py $(ARGS)

bench-scale: $(VENV)/development   ## check the model of `chainrule plan` by real runs, and tell how training grows with workers
	$(BIN)/python tests/benchmarks/bench_scale.py $(ARGS)

bench-recovery: $(VENV)/development   ## measure what safety costs, and how long training takes to go on after each fault
	$(BIN)/python tests/benchmarks/bench_recovery.py $(ARGS)

lint: $(VENV)/development   ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/development   ## put the code into the common format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: $(PROTO_VENV)/installed   ## generate Python from the .proto files
	$(PROTO_VENV)/bin/python proto/generate.py proto/chainrule/v1

dashboards: $(VENV)/development   ## write Grafana's dashboards from their code
	$(BIN)/python deploy/grafana/dashboards.py deploy/grafana/dashboards

lock: $(VENV)/development   ## pin all dependencies anew, with hashes
	$(COMPILE) --extra demo pyproject.toml -o deploy/requirements.txt
	$(COMPILE) --extra demo --group dev pyproject.toml -c deploy/requirements.txt -o tests/requirements.txt
	$(COMPILE) --group build -c tests/requirements.txt -o deploy/build-requirements.txt
	$(COMPILE) --group proto -o proto/requirements.txt
	$(COMPILE) --group peers -c tests/requirements.txt -o tests/benchmarks/requirements.txt

clean:               ## remove everything that was made here
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment counts as made when its stamp is there; a change of what it is made from makes it anew.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Chainrule needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: deploy/requirements.txt deploy/build-requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r deploy/requirements.txt -r deploy/build-requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/development: tests/requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r tests/requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@ $(VENV)/demo

$(PROTO_VENV)/installed: proto/requirements.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/python -m pip install --quiet --require-hashes -r proto/requirements.txt
	touch $@

$(PEERS_VENV)/installed: tests/benchmarks/requirements.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --require-hashes -r tests/benchmarks/requirements.txt
	touch $@
