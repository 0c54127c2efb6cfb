# CONTRIBUTING.md says what each target is for.

GO      ?= go
PYTHON  ?= python3
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# How long each fuzz target runs.
FUZZTIME ?= 10s
# More flags for the test run, for example -run or -count.
TESTFLAGS ?=

# Where casper-node is built, outside the checkout: a fresh clone need not build it again.
export CASPER_CACHE ?= $(HOME)/.cache/casper-cosigner
CASPER_NODE := $(CASPER_CACHE)/casper-node-2.0.3/target/release
# More flags for casper-demo and casper-test, for example -seed 7 or -keep.
CASPERFLAGS ?=

CARGO ?= cargo

# Each tool has a modfile of its own, because their requirements contradict each other.
BUF          := $(GO) tool -modfile=tools/buf/go.mod buf
GOLANGCILINT := $(GO) tool -modfile=tools/lint/go.mod golangci-lint

# The same source gives the same bytes: no paths, no symbols, the version only by flag.
STATIC := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: build
build:
	$(STATIC) -o bin/casper-cosigner ./cmd/casper-cosigner

.PHONY: test
test: test-go test-rust

# The race detector needs cgo, and cgo a C compiler. That of Go 1.26 sometimes crashes on timers in virtual time, so
# testnet/virtual is tested without it; so are the models and what is pure, which have one goroutine each and take minutes
# with it, and what else has no goroutine of its own.
RACELESS := ./rule/... ./stock/journal ./stock/units ./testnet/model ./testnet/scale ./testnet/virtual ./testnet/world \
	./testnet/zug ./cosigner/frost/edgroup ./deploy ./docs ./drill ./keygen/... ./node/graft ./report/... \
	./testnet/judge ./testnet/show ./tools/...
# So are the tests that take longest in other packages and have one goroutine too, or start programs which do: what those
# call is raced by the other tests there.
LONE := ^(TestLedger(CrashMatrix|EveryByte|LargeLoad|Model|SectorsInAnyOrder|StopsGrowing)|TestFlippedBits|TestManyEntries|TestPowerCuts|TestScripts)$$
HAS_LONE := ./cmd/casper-cosigner ./cosigner ./raftstore ./stock/gate
# daemon and testnet have clusters whose deadlines are of real time, and stockrace keeps every core busy: each runs alone.
# testnet/hostile is left to make hostile: clusters of processes by the dozen. What vet would say is said by make lint.
ALONE := ./daemon ./testnet ./testnet/stockrace
TEST := $(GO) test -vet=off -timeout 8m
RACE := CGO_ENABLED=1 $(TEST) -race

.PHONY: test-go
test-go:
	@if command -v "$$($(GO) env CC)" >/dev/null 2>&1; then \
		echo "race detector: on"; \
		$(RACE) -p 3 -skip '$(LONE)' $(TESTFLAGS) $$($(GO) list ./... | grep -vxF -e "$$($(GO) list $(RACELESS) $(ALONE) ./testnet/hostile)") && \
		$(RACE) -p 1 $(TESTFLAGS) $(ALONE) && \
		$(TEST) -run '$(LONE)' $(TESTFLAGS) $(HAS_LONE) && \
		$(TEST) $(TESTFLAGS) $(RACELESS); \
	else \
		echo "race detector: OFF, no C compiler found ($$($(GO) env CC))"; \
		$(TEST) $(TESTFLAGS) $$($(GO) list ./... | grep -v '/testnet/hostile$$'); \
	fi

# The model of what a share may be given for, with wider bounds: some minutes, and some gigabytes of memory.
.PHONY: model
model:
	$(GO) test ./testnet/model -timeout 60m -v -run '^(TestModel|TestFurther)$$' -args -large

# The crate that casper-node links, and whether the edits still fit casper-node's source.
.PHONY: test-rust
test-rust:
	@if command -v $(CARGO) >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory build && \
		CASPER_COSIGNER=$(CURDIR)/bin/casper-cosigner $(CARGO) test --locked --manifest-path node/remote-signer/Cargo.toml && \
		node/build.sh source; \
	else \
		echo "SKIPPED, cargo not found: the Rust crate is not tested and the edits of casper-node are not applied"; \
	fi

.PHONY: lint-rust
lint-rust:
	$(CARGO) fmt --check --manifest-path node/remote-signer/Cargo.toml
	$(CARGO) clippy --locked --all-targets --manifest-path node/remote-signer/Cargo.toml -- -D warnings
	node/remote-signer/generate.sh check

.PHONY: lint
lint: vet fmt-check width
	$(GOLANGCILINT) run ./...

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: fmt-check
fmt-check:
	@unformatted="$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...))"; \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; fi

.PHONY: width
width:
	$(GO) run ./tools/width

.PHONY: generate
generate:
	@./tools/generate.sh write "$(BUF)"

.PHONY: check-generated
check-generated:
	@./tools/generate.sh check "$(BUF)"

.PHONY: proto-check
proto-check:
	$(BUF) lint
	$(BUF) breaking --against proto/baseline.binpb

# Accepts the present API as the one that later changes must not break.
.PHONY: proto-baseline
proto-baseline:
	$(BUF) build --exclude-source-info -o proto/baseline.binpb

.PHONY: fuzz
fuzz:
	@GO="$(GO)" ./tools/fuzz.sh "$(FUZZTIME)"

.PHONY: mutants
mutants:
	$(GO) run ./testnet/mutants

.PHONY: demo
demo: build
	$(STATIC) -o bin/demo ./testnet/demo
	$(STATIC) -o bin/judge ./testnet/judge
	$(STATIC) -o bin/simcasper ./testnet/simcasper
	bin/demo

# More flags for hostile, for example "-v -run TestTwoLogs".
HOSTILEFLAGS ?=
# How many worlds of each kind are played; .ci/run plays fewer.
SEEDS ?= 1000

# A test waits more than it computes, so that two go at a time.
.PHONY: hostile
hostile:
	$(GO) test -count=1 -timeout 8m -parallel 2 $(HOSTILEFLAGS) ./testnet/hostile
	$(GO) test -count=1 -timeout 8m -run '^TestWorlds$$' ./testnet/world -args -seeds $(SEEDS)
	$(GO) test -count=1 -timeout 8m -run '^TestSites$$' ./testnet/world -args -seeds 100
	$(GO) test -count=1 -timeout 8m -run '^TestUndone$$' ./testnet/world -args -seeds $(SEEDS)
	$(GO) test -count=1 -timeout 8m -run '^TestFaked$$' ./testnet/world -args -seeds $(SEEDS)
	$(GO) test -count=1 -timeout 8m -run '^TestStock$$' ./testnet/world -args -seeds 300

# More flags for chaos, for example -seed 7, -for 30s or -keep.
CHAOSFLAGS ?=

.PHONY: chaos
chaos: build
	$(STATIC) -o bin/chaos ./testnet/chaos
	bin/chaos $(CHAOSFLAGS)

.PHONY: casper-node
casper-node:
	node/build.sh build

# casper-node as published, for tests of what stands beside a node that we did not build.
.PHONY: casper-node-stock
casper-node-stock:
	node/stock.sh build

.PHONY: casper-node-test
casper-node-test:
	node/build.sh test

.PHONY: casper-programs
casper-programs: build casper-node
	$(STATIC) -o bin/judge ./testnet/judge
	$(STATIC) -o bin/casperdemo ./testnet/casperdemo

.PHONY: casper-demo
casper-demo: casper-programs
	bin/casperdemo -node $(CASPER_NODE)/casper-node -defaults $(CASPER_NODE)/localnet-defaults $(CASPERFLAGS)

CASPER_NODE_STOCK := $(CASPER_CACHE)/casper-node-2.0.3-stock/target/release

# A pair of stock nodes behind gates, among real casper-nodes without an edit of ours. It needs root, and FUSE. All eight
# networks take some 35 minutes; CASPERFLAGS="-only A,F" plays two.
.PHONY: stock-demo
stock-demo: build casper-node-stock casper-node
	$(STATIC) -o bin/judge ./testnet/judge
	$(STATIC) -o bin/stockdemo ./testnet/stockdemo
	$(GO) run ./testnet/mutants -only 'index that our key had first' -build ./cmd/casper-cosigner -o bin/gate-by-index
	bin/stockdemo -node $(CASPER_NODE_STOCK)/casper-node -remote $(CASPER_NODE)/casper-node \
		-defaults $(CASPER_NODE)/localnet-defaults $(CASPERFLAGS)

# The same, written down. It writes its results even if a claim fails.
.PHONY: stock-test
stock-test:
	$(MAKE) stock-demo CASPERFLAGS="-results testnet/stock-results.md $(CASPERFLAGS)"

# More flags for stock-race, for example "-slots 2000 -seed 7".
RACEFLAGS ?=

# Two nodes with one key behind real gates, which want the same 100,000 slots while gates and cosigners are killed. It needs
# root, and FUSE.
.PHONY: stock-race
stock-race: build
	$(STATIC) -o bin/stockrace ./testnet/stockrace
	bin/stockrace $(RACEFLAGS)

CASPER_RESULTS := testnet/casper-results.md

# More than the happy path, half an hour. It writes its results even if a claim fails. Root can also cut nodes off.
.PHONY: casper-test
casper-test: casper-programs
	bin/casperdemo -long -node $(CASPER_NODE)/casper-node -defaults $(CASPER_NODE)/localnet-defaults \
		-commit "$(VERSION)" -results $(CASPER_RESULTS) $(CASPERFLAGS)

# Fails if the results are of a checkout older than the last change of anything but documents.
.PHONY: casper-results-check
casper-results-check:
	@./tools/casper-results-check.sh $(CASPER_RESULTS)

# More flags for bench, for example "-part failover".
BENCHFLAGS ?=

.PHONY: bench
bench: build
	$(STATIC) -o bin/bench ./testnet/bench
	$(STATIC) -o bin/judge ./testnet/judge
	$(STATIC) -o bin/simcasper ./testnet/simcasper
	bin/bench $(BENCHFLAGS)

bin/hadolint/bin/hadolint: tools/hadolint/requirements.txt
	PIP_ROOT_USER_ACTION=ignore $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--upgrade --target bin/hadolint -r $<
	@touch $@

.PHONY: docker-lint
docker-lint: bin/hadolint/bin/hadolint
	bin/hadolint/bin/hadolint Dockerfile

.PHONY: clean
clean:
	rm -rf bin
