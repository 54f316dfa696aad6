#!/usr/bin/env bash
# The whole suite. The flows of the inspector page wait for browsers most of their time, so they run beside everything else; what
# they print comes at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.cache/bin:$PATH"
pages='^TestPage(Artifacts|Ways|Copies|Again|Manners)?$'
said=$(mktemp)

go test -timeout 30m -run "$pages" ./tests >"$said" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || true; rm -f "$said"' EXIT
rc=0
go test -timeout 30m -skip "$pages" ./tests ./... || rc=$? # in this order: tests takes longest, so it begins first
wait "$beside" || rc=$?
sed 's/^ok .*/& (the page)/' "$said"
exit "$rc"
