# What a newcomer needs: make demo, make test. What CI adds: make check.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo dagster test check docs kafka lock clean

help:
	@echo "make demo    simulate the 2017 programme and take it to published rates"
	@echo "make dagster run everything unattended: schedules, sensors and a page on http://127.0.0.1:3000"
	@echo "make test    the whole suite"
	@echo "make check   linters, types, import rules, generated docs"
	@echo "make docs    write the generated docs anew"
	@echo "make kafka   a Kafka broker on localhost:9092 for development (Java and Maven)"
	@echo "make lock    resolve the dependencies anew (uv)"

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Two stages: who only wants the demo does not wait for the test tools.
$(VENV)/installed: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV) (once; a few minutes on a slow network) …"
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: requirements/dev.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/installed-dagster: requirements/dagster.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dagster.txt
	@touch $@

# The Open University's dataset is taken along where it is: make demo OULAD=folder
OULAD ?= $(wildcard $(or $(XUEQING_SHARED_DATA),../shared/data)/oulad)
demo: $(VENV)/installed
	@$(BIN)/xueqing demo $(if $(OULAD),--oulad $(OULAD))

PORT ?= 3000
dagster: $(VENV)/installed-dagster
	DAGSTER_HOME=$(CURDIR)/dagster_home $(BIN)/dagster dev -m pipelines.definitions -h 127.0.0.1 -p $(PORT)

test: $(VENV)/installed-dev
	@$(BIN)/python -m pytest

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests
	$(BIN)/python -m tests.generated_docs --check

docs: $(VENV)/installed-dev
	$(BIN)/python -m tests.generated_docs

kafka: $(VENV)/installed-dev
	@$(BIN)/python -m tests.kafka_broker

lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --no-strip-extras -o requirements/runtime.txt
	uv pip compile pyproject.toml --group dev --extra dagster --extra fast --extra spark --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --no-strip-extras -c requirements/runtime.txt -o requirements/dev.txt
	uv pip compile pyproject.toml --extra dagster --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --no-strip-extras -c requirements/runtime.txt -o requirements/dagster.txt
	printf 'hatchling>=1.27\neditables\n' | uv pip compile - -c requirements/runtime.txt --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --no-strip-extras -o requirements/build.txt

clean:
	rm -rf $(VENV) xueqing-data
