SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
GOFLAGS_SMALL := -trimpath -ldflags='-s -w'
# Inlined calls are a sixteenth of a module after gzip, for nothing where a verb spends no time. HOT is where it does.
HOT := runtime internal/... sync/... io bufio bytes unicode/... hash/... crypto/... archive/tar \
	github.com/klauspost/compress/... github.com/stevedore-oci/stevedore/core/layer/...
GOFLAGS_WASM := $(GOFLAGS_SMALL) -gcflags=all=-l $(HOT:%=-gcflags=%=)
# The command build has every verb and cobra, and a budget of its own, which it keeps without inlining in what else is not measurable.
COOL := runtime internal/... sync/... io bufio bytes unicode/... archive/tar
GOFLAGS_COMMAND := $(filter-out $(COOL:%=-gcflags=%=),$(GOFLAGS_WASM)) -gcflags=internal/runtime/...= -gcflags=internal/bytealg=
FUZZTIME ?= 60s
STEVEDORE_IMAGES ?= $(HOME)/.cache/stevedore-images
IMAGE_SCRIPTS ?= ../shared/images
export STEVEDORE_IMAGES

.PHONY: help run build web wasm test check soak bench fuzz images gen clean

help: ## This text
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: web build ## Build everything, show the bundled image natively, under WASI, in Node and at the edge, and serve the page
	@tests/setup.sh run
	@tests/run.sh
	@tests/page.sh

build: ## The native binary: bin/stevedore
	@tests/setup.sh build
	CGO_ENABLED=0 go build $(GOFLAGS_SMALL) -o bin/stevedore ./cmd/native

web: wasm ## The inspector page, a plain folder for any web server: web/dist
	@tests/setup.sh web
	cd web && npm run --silent check && npm run --silent build
	rm -rf wasm/js/inspector && mkdir wasm/js/inspector && cp -r web/dist/inspector.js web/dist/assets wasm/js/inspector
	rm -rf web/dist.gz && cp -r web/dist web/dist.gz && rm web/dist.gz/offline.js
	find web/dist.gz -type f -regex '.*\.\(html\|js\|css\|svg\|json\|wasm\)' -exec gzip -9n {} +

wasm: ## The modules: bin/stevedore.wasm, stevedore-read.wasm, stevedore-cli.wasm, stevedore-js.wasm, stevedore-js-read.wasm
	@tests/setup.sh build
	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared $(GOFLAGS_WASM) -o bin/stevedore.wasm ./wasm/wasi
	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared $(GOFLAGS_WASM) -o bin/stevedore-read.wasm ./wasm/wasi/read
	GOOS=wasip1 GOARCH=wasm go build $(GOFLAGS_COMMAND) -o bin/stevedore-cli.wasm ./wasm/wasi/cli
	GOOS=js GOARCH=wasm go build $(GOFLAGS_WASM) -o bin/stevedore-js.wasm ./wasm/browser
	GOOS=js GOARCH=wasm go build $(GOFLAGS_WASM) -o bin/stevedore-js-read.wasm ./wasm/browser/read
	cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" bin/wasm_exec.js

test: web build ## The whole suite, every front end and browser included
	@tests/setup.sh test
	@tests/test.sh

check: web ## Format, vet, staticcheck, cross-builds, import rules, sizes, generated files, clean tree
	@tests/setup.sh test
	@tests/check.sh

soak: build wasm ## What takes long: the large real images, every tool and transport, a thousand faults, 200 kills, signatures, races
	@tests/setup.sh soak
	CGO_ENABLED=1 go test -race -count=1 ./core/... ./transport/... ./fetchshim/... ./host/... ./cmd/... ./wasm/frame ./wasm/guest
	PATH="$$PWD/.cache/bin:$$PATH" STEVEDORE_SOAK=1 go test -timeout 80m -count=1 ./...

bench: web build ## Side by side with other tools, as ratios
	@tests/setup.sh bench
	PATH="$$PWD/.cache/bin:$$PATH" go run ./tests/bench $(BENCH)

fuzz: ## Every fuzz target for FUZZTIME each
	@tests/fuzz.sh $(FUZZTIME)

images: ## Build the large real images once into STEVEDORE_IMAGES
	@tests/setup.sh soak
	@tests/images.sh "$(IMAGE_SCRIPTS)" "$(STEVEDORE_IMAGES)"

gen: ## The verb reference and the TypeScript declarations
	go run ./cmd/docgen

clean: ## Remove what was built
	rm -rf bin web/dist web/dist.gz web/build
