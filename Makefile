# Every target works from a fresh clone: the first one to run makes .venv and installs into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.PHONY: demo dev test check crash fuzz bench docs clean

$(VENV)/.dev: pyproject.toml CMakeLists.txt $(wildcard index/kernels/*.cpp index/kernels/*.hpp)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "scikit-build-core>=1.1" "nanobind>=3.1,<4" "cmake>=3.26" ninja
	$(BIN)/python -m pip install -q --no-build-isolation -e ".[dev]"
	sh tools/typing-links.sh
	touch $@

dev: $(VENV)/.dev  ## own virtual environment, editable install, links for type checkers

demo: dev  ## index the documentation inside the Python installation and search it
	$(BIN)/spaniel demo

check: dev  ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p spaniel
	$(BIN)/lint-imports

test: check  ## everything CI runs
	$(BIN)/python -m pytest -m "not crash and not fuzz and not soak and not bench"

crash: dev  ## power loss, kills, I/O errors, damage, concurrent readers
	$(BIN)/python -m pytest -m "crash or soak" --timeout 3600

fuzz: dev
	$(BIN)/python -m pytest -m fuzz --timeout 3600

docs: dev  ## write the commands' page, check links, run the examples
	$(BIN)/python tools/cli_docs.py
	$(BIN)/python -m pytest tests/docs

clean:
	rm -rf $(VENV) build .typing
