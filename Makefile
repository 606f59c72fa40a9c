# `make demo` and `make test` need Go, git and make. The other targets build the tools that they need, or name them.

VERSION    ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)
REVISION   ?= $(shell git rev-parse HEAD 2>/dev/null)
BRANCH     ?= $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null)
# The date of the commit rather than today's, so that the same commit gives the same binary.
BUILD_DATE ?= $(shell git log -1 --format=%cd --date=format:%Y%m%d-%H:%M:%S 2>/dev/null)

EPOCH      ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)

FUZZTIME   ?= 30s
BENCH      ?= .
BENCHTIME  ?= 1s
COUNT      ?= 1
OUT        ?= .tools/bench.txt
BASELINE   ?= $(shell ls docs/bench/*.txt 2>/dev/null | sort -V | tail -n 1)
DAY        ?= 1,100,10000
COST       ?= 10,100
SOAK       ?= 2m
BINARY     ?= omegastream_exporter
PORT       ?= 9877
PLATFORMS  ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
IMAGE      ?= omegastream_exporter:$(VERSION)

pkg     := github.com/prometheus/common/version
LDFLAGS  = -s -w -X $(pkg).Version=$(VERSION:v%=%) -X $(pkg).Revision=$(REVISION) \
           -X $(pkg).Branch=$(BRANCH) -X $(pkg).BuildDate=$(BUILD_DATE)
# The Dockerfile has the same flags, and a test compares the two programs. Go does not stamp the program, because a build
# outside of git must not differ; the revision is in LDFLAGS. timetzdata includes the time zones, which a machine can lack.
COMPILE  = -trimpath -buildvcs=false -tags timetzdata
FLAGS    = $(COMPILE) -ldflags "$(LDFLAGS)"
GOBUILD  = CGO_ENABLED=0 go build $(FLAGS)

# The race detector needs cgo, which Go turns off if there is no C compiler.
RACE    := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
# It makes the tests take three times as long, so only CI and `make test-all` use it. `make test` uses the program's
# flags, so that Go compiles each package once for the demo and the tests.
GOTEST   = $(if $(and $(RACE),$(or $(filter true,$(CI)),$(LONG))),go run ./tools/testsummary $(RACE), \
             CGO_ENABLED=0 go run $(COMPILE) ./tools/testsummary $(COMPILE) -ldflags "-s -w")

# Built once for each version of the linter and of Go, from its own module.
lint_version  = $(shell go list -C tools/golangci-lint -m -f '{{.Version}}' github.com/golangci/golangci-lint/v2)
golangci_lint = .tools/golangci-lint-$(lint_version)-$(shell go env GOVERSION)

# The same for the servers with which the rules and dashboards are tested.
prometheus_version   = $(shell go list -C tools/prometheus -m -f '{{.Version}}' github.com/prometheus/prometheus)
alertmanager_version = $(shell go list -C tools/alertmanager -m -f '{{.Version}}' github.com/prometheus/alertmanager)
prometheus_tools     = .tools/prometheus-$(prometheus_version)-$(shell go env GOVERSION)
alertmanager_tools   = .tools/alertmanager-$(alertmanager_version)-$(shell go env GOVERSION)

# And for the checkers of the manifests, the chart and the compose file.
helm_version     = $(shell go list -C tools/kubernetes -m -f '{{.Version}}' helm.sh/helm/v4)
validate_version = $(shell go list -C tools/kubectl-validate -m -f '{{.Version}}' sigs.k8s.io/kubectl-validate)
compose_version  = $(shell go list -C tools/compose -m -f '{{.Version}}' github.com/compose-spec/compose-go/v2)
kubernetes_tools = .tools/kubernetes-$(helm_version)-$(shell go env GOVERSION)
validate_tools   = .tools/kubectl-validate-$(validate_version)-$(shell go env GOVERSION)
compose_tools    = .tools/compose-$(compose_version)-$(shell go env GOVERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run on a simulated account; no key (PORT=9877)
	@echo "Building. Then open http://localhost:$(PORT). Two of the nine endpoints fail all"
	@echo "the time, three now and then: click one to see which deliveries failed, and why."
	@echo "The metrics are at http://localhost:$(PORT)/metrics. Press Ctrl-C to end the demo."
	@CGO_ENABLED=0 go run $(FLAGS) . --demo --web.listen-address=127.0.0.1:$(PORT)

.PHONY: test
test: ## Run the tests, but for the long ones (TESTFLAGS=...)
	@$(GOTEST) -timeout 24m $(TESTFLAGS) ./...

.PHONY: test-all
test-all: ## Run all tests, as CI does
	@LONG=1 $(MAKE) --no-print-directory test

.PHONY: build
build: ## Build a static ./omegastream_exporter
	$(GOBUILD) -o $(BINARY) .

.PHONY: fuzz
fuzz: ## Run every fuzz test for a while (FUZZTIME=30s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## Measure and print a table; 15 minutes (BENCH=Name)
	@mkdir -p $(dir $(OUT))
	go run ./tools/benchtable -o $(OUT) -- -bench '$(BENCH)' -benchtime $(BENCHTIME) -count $(COUNT) -timeout 60m ./internal/test/bench

.PHONY: bench-compare
bench-compare: ## Compare with the last release; half an hour
	@test -n "$(BASELINE)" || { echo "There is no baseline in docs/bench. A release leaves one there:" \
		"make bench COUNT=6 OUT=docs/bench/$(VERSION).txt" >&2; exit 1; }
	$(MAKE) bench COUNT=$(if $(filter 1,$(COUNT)),6,$(COUNT))
	go run -C tools/benchstat golang.org/x/perf/cmd/benchstat $(CURDIR)/$(BASELINE) $(CURDIR)/$(OUT)

.PHONY: day
day: ## Simulate days; 15 minutes (DAY=1,100,10000)
	go test -count=1 -timeout 60m -run '^TestSimulatedDay$$' -v ./internal/test/bench -day $(DAY)

.PHONY: cost
cost: tools ## Measure the rules and dashboards (COST=10,100)
	LONG=1 go test -count=1 -timeout 120m -run '^TestCost$$' -v ./dashboards -cost $(COST)

.PHONY: soak
soak: ## Run with faults and look for leaks (SOAK=2m)
	go test -count=1 -tags soak $(RACE) -timeout 0 -run '^TestSoak$$' -v ./internal/test/e2e -soak $(SOAK)

.PHONY: lint
lint: ## Check style, imports, formatting, go.mod and spelling
	go vet ./...
	go mod tidy -diff
	@test -x $(golangci_lint) || { echo "Building golangci-lint, once, in about a minute"; \
		go build -C tools/golangci-lint -o $(CURDIR)/$(golangci_lint) github.com/golangci/golangci-lint/v2/cmd/golangci-lint; }
	$(golangci_lint) run
	cd tools/release && $(CURDIR)/$(golangci_lint) run --config $(CURDIR)/.golangci.yml
	@if command -v shellcheck >/dev/null; then shellcheck .ci/* dashboards/_pictures/run; \
		else echo "Skipped: the scripts in .ci need shellcheck"; test "$$CI" != true; fi
	@if command -v codespell >/dev/null; then git ls-files -z -- ':!*.json' ':!*.sum' ':!*go.mod' ':!*.png' ':!*/testdata/fuzz/*' | \
		xargs -0 codespell --ignore-words-list atleast,appendend,fo,chekc; \
		else echo "Skipped: the spelling needs codespell"; test "$$CI" != true; fi

.PHONY: tools
tools: ## Build the servers and checkers of the tests
	@test -x $(prometheus_tools)/prometheus -a -x $(prometheus_tools)/promtool || go build -C tools/prometheus \
		-tags remove_all_sd -ldflags '-s -w' -o $(CURDIR)/$(prometheus_tools)/ \
		github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool
	@test -x $(alertmanager_tools)/alertmanager -a -x $(alertmanager_tools)/amtool || go build -C tools/alertmanager \
		-ldflags '-s -w' -o $(CURDIR)/$(alertmanager_tools)/ \
		github.com/prometheus/alertmanager/cmd/alertmanager github.com/prometheus/alertmanager/cmd/amtool
	@test -x $(kubernetes_tools)/helm -a -x $(kubernetes_tools)/kustomize -a -x $(kubernetes_tools)/controller-gen || \
		go build -C tools/kubernetes -ldflags '-s -w' -o $(CURDIR)/$(kubernetes_tools)/ helm.sh/helm/v4/cmd/helm \
		sigs.k8s.io/kustomize/kustomize/v5 sigs.k8s.io/controller-tools/cmd/controller-gen
	@test -x $(kubernetes_tools)/checkmanifests -a -z "$$(find tools/kubernetes -newer $(kubernetes_tools)/checkmanifests 2>&1)" || \
		go build -C tools/kubernetes -ldflags '-s -w' -o $(CURDIR)/$(kubernetes_tools)/ ./checkmanifests
	@test -x $(validate_tools)/kubectl-validate || go build -C tools/kubectl-validate -ldflags '-s -w' \
		-o $(CURDIR)/$(validate_tools)/ sigs.k8s.io/kubectl-validate
	@test -x $(compose_tools)/checkcompose -a -z "$$(find tools/compose -newer $(compose_tools)/checkcompose 2>&1)" || \
		go build -C tools/compose -ldflags '-s -w' -o $(CURDIR)/$(compose_tools)/ ./checkcompose

.PHONY: dashboards
dashboards: ## Write dashboards and rules anew; needs Node 20
	cd dashboards && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent generate

.PHONY: check-dashboards
check-dashboards: ## Fail if they are stale or break Grafana's schema
	cd dashboards && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent check
	@git diff --exit-code -- dashboards deploy && test -z "$$(git status --porcelain -- dashboards deploy)"

.PHONY: dashboard-pictures
dashboard-pictures: tools ## Draw docs/img anew; Node and Chromium (MINUTES=15)
	dashboards/_pictures/run

# The same commit gives the same image on every branch. BuildKit takes the date from the argument.
.PHONY: image
image: BRANCH := HEAD
image: ## Build the image (IMAGE=, IMAGE_TOOL=, IMAGE_FLAGS=)
	@for tool in $(or $(IMAGE_TOOL),docker podman buildah); do \
		command -v $$tool >/dev/null && $$tool info >/dev/null 2>&1 || continue; \
		set -x; \
		[ $$tool = docker ] || set -- --format docker --timestamp $(EPOCH); \
		exec $$tool build "$$@" -t $(IMAGE) --build-arg VERSION=$(VERSION:v%=%) --build-arg REVISION=$(REVISION) \
			--build-arg BRANCH=$(BRANCH) --build-arg BUILD_DATE=$(BUILD_DATE) --build-arg SOURCE_DATE_EPOCH=$(EPOCH) \
			$(IMAGE_FLAGS) .; \
	done; echo "make image needs docker, podman or buildah, and its service running" >&2; exit 1

.PHONY: release
release: BRANCH := HEAD
release: ## Pack archives into dist/ (PLATFORMS=linux/amd64)
	rm -rf dist
	@set -ex; for platform in $(PLATFORMS); do \
		suffix=; case $$platform in windows/*) suffix=.exe;; esac; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GOBUILD) \
			-o dist/built/$${platform%/*}-$${platform#*/}/omegastream_exporter$$suffix .; \
	done
	GOOS= GOARCH= $(GOBUILD) -o dist/built/host/omegastream_exporter .
	go run -C tools/release . -root $(CURDIR) -built $(CURDIR)/dist/built -out $(CURDIR)/dist \
		-version $(VERSION:v%=%) -epoch $(EPOCH)
	rm -rf dist/built
	cat dist/sha256sums.txt

.PHONY: check-release
check-release: ## Test the release, all platforms of it
	@set -e; export CGO_ENABLED=0; for system in darwin windows; do \
		echo "go vet of the program for $$system"; \
		GOOS=$$system go list -deps -f '{{if .Module}}{{if .Module.Main}}{{$$dir := .Dir}}{{range .GoFiles}}{{$$dir}}/{{.}} {{end}}{{end}}{{end}}' . | \
			sed 's/ $$//' | GOOS=$$system xargs -r -L 1 -P "$$(nproc)" go vet; \
	done
	go test -C tools/release -timeout 25m ./...

.PHONY: clean
clean: ## Remove what was built
	rm -rf omegastream_exporter dist .tools dashboards/build dashboards/node_modules dashboards/_pictures/node_modules
