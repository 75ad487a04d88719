# Everything here works as root and as an ordinary user.
SHELL := /bin/bash
.DEFAULT_GOAL := help

DATA     ?= demo-data
CORPUS   ?= ../shared/corpus
FUZZTIME ?= 30s
ARGS     ?=

# Git refuses a checkout that belongs to another user; the build must not fail with it.
VCS := $(shell git status --porcelain >/dev/null 2>&1 && echo auto || echo false)
GO_BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=$(VCS)
TOOL = go tool -modfile=tools/go.mod

# Two packages at a time: each starts real servers and runs its own tests in parallel.
GO_TEST = go test -p 2 -timeout 10m

.PHONY: help demo test race bench chaos fuzz lint vulnerabilities corpus build

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: ## Try it: a desk with its own database and mail server (DATA=folder, ARGS=flags)
	@scripts/install-deps.sh demo
	@$(GO_BUILD) -o postern ./cmd/postern
	@exec ./postern demo --data $(DATA) $(ARGS)

test: ## Run every test against real servers; installs what is missing (ARGS=flags)
	@scripts/install-deps.sh test
	go vet ./...
	$(GO_TEST) $(ARGS) ./...

race: ## Run every test with the race detector; takes several times as long
	@scripts/install-deps.sh test
	$(GO_TEST) -race -timeout 30m $(ARGS) ./...

bench: ## Measure the whole road of an email (ARGS=flags)
	@scripts/install-deps.sh test
	go run ./cmd/bench $(ARGS)

chaos: ## Kill and cut things while emails flow, then count them (ARGS=flags)
	@scripts/install-deps.sh test
	go run ./cmd/chaos $(ARGS)
	$(if $(ARGS),,go run ./cmd/chaos -mode split -rounds 3)

fuzz: ## Fuzz every target for FUZZTIME (30s)
	@set -euo pipefail; \
	grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file target; do \
		target=$${target#func }; \
		echo "$$target in $$(dirname $$file)"; \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$(dirname $$file)" </dev/null; \
	done

lint: ## Check format, go vet and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt wants to change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...

vulnerabilities: ## Ask vuln.go.dev about the dependencies (needs the internet)
	$(TOOL) govulncheck ./...

corpus: build ## Score mail explain on the mail corpora (CORPUS=folder)
	python3 $(CORPUS)/score.py ./postern $(CORPUS)

build: ## Build the one binary
	$(GO_BUILD) -o postern ./cmd/postern
