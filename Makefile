# `make help` lists the targets. CI (.ci/run) runs some of them in a row and nothing else.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO        ?= go
FUZZTIME  ?= 10s
# More flags for go test, such as TESTFLAGS='-run TestDecide -v'.
TESTFLAGS ?=
# The packages that test, cover and build look at.
PKG       ?= ./...
# Arguments of the demo, such as DEMOFLAGS=--serve.
DEMOFLAGS ?=

# What keyrotator version tells.
STAMP = -X main.version=$(shell git describe --tags --always --dirty 2>/dev/null) \
	-X main.commit=$(shell git rev-parse HEAD 2>/dev/null) \
	-X main.date=$(shell TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)

SCRIPTS := .ci/run $(wildcard internal/tools/release/packaging/scripts/*.sh internal/tools/*.sh internal/tools/*/*.sh examples/*/*.sh)
LINT     = "$$(internal/tools/install.sh lint)/golangci-lint"

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/keyrotator
	$(GO) build -trimpath -ldflags '$(STAMP)' -o bin/keyrotator ./cmd/keyrotator

.PHONY: demo
demo: ## rotate a few users of the embedded AWS and watch (needs nothing)
	$(GO) run ./cmd/keyrotator demo $(DEMOFLAGS)

.PHONY: test
test: ## every test, with the race detector, then the crash search; installs the foreign clients it needs
	@internal/tools/packages.sh test
	@internal/tools/install.sh vault >/dev/null
	@internal/tools/install.sh kubernetes >/dev/null
	@internal/tools/install.sh helm >/dev/null
	@internal/tools/grafana/install.sh >/dev/null
	$(GO) test -race -timeout 20m $(TESTFLAGS) $(PKG)
	$(MAKE) --no-print-directory crash-search

.PHONY: alerts-test
alerts-test: ## the chart's alert rules, runbook and dashboard, with promtool and a Prometheus that scrapes the daemon
	@internal/tools/packages.sh test
	@internal/tools/install.sh helm >/dev/null
	@internal/tools/grafana/install.sh >/dev/null
	$(GO) test -count=1 -timeout 10m $(TESTFLAGS) ./internal/tools/alerts

# Faults in one history of the crash search, without and with somebody from outside.
FAULTS       ?= 4
MOVED_FAULTS ?= 2

.PHONY: crash-search
crash-search: ## every crash point of a cycle with up to FAULTS faults (bulk: no race detector)
	KEYROTATOR_SEARCH_FAULTS=$(FAULTS) KEYROTATOR_SEARCH_MOVED_FAULTS=$(MOVED_FAULTS) \
		$(GO) test -count=1 -timeout 60m -run '^Test(NoCrash|NoLost|NoDrift)' -v ./rotator | grep -vE '^(=== |--- |    ---)'

# Histories of the simulator, the seed of the first, and a bug to plant, such as delete-the-oldest.
SEEDS      ?= 1000
FIRST_SEED ?= 1
PLANT      ?=

.PHONY: simulate
simulate: ## SEEDS histories of one user with faults at any call, from FIRST_SEED on; PLANT is a bug to plant
	@$(GO) run $(if $(PLANT),-tags planted) ./internal/tools/simulate -seeds $(SEEDS) -first $(FIRST_SEED) $(if $(PLANT),-plant $(PLANT))

.PHONY: simulate-pairs
simulate-pairs: ## every two faults at every two call boundaries of one rotation
	@$(GO) run ./internal/tools/simulate -pairs

# A commit or tag; empty for the newest release.
PREVIOUS ?=

.PHONY: upgrade
upgrade: ## a previous version (PREVIOUS=commit) before and beside this one, on the same journals, for whole cycles
	@internal/tools/upgrade.sh $(PREVIOUS)

.PHONY: mutants
mutants: ## the planted bugs: each must be found by the test named beside it
	@internal/tools/mutants.sh

# short: a fixed seed, what CI runs. long: KILLS=1000 kills for each journal. failover: how long
# the users of a dead replica wait. share: three replicas against one.
CHAOS ?= long

.PHONY: chaos
chaos: ## the real program, killed and starved at random while consumers sign in (CHAOS=short|long|failover|share); needs root
	@internal/tools/chaos/run.sh $(CHAOS)

.PHONY: chart-test
chart-test: ## the chart: lint, suites, schemas, its README, and the program on its ConfigMaps
	@internal/tools/install.sh helm >/dev/null
	$(GO) test -count=1 ./charts/...

.PHONY: k8s-test
k8s-test: ## the chart and the program in a real control plane, with Prometheus and Alertmanager; needs root
	@internal/tools/packages.sh test
	@internal/tools/install.sh kubernetes >/dev/null
	@internal/tools/install.sh helm >/dev/null
	$(GO) run ./internal/tools/k8s

.PHONY: cover
cover: ## test coverage by function, and coverage.html
	$(GO) test -timeout 20m -coverprofile=coverage.out -coverpkg=./... $(TESTFLAGS) $(PKG)
	$(GO) tool cover -html=coverage.out -o coverage.html
	$(GO) tool cover -func=coverage.out

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each (FUZZTIME=10s)
	@grep -roE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' cmd config rotator store | sort \
	| while IFS=: read -r file func; do \
		name="$${func#func }"; \
		echo "==> $$(dirname "$$file") $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime '$(FUZZTIME)' "./$$(dirname "$$file")"; \
	done

.PHONY: lint
lint: lint-modules lint-scripts ## modules, scripts, go vet and golangci-lint
	$(GO) vet ./...
	$(LINT) run ./...

.PHONY: lint-modules
lint-modules: ## go.mod is tidy and the downloaded modules are what go.sum says
	$(GO) mod tidy -diff
	$(GO) mod verify

.PHONY: lint-scripts
lint-scripts: ## shellcheck
	@internal/tools/packages.sh lint
	shellcheck $(SCRIPTS)

.PHONY: vulncheck
vulncheck: ## known vulnerabilities; says so where the database cannot be reached
	@internal/tools/vulncheck.sh

.PHONY: fmt
fmt: ## gofmt, and imports in groups: standard library, others, ours
	$(LINT) fmt ./...

.PHONY: generate
generate: ## rewrite the generated references (schema, metrics, commands, chart)
	@internal/tools/install.sh helm >/dev/null
	$(GO) generate ./...

.PHONY: check-generated
check-generated: generate ## fail if a generated file was stale (commit your own changes first)
	git diff --exit-code

# The name of an image that is pushed, and the digests of its bases: no defaults.
IMAGE       ?=
GO_DIGEST   ?=
BASE_DIGEST ?=

.PHONY: image
image: ## build the image IMAGE for PLATFORM=linux/amd64 or linux/arm64, on GO_DIGEST and BASE_DIGEST
	@GO_DIGEST='$(GO_DIGEST)' BASE_DIGEST='$(BASE_DIGEST)' internal/tools/image/build.sh '$(IMAGE)'

.PHONY: image-test
image-test: ## build the image on stand-ins for its bases, look into it, run it, build it again elsewhere; needs root
	@internal/tools/packages.sh image
	@internal/tools/image/test.sh

.PHONY: release-test
release-test: ## make archives, deb, rpm, SBOM and checksums without publishing, and try the deb on a systemd; needs root
	@internal/tools/packages.sh release
	@internal/tools/release/test.sh

.PHONY: packages
packages: ## install the Debian packages that the tests and the lint need
	@internal/tools/packages.sh test
	@internal/tools/packages.sh lint

.PHONY: tools
tools: ## build the pinned tools into the cache outside this tree
	@internal/tools/install.sh lint
	@internal/tools/install.sh vault # the first time for nine CPU-minutes
	@internal/tools/install.sh kubernetes # the first time for ten CPU-minutes
	@internal/tools/install.sh helm # the first time for three CPU-minutes
	@internal/tools/grafana/install.sh
	@internal/tools/install.sh release # the first time for six CPU-minutes

.PHONY: clean
clean: ## remove what was built here; the tools' cache stays
	rm -rf bin dist coverage.out coverage.html

.PHONY: clean-tools
clean-tools: ## remove the built tools of every version
	rm -rf "$${KEYROTATOR_TOOLS:-$${XDG_CACHE_HOME:-$$HOME/.cache}/keyrotator-tools}"
