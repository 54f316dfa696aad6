#!/usr/bin/env bash
# What make check runs: each line says what it checks and fails by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf 'check: %s\n' "$*"; }

step format
bad=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$bad" ] || { printf 'not formatted:\n%s\n' "$bad"; exit 1; }

step vet and cross-builds
for target in linux/amd64 darwin/arm64 windows/amd64 js/wasm wasip1/wasm; do
	export GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0
	go build ./... 
	go vet ./...
done
unset GOOS GOARCH CGO_ENABLED

step staticcheck
.cache/bin/staticcheck ./...

step import rules
go test -count=1 -run 'TestImportRules|TestReach|TestBuildTags|TestNoWaiting' ./tests

step sizes
grep -v '^#' tests/sizes.txt | while read -r file limit; do
	size=$(gzip -9 -c "bin/$file" | wc -c)
	printf '  %-20s %8d of %8d bytes, gzip -9\n' "$file" "$size" "$limit"
	[ "$size" -le "$limit" ] || { echo "$file is over its budget: edit tests/sizes.txt and say why"; exit 1; }
done

step the page
size=$(cat web/dist/*.js web/dist/assets/*.css $(ls web/dist/assets/*.js | grep -v wasm_exec) | gzip -9 | wc -c)
printf '  %-20s %8d of %8d bytes, gzip -9\n' "script and style" "$size" 120000
[ "$size" -le 120000 ] || { echo "the page's own script and style are over their budget"; exit 1; }

step generated files
go run ./cmd/docgen -check

if [ -n "${CI:-}" ]; then
	step clean tree
	dirty=$(git status --porcelain)
	[ -z "$dirty" ] || { printf 'left behind:\n%s\n' "$dirty"; exit 1; }
fi
step done
