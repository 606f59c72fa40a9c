# `make demo` and `make test` need Go, git and make; what the other targets need more, they build or name.

VERSION    ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)
REVISION   ?= $(shell git rev-parse HEAD 2>/dev/null)
BRANCH     ?= $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null)
# The commit's date and not today's: the same commit gives the same binary.
BUILD_DATE ?= $(shell git log -1 --format=%cd --date=format:%Y%m%d-%H:%M:%S 2>/dev/null)

FUZZTIME   ?= 30s
BENCH      ?= .
IMAGE      ?= omegastream_exporter:$(VERSION)

pkg     := github.com/prometheus/common/version
LDFLAGS  = -s -w -X $(pkg).Version=$(VERSION:v%=%) -X $(pkg).Revision=$(REVISION) \
           -X $(pkg).Branch=$(BRANCH) -X $(pkg).BuildDate=$(BUILD_DATE)

# The race detector needs cgo, which Go turns off by itself where there is no C compiler.
RACE    := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# Built once for each version of the linter and of Go, out of a module of its own.
lint_version  = $(shell go list -C tools/golangci-lint -m -f '{{.Version}}' github.com/golangci/golangci-lint/v2)
golangci_lint = .tools/golangci-lint-$(lint_version)-$(shell go env GOVERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run the exporter on a simulated account; needs no key
	@echo "Building. Then look at http://localhost:9877 (pages) and http://localhost:9877/metrics; Ctrl-C ends it."
	@go run -ldflags "$(LDFLAGS)" . --demo

.PHONY: test
test: ## Run all tests; says what was skipped and why (TESTFLAGS=-run=Name)
	@go run ./tools/testsummary $(RACE) $(TESTFLAGS) ./...

.PHONY: build
build: ## Build a static ./omegastream_exporter
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o omegastream_exporter .

.PHONY: fuzz
fuzz: ## Run every fuzz test for a while (FUZZTIME=30s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## Run the benchmarks (BENCH=Name), see docs/performance.md
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: lint
lint: ## Check style, arrows between packages, formatting and go.mod
	go vet ./...
	go mod tidy -diff
	@test -x $(golangci_lint) || { echo "Building golangci-lint, once, in about a minute"; \
		go build -C tools/golangci-lint -o $(CURDIR)/$(golangci_lint) github.com/golangci/golangci-lint/v2/cmd/golangci-lint; }
	$(golangci_lint) run
	@if command -v shellcheck >/dev/null; then shellcheck .ci/*; \
		else echo "Skipped: the scripts in .ci need shellcheck"; test "$$CI" != true; fi

.PHONY: generate
generate: ## Write anew what is generated from the code
	go generate ./...

.PHONY: check-generated
check-generated: ## Fail if `make generate` changes or adds a file
	@.ci/check-generated

.PHONY: image
image: ## Build the container image with docker, podman or buildah
	@for tool in docker podman buildah; do \
		command -v $$tool >/dev/null && $$tool info >/dev/null 2>&1 || continue; \
		set -x; exec $$tool build -t $(IMAGE) --build-arg VERSION=$(VERSION:v%=%) --build-arg REVISION=$(REVISION) \
			--build-arg BRANCH=$(BRANCH) --build-arg BUILD_DATE=$(BUILD_DATE) .; \
	done; echo "make image needs docker, podman or buildah, and its service running" >&2; exit 1

.PHONY: clean
clean: ## Remove what was built: the binary, the tools, the demo's leftovers
	rm -rf omegastream_exporter .tools
