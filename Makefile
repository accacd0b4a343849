# Targets are named as in the Prometheus family. Everything is built from the Go module proxy, nothing else is fetched.

GO         ?= go
GOFMT      ?= $(dir $(shell command -v $(GO)))gofmt
BUILD_DIR  := .build
TOOLS_DIR  := $(BUILD_DIR)/tools
PROMTOOL   := $(TOOLS_DIR)/promtool
GOLANGCI_LINT := $(TOOLS_DIR)/golangci-lint
BENCHSTAT  := $(TOOLS_DIR)/benchstat

VERSION    := $(shell cat VERSION 2>/dev/null || echo 0.0.0)
REVISION   := $(shell git rev-parse --verify -q HEAD 2>/dev/null || echo unknown)
BRANCH     := $(shell git symbolic-ref -q --short HEAD 2>/dev/null || echo unknown)
BUILD_USER ?= $(shell id -un 2>/dev/null || echo unknown)@$(shell hostname 2>/dev/null || echo unknown)
BUILD_DATE ?= $(shell date -u +%Y%m%d-%H:%M:%S)
VERSION_PKG := github.com/prometheus/common/version
LDFLAGS    := -s -w \
	-X $(VERSION_PKG).Version=$(VERSION) -X $(VERSION_PKG).Revision=$(REVISION) -X $(VERSION_PKG).Branch=$(BRANCH) \
	-X $(VERSION_PKG).BuildUser=$(BUILD_USER) -X $(VERSION_PKG).BuildDate=$(BUILD_DATE)

pkgs        := ./...
# All modules of ours. Those beside the main one keep their dependencies out of it.
modules     := $(sort $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path './$(BUILD_DIR)/*')))
# The modules that vet and bench include. The first builds of test/kubernetes and test/keda take four CPU minutes and a
# quarter of an hour: they have targets of their own.
nested      := $(filter-out . ./tools/% ./test/kubernetes ./test/keda,$(modules))

.PHONY: all
all: style vet build test

.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD_DIR)/anomaly-exporter ./cmd/anomaly-exporter

## Tools: the real servers for tests and the demo, and the linter. Each is built again only when its go.mod changes.

# The version is set because the module's own build says none. Without service discovery there is far less to compile.
PROMETHEUS_BUILD := $(GO) build -tags remove_all_sd -ldflags '-X github.com/prometheus/common/version.Version=3.15.0'

.PHONY: tools
tools: $(TOOLS_DIR)/prometheus $(PROMTOOL) $(TOOLS_DIR)/alertmanager

$(TOOLS_DIR)/prometheus $(TOOLS_DIR)/promtool: $(TOOLS_DIR)/%: tools/prometheus/go.mod tools/prometheus/go.sum
	@echo ">> building $* (some minutes the first time)"
	cd tools/prometheus && $(PROMETHEUS_BUILD) -o $(abspath $@) github.com/prometheus/prometheus/cmd/$*

$(TOOLS_DIR)/alertmanager: tools/alertmanager/go.mod tools/alertmanager/go.sum
	@echo ">> building alertmanager (a minute or two the first time)"
	cd tools/alertmanager && $(GO) build -ldflags '-X github.com/prometheus/common/version.Version=0.31.1' \
		-o $(abspath $@) github.com/prometheus/alertmanager/cmd/alertmanager

$(BENCHSTAT): tools/benchstat/go.mod tools/benchstat/go.sum
	cd tools/benchstat && $(GO) build -o $(abspath $@) golang.org/x/perf/cmd/benchstat

# Cortex casts labels unsafely, which needs them to be slices.
$(TOOLS_DIR)/cortex: tools/cortex/go.mod tools/cortex/go.sum
	@echo ">> building cortex (a quarter of an hour the first time)"
	cd tools/cortex && $(GO) build -tags netgo,slicelabels -ldflags '-s -w -X main.Version=1.21.1' \
		-o $(abspath $@) github.com/cortexproject/cortex/cmd/cortex

$(GOLANGCI_LINT): tools/golangci-lint/go.mod tools/golangci-lint/go.sum
	@echo ">> building golangci-lint (some minutes the first time)"
	cd tools/golangci-lint && $(GO) build -o $(abspath $@) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

## Checks

.PHONY: style
style:
	@unformatted=$$($(GOFMT) -l $$(find . -name '*.go' -not -path './$(BUILD_DIR)/*')); \
	if [ -n "$$unformatted" ]; then echo ">> not formatted, run \"make fmt\":"; echo "$$unformatted"; exit 1; fi

.PHONY: fmt format
fmt format: $(GOLANGCI_LINT)
	$(GOLANGCI_LINT) fmt

.PHONY: vet
vet:
	$(GO) vet $(pkgs)
	@set -e; for dir in $(nested); do echo ">> vet $$dir"; (cd $$dir && $(GO) vet ./...); done

.PHONY: lint
lint: $(GOLANGCI_LINT)
	$(GOLANGCI_LINT) run

.PHONY: tidy
tidy:
	@set -e; for dir in $(modules); do echo ">> tidy $$dir"; (cd $$dir && $(GO) mod tidy); done

# Reads the modules of all dependencies, their tests included: the first time it downloads for a minute or two.
.PHONY: check-tidy
check-tidy:
	@set -e; for dir in $(modules); do echo ">> check-tidy $$dir"; \
		(cd $$dir && $(GO) mod tidy -diff) || { echo ">> not tidy, run \"make tidy\""; exit 1; }; done

.PHONY: check-rules
check-rules: $(PROMTOOL)
	$(PROMTOOL) check rules --lint=all --lint-fatal $(filter-out %_test.yml,$(wildcard rules/*.yml))
	$(PROMTOOL) test rules $(wildcard rules/*_test.yml)

## Tests

# What every change has to pass, and what CI runs.
.PHONY: test
test: style vet lint check-tidy test-unit test-race test-llm-correlation test-mixin test-dashboards check-rules

# The inner loop: without real servers, statistics and whatever else takes more than two seconds.
.PHONY: test-short
test-short:
	$(GO) test -short $(pkgs)

# All tests, the end-to-end ones included, and first: they wait for minutes until results have aged, while others work.
.PHONY: test-unit
test-unit: build tools
	$(GO) test -timeout 20m ./test/e2e/... $(pkgs)

# An example in a module of its own. The first build of the SDK that it uses takes a minute.
.PHONY: test-llm-correlation
test-llm-correlation:
	cd examples/llm-correlation && $(GO) test ./...

# Renders the monitoring mixin, with go-jsonnet in a module of its own. The files that it renders are outside of that
# module, where go test does not see that they changed: -count=1.
.PHONY: test-mixin
test-mixin:
	cd test/mixin && $(GO) test -count=1 ./...

# Compares the dashboards with what their generator writes, and with Grafana's schema, in a module of its own. The first
# build of Grafana's SDK takes half a minute. As above, what it reads is outside of the module.
.PHONY: test-dashboards
test-dashboards:
	cd dashboards/generate && $(GO) test -count=1 ./...

# Packages with goroutines of their own. What -short leaves out of the detector are long runs that compare numbers to the
# bit: they say nothing about goroutines and take minutes with the race detector.
.PHONY: test-race
test-race: build tools
	$(GO) test -race ./remoteread/... ./collector/... ./web/... ./cmd/...
	$(GO) test -race -short ./detector/...

# The race detector over all packages and those of our other modules that vet includes, and over the program itself in
# the end-to-end tests: a program with the race detector, which ends at the first race. RACE_FLAGS= leaves nothing out.
RACE_FLAGS    ?= -short
RACE_EXPORTER := $(BUILD_DIR)/race/anomaly-exporter

.PHONY: test-race-all
test-race-all: test-race
	$(GO) test -race $(RACE_FLAGS) -timeout 60m $(pkgs)
	@set -e; for dir in $(filter-out ./test/browser,$(nested)); do \
		echo ">> race $$dir"; (cd $$dir && $(GO) test -race $(RACE_FLAGS) ./...); done
	$(GO) build -race -o $(RACE_EXPORTER) ./cmd/anomaly-exporter
	EXPORTER=$(abspath $(RACE_EXPORTER)) GORACE=halt_on_error=1 $(GO) test -count=1 -timeout 40m ./test/e2e/...

# The oldest Prometheus to stay compatible with is the one of Debian 12.
COMPAT_PROMETHEUS ?= /usr/bin/prometheus

.PHONY: test-compat
test-compat:
	@[ -x "$(COMPAT_PROMETHEUS)" ] || { \
		echo ">> $(COMPAT_PROMETHEUS) is missing: apt-get install prometheus (Debian 12 has 2.42), or set COMPAT_PROMETHEUS to the path of an old one"; exit 1; }
	@$(COMPAT_PROMETHEUS) --version 2>&1 | head -1
	COMPAT_PROMETHEUS=$(COMPAT_PROMETHEUS) $(GO) test -count=1 ./remoteread/...

# Two tenants of a real Cortex: the results are those that a Prometheus gives, and what it refuses is explained. Three
# minutes, and the first time a quarter of an hour more to build Cortex.
.PHONY: test-cortex
test-cortex: build tools $(TOOLS_DIR)/cortex
	CORTEX=$(abspath $(TOOLS_DIR)/cortex) $(GO) test -count=1 -timeout 20m -run Cortex -v ./test/e2e

.PHONY: test-e2e
test-e2e: build tools
	$(GO) test -count=1 -timeout 20m ./test/e2e/...
	$(MAKE) demo DEMO_ARGS=--once

# The alert budget of 2,000 generated series over two weeks.
.PHONY: test-fleet
test-fleet:
	$(GO) test -count=1 -timeout 20m -run TestFleet -v ./scorer -args -fleet

# Faults and abuse, the slow half included: hanging servers, clock jumps, cut and endless answers, secrets, memory limits,
# stops. The quick half is part of test.
.PHONY: test-faults
test-faults: build tools
	$(GO) test -count=1 -timeout 20m -run 'Fault|Hang|Clock|Cut|Reject|Undelimited|End|Bomb|Limit|Label|Secret|Excerpt|Sent|Memory|Stop|Reads|Leave|Cross|Connection|Panic|Outage' \
		./remoteread/... ./config/... ./detector/... ./web/... ./cmd/... ./test/e2e/...

# Each fuzz target for FUZZTIME. What it finds goes into testdata of the package, where the tests take it as a seed.
FUZZTIME ?= 10s

.PHONY: fuzz
fuzz:
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$file); do \
			echo ">> fuzz $$(dirname $$file) $$target"; \
			(cd $$(dirname $$file) && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .); \
		done; \
	done

# Decodes the manifests into the published Go types of Kubernetes, the Prometheus operator, KEDA and Argo Events, and
# gives alerts to the sensor of examples/remediation.
.PHONY: test-kubernetes
test-kubernetes:
	cd test/kubernetes && $(GO) vet ./... && $(GO) test -p 1 -count=1 ./...

# KEDA's own scaler and fallback follow a real exporter through a real Prometheus, with the ScaledObject of examples/keda:
# over two minutes, and the first time a quarter of an hour more to build KEDA.
.PHONY: test-keda
test-keda: build tools
	cd test/keda && $(GO) test -p 1 -count=1 -v ./...

# Clicks through the pages of the demo in a real Chromium. Alerts fire after five minutes, so it takes over six. The
# pictures show what the pages look like, in both themes, on a phone and without JavaScript.
.PHONY: test-browser
test-browser: build tools
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
		[ -n "$$name" ] && command -v "$$name" >/dev/null && exit 0; done; \
	echo ">> no Chromium: apt-get install chromium (Debian), or set CHROMIUM to the path of a Chromium or Chrome"; exit 1
	cd test/browser && $(GO) test -count=1 -timeout 25m ./... -args -screenshots=$(abspath $(BUILD_DIR))/screenshots
	@echo ">> pictures: $(BUILD_DIR)/screenshots"

# Scrapes, pages, reloads, and restarts of Prometheus for DURATION. It fails if memory, goroutines or open files grow.
DURATION ?= 10m

.PHONY: soak
soak: build tools
	$(GO) run ./test/soak -duration $(DURATION)

.PHONY: bench
bench: tools
	$(GO) test -run '^$$' -bench . -benchmem $(pkgs)
	@set -e; for dir in $(nested); do echo ">> bench $$dir"; (cd $$dir && $(GO) test -run '^$$' -bench . -benchmem ./...); done

# Compares benchmarks of the working tree with those of BASE, in turns, so that both see the same machine. BENCH is a
# regular expression, PKG a package: make bench-compare PKG=./scorer BENCH=Fit
BASE  ?= HEAD
BENCH ?= .
PKG   ?= ./scorer
COUNT ?= 6

.PHONY: bench-compare
bench-compare: $(BENCHSTAT)
	@rm -rf $(BUILD_DIR)/compare && mkdir -p $(BUILD_DIR)/compare/base
	@git archive $(BASE) | tar -x -C $(BUILD_DIR)/compare/base
	@cd $(BUILD_DIR)/compare/base && $(GO) test -c -o ../base.test $(PKG)
	@$(GO) test -c -o $(BUILD_DIR)/compare/head.test $(PKG)
	@set -e; for i in $$(seq $(COUNT)); do for side in base head; do echo ">> $$i of $(COUNT): $$side"; \
		(cd $(PKG) && $(abspath $(BUILD_DIR))/compare/$$side.test -test.run '^$$' -test.bench '$(BENCH)' -test.benchmem) \
		>> $(BUILD_DIR)/compare/$$side.txt; done; done
	@cd $(BUILD_DIR)/compare && $(abspath $(BENCHSTAT)) base.txt head.txt

# What a fleet costs: the start, a cycle and a scrape, with so many pods in a real Prometheus. Of SHARDS shards it
# measures one. 10,000 pods take some three minutes and half a GiB of disk, 100,000 ten times as much.
SERIES ?= 1000
SHARDS ?= 1

.PHONY: bench-scale
bench-scale: build tools
	$(GO) run ./test/scale -series $(SERIES) -shards $(SHARDS)

## The demo: DEMO_ARGS=--once ends it when every trouble of the story has been seen.

.PHONY: demo
demo: build tools
	@$(GO) build -o $(BUILD_DIR)/demo ./examples/demo
	@$(BUILD_DIR)/demo $(DEMO_ARGS)

## Dashboards: writes dashboards/*.json.

.PHONY: dashboards
dashboards:
	cd dashboards/generate && $(GO) run . ..

## Charts: vendors the version of uPlot, with its licence.

UPLOT_VERSION ?= 1.6.32

.PHONY: uplot
uplot:
	@rm -rf $(BUILD_DIR)/uplot && mkdir -p $(BUILD_DIR)/uplot
	cd $(BUILD_DIR)/uplot && npm pack --silent uplot@$(UPLOT_VERSION) && tar -xzf uplot-*.tgz
	cp $(BUILD_DIR)/uplot/package/dist/uPlot.iife.min.js $(BUILD_DIR)/uplot/package/dist/uPlot.min.css web/ui/assets/
	cp $(BUILD_DIR)/uplot/package/LICENSE web/ui/assets/uPlot.LICENSE

## Packages

DOCKER_IMAGE ?= anomaly-exporter
GOOS         ?= $(shell $(GO) env GOOS)
GOARCH       ?= $(shell $(GO) env GOARCH)
TARBALL      := anomaly-exporter-$(VERSION).$(GOOS)-$(GOARCH)
DIST         := dist
NFPM         := $(TOOLS_DIR)/nfpm
CYCLONEDX    := $(TOOLS_DIR)/cyclonedx-gomod

# What everybody gets besides the binary: the tarballs (also those of promu), the image, the deb and the rpm. Left out is
# what needs the sources: Go, the tests of rules, the two examples that are programs, and the generator of dashboards.
# Links become files (-h).
# Not in BUILD_DIR: promu takes each folder there for a platform.
.PHONY: dist
dist: build
	@rm -rf $(DIST) && mkdir -p $(DIST)/man $(DIST)/completion
	tar -chf - --exclude='*.go' --exclude='*_test.yml' --exclude=dashboards/generate --exclude=examples/demo \
		--exclude=examples/llm-correlation --exclude=testdata \
		LICENSE README.md CHANGELOG.md docs rules dashboards examples | tar -C $(DIST) -xf -
	$(BUILD_DIR)/anomaly-exporter --help-man >$(DIST)/man/anomaly-exporter.1
	$(BUILD_DIR)/anomaly-exporter --completion-script-bash >$(DIST)/completion/anomaly-exporter.bash
	$(BUILD_DIR)/anomaly-exporter --completion-script-zsh >$(DIST)/completion/_anomaly-exporter

# Where promu crossbuild puts it, too.
.PHONY: build-linux
build-linux:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) $(GO) build -trimpath -ldflags '$(LDFLAGS)' \
		-o $(BUILD_DIR)/linux-$(GOARCH)/anomaly-exporter ./cmd/anomaly-exporter

.PHONY: tarball
tarball: dist
	@rm -rf $(BUILD_DIR)/$(TARBALL)
	cp -r $(DIST) $(BUILD_DIR)/$(TARBALL)
	CGO_ENABLED=0 GOOS=$(GOOS) GOARCH=$(GOARCH) $(GO) build -trimpath -ldflags '$(LDFLAGS)' \
		-o $(BUILD_DIR)/$(TARBALL)/ ./cmd/anomaly-exporter
	tar -C $(BUILD_DIR) -czf $(BUILD_DIR)/$(TARBALL).tar.gz $(TARBALL)
	@echo ">> $(BUILD_DIR)/$(TARBALL).tar.gz"

# For one platform. For several: promu crossbuild, then docker buildx build --platform linux/amd64,linux/arm64 .
.PHONY: docker
docker: dist build-linux
	docker build --platform linux/$(GOARCH) -t $(DOCKER_IMAGE):$(VERSION) .

$(NFPM): tools/nfpm/go.mod tools/nfpm/go.sum
	@echo ">> building nfpm (a minute the first time)"
	cd tools/nfpm && $(GO) build -o $(abspath $@) github.com/goreleaser/nfpm/v2/cmd/nfpm

# A deb and an rpm of the host's architecture, or of GOARCH.
.PHONY: packages
packages: dist build-linux $(NFPM)
	@for kind in deb rpm; do \
		VERSION=$(VERSION) GOARCH=$(GOARCH) $(NFPM) package --packager $$kind --target $(BUILD_DIR)/ || exit 1; done

$(CYCLONEDX): tools/cyclonedx-gomod/go.mod tools/cyclonedx-gomod/go.sum
	@echo ">> building cyclonedx-gomod (a minute the first time)"
	cd tools/cyclonedx-gomod && $(GO) build -o $(abspath $@) github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

# The modules that are linked into the program for Linux, with their licences, as CycloneDX.
.PHONY: sbom
sbom: $(CYCLONEDX)
	@mkdir -p $(BUILD_DIR)
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) $(CYCLONEDX) app -json -licenses -noserial -notimestamp \
		-main cmd/anomaly-exporter -output $(BUILD_DIR)/anomaly-exporter-$(VERSION).linux-$(GOARCH).bom.json

.PHONY: clean
clean:
	rm -rf $(BUILD_DIR)
