SHELL := /bin/bash
.DEFAULT_GOAL := help
RUN := exec node --import tsx
BUILT := $(RUN) scripts/run.ts
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

##@ Use it
up: packages ## Start Tidemark with everything it needs; Ctrl-C stops it
	@$(BUILT) scripts/up.ts

subscriber: packages ## Count events by type, each exactly once (an example: docs/subscribing.md)
	@$(RUN) scripts/subscriber.ts

up-split: packages ## The same with each role in processes of its own, which are started again when they die
	@$(BUILT) scripts/up.ts --split

tour: packages ## Do the whole job once against the running Tidemark
	@$(RUN) scripts/tour.ts

##@ Work on it
test: packages ## Run every test on throw-away servers (f="a.test.ts …" for some)
	@$(RUN) scripts/test.ts $(f)

test-faults: packages ## Run the fault tests at length, 20 seeds of each (f="a.test.ts …" for some)
	@FAULT_SEEDS=$${FAULT_SEEDS:-20} $(RUN) scripts/test.ts $(or $(f),$(sort $(shell find test/fault -name '*.test.ts')))

check: types lint boundaries unused ## Everything that needs no server

types: packages ## Type-check
	@tsc -p .

lint: packages ## Format and lint
	@biome check --error-on-warnings .

boundaries: packages ## Who may import whom (ARCHITECTURE.md)
	@node --import tsx scripts/boundaries.ts

unused: packages ## Files, exports and packages that nothing uses
	@knip

bench: packages ## Measure throughput and latency against their limits
	@$(BUILT) scripts/bench.ts

soak: packages ## Ten minutes of mixed load: memory must stay flat
	@$(BUILT) scripts/soak.ts

story: packages ## List the files of one context, layer by layer (c=installer)
	@$(RUN) scripts/story.ts "$(c)"

help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# npm writes this file at the end of an install: older than the lock file = stale.
packages: node_modules/.package-lock.json
	@node scripts/check-node.cjs

node_modules/.package-lock.json: package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Tidemark needs Node with npm: https://nodejs.org"; exit 1; }
	@node scripts/check-node.cjs
	@echo "Installing npm packages from the registry that npm is configured with …"
	@npm ci --ignore-scripts --no-progress --no-update-notifier --loglevel=error
	@touch $@

.PHONY: up up-split subscriber tour test test-faults check types lint boundaries unused bench soak story help packages
