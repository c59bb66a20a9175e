# What users and CI run. Everything is fetched by Go itself; nothing else has to be installed.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
KO          := github.com/google/ko@v0.19.1
GORELEASER  := github.com/goreleaser/goreleaser/v2@v2.16.0

# The number of generated worlds that istiod's own code and gatelint answer, and the first seed.
WORLDS ?= 100
SEED   ?= 1
FUZZTIME ?= 5m
# The number of worlds that a real Envoy answers too.
ENVOY_WORLDS ?= 100

OPA = github.com/open-policy-agent/opa@$$(go list -m -f '{{.Version}}' github.com/open-policy-agent/opa)

.PHONY: build test unit lint rego chart image conformance envoy pre-commit guides release-check release e2e load bench fuzz generate fmt clean

build: ## the binaries, in bin/
	go build -trimpath -o bin/gatelint ./cmd/lint
	go build -trimpath -o bin/gatelint-webhook ./cmd/webhook

test: lint unit chart conformance e2e ## everything that proves the product

unit:
	go test -race ./...

lint: rego ## vet, staticcheck and formatting
	go vet ./... && go vet -tags e2e,heapdump,brokenrule ./cmd/... ./fixtures/...
	go run $(STATICCHECK) ./... && go run $(STATICCHECK) -tags e2e,heapdump,brokenrule ./cmd/... ./fixtures/...
	@test -z "$$(go run $(GOFUMPT) -l . | tee /dev/stderr)" || { echo "run make fmt"; exit 1; }

rego: ## Regal and OPA's own commands on the library of policies and its helpers
	cd policy && go tool -modfile=.regal/go.mod regal lint --config-file .regal/config.yaml library helpers
	cd policy && opa="go run $(OPA)" && \
		$$opa check --strict --capabilities capabilities.json library helpers && $$opa test --capabilities capabilities.json library helpers

chart: ## the Helm chart and the kustomize base
	cd cmd/webhook/deploy && go vet ./... && go run $(STATICCHECK) ./... && go test ./...

image: ## the webhook's image, to KO_DOCKER_REPO; without it to the local Docker
	KO_DOCKER_REPO=$${KO_DOCKER_REPO:-ko.local/gatelint-webhook} go run $(KO) build --bare ./cmd/webhook

conformance: ## agreement with istiod's own code, over worlds that its webhook takes and over some that it does not
	cd fixtures/istiod && go vet ./... && WORLDS=$(WORLDS) SEED=$(SEED) go test -timeout 1h ./...
	cd fixtures/istiod && INVALID=1 WORLDS=$(WORLDS) SEED=$(SEED) go test -timeout 1h -run '^TestConformance$$' .

envoy: ## a real Envoy asked over the wire: ENVOY=/path, or the one that .ci/tools fetches
	envoy=$${ENVOY:-$$(.ci/tools envoy)} && cd fixtures/istiod && \
		ENVOY=$$envoy WORLDS=$(ENVOY_WORLDS) SEED=$(SEED) go test -count=1 -timeout 1h -run Envoy .

pre-commit: ## the hooks with the real pre-commit: PRE_COMMIT=/path, or the one that .ci/tools fetches
	pre_commit=$${PRE_COMMIT:-$$(.ci/tools pre-commit)} && PRE_COMMIT=$$pre_commit go test -v -count=1 -timeout 30m -run PreCommit ./cmd/lint

guides: ## what the pages do with reviewdog, OPA and ko, with the real ones, and the commands for maintainers, in a copy
	GOBIN=$(CURDIR)/bin/guides go install $(OPA) && GOBIN=$(CURDIR)/bin/guides go -C .ci/guides install tool
	GUIDES=$(CURDIR)/bin/guides go test -v -count=1 -timeout 30m -run 'Reviewdog|OPA|Image|Maintainers' ./cmd/lint

release-check: ## .goreleaser.yaml; the first run compiles goreleaser, some minutes
	go run $(GORELEASER) check

release: ## a draft of a release of the tag that is checked out; see CONTRIBUTING.md
	go run $(GORELEASER) release --clean

e2e: ## the webhook and lint --cluster against a real API server
	KUBEBUILDER_ASSETS="$$(fixtures/controlplane/build)" go test -tags e2e -v -count=1 -timeout 30m -p 1 ./cmd/lint/e2e ./cmd/webhook/e2e

load: ## the load test of e2e with its latency asserted, on a machine that does nothing else
	KUBEBUILDER_ASSETS="$$(fixtures/controlplane/build)" go test -tags e2e -v -count=1 -timeout 15m -run '^TestLoad$$' ./cmd/webhook/e2e -p99-added 15ms

bench: ## growth and cost, see rules/bench_test.go and policy/bench_test.go
	go test -run '^$$' -bench . -benchtime 3x ./analyzers/... ./rules ./policy

fuzz: ## every fuzz target for FUZZTIME
	@for p in $$(go list ./...); do for t in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
		echo "$$p $$t"; go test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; done; done

generate: ## the embedded schemas, the rule catalogue, and the kustomize base
	go generate ./...
	cd cmd/webhook/deploy && go run . -managed-by kustomize -values kustomize/values.yaml >new.yaml && mv new.yaml kustomize/gatelint.yaml
	go test ./rules ./policy -run Docs -update
	go test ./cmd/lint/cli -run 'Scripts|ConfigDocs' -update
	go test ./cmd/lint -run Guides -update

fmt:
	go run $(GOFUMPT) -w .

clean:
	rm -rf bin dist
